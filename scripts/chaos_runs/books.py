"""What was bought, twice over: the services' own bills, and vidpipe's ledger, both by the token of the order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from scripts.chaos_runs.house import SERVICES
from vidpipe.db.models import Attempt, LedgerEntry

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Billed:
    """One operation on a service's bill."""

    service: str
    operation: str
    token: str
    label: str  # of the shot it was ordered for
    clips: int
    charged: Decimal  # US dollars that are not given back
    faults: tuple[str, ...] = ()  # that were put upon it


@dataclass(frozen=True)
class Entered:
    """One attempt at buying, as the ledger has it. US dollars."""

    token: str
    settled: Decimal
    open: Decimal  # reserved, and neither settled nor released

    @property
    def covered(self) -> Decimal:
        """The most that it may cost."""
        return self.settled + self.open


def bills(home: Path) -> dict[str, list[Billed]]:
    """Every service's bill, by token: read from its own books, whether it runs or not."""
    found: dict[str, list[Billed]] = {}
    for service, process in SERVICES.items():
        for one in _bill(service, home / process / "service.sqlite3"):
            found.setdefault(one.token, []).append(one)
    return found


def _bill(service: str, path: Path) -> Iterator[Billed]:
    if not path.exists():
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as books:
        rows = books.execute(
            "select bill.operation, bill.token, json_extract(operations.asked, '$.label'), bill.amount,"
            " bill.given_back, operations.faults from bill join operations on name = operation order by bill.id"
        ).fetchall()
    by_operation: dict[str, list[tuple[str, str, str, str, float | None, str]]] = {}
    for row in rows:
        by_operation.setdefault(row[0], []).append(row)
    for operation, clips in by_operation.items():
        charged = sum((Decimal(clip[3]) for clip in clips if clip[4] is None), NOTHING)
        faults = tuple(json.loads(clips[0][5]))
        yield Billed(service, operation, clips[0][1], clips[0][2], len(clips), charged, faults)


def faulted(home: Path) -> dict[str, list[str]]:
    """The faults that orders met at their services, accepted or not, by token."""
    found: dict[str, list[str]] = {}
    for process in SERVICES.values():
        path = home / process / "service.sqlite3"
        if path.exists():
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as books:
                for token, fault in books.execute("select token, fault from applied order by id"):
                    found.setdefault(token, []).append(fault)
    return found


def ledger(session: Session) -> dict[str, Entered]:
    """The ledger by token, as it stands at one moment (it is one statement).

    A reservation is open until it is settled or released; one that was released and turned out to be accepted after
    that is open again.
    """

    def entered(kind: str) -> ColumnElement[Decimal]:
        return func.coalesce(func.sum(LedgerEntry.amount).filter(LedgerEntry.kind == kind), NOTHING)

    def when(kind: str) -> ColumnElement[datetime | None]:
        found: ColumnElement[Any] = func.max(LedgerEntry.created_at).filter(LedgerEntry.kind == kind)
        return found

    rows = session.execute(
        select(
            Attempt.token, Attempt.outcome, Attempt.ended_at, entered("reserve"), entered("settle"), entered("adjust"),
            when("settle"), when("release"),
        )
        .join(LedgerEntry, LedgerEntry.attempt_id == Attempt.id)
        .group_by(Attempt.id)
    )  # fmt: skip
    found = {}
    for token, outcome, ended_at, reserved, settled, adjusted, settled_at, released_at in rows:
        late = outcome == "accepted" and bool(ended_at and released_at and ended_at > released_at)
        is_open = settled_at is None and (released_at is None or late)
        found[str(token)] = Entered(str(token), settled + adjusted, reserved if is_open else NOTHING)
    return found
