"""What was bought, twice over: the services' own bills, and vidpipe's ledger, both by the token of the order."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from vidpipe.db.models import Attempt, LedgerEntry

NOTHING = Decimal(0)
SHORTLY = "503 with Retry-After"


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
    for one in (one for path in _local(home) for one in _bill(path, _LOCAL_ROWS)):
        found.setdefault(one.token, []).append(one)
    for one in _bill(home / EMULATED, _EMULATED_ROWS):
        found.setdefault(one.token, []).append(one)
    return found


EMULATED = Path("emulator", "emulator.sqlite3")
# A row a clip: operation as the service names it, token, what it was for, US dollars, when given back, what it met,
# and the emulated service.
_LOCAL_ROWS = (
    "select bill.operation, bill.token, json_extract(operations.asked, '$.label'), bill.amount, bill.given_back,"
    " operations.faults, null from bill join operations on name = operation order by bill.id"
)
_EMULATED_ROWS = (
    "select coalesce(json_extract(jobs.memo, '$.parent') || '/operations/', '') || bill.operation, bill.token,"
    " jobs.prompt, bill.amount, bill.given_back, posts.fate, jobs.service from bill"
    " join jobs on jobs.name = bill.operation left join posts on posts.job = jobs.name order by bill.id"
)


def _local(home: Path) -> list[Path]:
    """The books of the local services."""
    return sorted(home.glob("procedural*/service.sqlite3"))


def _rows(path: Path, words: str) -> list[Any]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as books:
        return books.execute(words).fetchall()


def _bill(path: Path, words: str) -> Iterator[Billed]:
    by_operation: dict[str, list[Any]] = {}
    for row in _rows(path, words):
        by_operation.setdefault(row[0], []).append(row)
    for operation, clips in by_operation.items():
        charged = sum((Decimal(clip[3]) for clip in clips if clip[4] is None), NOTHING)
        service = clips[0][6] or path.parent.name.removeprefix("procedural-")
        yield Billed(service, operation, clips[0][1], clips[0][2], len(clips), charged, _met(clips[0][5]))


def faulted(home: Path) -> dict[str, list[str]]:
    """What orders met at their services, accepted or not, by token: the services' own logs of faults."""
    found: dict[str, list[str]] = {}
    for token, fault in (row for path in _local(home) for row in _rows(path, "select token, fault from applied")):
        found.setdefault(token, []).append(fault)
    for token, fate in _rows(home / EMULATED, "select token, fate from posts order by id"):
        found.setdefault(token, []).extend(_met(fate))
    return found


def played(home: Path) -> Counter[str]:
    """How often each trouble of the emulator's scenario was met."""
    return Counter(name for (fate,) in _rows(home / EMULATED, "select fate from posts") for name in _met(fate))


def turned_away(home: Path) -> set[str]:
    """The emulated services that took nothing from anybody for a while."""
    rows = _rows(home / EMULATED, "select service, fate from posts")
    return {service for service, fate in rows if {"quota", "429"} & {*_met(fate)}}


def _met(fate: str | None) -> tuple[str, ...]:
    """The names of what an order met; a 503 that says when it will be over is another thing than one that does not."""
    found: dict[str, float] = json.loads(fate or "{}")
    return tuple(SHORTLY if name == "503" and figure >= 0 else name for name, figure in found.items())


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
