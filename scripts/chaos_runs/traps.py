"""Traps at places of the code: a worker that crosses one (see vidpipe.boundary) is killed there, or stands still there.

Every worker of a run tells which places it crosses, and looks at each crossing whether a trap is set for it. A trap
springs once: whoever takes its file away is the one that it was for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidpipe import boundary

FOLDER = "CHAOS_TRAPS"  # what says in a worker's environment where they are set
INSIDE = Path(__file__).resolve().parent / "inside"  # on the path of every process of the cluster


@dataclass(frozen=True)
class Traps:
    """The traps in `folder`, seen from outside of the workers. One is set at a time."""

    folder: Path

    def environment(self) -> Mapping[str, str]:
        """What the workers need to know of them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return {FOLDER: str(self.folder), "PYTHONPATH": str(INSIDE)}

    def places(self, *beginnings: str) -> list[str]:
        """The places that were crossed so far, of those that begin with one of these words, in order."""
        try:
            lines = set(_crossed(self.folder).read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return []
        return sorted(line for line in lines if line.startswith(beginnings or ""))

    def set(self, places: Sequence[str], number: signal.Signals) -> None:
        """Whoever is the next to cross one of the places gets that signal."""
        draft = self.folder / "draft"
        draft.write_text("\n".join([str(int(number)), *places]), encoding="utf-8")
        draft.rename(_set(self.folder))

    def sprung(self) -> bool:
        """Whether somebody went into it."""
        return any(self.folder.glob("sprung.*"))

    def empty(self) -> tuple[int, str] | None:
        """The process that went into it and where, which is forgotten now; None where nobody did."""
        for path in self.folder.glob("sprung.*"):
            place = (self.folder / f"where.{path.suffix[1:]}").read_text(encoding="utf-8")
            path.unlink()
            return int(path.suffix[1:]), place
        return None

    def withdraw(self) -> None:
        """Nobody is to go into it any more."""
        _set(self.folder).unlink(missing_ok=True)


def watch(folder: Path) -> None:
    """From now on this process tells what it crosses, and goes into traps."""
    boundary.watch_with(_Watch(folder))


class _Watch:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: set[str] = set()

    def cross(self, name: str) -> None:
        """Tell of a place that is new, and look for a trap."""
        if name not in self._told:
            self._told.add(name)
            with _crossed(self._folder).open("a", encoding="utf-8") as file:
                file.write(f"{name}\n")
        try:
            number, *places = _set(self._folder).read_text(encoding="utf-8").splitlines()
            if name in places:
                (self._folder / f"where.{os.getpid()}").write_text(name, encoding="utf-8")
                _set(self._folder).rename(self._folder / f"sprung.{os.getpid()}")
                os.kill(os.getpid(), int(number))
        except FileNotFoundError:  # none is set, or somebody else was faster
            return


def _crossed(folder: Path) -> Path:
    return folder / "crossed"


def _set(folder: Path) -> Path:
    return folder / "set"
