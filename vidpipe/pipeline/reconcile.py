"""reconcile: find out what became of a call whose answer was lost (submitting | uncertain -> submitted | queued).

A take left in `submitting` was in the hands of a worker that died between its two commits. Where the service
can be asked by token, it is; 'not there' counts only after a settling delay, since the call may still be under
way. Where it cannot be asked, the take is `uncertain` and waits for a person, or is ordered again where the film
says so (`on_uncertain: resubmit`); the lost order then keeps its reservation, since it may be billed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db import attempts, money, projects
from vidpipe.db.leases import park
from vidpipe.db.models import Attempt, Take
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain.requests import Accepted
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import Entity, TakeState
from vidpipe.errors import ServiceError
from vidpipe.pipeline import purchase
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs, Step, pause
from vidpipe.services.base import Findable, VideoService

RESUBMIT = "resubmit"  # what a film may say about takes of unknown fate
_SOON = 2.0  # seconds until a service is asked again about an order that may still turn up
Answers = Mapping[UUID, Accepted | None]  # by the attempt's id


def _work(deps: Deps, take: Take, lease: UUID) -> Refs:
    service = deps.service(take.service)
    open_ones = deps.db.run(lambda session: attempts.unsure(session, take))
    # Read before asking: 'not there' must be an answer to a question asked after the delay.
    settled = deps.db.run(lambda session: _settled(session, deps, take, open_ones))
    if open_ones and not isinstance(service, Findable):
        tries = deps.settings.tries
        deps.db.run(lambda session: _cannot_ask(session, take, lease, open_ones, settled=settled, tries=tries))
        return (Ref(Entity.SCENE, take.scene_id),)
    try:
        answers = _ask(service, open_ones)
    except ServiceError as error:
        # Asking is free and forgetting is not: this never gives up by itself.
        again, reason = pause(deps.settings.timing, take.tries), error.message
        deps.db.run(lambda session: park(session, take, lease, again, error=reason))
        return ()
    found = deps.db.run(lambda session: _record(session, deps, take, lease, open_ones, answers, settled))
    if not found and not settled:
        return ()
    return (*(Ref(Entity.TAKE, other) for other in found), Ref(Entity.TAKE, take.id), Ref(Entity.SCENE, take.scene_id))


def _ask(service: VideoService, open_ones: Sequence[Attempt]) -> Answers:
    return {attempt.id: service.find(str(attempt.token)) for attempt in open_ones if isinstance(service, Findable)}


def _settled(session: Session, deps: Deps, take: Take, open_ones: Sequence[Attempt]) -> bool:
    """After its deadline a call is surely not begun any more; what an ended one sent arrives within the delay."""
    if not open_ones:
        return True
    delay = deps.capabilities(take.service, take.model).settling_seconds
    ends = [max(attempt.deadline_at, attempt.ended_at or attempt.deadline_at) for attempt in open_ones]
    over = max(ends) + timedelta(seconds=delay)
    return bool(session.execute(select(func.clock_timestamp() > over)).scalar_one())


def _record(
    session: Session,
    deps: Deps,
    take: Take,
    lease: UUID,
    open_ones: Sequence[Attempt],
    answers: Answers,
    settled: bool,
) -> list[UUID]:
    """Write what the service said; the takes that are watched from now on."""
    found: list[UUID] = []
    timeout = deps.capabilities(take.service, take.model).timeout_seconds
    for attempt in open_ones:
        answer = answers[attempt.id]
        if answer is not None:
            watched = purchase.accepted(session, take, attempt, answer, timeout)
            found += [watched] if watched else []
        elif settled:
            money.end_attempt(session, attempt.id, "lost", detail="the service never got the order")
            money.release(session, attempt)
    if take.id in found:
        return [other for other in found if other != take.id]
    if settled:
        lost(session, take, lease, deps.settings.tries, "the service never got the order")
    else:
        park(session, take, lease, _SOON, tried=False)
    return found


def lost(session: Session, take: Take, lease: UUID | None, tries: int, reason: str) -> None:
    """Nothing was bought for the take: it is ordered again, a bounded number of times."""
    given = attempts.tries(session, take.scene_id, take.version).get(take.id, 0)
    if given < tries:
        # It gave its place in the lane up, and waits for another.
        advance(
            session, take, "not_accepted", lease=lease, reason=reason, tries=take.tries, sent=False, admitted_at=None
        )
        return
    reason = f"{reason} (after {given} {'attempt' if given == 1 else 'attempts'})"
    event = "lost" if take.state == TakeState.UNCERTAIN else "gave_up"
    advance(
        session, take, event, lease=lease, reason=reason, last_error=reason, fault=str(Fault.LOST),
        ended_at=NOW,
    )  # fmt: skip


def _cannot_ask(
    session: Session, take: Take, lease: UUID, open_ones: Sequence[Attempt], *, settled: bool, tries: int
) -> None:
    reason = f"{take.service} cannot be asked whether it took the order"
    for attempt in open_ones:
        money.end_attempt(session, attempt.id, "unclear", detail=attempt.detail or reason)
    if projects.get(session, take.project_id).on_uncertain == RESUBMIT:
        if settled:
            lost(session, take, lease, tries, f"{reason}; the film says: {RESUBMIT}")
        else:
            park(session, take, lease, _SOON, tried=False)
    elif take.state == TakeState.UNCERTAIN:
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
    # One that has its operation was accepted: only its bill is unknown, and no service tells that by a token.
    only_if=lambda: (Take.operation.is_(None),),
)
