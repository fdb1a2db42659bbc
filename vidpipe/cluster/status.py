"""What runs in a home folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vidpipe.cluster import lock, note
from vidpipe.cluster.layout import failure_path, note_path


@dataclass(frozen=True)
class ProcessStatus:
    """One process: `since` is its last start (ISO 8601, UTC), `rss` its memory in bytes (0: gone)."""

    name: str
    pid: int
    since: str
    restarts: int
    rss: int


@dataclass(frozen=True)
class ClusterStatus:
    """The cluster of a home folder. `failure` is why the last one gave up, where none runs."""

    home: Path
    running: bool  # it can be used
    pid: int | None = None  # the supervisor
    started: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    processes: tuple[ProcessStatus, ...] = ()
    failure: str = ""


def alive(home: Path) -> bool:
    """Whether the embedded cluster of `home` runs and is ready; a dead one's note does not count."""
    return status(home).running


def status(home: Path) -> ClusterStatus:
    """What runs in `home`; a note that a dead supervisor left counts as nothing."""
    found = note.read(note_path(home))
    pid = lock.holder(home)
    if not lock.is_held(home) or pid is None or not psutil.pid_exists(pid) or found.get("pid") != pid:
        return ClusterStatus(home, running=False, failure=_failure(home))
    entries = found.get("processes", {})
    return ClusterStatus(
        home,
        running=bool(found.get("settings")),
        pid=pid,
        started=str(found.get("started", "")),
        settings=found.get("settings", {}),
        processes=tuple(_process(name, entry) for name, entry in entries.items()),
    )


def _process(name: str, entry: Mapping[str, Any]) -> ProcessStatus:
    pid = int(entry["pid"])
    try:
        rss = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        rss = 0
    return ProcessStatus(name, pid, str(entry["since"]), int(entry["restarts"]), rss)


def _failure(home: Path) -> str:
    found = note.read(failure_path(home))
    return " ".join(str(found[key]) for key in ("message", "remedy") if found.get(key))
