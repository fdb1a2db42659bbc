"""What a process tells of the crossings that it passes (see vidpipe.boundary), and where it kills itself."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fate:
    """Where a process writes down what it crosses, and where it dies."""

    crossings: Path  # every crossing that is new to its process, one a line
    deaths: Path  # process id and crossing
    die_at: frozenset[str] = frozenset()  # the first of these that it comes to


class Watch:
    """Told of every crossing of this process, by all its threads."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def cross(self, name: str) -> None:
        """Tell of it, and die where that is meant to be."""
        with self._lock:
            if name not in self._told:
                self._told.add(name)
                _append(self._fate.crossings, name)
            if name in self._fate.die_at:
                _append(self._fate.deaths, f"{os.getpid()} {name}")
                os.kill(os.getpid(), signal.SIGKILL)


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
