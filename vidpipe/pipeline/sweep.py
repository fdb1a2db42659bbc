"""sweep: the net under the route. Rows whose next step is overdue are sent again.

It tells a backlog from a loss: a row is sent again at once where its lease ran out (its worker died), where it
was last sent to another broker (the epoch changed) or where the database was started anew since (whoever lost
the answer to a commit did not send what it says was sent), and otherwise only after a pause that doubles with
every sending. What it sends is what would have been sent: `route(row)`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from vidpipe import telemetry
from vidpipe.db import drawings, projects, record, scenes
from vidpipe.db.models import ClusterSign, Drawing, GenerationCandidate, Project, Scene, Take, Workable
from vidpipe.domain.states import (
    SCENE_ENDED,
    TAKE_LIVE,
    CandidateState,
    DrawingState,
    ProjectState,
    SceneState,
    TakeState,
)
from vidpipe.errors import StorageError
from vidpipe.pipeline import lane, restored
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.gather import loose
from vidpipe.pipeline.settle import settle, waits_for_a_person
from vidpipe.pipeline.step import Ref, Refs
from vidpipe.settings import Timing

log = logging.getLogger(__name__)
_MOST = 500  # rows of a kind in one sweep


def sweep(deps: Deps, epoch: str, backlog: float = 0.0) -> Refs:
    """Everything overdue, now counted as sent.

    `epoch` names the broker that the messages will go to; `backlog` is how many seconds its oldest message has
    waited: a row whose message may still stand in that line is not sent again.
    """
    timing = deps.settings.timing
    deps.db.run(record.number)
    _look_at_the_journal(deps)
    at = deps.db.run(lambda session: session.execute(select(func.clock_timestamp())).scalar_one())
    look = _Look(at, timing, backlog)
    services = list(deps.settings.waves)
    overdue = deps.db.run(lambda session: _overdue(session, look, epoch, services))
    for ref, why in overdue:
        telemetry.resent(str(ref.entity), why)
    refs = [ref for ref, _ in overdue]
    for service in deps.db.run(lambda session: _waited_for(session, services)):
        refs += lane.admit(deps, service)
    for project_id in deps.db.run(_to_settle):
        refs += settle(deps, project_id)
    return refs


def _look_at_the_journal(deps: Deps) -> None:
    try:
        forgotten = restored.look(deps)
    except StorageError as error:
        log.warning("nothing that costs money is bought until the journal of orders can be read: %s", error)
        return
    if forgotten:
        log.warning("%d orders that this database had forgotten are being looked for at their services", forgotten)


@dataclass(frozen=True)
class _Look:
    """When, by the database's clock, and with how much patience."""

    at: datetime
    timing: Timing
    backlog: float  # seconds


def _overdue(session: Session, look: _Look, epoch: str, services: Sequence[str]) -> list[tuple[Ref, str]]:
    """Each row that is overdue, and why it is sent; `services` are those that have a wave."""
    database = session.execute(select(func.pg_postmaster_start_time())).scalar_one()
    at = look.at
    changed = max(_sign(session, "broker", epoch, at), _sign(session, "database", database.isoformat(), at))
    _sign(session, "tick", None, at)
    found: list[tuple[Ref, str]] = []
    kinds: list[tuple[type[Workable], Any]] = [(model, which()) for model, which in KINDS]
    kinds.append((Take, _unattended(services)))
    for model, which in kinds:
        rows = _resend(session, model, which, look, changed)
        found += [(Ref(model.entity, row_id), why) for row_id, why in rows]
    return found


def _sign(session: Session, name: str, value: str | None, at: datetime) -> Any:
    """Write a sign of life; when its value last changed."""
    now = literal(at)
    fresh = insert(ClusterSign).values(name=name, value=value, changed_at=now, seen_at=now)
    changed = func.coalesce(ClusterSign.value, "") != func.coalesce(fresh.excluded.value, "")
    statement = fresh.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "seen_at": now,
            "value": fresh.excluded.value,
            "changed_at": case((changed, now), else_=ClusterSign.changed_at),
        },
    ).returning(ClusterSign.changed_at)
    return session.execute(statement).scalar_one()


def _resend(
    session: Session, model: type[Workable], which: ColumnElement[bool], look: _Look, changed: Any
) -> Sequence[tuple[UUID, str]]:
    now, timing = literal(look.at), look.timing
    doubled = func.least(timing.resend_after * func.power(2, func.least(model.sends, 10)), timing.resend_most)
    # A message that may still stand in the broker's line is not lost: a backlog must not breed another.
    patience = doubled + look.backlog
    overdue = and_(
        which,
        or_(model.due_at.is_(None), model.due_at <= now),
        or_(
            model.lease_until < now,
            and_(
                model.lease_until.is_(None),
                or_(
                    model.sent_at.is_(None),
                    model.sent_at < changed,
                    model.sent_at < now - patience * timedelta(seconds=1),
                ),
            ),
        ),
    )
    # Asked again with the same `at`, for the answer to the first commit was lost, it names the same rows again.
    again = and_(which, model.sent_at == look.at)
    picked = select(model.id, _why(model, changed, now).label("why")).where(or_(overdue, again))
    rows = picked.order_by(model.moved_at).limit(_MOST).with_for_update(skip_locked=True).cte("picked")
    statement = (
        update(model)
        .where(model.id == rows.c.id)
        .values(
            sent_at=now,
            sends=model.sends + 1,
            deaths=model.deaths + case((model.lease_until < now, 1), else_=0),
            lease_token=None,
            lease_until=None,
            lease_by=None,
        )
        .returning(model.id, rows.c.why)
        .execution_options(synchronize_session=False)
    )
    return [(row_id, why) for row_id, why in session.execute(statement)]


