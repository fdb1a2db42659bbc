"""Which films are made, and what came of them. Each is made once for all processes that run the tests.

First every scenario is played where nobody dies, and what it crosses is written down. Every crossing then belongs to
the first scenario that passes it (the first of all is the shortest film); and where these are many they are dealt out
in turn among several films, in each of which a process dies at every crossing of its share. So they lie apart, and no
row meets so many deaths that it is given up for them.
"""

from __future__ import annotations

import fcntl
import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from tests.kills.check import violations
from tests.kills.house import House
from tests.kills.play import Play
from tests.kills.scenarios import SCENARIOS

MOST = 8  # places at which processes die in one film


@dataclass(frozen=True)
class Made:
    """What came of a film."""

    crossed: list[str]
    deaths: list[str]
    wrong: list[str]  # everything that is not as it should be, in words


def make(house: House, scenario: str, folder: Path, die_at: Sequence[str] = ()) -> Made:
    """A film of that scenario, with a death at every crossing of `die_at` that somebody comes to."""
    play = Play(house, SCENARIOS[scenario], folder, die_at)
    try:
        play.run()
        wrong = violations(play)
    except Exception:  # noqa: BLE001 - whatever it is, it is told of this film, and the others are made
        wrong = [traceback.format_exc()]
    finally:
        play.close()
    return Made(play.crossed, play.deaths, [*wrong, play.evidence()] if wrong else [])


@dataclass(frozen=True)
class Share:
    """Crossings of a scenario at which processes die in one film."""

    scenario: str
    die_at: tuple[str, ...]


def shares(crossed: Mapping[str, Sequence[str]]) -> dict[str, Share]:
    """The films to be made, by name; `crossed` tells what each scenario crosses, in order."""
    taken: set[str] = set()
    found: dict[str, Share] = {}
    for scenario, crossings in crossed.items():
        places: dict[str, list[str]] = {}
        for crossing in crossings:
            if crossing not in taken:
                places.setdefault(crossing.rpartition(":")[0], []).append(crossing)
        taken |= set(crossings)
        films = -(-len(places) // MOST)
        for number in range(films):
            mine = list(places.values())[number::films]
            found[f"{scenario} {number + 1}"] = Share(scenario, tuple(crossing for place in mine for crossing in place))
    return found


class Shared:
    """Films that several processes need: each is made by one of them, whoever is free."""

    def __init__(self, folder: Path, names: Sequence[str], film: Callable[[str], Made]) -> None:
        self._folder, self._names, self._film = folder, names, film
        folder.mkdir(parents=True, exist_ok=True)

    def __getitem__(self, name: str) -> Made:
        """What came of it. While somebody else makes it, others are made here."""
        path = self._folder / f"{name}.json"
        while not path.exists():
            if not any(self._make(one) for one in (name, *self._names)):
                with self._lock(name) as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
        return Made(**json.loads(path.read_text(encoding="utf-8")))

    def all(self) -> dict[str, Made]:
        """Every one."""
        return {name: self[name] for name in self._names}

    def _make(self, name: str) -> bool:
        """Make it here, if it is neither made nor being made."""
        path = self._folder / f"{name}.json"
        with self._lock(name) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if path.exists():
                return False
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(asdict(self._film(name))), encoding="utf-8")
            draft.rename(path)
        return True

    def _lock(self, name: str) -> IO[str]:
        return (self._folder / f"{name}.lock").open("w")


class Films:
    """All films of a run, with what they are made on."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house, self._folder = house, folder
        self.quiet = Shared(folder / "quiet", tuple(SCENARIOS), self._quiet)

    def _quiet(self, scenario: str) -> Made:
        return make(self._house, scenario, self._folder / "quiet" / scenario)

    @cached_property
    def shares(self) -> dict[str, Share]:
        """Who dies where."""
        return shares({name: made.crossed for name, made in self.quiet.all().items()})

    @cached_property
    def deadly(self) -> Shared:
        """Those during which processes die."""
        return Shared(self._folder / "deadly", tuple(self.shares), self._deadly)

    def _deadly(self, name: str) -> Made:
        share = self.shares[name]
        return make(self._house, share.scenario, self._folder / "deadly" / name, share.die_at)

    def with_a_death_at(self, crossing: str) -> Iterator[Made]:
        """Films in which a process is meant to die there, until one has: the film whose share it is in, and, since
        whoever takes over from a dead process may go another way, films of its own."""
        for name, share in self.shares.items():
            if crossing in share.die_at:
                yield self.deadly[name]
        for number, (scenario, made) in enumerate(self.quiet.all().items()):
            if crossing in made.crossed:
                yield make(self._house, scenario, self._folder / "alone" / crossing / str(number), (crossing,))
