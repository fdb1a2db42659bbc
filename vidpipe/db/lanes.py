"""Lanes: how many takes a service is given at once, whose turn it is, and when it is left alone.

A take waits in line (`queued`, not admitted) until its service's lane lets it go. The lane's row is the lock under
which that is decided, so a service's limits hold over every worker of the cluster. Films share a lane by weight: the
next place goes to the film that has the fewest takes in flight for its weight, 2 ^ (priority - 5); a film of
priority 6 gets twice the places of one of 5, and none ever starves.

A service that is down or out of quota pauses its lane: nothing is sent, and no try is counted. After the pause one
take is let go to see; only when it is accepted do the others follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from vidpipe.db import projects, scenes
from vidpipe.db.models import Attempt, Project, Scene, ServiceLane, Take
from vidpipe.domain.states import PROJECT_RUNS, TakeState

_MOST = 500  # takes let go at once where a service has no limit
# A minute, and the seconds that may pass between an order's intent, which is counted, and its call.
_MINUTE = timedelta(seconds=66)
_TURN = 0.5  # seconds after which somebody whose service is at work for others looks again
NORMAL = 5  # the priority of a film that was given none


@dataclass(frozen=True)
class Limits:
    """What a service takes; None: as much as comes."""

    operations: int | None = None  # in flight
    per_minute: int | None = None  # orders

    @property
    def none(self) -> bool:
        """Whether there is nothing to keep to."""
        return self.operations is None and self.per_minute is None


def lock(session: Session, service: str) -> ServiceLane:
    """The lane, locked; made if it wasn't there."""
    found: ServiceLane | None = session.execute(_locked(), {"at_service": service}).scalar_one_or_none()
    if found is not None:
        return found
    session.execute(insert(ServiceLane).values(service=service, strikes=0).on_conflict_do_nothing())
    made: ServiceLane = session.execute(_locked(), {"at_service": service}).scalar_one()
    return made


@cache
def _locked() -> Any:
    wanted = select(ServiceLane).where(ServiceLane.service == bindparam("at_service", type_=Text)).with_for_update()
    return wanted.execution_options(populate_existing=True)


def is_open(session: Session, service: str) -> bool:
    """Whether takes may go on to a service without waiting in line, as far as pauses are concerned."""
    held = select(ServiceLane.service).where(ServiceLane.service == service, ServiceLane.strikes > 0)
    return session.execute(held).scalar_one_or_none() is None


def somebody_waits(session: Session, service: str) -> datetime | None:
    """The database's time if a take is in line at a service, else None."""
    return session.execute(_somebody_waits(), {"at_service": service}).scalar_one_or_none()


@cache
def _somebody_waits() -> Any:
    line = _in_line(bindparam("at_service", type_=Text))
    return select(func.clock_timestamp()).where(exists(select(Take.id).where(*line)))


def in_line(session: Session, takes: list[UUID]) -> dict[str, tuple[datetime, set[UUID]]]:
    """Of `takes`, those that are in line, by their service, and the database's time."""
    found: dict[str, tuple[datetime, set[UUID]]] = {}
    for take_id, service, now in session.execute(_of_these(), {"takes": takes}):
        found.setdefault(service, (now, set()))[1].add(take_id)
    return found


@cache
def _of_these() -> Any:
    held = (Take.state == str(TakeState.QUEUED), Take.admitted_at.is_(None))
    mine = Take.id == any_(bindparam("takes", type_=ARRAY(Uuid)))
    return select(Take.id, Take.service, func.clock_timestamp()).where(mine, *held)


@dataclass(frozen=True)
class Admitted:
    """The takes that a service was let have, and whether it was away of late."""

    takes: Sequence[UUID]
    away: bool = False


def admit(session: Session, service: str, limits: Limits, at: datetime) -> Admitted:
    """Let takes go on to a service, as many as it has room for, the fairest first; they count as sent.

    Asked again with the same `at` (the answer to the first commit was lost) it names the same takes again.
    """
    already = session.execute(_admitted(), {"at_service": service, "at": at}).scalars().all()
    if already:
        return Admitted(already)
    lane = lock(session, service)
    away = lane.strikes > 0
    if away and _is_paused(session, service):
        return Admitted((), away)
    room = _room(session, service, limits, probing=away)
    if room <= 0:
        return Admitted((), away)
    return Admitted(session.execute(_let_go(), {"at_service": service, "room": room, "at": at}).scalars().all(), away)


