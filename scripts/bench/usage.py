"""CPU and memory of a running cluster, process by process, with everything each of them started."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from vidpipe.cluster import status

TICKS = 100  # a second: the unit of proc(5)'s times (USER_HZ)


def cpu(home: Path, supervisor: int) -> dict[str, float]:
    """CPU-seconds so far by the name of the process, `supervisor` with its reaper; with those of ended children."""
    named = pids(home)
    found = {name: _tree(pid) for name, pid in named.items()}
    found["supervisor"] = _tree(supervisor) - sum(found.values())
    return found


def pids(home: Path) -> dict[str, int]:
    """The cluster's processes by name."""
    return {process.name: process.pid for process in status.status(home).processes}


def _tree(pid: int) -> float:
    below = psutil.Process(pid).children(recursive=True)
    return sum(_own(one) for one in [pid, *(child.pid for child in below)])


def _own(pid: int) -> float:
    """User and system time of a process and of its children that have ended and were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # ended meanwhile: its parent has its times
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / TICKS


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU-seconds between two readings."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def pss(pid: int) -> float:
    """Proportional set size in MB of a process and all below it: its own memory, and its share of what is shared."""
    below = psutil.Process(pid).children(recursive=True)
    return sum(_pss(one) for one in [pid, *(child.pid for child in below)])


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


@contextmanager
def watched(home: Path, every: float = 2.0) -> Iterator[dict[str, float]]:
    """The peak PSS in MB of every process while the block runs, looked at every `every` seconds."""
    peaks: dict[str, float] = {}
    over = threading.Event()
    named = pids(home)

    def look() -> None:
        while True:
            for name, pid in named.items():
                peaks[name] = max(peaks.get(name, 0.0), pss(pid))
            if over.wait(every):
                return

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()
