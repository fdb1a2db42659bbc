"""The service's own file: what its books are written in. Not vidpipe's database.

SQLite with WAL and synchronous=FULL: what a transaction wrote is on the disk when it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
create index if not exists operations_ready on operations (ready_at) where state = 'working';
create index if not exists operations_accepted on operations (accepted);
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
    model text not null default '',
    unique (operation, clip)
);
create table if not exists injections (
    id integer primary key autoincrement,
    fault text not null,
    remaining integer not null
);
create table if not exists applied (
    id integer primary key autoincrement,
    token text not null,
    operation text,
    fault text not null,
    figure real not null,
    injection integer references injections (id),
    at real not null
);
create table if not exists counters (name text primary key, value integer not null);
"""


class Store:
    """One SQLite file, used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._depth = 0
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
            self._db.execute(f"pragma {pragma}")
        self._db.executescript(SCHEMA)
        if "model" not in {row["name"] for row in self._db.execute("pragma table_info(bill)")}:
            self._db.execute("alter table bill add column model text not null default ''")  # a file of version 0.1

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; one within another is a part of that."""
        if self._depth:
            yield
            return
        self._db.execute("begin immediate")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        else:
            self._db.execute("commit")
        finally:
            self._depth = 0

    def execute(self, words: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """One statement."""
        return self._db.execute(words, values)

    def count_down(self, name: str, most: int) -> bool:
        """True the first `most` times it is called for `name`, over restarts too."""
        return self.count_up(name) <= most

    def count_up(self, name: str) -> int:
        """How often this was called for `name`, over restarts too."""
        with self.transaction():
            row = self.execute(
                "insert into counters (name, value) values (?, 1)"
                " on conflict (name) do update set value = value + 1 returning value", (name,)
            ).fetchone()  # fmt: skip
        return int(row["value"])

    def keep_most(self, name: str, value: int) -> None:
        """Remember the highest `value` that was ever given for `name`."""
        self.execute(
            "insert into counters (name, value) values (?, ?)"
            " on conflict (name) do update set value = max(value, excluded.value)", (name, value)
        )  # fmt: skip

    def counter(self, name: str) -> int:
        """What was counted or kept under `name`; 0 where nothing was."""
        row = self.execute("select value from counters where name = ?", (name,)).fetchone()
        return int(row["value"]) if row else 0
