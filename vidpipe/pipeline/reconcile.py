"""reconcile: find out what became of a call whose answer was lost (submitting | uncertain -> submitted | queued).

A take left in `submitting` was in the hands of a worker that died between its two commits. Where the service
can be asked by token, it is; 'not there' counts only after a settling delay, since the call may still be under
way. Where it cannot be asked, the take is `uncertain` and waits for a person.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db import money
from vidpipe.db.leases import park
from vidpipe.db.models import Attempt, Take
from vidpipe.db.transitions import advance, advance_many
from vidpipe.domain.requests import Accepted
from vidpipe.domain.states import Entity, TakeState
from vidpipe.errors import ServiceError
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs, Step, pause
from vidpipe.pipeline.submit import record_accepted
from vidpipe.services.base import Findable


def _work(deps: Deps, take: Take, lease: UUID) -> Refs:
    service = deps.service(take.service)
    found = deps.db.run(lambda session: money.attempt_of(session, take))
    if found is None:
        deps.db.run(lambda session: _lost(session, deps, take, lease, None, "the intent has no attempt"))
        return ()
    attempt = found[1]
    if not isinstance(service, Findable):
        deps.db.run(lambda session: _cannot_ask(session, take, lease, attempt))
        return (Ref(Entity.SCENE, take.scene_id),)
    # Read before asking: 'not there' must be an answer to a question asked after the delay.
    delay = deps.capabilities(take.service, take.model).settling_seconds
    settled = deps.db.run(lambda session: _settled(session, attempt, delay))
    try:
        answer = service.find(str(attempt.token))
    except ServiceError as error:
        # Asking is free and forgetting is not: this never gives up by itself.
        again, reason = pause(deps.settings.timing, take.tries), error.message
        deps.db.run(lambda session: park(session, take, lease, again, error=reason))
        return ()
    deps.db.run(lambda session: _record(session, deps, take, lease, attempt, answer, settled))
    return (Ref(Entity.TAKE, take.id), Ref(Entity.SCENE, take.scene_id)) if answer or settled else ()


def _record(
    session: Session, deps: Deps, take: Take, lease: UUID, attempt: Attempt, answer: Accepted | None, settled: bool
) -> None:
    if answer is not None:
        timeout = deps.capabilities(take.service, take.model).timeout_seconds
        record_accepted(session, take, attempt, answer.name, timeout)
    elif settled:
        _lost(session, deps, take, lease, attempt, "the service never got the order")
    else:
        park(session, take, lease, 2.0, tried=False)


def _settled(session: Session, attempt: Attempt, delay: float) -> bool:
    """After its deadline a call is surely not begun any more; what an ended one sent arrives within `delay`."""
    over = max(attempt.deadline_at, attempt.ended_at or attempt.deadline_at) + timedelta(seconds=delay)
    return bool(session.execute(select(func.clock_timestamp() > over)).scalar_one())


def _lost(session: Session, deps: Deps, take: Take, lease: UUID, attempt: Attempt | None, reason: str) -> None:
    if attempt is not None:
        money.end_attempt(session, attempt.id, "lost", detail=reason)
        money.release(session, take, attempt)
    if attempt is None or attempt.number < deps.settings.tries:
        advance(session, take, "not_accepted", lease=lease, reason=reason, tries=take.tries)
        return
    reason = f"{reason} (after {attempt.number} attempts)"
    event = "lost" if take.state == TakeState.UNCERTAIN else "gave_up"
    advance(session, take, event, lease=lease, reason=reason, last_error=reason, ended_at=func.clock_timestamp())


def _cannot_ask(session: Session, take: Take, lease: UUID, attempt: Attempt) -> None:
    reason = f"{take.service} cannot be asked whether it took the order"
    money.end_attempt(session, attempt.id, "unclear", detail=reason)
    if take.state == TakeState.UNCERTAIN:
        # Nothing more to be done by itself: no due time, so the sweep leaves it to a person.
        park(session, take, lease, 0.0, tried=False, due_at=None)
    else:
        advance_many(session, Entity.TAKE, [take.id], "unclear", lease=lease, reason=reason, last_error=reason)


RECONCILE = Step(
    name="reconcile",
    model=Take,
    states=frozenset({TakeState.SUBMITTING, TakeState.UNCERTAIN}),
    work=_work,
    gave_up="unclear",
    after_giving_up=lambda take: (Ref(Entity.SCENE, take.scene_id),),
)
