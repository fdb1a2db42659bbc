"""The service's own books: what it accepted, how far it is, and what it charges. Not vidpipe's database.

SQLite with WAL and synchronous=FULL: an operation is on the disk, with its bill, before its name is told. One row
of the bill a clip; what was never delivered (failed, filtered, cancelled) is marked as given back, not removed.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from vidpipe.services.procedural.wire import Order, read_order

SCHEMA = """
create table if not exists operations (
    name text primary key,
    token text not null,
    asked text not null,
    faults text not null,
    accepted real not null,
    ready_at real not null,
    state text not null check (state in ('working', 'failed', 'refused', 'cancelled')),
    reason text not null default ''
);
create index if not exists operations_token on operations (token);
create table if not exists clips (
    operation text not null references operations (name),
    number integer not null,
    seed integer not null,
    state text not null check (state in ('queued', 'rendering', 'done', 'failed', 'filtered', 'cancelled')),
    tries integer not null default 0,
    reason text not null default '',
    primary key (operation, number)
);
create index if not exists clips_queued on clips (state) where state in ('queued', 'rendering');
create table if not exists bill (
    id integer primary key autoincrement,
    operation text not null,
    clip integer not null,
    token text not null,
    amount text not null,
    at real not null,
    given_back real,
    unique (operation, clip)
);
create table if not exists counters (name text primary key, value integer not null);
"""
CENT = Decimal("0.0001")


@dataclass(frozen=True)
class ClipRow:
    """One clip of an operation."""

    number: int  # from 1
    seed: int
    state: str
    tries: int
    reason: str


@dataclass(frozen=True)
class Operation:
    """One accepted order and its clips."""

    name: str
    order: Order
    faults: dict[str, float]
    accepted: float  # seconds since 1970
    ready_at: float
    state: str
    reason: str
    clips: tuple[ClipRow, ...]


class Books:
    """All of it in one file; used from one thread."""

    def __init__(self, path: Path, *, price: Decimal) -> None:
        """`price` in US dollars a second of one clip."""
        self.price = price
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
            self._db.execute(f"pragma {pragma}")
        self._db.executescript(SCHEMA)
        with self._transaction():  # what a killed server left half done begins again
            self._db.execute("update clips set state = 'queued' where state = 'rendering'")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def accept(self, name: str, order: Order, faults: dict[str, float], *, ready_at: float, filtered: int) -> None:
        """Write an operation, its clips and its bill; on the disk when this returns."""
        now = time.time()
        amount = str((self.price * Decimal(str(order.duration))).quantize(CENT))
        with self._transaction():
            self._db.execute(
                "insert into operations (name, token, asked, faults, accepted, ready_at, state)"
                " values (?, ?, ?, ?, ?, ?, 'working')",
                (name, order.token, json.dumps(order.as_json()), json.dumps(faults), now, ready_at),
            )
            for number in range(1, order.count + 1):
                hidden = number <= filtered
                self._db.execute(
                    "insert into clips (operation, number, seed, state) values (?, ?, ?, ?)",
                    (name, number, (order.seed + number - 1) % 2**32, "filtered" if hidden else "queued"),
                )
                self._db.execute(
                    "insert into bill (operation, clip, token, amount, at, given_back) values (?, ?, ?, ?, ?, ?)",
                    (name, number, order.token, amount, now, now if hidden else None),
                )

    def operation(self, name: str) -> Operation | None:
        """One operation with its clips."""
        row = self._db.execute("select * from operations where name = ?", (name,)).fetchone()
        if row is None:
            return None
        clips = self._db.execute(
            "select number, seed, state, tries, reason from clips where operation = ? order by number", (name,)
        )
        return Operation(
            row["name"], read_order(json.loads(row["asked"])), json.loads(row["faults"]), row["accepted"],
            row["ready_at"], row["state"], row["reason"], tuple(ClipRow(*clip) for clip in clips),
        )  # fmt: skip

    def by_token(self, token: str) -> list[str]:
        """Names of the operations accepted under a token, oldest first."""
        rows = self._db.execute("select name from operations where token = ? order by accepted, name", (token,))
        return [row["name"] for row in rows]

    def claim(self) -> tuple[str, int] | None:
        """The oldest clip that waits, now being rendered; None where none waits."""
        with self._transaction():
            row = self._db.execute(
                "select clips.operation, clips.number from clips join operations on name = operation"
                " where clips.state = 'queued' and operations.state = 'working' order by accepted, number limit 1"
            ).fetchone()
            if row is None:
                return None
            self._db.execute(
                "update clips set state = 'rendering', tries = tries + 1 where operation = ? and number = ?",
                (row["operation"], row["number"]),
            )
        return row["operation"], row["number"]

    def finish(self, operation: str, number: int, state: str, reason: str = "") -> None:
        """Record how a rendering ended; a clip that failed is given back."""
        with self._transaction():
            changed = self._db.execute(
                "update clips set state = ?, reason = ? where operation = ? and number = ? and state = 'rendering'",
                (state, reason, operation, number),
            )
            if changed.rowcount and state == "failed":
                self._give_back("operation = ? and clip = ?", (operation, number))

    def end(self, operation: str, state: str, reason: str) -> bool:
        """End an operation that still works: failed, refused or cancelled; nothing of it is charged."""
        with self._transaction():
            changed = self._db.execute(
                "update operations set state = ?, reason = ? where name = ? and state = 'working'",
                (state, reason, operation),
            )
            if changed.rowcount:
                self._db.execute(
                    "update clips set state = 'cancelled' where operation = ? and state in ('queued', 'rendering')",
                    (operation,),
                )
                self._give_back("operation = ?", (operation,))
        return bool(changed.rowcount)

    def _give_back(self, where: str, values: tuple[object, ...]) -> None:
        self._db.execute(f"update bill set given_back = ? where {where} and given_back is null", (time.time(), *values))

    def count_down(self, name: str, most: int) -> bool:
        """True the first `most` times it is called for `name`, over restarts too."""
        with self._transaction():
            row = self._db.execute(
                "insert into counters (name, value) values (?, 1)"
                " on conflict (name) do update set value = value + 1 returning value", (name,)
            ).fetchone()  # fmt: skip
        return bool(row["value"] <= most)

    def bill(self, token: str | None = None) -> list[dict[str, Any]]:
        """The bill's rows, oldest first; those of one token where it is given."""
        where, values = ("where token = ?", (token,)) if token else ("", ())
        return [dict(row) for row in self._db.execute(f"select * from bill {where} order by id", values)]

    def charged(self, operation: str) -> Decimal:
        """US dollars that an operation costs as it stands."""
        rows = self._db.execute("select amount from bill where operation = ? and given_back is null", (operation,))
        return sum((Decimal(row["amount"]) for row in rows), Decimal(0))

    def kept(self, since: float) -> set[str]:
        """The names of the operations accepted after `since` (seconds since 1970)."""
        return {row["name"] for row in self._db.execute("select name from operations where accepted > ?", (since,))}
