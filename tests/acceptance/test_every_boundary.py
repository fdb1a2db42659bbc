"""A process may die at every place between its transactions, outside calls and sends; see tests/kills.

Films are made by a real worker on the real broker, database and services. For each place that the code has, a process
is killed (SIGKILL) before it, and one after it; whoever comes then goes on with the film, in which others die at other
places. In the end every film is as it should be, and costs what it should by the services' own books.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kills.films import Films
from tests.kills.house import opened
from tests.kills.places import places
from tests.kills.scenarios import SCENARIOS

SIDES = ("before", "after")
# The first of the tests to be run make most of the films for all the others.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Films]:
    """Shared by the processes of one run, each of which makes them in a house of its own."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with opened(tmp_path_factory.mktemp("kills") / "home") as house:
        yield Films(house, shared / "films")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_as_it_should_where_nobody_dies(name: str, films: Films) -> None:
    found = films.quiet[name]
    assert not found.wrong, "\n".join(found.wrong)


@pytest.mark.parametrize("place", places())
def test_nothing_is_lost_or_bought_twice_where_processes_die_at(place: str, films: Films) -> None:
    for side in SIDES:
        assert _somebody_died_at(f"{place}:{side}", films), f"no scenario has anybody die {side} {place}"


def _somebody_died_at(crossing: str, films: Films) -> bool:
    """Whether a film was made in which that happened, and everything is as it should be."""
    for made in films.with_a_death_at(crossing):
        assert not made.wrong, "\n".join(made.wrong)
        if crossing in made.deaths:
            return True
    return False


def test_nothing_is_crossed_that_the_code_was_not_read_to_have(films: Films) -> None:
    known = {f"{place}:{side}" for place in places() for side in SIDES}
    made = [*films.quiet.all().values(), *films.deadly.all().values()]
    assert {crossing for film in made for crossing in film.crossed} <= known
