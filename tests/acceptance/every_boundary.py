"""A process may die at every place between its transactions, outside calls and sends; see tests/kills.

For each place that the code has, a film of a scenario that passes it is made by a real worker on the real broker,
database and services. The process is killed (SIGKILL) before that place, the next one after it; whoever comes then
finishes the film. What was charged is read from the services' own books.

The suite does not collect this file yet: it takes six minutes, and not every place holds. By hand:
pytest -n 2 tests/acceptance/every_boundary.py
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kills.check import violations
from tests.kills.house import House, opened
from tests.kills.places import places
from tests.kills.play import Play
from tests.kills.scenarios import SCENARIOS

SIDES = ("before", "after")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all films of this process."""
    with opened(tmp_path_factory.mktemp("kills") / "home") as found:
        yield found


class Records:
    """What each scenario crosses where nobody dies, and whether it ends as it should: found out once for all processes
    that run these tests."""

    def __init__(self, folder: Path, house: House) -> None:
        self._folder, self._house = folder, house
        folder.mkdir(exist_ok=True)

    def __getitem__(self, name: str) -> dict[str, list[str]]:
        path = self._folder / f"{name}.json"
        with self._held(name) as mine:
            if mine and not path.exists():
                path.write_text(json.dumps(self._find_out(name)), encoding="utf-8")
        found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        return found

    @contextmanager
    def _held(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        with (self._folder / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    def _find_out(self, name: str) -> dict[str, list[str]]:
        play = Play(self._house, SCENARIOS[name], self._folder / name)
        try:
            play.run()
            crossed = play.crossings.read_text(encoding="utf-8").splitlines()
            return {"crossed": list(dict.fromkeys(crossed)), "violations": violations(play)}
        except AssertionError as error:
            return {"crossed": [], "violations": [str(error), play.evidence()]}
        finally:
            play.close()

    def all(self) -> dict[str, dict[str, list[str]]]:
        """Every scenario's; first those that nobody else is at."""
        for name in SCENARIOS:
            with self._held(name, wait=False) as free:
                pass
            if free:
                self[name]
        return {name: self[name] for name in SCENARIOS}

    def passing(self, crossing: str) -> str | None:
        """The first scenario that passes it."""
        return next((name for name, found in self.all().items() if crossing in found["crossed"]), None)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, house: House, request: pytest.FixtureRequest) -> Records:
    """Shared by the processes of one run."""
    base = tmp_path_factory.getbasetemp()
    return Records((base.parent if hasattr(request.config, "workerinput") else base) / "crossings", house)


def dying(house: House, folder: Path, scenario: str, *crossings: str) -> Play:
    """A film during which processes die; what is wrong with it in the end fails the test."""
    play = Play(house, SCENARIOS[scenario], folder, crossings)
    try:
        play.run()
        wrong = violations(play)
        assert not wrong, "\n".join([*wrong, play.evidence()])
    finally:
        play.close()
    return play


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_as_it_should_where_nobody_dies(name: str, records: Records) -> None:
    assert not records[name]["violations"]


def test_nothing_is_crossed_that_the_code_was_not_read_to_have(records: Records) -> None:
    known = {f"{place}:{side}" for place in places() for side in SIDES}
    assert {crossing for found in records.all().values() for crossing in found["crossed"]} <= known


@pytest.mark.parametrize("place", places())
def test_nothing_is_lost_or_bought_twice_where_processes_die_at(
    place: str, house: House, records: Records, tmp_path: Path
) -> None:
    before, after = (f"{place}:{side}" for side in SIDES)
    scenario = records.passing(before)
    assert scenario is not None, f"no scenario passes {place}"
    both = dying(house, tmp_path / "both", scenario, before, after)
    if both.deaths == [before, after]:
        return
    assert both.deaths == [before]
    # Whoever takes over need not come there again.
    scenario = records.passing(after)
    assert scenario is not None, f"no scenario passes {place} to its end"
    assert dying(house, tmp_path / "after", scenario, after).deaths == [after]
