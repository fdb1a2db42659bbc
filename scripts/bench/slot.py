"""The one GPU of the bench: whoever scores or analyzes occupies it for a while, and only one can at a time.

Occupying it uses no CPU, as a GPU that computes uses none of its host's. The lock is a file's (flock), so that it
holds between threads and between processes.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Slot:
    """The GPU of the folder `folder`; every occupation is noted there."""

    folder: Path

    def occupy(self, seconds: float) -> None:
        """Wait for the GPU and use it for `seconds`."""
        lock = os.open(self.folder / "gpu.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            self.wait(lock)
            self.use(seconds)
        finally:
            os.close(lock)  # which lets go of it

    def wait(self, lock: int) -> None:
        """Wait until nobody else has it."""
        fcntl.flock(lock, fcntl.LOCK_EX)

    def use(self, seconds: float) -> None:
        """Use it; the caller has it."""
        began = time.time()
        time.sleep(seconds)
        log = os.open(self.folder / "gpu.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(log, f"{began:.6f} {time.time():.6f}\n".encode())
        finally:
            os.close(log)

    def occupations(self, since: float = 0.0) -> list[tuple[float, float]]:
        """(begin, end) of every occupation that began after `since`, seconds since 1970, in order."""
        path = self.folder / "gpu.log"
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        pairs = [(float(begin), float(end)) for begin, end in (line.split() for line in lines)]
        return sorted(pair for pair in pairs if pair[0] >= since)
