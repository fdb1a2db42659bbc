"""SQL statements of a process, counted and timed where they leave it: seconds from sending to the answer."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

EVERY = 0.5  # seconds between two writings of the file
_LISTS = re.compile(r"\(?(?:%\([a-z_0-9]+\)s(?:::[A-Z ]+)?(?:, )?)+\)?")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Spent:
    """What one statement took: how often, how many seconds, how many rows."""

    count: int
    seconds: float
    rows: int


def count(engine: Engine, folder: Path) -> None:
    """Count what `engine` sends, in a file of this process in `folder` that is written again and again."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0])
    lock = threading.Lock()

    @event.listens_for(engine, "before_cursor_execute")
    def _began(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        conn.info["began"] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def _ended(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        took = time.perf_counter() - conn.info.pop("began")
        with lock:
            found = sums[statement]
            found[0] += 1
            found[1] += took
            found[2] += max(cursor.rowcount, 0)

    def write() -> None:
        path = folder / f"statements-{os.getpid()}.json"
        fresh = path.with_suffix(".new")
        while True:
            time.sleep(EVERY)
            with lock:
                rows = list(sums.items())
            fresh.write_text(json.dumps(rows), encoding="utf-8")
            fresh.replace(path)

    threading.Thread(target=write, name="statements", daemon=True).start()


def read(folder: Path, *, settled: bool = False) -> dict[str, Spent]:
    """All processes' statements, those that differ in their values only taken together.

    `settled` waits until everything that was sent up to now has been written.
    """
    if settled:
        time.sleep(3 * EVERY)
    found: dict[str, Spent] = {}
    for path in folder.glob("statements-*.json"):
        for statement, (number, seconds, rows) in json.loads(path.read_text(encoding="utf-8")):
            text = plain(statement)
            old = found.get(text, Spent(0, 0.0, 0))
            found[text] = Spent(old.count + int(number), old.seconds + seconds, old.rows + int(rows))
    return found


def since(before: dict[str, Spent], after: dict[str, Spent]) -> dict[str, Spent]:
    """What was spent between two readings."""
    none = Spent(0, 0.0, 0)
    return {
        text: Spent(new.count - old.count, new.seconds - old.seconds, new.rows - old.rows)
        for text, new in after.items()
        if (new.count > (old := before.get(text, none)).count)
    }


def plain(statement: str) -> str:
    """The statement on one line, its values and its lists of columns left out."""
    text = _SPACE.sub(" ", _LISTS.sub("?", statement)).strip()
    text = re.sub(r"SELECT [^()]*? FROM", "SELECT .. FROM", text, count=1)
    return re.sub(r"RETURNING .*$", "RETURNING ..", text)
