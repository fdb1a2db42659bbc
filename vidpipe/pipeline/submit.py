"""submit: buy one take, once (queued -> submitting -> submitted | queued | refused | uncertain).

The intent, its token and its reservation are committed before the call; the answer is committed after it,
guarded by the attempt and not by the lease: what was bought is never forgotten, even by a worker whose lease
ran out meanwhile. Whatever is unclear is `uncertain`, and `reconcile` asks the service about it.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from vidpipe import telemetry
from vidpipe.db import attempts, lanes, money, projects, scenes
from vidpipe.db.leases import park, release
from vidpipe.db.models import Attempt, Scene, Take
from vidpipe.db.transitions import NOW, advance
from vidpipe.domain.price import cost_of
from vidpipe.domain.requests import Accepted, FootageCut, Reference, VideoRequest
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import TakeState
from vidpipe.errors import Refused, Stale, Transient, Unavailable, Uncertain
from vidpipe.pipeline import purchase, restored
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.purchase import BEGIN_WITHIN, PATIENCE, TooDear
from vidpipe.pipeline.step import Ref, Refs, Step, pause
from vidpipe.services.base import Capabilities


def _work(deps: Deps, take: Take, lease: UUID) -> Refs:
    with ExitStack() as media:
        request = _request(deps, take, media)
        able = deps.capabilities(take.service, take.model)
        service = deps.service(take.service)
        price = cost_of(able, request)
        by = purchase.latest()
        begun = deps.db.run(lambda session: _begin(session, deps, take, lease, price))
        if begun is None:
            return ()
        if isinstance(begun, TooDear):
            return (Ref(take.entity, take.id), Ref(Scene.entity, take.scene_id))
        answer = _Answer(deps, take, begun, able)
        try:
            purchase.ready(deps, take, begun, price, by)
        except Exception as error:  # noqa: BLE001 - nothing was sent yet, whatever went wrong
            return answer.not_sent(error)
        try:
            accepted = service.submit(_with_token(request, begun))
        except Unavailable as error:
            return answer.unavailable(error)
        except Transient as error:
            return answer.not_accepted(error)
        except Refused as error:
            return answer.refused(error)
        except Uncertain as error:
            return answer.unclear(error.message)
        except Exception as error:  # noqa: BLE001 - after the intent, anything unknown is unclear, never lost
            return answer.unclear(f"{type(error).__name__}: {error}")
    return answer.accepted(accepted)


def _begin(session: Session, deps: Deps, take: Take, lease: UUID, price: Decimal) -> Attempt | TooDear | None:
    """The intent; None where it must wait: the film was paused, or its service has had enough orders this minute."""
    timing = deps.settings.timing
    project = purchase.running(session, take.project_id, counted=bool(price))
    if project is None:
        release(session, Take, take.id, lease)
        lanes.back_in_line(session, Take.id == take.id)  # what waits for a person holds no place of a lane
        return None
    if price and not restored.may_buy(session):
        park(session, take, lease, timing.backoff, error=restored.WAITS, tried=False)
        return None
    wait = lanes.pace(session, take.service, deps.limits(take.service))
    if wait:
        park(session, take, lease, wait, tried=False, admitted_at=None)
        return None
    over = purchase.too_dear(session, project, take, price)
    try:
        if over is not None:
            purchase.give_up(session, project, take, lease, over)
            return over
        advance(
            session, take, "submit_began", lease=lease, tries=take.tries, lease_token=lease, lease_by=deps.worker,
            lease_until=timedelta(seconds=timing.lease),
        )  # fmt: skip
    except Stale:
        return _begun(session, take, lease)
    return money.begin_attempt(session, money.order_of(take, price), BEGIN_WITHIN)


def _begun(session: Session, take: Take, lease: UUID) -> Attempt:
    """The attempt that was begun under this very lease: only the answer to its commit was lost. Else raises Stale."""
    mine = select(Take.id).where(Take.id == take.id, Take.state == str(TakeState.SUBMITTING), Take.lease_token == lease)
    found = attempts.attempt_of(session, take) if session.execute(mine).scalar_one_or_none() else None
    if found is None:
        raise Stale(f"take {take.id} is no longer queued under this lease")
    return found[1]


class _Answer:
    """Writes down what came of one attempt."""

    def __init__(self, deps: Deps, take: Take, attempt: Attempt, able: Capabilities) -> None:
        self.deps, self.take, self.attempt, self.able = deps, take, attempt, able
        self._scene = (Ref(Scene.entity, take.scene_id),)

    def accepted(self, answer: Accepted) -> Refs:
        """The service gave the operation a name."""
        seconds = self.able.timeout_seconds

        def record(session: Session) -> UUID | None:
            return purchase.accepted(session, self.take, self.attempt, answer, seconds)

        watched = self.deps.db.run(record, patience=PATIENCE)
        telemetry.submitted(self.take.service, "accepted")
        return (Ref(Take.entity, watched),) if watched not in (None, self.take.id) else ()

    def not_accepted(self, error: Transient) -> Refs:
        """Surely not: back to the queue, a bounded number of times."""
        tries = self.take.tries + 1
        over = tries >= self.deps.settings.tries
        seconds = pause(self.deps.settings.timing, self.take.tries, error.retry_after)
        later = timedelta(seconds=seconds)

        def record(session: Session) -> None:
            if not purchase.nothing_bought(session, self.attempt, "not_accepted", error.message):
                return
            if over:
                reason = f"{error.message} (after {tries} tries)"
                self._failed(session, "gave_up", reason, Fault.TRANSIENT)
            else:
                purchase.end(
                    session, self.take, self.attempt, "not_accepted", reason=error.message, sent=False, tries=tries,
                    due_at=later, admitted_at=None,
                )  # fmt: skip

        self.deps.db.run(record, patience=PATIENCE)
        telemetry.submitted(self.take.service, "not_accepted")
        return self._scene if over else ()

    def unavailable(self, error: Unavailable) -> Refs:
        """The service takes nothing at all now: its lane is paused, and no try is counted."""
        timing = self.deps.settings.timing

        def record(session: Session) -> None:
            lanes.pause(
                session, self.take.service, error.message, seconds=error.retry_after,
                first=timing.backoff, most=timing.backoff_most,
            )  # fmt: skip
            self._again(session, error.message)

        self.deps.db.run(record, patience=PATIENCE)
        telemetry.submitted(self.take.service, "unavailable")
        return ()

    def not_sent(self, error: Exception) -> Refs:
        """Nothing left this process. What went wrong is ours: `step.run` says whether it waits, is tried or ends."""
        reason = str(error)
        self.deps.db.run(lambda session: self._again(session, reason), patience=PATIENCE)
        telemetry.submitted(self.take.service, "not_sent")
        return ()

    def refused(self, error: Refused) -> Refs:
        """Surely not, and never as it is."""

        def record(session: Session) -> None:
            if purchase.nothing_bought(session, self.attempt, "refused", error.message):
                self._failed(session, "refused", f"{error.kind}: {error.message}", purchase.refusal(error))

        self.deps.db.run(record, patience=PATIENCE)
        telemetry.submitted(self.take.service, "refused")
        return self._scene

    def unclear(self, reason: str) -> Refs:
        """Nobody knows: the service is asked, or a person."""

        def record(session: Session) -> None:
            if money.end_attempt(session, self.attempt.id, "unclear", detail=reason):
                purchase.end(
                    session,
                    self.take,
                    self.attempt,
                    "unclear",
                    reason=reason,
                    sent=False,
                    due_at=NOW,
                )

        self.deps.db.run(record, patience=PATIENCE)
        telemetry.submitted(self.take.service, "unclear")
        return self._scene

    def _again(self, session: Session, reason: str) -> None:
        if purchase.nothing_bought(session, self.attempt, attempts.HELD, reason):
            seconds = pause(self.deps.settings.timing, self.take.waits)
            purchase.end(
                session, self.take, self.attempt, "not_accepted", reason=reason, sent=False, tries=self.take.tries,
                waits=self.take.waits + 1, due_at=timedelta(seconds=seconds),
                admitted_at=None,
            )  # fmt: skip

    def _failed(self, session: Session, event: str, reason: str, fault: Fault) -> None:
        purchase.end(session, self.take, self.attempt, event, reason=reason, fault=str(fault), ended_at=NOW)


def _with_token(request: VideoRequest, attempt: Attempt) -> VideoRequest:
    return VideoRequest(**{**request.__dict__, "token": str(attempt.token)})


def _request(deps: Deps, take: Take, media: ExitStack) -> VideoRequest:
    asked = take.request

    def local(key: str | None) -> Path | None:
        return media.enter_context(deps.storage.open_local(key)) if key else None

    return VideoRequest(
        token="", model=take.model, prompt=take.prompt, duration=asked["duration"], width=asked["width"],
        height=asked["height"], fps=asked["fps"], count=take.count, seed=take.seed, audio=asked["audio"],
        negative_prompt=asked["negative_prompt"], label=asked["label"], shot=asked["shot"], camera=asked["camera"],
        first_frame=local(asked["first_frame"]), last_frame=local(asked["last_frame"]),
        references=tuple(
            Reference(media.enter_context(deps.storage.open_local(ref["key"])), ref["tag"], ref["description"])
            for ref in asked["references"]
        ),
        footage=FootageCut(**asked["footage"]) if asked.get("footage") else None,
    )  # fmt: skip


SUBMIT = Step(
    name="submit",
    model=Take,
    states=frozenset({TakeState.QUEUED}),
    work=_work,
    gave_up="gave_up",
    after_giving_up=lambda take: (Ref(Scene.entity, take.scene_id),),
    given_up={"fault": str(Fault.DEFECT)},
    only_if=lambda: (projects.runs(Take.project_id), scenes.buying(), Take.admitted_at.is_not(None)),
)
