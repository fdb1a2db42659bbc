"""Takes at their service that are due to be asked about: one, or as many as a wave takes at once.

They come as plain tuples of what is needed to ask and to write the answer down: as objects of the ORM they cost more
than the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Interval, Text, Uuid, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from vidpipe.db.models import Take
from vidpipe.domain.states import TAKE_AT_SERVICE, TakeState

STATES = [str(state) for state in TAKE_AT_SERVICE]


class DueTake(NamedTuple):
    """A take as a wave has it; `asked_at` is when it was claimed, by the database's clock."""

    id: UUID
    project_id: UUID
    scene_id: UUID
    version: int
    service: str
    model: str
    operation: str | None
    state: str
    fault: str | None
    tries: int
    due_at: datetime | None
    deadline_at: datetime | None
    asked_at: datetime


def claim_one(session: Session, take_id: UUID, *, lease: UUID, seconds: float, by: str) -> Sequence[DueTake]:
    """The take, if it is due and nobody else's, now leased for `seconds`."""
    given = {"take": take_id, "most": 1, "soon": timedelta(0)}
    return _claim(session, _of_one(), given, lease, seconds, by)


def claim_due(
    session: Session, service: str, *, most: int, soon: float, lease: UUID, seconds: float, by: str
) -> Sequence[DueTake]:
    """The takes of a service that are due within `soon` seconds, the longest overdue first."""
    given = {"at_service": service, "most": most, "soon": timedelta(seconds=soon)}
    return _claim(session, _of_a_service(), given, lease, seconds, by)


def _claim(
    session: Session, statement: Any, given: dict[str, Any], lease: UUID, seconds: float, by: str
) -> Sequence[DueTake]:
    rows = session.execute(statement, {**given, "lease": lease, "lease_for": timedelta(seconds=seconds), "by": by})
    return [DueTake(*row) for row in rows]


@cache
def _of_one() -> Any:
    return _statement(Take.__table__.c.id == bindparam("take", type_=Uuid))


@cache
def _of_a_service() -> Any:
    return _statement(Take.__table__.c.service == bindparam("at_service", type_=Text))


def _statement(which: ColumnElement[bool]) -> Any:
    """Claiming again with one's own lease succeeds: the answer to the first commit may have been lost."""
    table: Any = Take.__table__
    column = table.c
    now, lease = func.clock_timestamp(), bindparam("lease", type_=Uuid)
    due = (
        select(column.id)
        .where(which, column.state.in_(STATES))
        .where(or_(column.due_at.is_(None), column.due_at <= now + bindparam("soon", type_=Interval)))
        .where(or_(column.lease_until.is_(None), column.lease_until < now, column.lease_token == lease))
        # One that is to be stopped is first told so: the step `cancel` gives it the time of its first question, and
        # where that step failed it comes before the next.
        .where(
            or_(
                column.state != str(TakeState.CANCELLING),
                and_(column.due_at.is_not(None), column.sent_at.is_not(None)),
            )
        )
        .order_by(column.due_at.nulls_first())
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return (
        update(table)
        .where(column.id.in_(due.scalar_subquery()))
        .values(
            lease_token=lease,
            lease_until=now + bindparam("lease_for", type_=Interval),
            lease_by=bindparam("by", type_=Text),
        )
        .returning(*(column[name] for name in DueTake._fields[:-1]), now)
    )
