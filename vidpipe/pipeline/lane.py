"""Letting takes go on to their services: after they were ordered, and by every tick."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from vidpipe.db import lanes
from vidpipe.db.models import Take
from vidpipe.db.transitions import NOW, advance_many
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import Entity, TakeState
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs


def let_go(deps: Deps, refs: Refs) -> Refs:
    """Of `refs`, those that can be sent: a take whose service is busy waits in line, and another may be its turn."""
    takes = [ref.id for ref in refs if ref.entity == Entity.TAKE]
    if not takes:
        return refs
    in_line = deps.db.run(lambda session: lanes.in_line(session, takes))
    ready = [ref for ref in refs if all(ref.id not in waiting for _, waiting in in_line.values())]
    return [*ready, *(ref for service, (at, _) in in_line.items() for ref in _admit(deps, service, at))]


def admit(deps: Deps, service: str) -> Refs:
    """The takes that may now go on to a service, and the scenes of those that have waited for it too long."""
    at = deps.db.run(lambda session: lanes.somebody_waits(session, service))
    return _admit(deps, service, at) if at is not None else ()


def _admit(deps: Deps, service: str, at: datetime) -> Refs:
    limits = deps.limits(service)
    let = deps.db.run(lambda session: lanes.admit(session, service, limits, at))
    takes = [Ref(Entity.TAKE, take_id) for take_id in let.takes]
    if not let.away:
        return takes
    patience = deps.settings.timing.lane_patience
    scenes = deps.db.run(lambda session: _leave(session, service, patience))
    return [*takes, *(Ref(Entity.SCENE, scene_id) for scene_id in scenes)]


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} s"


def _leave(session: Session, service: str, patience: float) -> list[UUID]:
    """Takes whose service stays away end, so that their scenes go on to another; those scenes."""
    left: list[UUID] = []
    for take_id, why in lanes.waited_too_long(session, service, patience):
        reason = f"{service} has been away for more than {_span(patience)}: {why}"
        left += advance_many(
            session, Entity.TAKE, [take_id], "gave_up", states=[TakeState.QUEUED], reason=reason, last_error=reason,
            fault=str(Fault.AWAY), ended_at=NOW,
        )  # fmt: skip
    return list(session.execute(select(Take.scene_id).where(Take.id.in_(left)).distinct()).scalars()) if left else []