@cache
def _admitted() -> Any:
    at = Take.admitted_at == bindparam("at", type_=DateTime(timezone=True))
    queued = Take.state == str(TakeState.QUEUED)
    return select(Take.id).where(Take.service == bindparam("at_service", type_=Text), queued, at)


def _is_paused(session: Session, service: str) -> bool:
    paused = select(ServiceLane.service).where(
        ServiceLane.service == service, ServiceLane.paused_until > func.clock_timestamp()
    )
    return session.execute(paused).scalar_one_or_none() is not None


@cache
def _let_go() -> Any:
    """The fairest `room` takes in line at a service go on `at` that time; made once, since building it is slow."""
    service, at = bindparam("at_service", type_=Text), bindparam("at", type_=DateTime(timezone=True))
    return (
        update(Take)
        .where(Take.id.in_(_fairest(service, bindparam("room", type_=Integer))), *_in_line(service))
        .values(admitted_at=at, sent_at=at, sends=0)
        .returning(Take.id)
        .execution_options(synchronize_session=False)
    )


def _in_line(service: str | ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    due = or_(Take.due_at.is_(None), Take.due_at <= func.clock_timestamp())
    return Take.service == service, Take.state == str(TakeState.QUEUED), Take.admitted_at.is_(None), due


def in_flight() -> ColumnElement[bool]:
    """SQL: the take holds a place of its service's lane."""
    at_work = [str(TakeState.SUBMITTING), str(TakeState.SUBMITTED), str(TakeState.CANCELLING)]
    # One that a worker died on, in a film that was paused since, holds no place: nobody takes it up before it goes on.
    alive = or_(projects.runs(Take.project_id), Take.lease_until > func.clock_timestamp())
    let_go = and_(Take.state == str(TakeState.QUEUED), Take.admitted_at.is_not(None), alive)
    return or_(Take.state.in_(at_work), let_go)


def _room(session: Session, service: str, limits: Limits, *, probing: bool) -> int:
    most = [1 if probing else _MOST]
    if probing:
        most.append(1 - _count(session, service, _on_its_way))
    if limits.operations is not None:
        most.append(limits.operations - _count(session, service, in_flight))
    if limits.per_minute is not None:
        begun = _begun(session, service) + _count(session, service, _on_its_way)
        most.append(limits.per_minute - begun)
    return min(most)


def _on_its_way() -> ColumnElement[bool]:
    """SQL: let go, and not answered yet."""
    let_go = and_(Take.state == str(TakeState.QUEUED), Take.admitted_at.is_not(None))
    return or_(let_go, Take.state == str(TakeState.SUBMITTING))


def _count(session: Session, service: str, which: Callable[[], ColumnElement[bool]]) -> int:
    """How many takes of a service are `which` (in_flight, _on_its_way)."""
    return int(session.execute(_counted(which), {"at_service": service}).scalar_one())


@cache
def _counted(which: Callable[[], ColumnElement[bool]]) -> Any:
    return select(func.count()).select_from(Take).where(Take.service == bindparam("at_service", type_=Text), which())


def _begun(session: Session, service: str) -> int:
    recent = select(func.count()).where(
        Attempt.service == service, Attempt.created_at > func.clock_timestamp() - _MINUTE
    )
    return int(session.execute(recent).scalar_one())


def _fairest(service: ColumnElement[str], room: ColumnElement[int]) -> Select[tuple[UUID]]:
    """The ids of at most `room` takes in line, in turn by what their films have in flight for their weight."""
    flying = (
        select(Take.project_id, func.count().label("flying"))
        .where(Take.service == service, in_flight())
        .group_by(Take.project_id)
        .subquery()
    )
    first = (
        select(Take.id, Take.created_at)
        .where(Take.project_id == Project.id, *_in_line(service), scenes.buying())
        .order_by(Take.created_at, Take.id)
        .limit(room)
        .correlate(Project)
        .lateral()
    )
    turn = func.row_number().over(partition_by=Project.id, order_by=(first.c.created_at, first.c.id))
    weight = func.power(literal(2.0), Project.priority - NORMAL)
    line = (
        select(first.c.id, first.c.created_at, ((func.coalesce(flying.c.flying, 0) + turn) / weight).label("share"))
        .select_from(Project)
        .join(first, true())
        .outerjoin(flying, flying.c.project_id == Project.id)
        .where(Project.state.in_([str(state) for state in PROJECT_RUNS]))
        .subquery()
    )
    return select(line.c.id).order_by(line.c.share, line.c.created_at, line.c.id).limit(room)


def pace(session: Session, service: str, limits: Limits) -> float:
    """Seconds until an order may be given, 0 for now; the lane stays locked until the transaction ends."""
    if limits.per_minute is None:
        return 0.0
    lock(session, service)
    last = (
        select(Attempt.created_at)
        .where(Attempt.service == service, Attempt.created_at > func.clock_timestamp() - _MINUTE)
        .order_by(Attempt.created_at.desc())
        .limit(limits.per_minute)
        .subquery()
    )
    oldest = func.min(last.c.created_at)
    wait = func.extract("epoch", oldest + _MINUTE - func.clock_timestamp())
    count, seconds = session.execute(select(func.count(), wait).select_from(last)).one()
    return max(0.01, float(seconds)) if count >= limits.per_minute else 0.0


def wait_for_room(session: Session, service: str, limits: Limits, at_work: Callable[[], int]) -> float:
    """Seconds until a call that is answered at once may be made, 0 for now; the lane stays locked until the transaction
    ends. `at_work` counts those that are being made."""
    if limits.none and is_open(session, service):
        return 0.0
    lane = lock(session, service)
    if lane.strikes > 0:
        left = func.extract("epoch", ServiceLane.paused_until - func.clock_timestamp())
        paused = session.execute(select(left).where(ServiceLane.service == service)).scalar_one()
        if paused is not None and paused > 0:
            return float(paused)
    most = 1 if lane.strikes > 0 else limits.operations
    if most is not None and at_work() >= most:
        return _TURN
    return pace(session, service, limits)


def pause(session: Session, service: str, reason: str, *, seconds: float | None, first: float, most: float) -> None:
    """Leave a service alone for `seconds`, else for a pause that doubles from `first` up to `most`.

    What was let go and not sent goes back into line. Somebody who meets the fault while the lane is paused already
    changes nothing.
    """
    lane = lock(session, service)
    now = func.clock_timestamp()
    doubled = min(first * 2.0 ** min(lane.strikes, 30), most)
    until = now + timedelta(seconds=max(seconds or 0.0, doubled))
    session.execute(
        update(ServiceLane)
        .where(
            ServiceLane.service == service, or_(ServiceLane.paused_until.is_(None), ServiceLane.paused_until <= now)
        )
        .values(
            paused_until=until, strikes=ServiceLane.strikes + 1, reason=reason,
            paused_since=case((ServiceLane.strikes > 0, ServiceLane.paused_since), else_=now),
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    back_in_line(session, Take.service == service)


def back_in_line(session: Session, *which: ColumnElement[bool]) -> None:
    """Takes that were let go and that nobody has begun to order wait for their turn again."""
    let_go = select(Take.id).where(
        Take.state == str(TakeState.QUEUED), Take.admitted_at.is_not(None), Take.lease_token.is_(None), *which
    )
    session.execute(
        update(Take)
        .where(Take.id.in_(let_go.with_for_update(skip_locked=True)))
        .values(admitted_at=None, sent_at=None, sends=0)
        .execution_options(synchronize_session=False)
    )


def reopen(session: Session, service: str) -> None:
    """The service took an order: its lane is open again."""
    session.execute(_reopen(), {"opened": service})


@cache
def _reopen() -> Any:
    lane: Any = ServiceLane.__table__
    closed = (lane.c.service == bindparam("opened", type_=Text), lane.c.strikes > 0)
    return update(lane).where(*closed).values(paused_until=None, paused_since=None, strikes=0, reason=None)


def waited_too_long(session: Session, service: str, patience: float) -> Sequence[tuple[UUID, str]]:
    """Takes in line at a service that has been away for longer than `patience` seconds, and why it is away.

    Only those whose scene has another service to fall back to; the others wait.
    """
    elsewhere = aliased(Scene)
    found = (
        select(Take.id, ServiceLane.reason)
        .join(ServiceLane, ServiceLane.service == Take.service)
        .join(elsewhere, elsewhere.id == Take.scene_id)
        .where(
            *_in_line(service),
            ServiceLane.paused_since < func.clock_timestamp() - timedelta(seconds=patience),
            elsewhere.fallback != "",
            func.split_part(elsewhere.fallback, "/", 1) != service,
            projects.runs(Take.project_id),
        )
        .limit(_MOST)
    )
    return [(take_id, reason or "it is away") for take_id, reason in session.execute(found)]
