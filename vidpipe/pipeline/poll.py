"""poll: ask the services how operations are doing (submitted -> delivered | refused | failed, or parked).

`poll` asks for one take, right after its submission. If it isn't done, the row is parked with the time of the
next question, and from then on the wave asks: every due take of one service, together, in one asyncio loop.
Nothing waits in the broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from vidpipe import telemetry
from vidpipe.db import attempts, money
from vidpipe.db.due import STATES, DueTake, claim_due, claim_one
from vidpipe.db.models import Take
from vidpipe.db.transitions import NOW, advance_many
from vidpipe.domain.requests import Delivered, Pending
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import Entity, TakeState
from vidpipe.errors import Broken, Expired, Refused, ServiceError, SetupError, Transient, VidpipeError
from vidpipe.logs import told
from vidpipe.pipeline import delivered, lane, purchase
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs, pause
from vidpipe.services.base import Connected, VideoService

log = logging.getLogger(__name__)
_AT_ONCE = 64  # questions in flight to one service
_WAVE = 1000  # takes a wave claims at most
_SELDOM = 30.0  # seconds between two questions about an operation that ran over its time

_UNFIT = (DataError, IntegrityError, ValueError, TypeError, ArithmeticError)  # what writing nonsense down raises

Claimed = Sequence[DueTake]
Answer = Pending | Delivered | ServiceError


def poll(deps: Deps, take_id: UUID) -> Refs:
    """Ask once about one take; what should be sent next."""
    seconds = deps.settings.timing.lease
    return _ask(deps, lambda session, lease: claim_one(session, take_id, lease=lease, seconds=seconds, by=deps.worker))


def wave(deps: Deps, service: str) -> Refs:
    """Ask about every due take of `service`, and let takes go on to it; what should be sent next."""
    timing = deps.settings.timing

    def due(session: Session, lease: UUID) -> Claimed:
        # What falls due before the middle of the way to the next wave is asked about now: then, it would be later.
        soon = timing.wave_every / 2
        return claim_due(
            session, service, most=_WAVE, soon=soon, lease=lease, seconds=timing.lease, by=deps.worker
        )  # fmt: skip

    return [*_ask(deps, due), *lane.admit(deps, service)]


def _ask(deps: Deps, claim: Callable[[Session, UUID], Claimed]) -> Refs:
    lease = uuid4()
    claimed = deps.db.run(lambda session: claim(session, lease))
    if not claimed:
        telemetry.outcome("nothing")
        return ()
    with deps.keeper.hold(Take, lease):
        answers = asyncio.run(_ask_all(deps, claimed))
        _count(claimed, answers)
        return _record(deps, claimed, answers, lease)


def _count(claimed: Claimed, answers: Sequence[Answer]) -> None:
    for take, answer in zip(claimed, answers, strict=True):
        late = None if take.due_at is None else (take.asked_at - take.due_at).total_seconds()
        telemetry.polled(take.service, type(answer).__name__.lower(), late)


def _record(deps: Deps, claimed: Claimed, answers: Sequence[Answer], lease: UUID) -> Refs:
    """Write every answer in one transaction; where one is unfit to be written, each in its own."""
    try:
        return _write(deps, claimed, answers, lease)
    except _UNFIT:
        log.exception("an answer of %s cannot be written down", claimed[0].service)
        parts = zip(claimed, answers, strict=True)
        return [ref for one, answer in parts for ref in _record_one(deps, one, answer, lease)]


def _record_one(deps: Deps, one: DueTake, answer: Answer, lease: UUID) -> Refs:
    try:
        return _write(deps, [one], [answer], lease)
    except _UNFIT as error:
        unfit = ServiceError(f"its answer cannot be written down ({type(error).__name__})")
        return _write(deps, [one], [unfit], lease)


def _write(deps: Deps, claimed: Claimed, answers: Sequence[Answer], lease: UUID) -> Refs:
    outcome = _sort(deps, claimed, answers)
    deps.db.run(lambda session: outcome.record(session, lease))
    return outcome.refs()


async def _ask_all(deps: Deps, takes: Claimed) -> list[Answer]:
    """The answers, in the order of the takes; at most so many are waited for at the same time."""
    answers: dict[UUID, Answer] = {}
    line = iter(takes)

    async def ask_on() -> None:
        for take in line:
            told(film=take.project_id, scene=take.scene_id, take=take.id)
            answers[take.id] = await _ask_one(deps, take)

    async with AsyncExitStack() as open_:
        for name in {take.service for take in takes}:
            await open_.enter_async_context(_connection(deps, name))
        await asyncio.gather(*(ask_on() for _ in range(min(_AT_ONCE, len(takes)))))
    return [answers[take.id] for take in takes]


async def _ask_one(deps: Deps, take: DueTake) -> Answer:
    timeout = deps.settings.timing.poll_timeout
    try:
        service: VideoService = deps.service(take.service)
        async with asyncio.timeout(timeout):
            answer = await service.poll(take.operation or "")
        return _paced(deps, take, answer) if isinstance(answer, Pending) else answer
    except TimeoutError:
        return Transient(f"{take.service} did not answer within {timeout:g} s")
    except ServiceError as error:
        return error
    except VidpipeError as error:  # it cannot be asked as it is set up, or is not set up any more
        return ServiceError(error.message)
    except Exception as error:
        # One answer that nobody foresaw holds up no other; asked again until its deadline.
        log.exception("%s could not be asked about %s", take.service, take.operation)
        return ServiceError(f"{type(error).__name__}: {error}")


def _paced(deps: Deps, take: DueTake, answer: Pending) -> Pending:
    """Asked again when the service says so, or else at its model's pace.

    One that is to be stopped is asked no later than at that pace, however long it would work: where its service did not
    hear of it, it is told again only when the take is due.
    """
    if answer.retry_in and take.state != TakeState.CANCELLING:
        return answer
    pace = deps.capabilities(take.service, take.model).poll_seconds
    return replace(answer, retry_in=min(answer.retry_in or pace, pace))


def _connection(deps: Deps, name: str) -> AbstractAsyncContextManager[None]:
    """Connections for all questions of a wave, where a service has such; that it is not set up is found out later."""
    try:
        service = deps.service(name)
    except VidpipeError:
        return nullcontext()
    return service.connection() if isinstance(service, Connected) else nullcontext()


@dataclass
class _Ended:
    """A take that brought nothing, and what becomes of its reservation."""

    take: DueTake
    event: str
    reason: str
    fault: Fault
    bill: Literal["release", "settle"]
    cost: Decimal | None = None  # as billed, where the service tells

    def record(self, session: Session, lease: UUID) -> None:
        moved = advance_many(
            session, Entity.TAKE, [self.take.id], self.event, lease=lease, reason=self.reason, last_error=self.reason,
            fault=str(self.fault), ended_at=NOW,
        )  # fmt: skip
        found = attempts.attempt_of(session, self.take) if moved else None
        if found is not None and self.bill == "release":
            money.release(session, found[1])
        if found is not None and self.bill == "settle":
            money.settle(session, self.take, self.cost)


@dataclass(frozen=True)
class _Later:
    """A take that is asked about again."""

    id: UUID
    seconds: float  # from now
    tries: int
    progress: float | None = None  # 0 to 1
    error: str | None = None


# All of a wave in one statement, however many: one each was what the tick spent its time on.
_PARK = text(
    "UPDATE takes SET due_at = clock_timestamp() + make_interval(secs => later.seconds), tries = later.tries,"
    " progress = coalesce(later.progress, takes.progress), last_error = coalesce(later.error, takes.last_error),"
    " lease_token = NULL, lease_until = NULL, lease_by = NULL"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:seconds AS float8[]), CAST(:tries AS int[]),"
    " CAST(:progress AS float8[]), CAST(:errors AS text[])) AS later (id, seconds, tries, progress, error)"
    " WHERE takes.id = later.id AND takes.lease_token = CAST(:lease AS uuid) AND takes.state = ANY(:states)"
)


@dataclass
class _Outcome:
    """What a wave found, to be written in one transaction."""

    deps: Deps
    pending: list[_Later] = field(default_factory=list)
    delivered: list[tuple[DueTake, Delivered]] = field(default_factory=list)
    ended: list[_Ended] = field(default_factory=list)
    late: list[DueTake] = field(default_factory=list)

    def record(self, session: Session, lease: UUID) -> None:
        if self.pending:
            self._park(session, lease)
        for end in self.ended:
            end.record(session, lease)
        for take in self.late:
            _ran_over(session, take, lease)
        moved = set(
            advance_many(
                session, Entity.TAKE, [take.id for take, _ in self.delivered], "delivered", lease=lease, fault=None
            )
            if self.delivered
            else []
        )
        if moved:
            delivered.write(session, [(take, found) for take, found in self.delivered if take.id in moved])

    def _park(self, session: Session, lease: UUID) -> None:
        session.execute(
            _PARK,
            {
                "ids": [str(later.id) for later in self.pending], "seconds": [later.seconds for later in self.pending],
                "tries": [later.tries for later in self.pending], "progress": [one.progress for one in self.pending],
                "errors": [later.error for later in self.pending], "lease": str(lease), "states": STATES,
            },
        )  # fmt: skip

    def refs(self) -> Refs:
        takes = [Ref(Entity.TAKE, take.id) for take in (*(take for take, _ in self.delivered), *self.late)]
        return [*takes, *(Ref(Entity.SCENE, end.take.scene_id) for end in self.ended)]


def _sort(deps: Deps, claimed: Claimed, answers: Sequence[Answer]) -> _Outcome:
    outcome = _Outcome(deps)
    for take, answer in zip(claimed, answers, strict=True):
        match answer:
            case Delivered(clips=()):
                reason = "; ".join(answer.filter_reasons) or "every clip was filtered"
                bill: Literal["release", "settle"] = "settle" if answer.cost else "release"
                outcome.ended.append(_Ended(take, "refused", reason, Fault.POLICY, bill, answer.cost))
            case Delivered():
                outcome.delivered.append((take, answer))
            case Refused():
                words = f"{answer.kind}: {answer.message}"
                outcome.ended.append(_Ended(take, "refused", words, purchase.refusal(answer), "release"))
            case Broken():
                outcome.ended.append(_Ended(take, "broke", answer.message, Fault.BROKEN, "release"))
            case Expired():  # it was made and billed, and is gone
                outcome.ended.append(_Ended(take, "broke", answer.message, Fault.BROKEN, "settle"))
            case _ if _is_late(deps, take):
                outcome.late.append(take)
            case Pending():
                seconds = _SELDOM if take.state == TakeState.OVERDUE else answer.retry_in or 0.0
                # The tries of one that is being stopped are those of the step `cancel`.
                tries = take.tries if take.state == TakeState.CANCELLING else 0
                outcome.pending.append(_Later(take.id, seconds, tries, progress=answer.progress))
            case error:
                after = error.retry_after if isinstance(error, Transient) else None
                seconds = pause(deps.settings.timing, take.tries, after)
                outcome.pending.append(_Later(take.id, seconds, take.tries + 1, error=error.message))
    return outcome


def _is_late(deps: Deps, take: DueTake) -> bool:
    """Past its deadline; one that is watched beyond it, past the time that its service keeps what it made.

    One that is to be stopped since it ran over was not told so yet, or it would have moved on: its service is away, and
    is waited for as long as by those in line.
    """
    if take.deadline_at is None or take.asked_at <= take.deadline_at:
        return False
    if take.state == TakeState.CANCELLING and take.fault == Fault.LATE:
        return take.asked_at > take.deadline_at + timedelta(seconds=deps.settings.timing.lane_patience)
    if take.state != TakeState.OVERDUE:
        return True
    try:
        kept = deps.capabilities(take.service, take.model).kept_seconds
    except SetupError:  # it is not in the settings any more: it may be again
        return False
    return take.asked_at > take.deadline_at + timedelta(seconds=kept)


def _ran_over(session: Session, take: DueTake, lease: UUID) -> None:
    """Stop it where that can be done (the step `cancel`); else the film goes on without it, and it is watched."""
    reason = f"{take.service} did not finish within the time allowed"
    more: dict[str, Any]
    match take.state:
        case TakeState.SUBMITTED:
            event, more = "ran_over", {"fault": str(Fault.LATE)}
        case TakeState.CANCELLING:
            event, more = "left_running", {"due_at": NOW}
        case _:
            event, more = "never_ended", {}
    advance_many(session, Entity.TAKE, [take.id], event, lease=lease, reason=reason, last_error=reason, **more)
