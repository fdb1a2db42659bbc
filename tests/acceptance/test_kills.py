"""Killing any process loses nothing and buys nothing twice; scripts/chaos does the same ten times on a long film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from scripts.kills.boundaries import BOUNDARIES, Boundary, crossing
from scripts.kills.check import bill, check, film_file
from scripts.kills.films import Shape
from scripts.kills.house import PROCESSES, House
from scripts.kills.trial import Life, Trial, killing, life_of, shares, undisturbed

FILM = Shape(scenes=8, candidates=1)  # of two candidates are the films of the worst moments
KILLS = 2
SEED = 1
# What a worker that died had in hand is free after its lease: short, so that the wait for it is.
TIMING = {"lease": 4.0, "heartbeat": 1.0}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One cluster for all kills: what one of them broke would break the films after it too."""
    with House(tmp_path_factory.mktemp("kills") / "home", latency=0.5, faults="prompts", timing=TIMING) as made:
        yield made
    assert made.belonging() == {}, "a stopped cluster left something behind"


@pytest.fixture(scope="module")
def quiet(house: House) -> Trial:
    """A film of which nothing is killed."""
    trial = undisturbed(house, FILM, "a quiet film")
    assert_as_it_should_be(trial)
    return trial


@pytest.fixture(scope="module")
def life(house: House, quiet: Trial) -> Life:
    """The moments of that film."""
    return life_of(house, quiet)


def assert_as_it_should_be(trial: Trial) -> None:
    assert not trial.violations, "\n".join([*trial.violations, trial.evidence])
    assert trial.found is not None
    assert trial.found.billed == trial.found.bought > 0
    assert trial.found.twice == trial.found.uncertain == 0


def test_what_is_checked_can_be_wrong(house: House, quiet: Trial) -> None:
    assert quiet.project_id is not None
    billed = bill(house.home)
    token = next(iter(billed))
    operation = billed[token][0]
    for wrong, words in (
        ([operation, replace(operation, operation="another")], "was bought 2 times"),
        ([replace(operation, operation="another")], "the bill says ['another']"),
        ([replace(operation, amount=operation.amount + Decimal("0.01"))], "the ledger has settled"),
    ):
        found = check(house, quiet.project_id, FILM, {**billed, token: wrong})
        assert any(words in violation for violation in found.violations), found.violations
    strange = check(house, quiet.project_id, FILM, {**billed, "strange": [operation]})
    assert any("which nobody knows" in violation for violation in strange.violations)
    longer = replace(FILM, scenes=FILM.scenes + 1)
    assert any("chapters" in violation for violation in check(house, quiet.project_id, longer).violations)
    assert any("lasts" in violation for violation in film_file(house, quiet.project_id, longer))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_film_survives_a_kill_of(process: str, house: House, life: Life) -> None:
    for number, share in enumerate(shares(SEED, process, KILLS)):
        moment = life.moment(share)
        trial = killing(house, FILM, process, moment, f"{process}, kill {number + 1}", life.seconds)
        assert_as_it_should_be(trial)


@pytest.mark.parametrize(
    "boundary", BOUNDARIES, ids=lambda boundary: boundary.name.replace(", ", "-").replace(" ", "-")
)
def test_a_film_survives_the_worst_moment(boundary: Boundary, house: House, life: Life) -> None:
    assert_as_it_should_be(crossing(house, boundary, boundary.name))
