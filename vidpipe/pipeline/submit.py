"""submit: buy one take, once (queued -> submitting -> submitted | queued | refused | uncertain).

The intent, its token and its reservation are committed before the call; the answer is committed after it,
guarded by the attempt and not by the lease: what was bought is never forgotten, even by a worker whose lease
ran out meanwhile. Whatever is unclear is `uncertain`, and `reconcile` asks the service about it.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db import money, projects, scenes
from vidpipe.db.leases import release
from vidpipe.db.models import Attempt, Take
from vidpipe.db.transitions import advance, advance_many
from vidpipe.domain.requests import FootageCut, Reference, VideoRequest
from vidpipe.domain.states import Entity, TakeState
from vidpipe.errors import Refused, Stale, Transient, Uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs, Step, pause

# An answer to a purchase is worth waiting a long time for the database to take it.
_PATIENCE = 120.0
# Seconds after its intent was committed within which a call is begun, or not at all (a paused machine wakes up).
_BEGIN_WITHIN = 5.0


def _work(deps: Deps, take: Take, lease: UUID) -> Refs:
    with ExitStack() as media:
        request = _request(deps, take, media)
        able = deps.capabilities(take.service, take.model)
        service = deps.service(take.service)
        price = (able.price_per_second * Decimal(str(request.duration)) * take.count).quantize(Decimal("0.000001"))
        latest = time.monotonic() + _BEGIN_WITHIN
        attempt = deps.db.run(lambda session: _begin(session, deps, take, lease, price))
        if attempt is None:
            return ()
        bought = _Bought(deps, take, attempt, able.poll_seconds, able.timeout_seconds)
        try:
            if time.monotonic() > latest:
                raise Transient("this worker stood still for too long before the call; nothing was sent")
            accepted = service.submit(_with_token(request, attempt))
        except Transient as error:
            return bought.not_accepted(error)
        except Refused as error:
            return bought.refused(error)
        except Uncertain as error:
            return bought.unclear(error.message)
        except Exception as error:  # noqa: BLE001 - after the intent, anything unknown is unclear, never lost
            return bought.unclear(f"{type(error).__name__}: {error}")
    bought.accepted(accepted.name)
    return ()


def _begin(session: Session, deps: Deps, take: Take, lease: UUID, price: Decimal) -> Attempt | None:
    """The intent; None where the film was paused while the request was made ready."""
    timing = deps.settings.timing
    if not projects.keep_running(session, take.project_id):
        release(session, Take, take.id, lease)
        return None
    try:
        advance(
            session, take, "submit_began", lease=lease, tries=take.tries, lease_token=lease, lease_by=deps.worker,
            lease_until=func.clock_timestamp() + timedelta(seconds=timing.lease),
        )  # fmt: skip
    except Stale:
        return _begun(session, take, lease)
    return money.begin_attempt(session, take, price, _BEGIN_WITHIN)


def _begun(session: Session, take: Take, lease: UUID) -> Attempt:
    """The attempt that was begun under this very lease: only the answer to its commit was lost. Else raises Stale."""
    mine = select(Take.id).where(Take.id == take.id, Take.state == str(TakeState.SUBMITTING), Take.lease_token == lease)
    found = money.attempt_of(session, take) if session.execute(mine).scalar_one_or_none() else None
    if found is None:
        raise Stale(f"take {take.id} is no longer queued under this lease")
    return found[1]


class _Bought:
    """Writes down what came of one attempt."""

    def __init__(self, deps: Deps, take: Take, attempt: Attempt, poll_seconds: float, timeout: float) -> None:
        self.deps, self.take, self.attempt = deps, take, attempt
        self.poll_seconds, self.timeout = poll_seconds, timeout

    def accepted(self, name: str) -> None:
        def record(session: Session) -> None:
            record_accepted(session, self.take, self.attempt, name, self.timeout)

        self.deps.db.run(record, patience=_PATIENCE)

    def not_accepted(self, error: Transient) -> Refs:
        tries = self.take.tries + 1
        over = tries >= self.deps.settings.tries
        seconds = pause(self.deps.settings.timing, self.take.tries, error.retry_after)
        later = func.clock_timestamp() + timedelta(seconds=seconds)

        def record(session: Session) -> None:
            if not money.end_attempt(session, self.attempt.id, "not_accepted", detail=error.message):
                return
            money.release(session, self.take, self.attempt)
            if over:
                reason = f"{error.message} (after {tries} tries)"
                self._end(session, "gave_up", reason=reason, last_error=reason)
            else:
                self._end(
                    session, "not_accepted", reason=error.message, last_error=error.message,
                    tries=tries, due_at=later, sent=False,
                )  # fmt: skip

        self.deps.db.run(record, patience=_PATIENCE)
        return (Ref(Entity.SCENE, self.take.scene_id),) if over else ()

    def refused(self, error: Refused) -> Refs:
        def record(session: Session) -> None:
            if money.end_attempt(session, self.attempt.id, "refused", detail=error.message):
                money.release(session, self.take, self.attempt)
                self._end(session, "refused", reason=error.message, last_error=f"{error.kind}: {error.message}")

        self.deps.db.run(record, patience=_PATIENCE)
        return (Ref(Entity.SCENE, self.take.scene_id),)

    def unclear(self, reason: str) -> Refs:
        def record(session: Session) -> None:
            if money.end_attempt(session, self.attempt.id, "unclear", detail=reason):
                self._end(
                    session, "unclear", reason=reason, last_error=reason, due_at=func.clock_timestamp(), sent=False
                )

        self.deps.db.run(record, patience=_PATIENCE)
        return (Ref(Entity.SCENE, self.take.scene_id),)

    def _end(self, session: Session, event: str, *, reason: str, sent: bool = True, **values: Any) -> None:
        moved = advance_many(
            session,
            Entity.TAKE,
            [self.take.id],
            event,
            states=[TakeState.SUBMITTING],
            reason=reason,
            sent=sent,
            **values,
        )
        if not moved:
            raise Stale(f"take {self.take.id} moved on while it was being submitted")


def record_accepted(session: Session, take: Take, attempt: Attempt, name: str, timeout: float) -> None:
    """Write the operation's name: whoever holds the lease, and also where the take was uncertain already."""
    if not money.end_attempt(session, attempt.id, "accepted", operation=name):
        return
    advance_many(
        session, Entity.TAKE, [take.id], "accepted", reason=name, operation=name,
        submitted_at=func.clock_timestamp(), deadline_at=func.clock_timestamp() + timedelta(seconds=timeout),
    )  # fmt: skip


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
    after_giving_up=lambda take: (Ref(Entity.SCENE, take.scene_id),),
    only_if=lambda: (projects.runs(Take.project_id), scenes.buying()),
)
