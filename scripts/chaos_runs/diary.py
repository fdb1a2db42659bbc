"""The diary of a run: what was done to the cluster, when, for how long, and to whom. One JSON object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Done:
    """One thing that was done. Times are seconds since 1970; `until` is when it was over, if it lasted."""

    kind: str
    at: float
    whom: tuple[str, ...]  # the processes and services it was done to
    what: str  # in words
    until: float = 0.0
    cuts: bool = False  # whether a call to a service may have been cut off by it

    def touches(self, began: float, ended: float) -> bool:
        """Whether it was done within a time."""
        return self.at <= ended and max(self.at, self.until) >= began


class Diary:
    """Kept in memory, and in a file that survives whoever writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Done] = []

    def write(self, kind: str, whom: Iterable[str], what: str, *, lasts: float = 0.0, cuts: bool = False) -> Done:
        """Note what was just done."""
        now = time.time()
        done = Done(kind, now, tuple(whom), what, now + lasts, cuts)
        self.entries.append(done)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(done)) + "\n")
        return done

    def what_cut(self, whom: Iterable[str], began: float, ended: float) -> Done | None:
        """What may have cut off a call of one of these processes within a time."""
        some = set(whom)
        return next(
            (one for one in self.entries if one.cuts and some & {*one.whom} and one.touches(began, ended)), None
        )

    def words(self) -> str:
        """The whole diary for people."""
        return "\n".join(f"{time.strftime('%H:%M:%S', time.localtime(one.at))} {one.what}" for one in self.entries)
