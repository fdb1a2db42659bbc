"""The emulator's books: every post that came, every order it accepted, and what that costs.

They stand in one SQLite file beside the procedural renderer's own tables (procedural.store), and are on the disk before
an answer is given.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from vidpipe.emulator.scenario import Call
from vidpipe.emulator.troubles import CLIP, FETCH, WORK, Fate
from vidpipe.services.procedural.bill import MILLIONTH, Books, Operation
from vidpipe.services.procedural.store import Store
from vidpipe.services.procedural.wire import Order

BOOKS = "emulator.sqlite3"  # in the emulator's folder
SCHEMA = """
create table if not exists jobs (
    name text primary key,
    service text not null,
    endpoint text not null,
    model text not null,
    token text not null,
    prompt text not null,
    memo text not null,
    fate text not null,
    accepted real not null,
    removed real
);
create index if not exists jobs_service on jobs (service, accepted);
create table if not exists posts (
    id integer primary key autoincrement,
    at real not null,
    service text not null,
    endpoint text not null,
    model text not null,
    token text not null,
    prompt text not null,
    fate text not null,
    job text
);
create index if not exists posts_token on posts (token);
create index if not exists posts_service on posts (service, at);
"""


@dataclass(frozen=True)
class Job:
    """One accepted order."""

    name: str
    service: str
    endpoint: str
    model: str
    token: str
    prompt: str
    memo: Mapping[str, Any]  # what its protocol wants to remember
    fate: Fate
    accepted: float  # seconds since 1970


class Ledger:
    """Posts, jobs and bill; used from one thread."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        for statement in SCHEMA.split(";\n"):
            self.store.execute(statement)
        self.books = Books(self.store, {})

    def post(self, call: Call, fate: Fate) -> int:
        """Write down that an order came, whatever becomes of it; its number."""
        made = self.store.execute(
            "insert into posts (at, service, endpoint, model, token, prompt, fate) values (?, ?, ?, ?, ?, ?, ?)",
            (time.time(), call.service, call.endpoint, call.model, call.token, call.prompt, json.dumps(fate.found)),
        )
        return int(made.lastrowid or 0)

    def accept(
        self, call: Call, fate: Fate, order: Order, *, name: str, memo: Mapping[str, Any], amount: Decimal,
        ready_at: float, filtered: int,
    ) -> Job:  # fmt: skip
        """Operation, clips, bill and job; on the disk when this returns. `amount` in US dollars a clip."""
        now = time.time()
        kept = Fate(fate.of(WORK, CLIP, FETCH))
        with self.store.transaction():
            self.books.accept(
                name, order, dict(kept.found), ready_at=ready_at, filtered=filtered, sold_as=call.model, amount=amount
            )
            self._write(call, kept, name, memo, now)
        return Job(name, call.service, call.endpoint, call.model, call.token, call.prompt, memo, kept, now)

    def _write(self, call: Call, kept: Fate, name: str, memo: Mapping[str, Any], now: float) -> None:
        self.store.execute(
            "insert into jobs (name, service, endpoint, model, token, prompt, memo, fate, accepted)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, call.service, call.endpoint, call.model, call.token, call.prompt, json.dumps(memo),
             json.dumps(kept.found), now),
        )  # fmt: skip
        self.store.execute(
            "update posts set job = ? where id = (select max(id) from posts where service = ? and token = ?"
            " and prompt = ? and job is null)", (name, call.service, call.token, call.prompt),
        )  # fmt: skip

    def sell(self, call: Call, *, name: str, amount: Decimal) -> None:
        """A job that was answered at once, and its row of the bill where it costs anything; on the disk afterwards."""
        now = time.time()
        with self.store.transaction():
            self._write(call, Fate({}), name, {}, now)
            if amount:
                self.store.execute(
                    "insert into bill (operation, clip, token, model, amount, at) values (?, 1, ?, ?, ?, ?)",
                    (name, call.token, call.model, str(amount.quantize(MILLIONTH)), now),
                )

    def job(self, service: str, name: str) -> Job | None:
        """An order by its name; None where the service has none, or it was removed."""
        row = self.store.execute(
            "select * from jobs where service = ? and name = ? and removed is null", (service, name)
        ).fetchone()
        return None if row is None else _job(row)

    def jobs(self, service: str) -> list[Job]:
        """All orders of a service that were not removed, oldest first."""
        rows = self.store.execute(
            "select * from jobs where service = ? and removed is null order by accepted, rowid", (service,)
        )
        return [_job(row) for row in rows]

    def in_flight(self, service: str) -> int:
        """How many orders of a service were accepted and are not over."""
        row = self.store.execute(
            "select count(*) as n from jobs join operations on operations.name = jobs.name"
            " where service = ? and state = 'working' and (ready_at > ? or exists (select 1 from clips"
            " where operation = jobs.name and clips.state in ('queued', 'rendering')))", (service, time.time()),
        ).fetchone()  # fmt: skip
        return int(row["n"])

    def orders(self, service: str, *, since: float) -> int:
        """How many orders came to a service since then (seconds since 1970), but those that were too many."""
        row = self.store.execute(
            "select count(*) as n from posts where service = ? and at > ? and json_extract(fate, '$.\"429\"') is null",
            (service, since),
        ).fetchone()
        return int(row["n"])

    def remove(self, job: Job) -> None:
        """Forget an order; the bill does not."""
        self.store.execute("update jobs set removed = ? where name = ?", (time.time(), job.name))

    def operation(self, job: Job) -> Operation:
        """Its clips, and how far they are."""
        found = self.books.operation(job.name)
        assert found is not None  # written in one transaction with the job
        return found

    def bill(self, *, token: str | None = None, service: str | None = None) -> list[dict[str, Any]]:
        """The bill's rows with their service, oldest first."""
        wanted = [(column, value) for column, value in (("bill.token", token), ("jobs.service", service)) if value]
        where = " and ".join(f"{column} = ?" for column, _ in wanted)
        rows = self.store.execute(
            "select bill.*, jobs.service, jobs.prompt from bill join jobs on jobs.name = bill.operation"
            f" {'where ' + where if where else ''} order by bill.id", tuple(value for _, value in wanted),
        )  # fmt: skip
        return [dict(row) for row in rows]

    def posts(self, *, token: str | None = None) -> list[dict[str, Any]]:
        """Every post and what it met, oldest first."""
        where, values = ("where token = ?", (token,)) if token else ("", ())
        rows = self.store.execute(f"select * from posts {where} order by id", values)
        return [{**dict(row), "fate": json.loads(row["fate"])} for row in rows]

    def posts_by_token(self) -> dict[str, int]:
        """How many posts came under each token."""
        rows = self.store.execute("select token, count(*) as n from posts where token != '' group by token")
        return {row["token"]: int(row["n"]) for row in rows}


def total(rows: list[dict[str, Any]]) -> Decimal:
    """US dollars of a bill's rows; what was given back is not charged."""
    return sum((Decimal(row["amount"]) for row in rows if row["given_back"] is None), Decimal(0))


def _job(row: Any) -> Job:
    return Job(
        row["name"], row["service"], row["endpoint"], row["model"], row["token"], row["prompt"],
        json.loads(row["memo"]), Fate(json.loads(row["fate"])), row["accepted"],
    )  # fmt: skip
