"""cancel: stop an operation that is still running, where the service can (cancelling -> cancelled | overdue).

Where it can't, or where it was too late, the take is watched on, and what it delivers is kept and paid for: as
`cancelling` until its time is over, then as `overdue`, which nothing waits for.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from vidpipe.db import attempts, money
from vidpipe.db.leases import park
from vidpipe.db.models import Take
from vidpipe.db.transitions import NOW, advance
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import Entity, TakeState
from vidpipe.errors import ServiceError, Transient, Uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs, Step
from vidpipe.services.base import Cancellable

log = logging.getLogger(__name__)


def _work(deps: Deps, take: Take, lease: UUID) -> Refs:
    service = deps.service(take.service)
    poll_seconds = deps.capabilities(take.service, take.model).poll_seconds
    try:
        stopped = isinstance(service, Cancellable) and service.cancel(take.operation or "")
    except (Transient, Uncertain) as error:  # told again later; it may be away as a whole
        reason = error.message
        deps.db.run(lambda session: _watch(session, take, lease, error=reason))
        return ()
    except ServiceError as error:  # said again it would be no other
        log.info("%s cannot be stopped at %s: %s", take.operation, take.service, error.message)
        stopped = False
    deps.db.run(lambda session: _record(session, take, lease, stopped, poll_seconds))
    return (Ref(Entity.SCENE, take.scene_id),)


def _record(session: Session, take: Take, lease: UUID, stopped: bool, poll_seconds: float) -> None:
    if not stopped:
        _leave(session, take, lease, poll_seconds)
        return
    found = attempts.attempt_of(session, take)
    if found is not None:
        money.release(session, found[1])
    advance(session, take, "cancelled", lease=lease, last_error=take.last_error, ended_at=NOW)


def _leave(session: Session, take: Take, lease: UUID, seconds: float) -> None:
    if take.fault != Fault.LATE:
        _watch(session, take, lease)
        return
    reason = f"{take.last_error or 'it ran over its time'}; it cannot be stopped, and is watched"
    advance(
        session, take, "left_running", lease=lease, reason=reason, last_error=reason, due_at=timedelta(seconds=seconds)
    )


def _watch(session: Session, take: Take, lease: UUID, error: str | None = None) -> None:
    """The wave asks about it now, and from then on at its own pace: what is sent here again, ever more seldom, must
    not put off the question by which the take ends."""
    now = func.clock_timestamp()
    park(session, take, lease, 0.0, error=error, tried=False, sent_at=now, sends=take.sends)


CANCEL = Step(
    name="cancel",
    model=Take,
    states=frozenset({TakeState.CANCELLING}),
    work=_work,
    gave_up="left_running",  # whatever went wrong here: what runs there is billed, and is watched
    after_giving_up=lambda take: (Ref(Entity.SCENE, take.scene_id),),
)
