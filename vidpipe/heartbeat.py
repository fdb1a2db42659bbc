"""A sign of life: a small file in the home folder. A worker's is written by the loop that takes messages, beat's when
the broker took a tick.

A worker's loop turns only while it is connected to its broker, so that a fresh file says more than a process that is
there. Where several workers of one queue share a home folder, it tells that one of them lives.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

EVERY = 2.0  # seconds from one sign to the next
GONE = 15.0  # seconds without one after which something is wrong


@dataclass(frozen=True)
class Heartbeat:
    """What a worker says of itself, or beat, which has no tasks. `at` is by this machine's monotonic clock."""

    at: float  # seconds
    threads: int  # how many tasks it does at once
    busy: tuple[float, ...] = ()  # seconds for which each task in hand has been running

    def write(self, home: Path, role: str) -> None:
        """Put it where `read` finds it, whole or not at all; raises OSError where it cannot be written."""
        path = place(home, role)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(path)

    def trouble(self, now: float, longest: float) -> str:
        """Why the worker is not well, in words; empty where it is. `longest`: seconds one task may take."""
        age = now - self.at
        if age < 0:
            return "its last sign of life is from before this machine was started"
        if age > GONE:
            return f"no sign of life for {age:.0f} s"
        if len(self.busy) >= self.threads and min(self.busy) > longest:
            return f"all its {self.threads} threads hang: no task ended for {min(self.busy):.0f} s"
        return ""


def place(home: Path, role: str) -> Path:
    """Where the sign of a queue's worker, or of beat, lies."""
    return home / "heartbeat" / role


def read(home: Path, role: str) -> Heartbeat | None:
    """The last sign of a queue's worker, or of beat; None where there is none, or none that can be read."""
    try:
        found = json.loads(place(home, role).read_text(encoding="utf-8"))
        busy = tuple(float(seconds) for seconds in found["busy"])
        return Heartbeat(at=float(found["at"]), threads=int(found["threads"]), busy=busy)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clock() -> float:
    """Seconds on the clock that signs are dated by; the same for every process of a machine."""
    return time.monotonic()