def _why(model: type[Workable], changed: Any, now: Any) -> ColumnElement[str]:
    return case(
        (model.lease_until < now, telemetry.DIED),
        (model.sent_at.is_(None), telemetry.DUE),
        (model.sent_at < changed, telemetry.CHANGED),
        else_=telemetry.LATE,
    )


def _scenes() -> ColumnElement[bool]:
    waiting = and_(Scene.state == str(SceneState.WAITING), scenes.ready())
    at_work = Scene.state.in_([str(SceneState.SELECTING), str(SceneState.ANALYZING)])
    forgotten = and_(Scene.state == str(SceneState.GENERATING), ~_under_way())
    return and_(or_(waiting, at_work, forgotten), projects.runs(Scene.project_id))


def _under_way() -> ColumnElement[bool]:
    """SQL: something of the scene's round is still to come by itself."""
    at_service = TAKE_LIVE - {TakeState.DELIVERED}
    takes = exists().where(
        Take.scene_id == Scene.id,
        Take.version == Scene.version,
        or_(
            Take.state.in_([str(state) for state in at_service]),
            and_(Take.state == str(TakeState.DELIVERED), scenes.unfinished()),
        ),
    )
    return or_(takes, drawings.under_way())


def _ended() -> ColumnElement[bool]:
    """Scenes that ended and have takes that did not."""
    return and_(Scene.id.in_(select(Take.scene_id).where(loose())), _over())


def _over() -> ColumnElement[bool]:
    return Scene.state.in_([str(state) for state in SCENE_ENDED])


def _drawn_for() -> ColumnElement[bool]:
    """Scenes that ended and have pictures in line; not one question with the takes', which would read all scenes."""
    loose_ones = select(Drawing.scene_id).where(Drawing.state == str(DrawingState.QUEUED), ~drawings.wanted())
    return and_(Scene.id.in_(loose_ones), _over())


def _takes() -> ColumnElement[bool]:
    queued = and_(
        Take.state == str(TakeState.QUEUED), Take.admitted_at.is_not(None), projects.runs(Take.project_id),
        scenes.buying(),
    )  # fmt: skip
    at_work = Take.state.in_([str(TakeState.SUBMITTING), str(TakeState.CANCELLING)])
    unclear = and_(Take.state == str(TakeState.UNCERTAIN), Take.due_at.is_not(None))
    return or_(queued, at_work, unclear)


def _unattended(services: Sequence[str]) -> ColumnElement[bool]:
    """Takes at a service that was taken out of the settings: no wave asks about them, and their time must end too."""
    return and_(Take.state == str(TakeState.SUBMITTED), Take.service.not_in(services))


def _waited_for(session: Session, services: Sequence[str]) -> Sequence[str]:
    """Services without a wave at which takes stand in line: nobody else would let them go and say what is wrong."""
    line = select(Take.service).where(
        Take.state == str(TakeState.QUEUED), Take.admitted_at.is_(None), Take.service.not_in(services)
    )
    return session.execute(line.distinct()).scalars().all()


def _candidates() -> ColumnElement[bool]:
    return GenerationCandidate.state.in_([str(CandidateState.ANNOUNCED), str(CandidateState.STORED)])


def _drawings() -> ColumnElement[bool]:
    queued = and_(Drawing.state == str(DrawingState.QUEUED), projects.runs(Drawing.project_id), drawings.wanted())
    return or_(queued, Drawing.state == str(DrawingState.DRAWING))


def _stitching() -> ColumnElement[bool]:
    return Project.state == str(ProjectState.STITCHING)


# The rows that a step could be done on, by what they are: what has to be sent, and what queues are measured by.
KINDS: tuple[tuple[type[Workable], Any], ...] = (
    (Project, _stitching),
    (Scene, _scenes),
    (Scene, _ended),
    (Scene, _drawn_for),
    (Take, _takes),
    (GenerationCandidate, _candidates),
    (Drawing, _drawings),
)


def _to_settle(session: Session) -> Sequence[UUID]:
    """Films whose end, or whose going on, may have been overlooked."""
    at_work = [str(SceneState.SELECTING), str(SceneState.ANALYZING)]
    making = Scene.state == str(SceneState.GENERATING)
    busy = exists().where(Scene.project_id == Project.id, or_(Scene.state.in_(at_work), and_(making, _under_way())))
    moves = exists().where(Scene.project_id == Project.id, making, ~waits_for_a_person())
    overlooked = or_(
        Project.state == str(ProjectState.CANCELLING),
        and_(Project.state == str(ProjectState.ACTIVE), ~busy),
        and_(Project.state == str(ProjectState.WAITING), moves),
    )
    return session.execute(select(Project.id).where(overlooked)).scalars().all()
