"""A room of its own for every process's files in progress: held by a lock while it lives, cleared when it is dead.

A worker that was killed leaves half-written files behind. The next process that needs a room looks whose locks are
free, and removes those rooms: no process ids, which are given anew after a restart of the machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path
from uuid import uuid4

_LOCK = ".held"


class Workroom:
    """Folders below `place` for this process alone, made when the first is asked for."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._room: Path | None = None
        self._held: int | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def folder(self, name: str) -> Path:
        """The folder of that name, made if it isn't there; raises OSError where it cannot be."""
        with self._lock:
            if self._room is None or self._owner != os.getpid():  # a fork has a room of its own
                self._room = self._take()
                self._owner = os.getpid()
        path = self._room / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def leave(self) -> None:
        """Clear this process's room."""
        with self._lock:
            room, held = self._room, self._held
            mine = self._owner == os.getpid()
            self._room = self._held = None
        if held is not None and mine:
            os.close(held)
        if room is not None and mine:
            shutil.rmtree(room, ignore_errors=True)

    def _take(self) -> Path:
        self._place.mkdir(parents=True, exist_ok=True)
        clear(self._place)
        room = self._place / uuid4().hex
        room.mkdir()
        held = os.open(room / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held = held
        return room


def clear(place: Path) -> None:
    """Remove the rooms that nobody holds any more; one without a lock was left by a death between two calls."""
    for room in sorted(place.iterdir()) if place.is_dir() else ():
        if not room.is_dir():
            continue
        try:
            held = os.open(room / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            if _is_old(room):
                shutil.rmtree(room, ignore_errors=True)
            continue
        try:
            if _nobody_holds(held):
                shutil.rmtree(room, ignore_errors=True)
        finally:
            os.close(held)


def _nobody_holds(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_old(room: Path) -> bool:
    """Whether it can't be one that is being moved into at this moment; by the folder's own file system's clock."""
    try:
        probe = room.parent / f".now-{uuid4().hex}"
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        return now - room.stat().st_mtime > 60
    except OSError:
        return False
