"""Killing any process, at random moments and at the worst ones, loses nothing and buys nothing twice.

Blow by blow what scripts/chaos does all at once; with one cluster for all of them, since what one of them broke would
break the films after it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.chaos_runs.blows import KILLS, OUTAGES, Blow
from scripts.chaos_runs.books import bills
from scripts.chaos_runs.check import check
from scripts.chaos_runs.diary import Diary
from scripts.chaos_runs.films import Shape
from scripts.chaos_runs.house import House
from scripts.chaos_runs.moments import MOMENTS
from scripts.chaos_runs.run import Run
from scripts.chaos_runs.table import evidence

FILM = Shape(scenes=8, candidates=1, seed=1)
BACK = 30.0  # seconds: no standstill after a blow lasts longer, the server's own way back included
SECONDS = 240.0  # in which a film must be done, whatever happens

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 60)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("kills") / "home") as made:
        yield made
    assert made.belonging() == {}, "a stopped cluster left something behind"


@pytest.fixture(scope="module")
def quiet(house: House, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A film to which nothing is done."""
    return made(house, tmp_path_factory.mktemp("quiet"), {}, pace=1.0)


def made(house: House, folder: Path, blows: dict[str, Blow], *, pace: float, most: int = 1) -> Run:
    run = Run(house, FILM, blows, pace=pace, limit=SECONDS, diary=Diary(folder / "diary.jsonl"), most=most)
    run.go()
    found = check(run)
    assert not run.problems and found.good, "\n".join([*run.problems, str(found.wrong), evidence(run, found)])
    unexplained = [one for one in run.person.waited if not one.reason]
    assert not unexplained and not run.scales.wrong, run.scales.wrong
    assert found.done == FILM.scenes and found.orders >= FILM.scenes and found.open == 0
    assert run.struck or not blows, "the moment did not come, and nothing was done"
    assert max(run.pauses.values(), default=0.0) <= BACK, run.pauses
    return run


def test_what_is_checked_can_be_wrong(house: House, quiet: Run) -> None:
    billed = bills(house.home)
    token, (operation, *_) = next(iter(billed.items()))
    dearer = replace(operation, charged=operation.charged + Decimal("0.01"))
    for row, words, wrong in (
        ("twice", "was bought as", {token: [operation, replace(operation, operation="another")]}),
        ("twice", "was bought for nobody", {"strange": [operation]}),
        ("money", "and the ledger has", {token: [dearer]}),
        ("money", "is settled for the order", {token: []}),
    ):
        found = check(quiet, {**billed, **wrong})
        assert any(words in accusation for accusation in found.wrong[row]), found.wrong
    project_id, scenes = next(iter(quiet.films.items()))
    longer = replace(quiet, films={**quiet.films, project_id: scenes + 1})
    lost = check(longer).wrong["lost"]
    assert all(any(words in one for one in lost) for words in (f"not {scenes + 1}", "chapters", "lasts")), lost


# Of two workers of a kind, one; what else may be away is away in scripts/chaos.
PROCESSES = {name: blow for name, blow in KILLS.items() if not name.endswith("2")}
AWAY = {name: OUTAGES[name] for name in ("restart PostgreSQL", "flush Valkey", "lose Valkey", "the store is away")}


@pytest.mark.parametrize("name", [*PROCESSES, *AWAY])
def test_a_film_survives(name: str, house: House, tmp_path: Path) -> None:
    made(house, tmp_path, {name: {**PROCESSES, **AWAY}[name]}, pace=1.5, most=2)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_film_survives_the_worst_moment(name: str, house: House, quiet: Run, tmp_path: Path) -> None:
    assert quiet.house.traps.places(), "the places where it may be killed"
    made(house, tmp_path, {name: MOMENTS[name]}, pace=0.1)
