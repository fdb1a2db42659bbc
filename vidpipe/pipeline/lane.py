"""Letting takes go on to their services: after they were ordered, and by every tick."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db import lanes
from vidpipe.db.models import Take
from vidpipe.db.transitions import advance_many
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import Entity, TakeState
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs


def let_go(deps: Deps, refs: Refs) -> Refs:
    """Of `refs`, those that can be sent: a take whose service is busy waits in line, and another may be its turn."""
    takes = [ref.id for ref in refs if ref.entity == Entity.TAKE]
    if not takes:
        return refs
    services, waiting = deps.db.run(lambda session: _in_line(session, takes))
    ready = [ref for ref in refs if ref.id not in waiting]
    return [*ready, *(ref for service in services for ref in admit(deps, service))]


def _in_line(session: Session, takes: list[UUID]) -> tuple[set[str], set[UUID]]:
    held = (Take.id.in_(takes), Take.state == str(TakeState.QUEUED), Take.admitted_at.is_(None))
    rows = session.execute(select(Take.id, Take.service).where(*held)).all()
    return {service for _, service in rows}, {take_id for take_id, _ in rows}


def admit(deps: Deps, service: str) -> Refs:
    """The takes that may now go on to a service, and the scenes of those that have waited for it too long."""
    at = deps.db.run(lambda session: lanes.somebody_waits(session, service))
    if at is None:
        return ()
    limits = deps.limits(service)
    let = deps.db.run(lambda session: lanes.admit(session, service, limits, at))
    patience = deps.settings.timing.lane_patience
    scenes = deps.db.run(lambda session: _leave(session, service, patience))
    return [*(Ref(Entity.TAKE, take_id) for take_id in let), *(Ref(Entity.SCENE, scene_id) for scene_id in scenes)]


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} s"


def _leave(session: Session, service: str, patience: float) -> list[UUID]:
    """Takes whose service stays away end, so that their scenes go on to another; those scenes."""
    left: list[UUID] = []
    for take_id, why in lanes.waited_too_long(session, service, patience):
        reason = f"{service} has been away for more than {_span(patience)}: {why}"
        left += advance_many(
            session, Entity.TAKE, [take_id], "gave_up", states=[TakeState.QUEUED], reason=reason, last_error=reason,
            fault=str(Fault.AWAY), ended_at=func.clock_timestamp(),
        )  # fmt: skip
    return list(session.execute(select(Take.scene_id).where(Take.id.in_(left)).distinct()).scalars()) if left else []
