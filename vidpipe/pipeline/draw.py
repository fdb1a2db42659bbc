"""draw: buy one key frame, once (queued -> drawing -> drawn | queued | refused | uncertain | failed).

The protocol is that of `submit`: the intent, its token and its reservation are committed before the call, the answer
after it, guarded by the attempt and not by the lease. A picture comes with the answer or never: nothing can be asked
about it later, so an order whose answer was lost waits for a person, unless the film says that it is given again. A
picture that was stored before its worker died is found in the store.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from vidpipe import telemetry
from vidpipe.db import attempts, drawings, lanes, money, projects
from vidpipe.db.leases import park, release
from vidpipe.db.models import Attempt, Drawing, Purchase, Scene
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain import keys
from vidpipe.domain.pricing import MOST_DRAWINGS
from vidpipe.domain.requests import Reference
from vidpipe.domain.selection import Fault
from vidpipe.domain.side_requests import PICTURES, Drawn, ImageRequest, Spent, reserved_for_image
from vidpipe.domain.states import DrawingState, Entity, sources
from vidpipe.errors import NotStored, Refused, Stale, StorageError, Transient, Unavailable, Uncertain
from vidpipe.pipeline import purchase, restored
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.purchase import BEGIN_WITHIN, PATIENCE, TooDear
from vidpipe.pipeline.reconcile import RESUBMIT
from vidpipe.pipeline.step import Ref, Refs, Step, pause

log = logging.getLogger(__name__)
# Seconds for which a picture that was paid for is held where the media store is away: it cannot be fetched again.
_HELD = 600.0
_MOST_FREE = 10  # times that a picture which costs nothing is drawn, whoever dies of it


def _work(deps: Deps, drawing: Drawing, lease: UUID) -> Refs:
    if drawing.state == DrawingState.DRAWING:
        return _what_became_of_it(deps, drawing, lease)
    service, model = deps.image_service(drawing.service), deps.image_model(drawing.service, drawing.model)
    with ExitStack() as media:
        request = _request(deps, drawing, media)
        price, by = reserved_for_image(model, request), purchase.latest()
        begun = deps.db.run(lambda session: _begin(session, deps, drawing, lease, price))
        if begun is None:
            return ()
        answer = _Answer(deps, drawing, begun, price)
        dest = deps.folder("drawings") / str(begun.token)
        try:
            purchase.ready(deps, drawing, begun, price, by)
        except Exception as error:  # noqa: BLE001 - nothing was sent yet, whatever went wrong
            return answer.again(str(error), "not_sent")
        try:
            made = service.draw(replace(request, token=str(begun.token)), dest)
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
        try:
            return answer.spent(made) if isinstance(made, Spent) else answer.drawn(made, dest)
        finally:
            dest.unlink(missing_ok=True)


def _request(deps: Deps, drawing: Drawing, media: ExitStack) -> ImageRequest:
    asked = drawing.request
    references = tuple(
        Reference(media.enter_context(deps.storage.open_local(one["key"])), one["tag"], one["description"])
        for one in asked["references"]
    )
    return ImageRequest(
        token="", model=drawing.model, prompt=drawing.prompt, aspect=asked["aspect"], resolution=asked["resolution"],
        references=references, seed=drawing.seed,
    )  # fmt: skip


def _begin(session: Session, deps: Deps, drawing: Drawing, lease: UUID, price: Decimal) -> Attempt | None:
    """The intent; None where it must wait (the film was paused, its service is busy), and where it may not be made."""
    timing = deps.settings.timing
    project = purchase.running(session, drawing.project_id, counted=bool(price))
    if project is None:
        release(session, Drawing, drawing.id, lease)
        return None
    if price and not restored.may_buy(session):
        park(session, drawing, lease, timing.backoff, error=restored.WAITS, tried=False)
        return None
    limits = deps.limits(drawing.service)
    wait = lanes.wait_for_room(session, drawing.service, limits, lambda: drawings.at_service(session, drawing.service))
    if wait:
        park(session, drawing, lease, wait, tried=False)
        return None
    over = purchase.too_dear(session, project, drawing, price)
    often = attempts.paid_for(session, drawing) if price else 0
    if over is None and often >= MOST_DRAWINGS:
        over = TooDear(Fault.COST, f"it was ordered {often} times, which may all be billed")
    if over is not None:
        purchase.give_up(session, project, drawing, lease, over)
        return None
    try:
        advance(
            session, drawing, "draw_began", lease=lease, tries=drawing.tries, waits=drawing.waits, lease_token=lease,
            lease_by=deps.worker, lease_until=timedelta(seconds=timing.lease),
        )  # fmt: skip
    except Stale:
        return _begun(session, drawing, lease)
    return money.begin_attempt(session, money.order_of(drawing, price), BEGIN_WITHIN)


def _begun(session: Session, drawing: Drawing, lease: UUID) -> Attempt:
    """The attempt that was begun under this very lease: only the answer to its commit was lost. Else raises Stale."""
    mine = select(Drawing.id).where(
        Drawing.id == drawing.id, Drawing.state == str(DrawingState.DRAWING), Drawing.lease_token == lease
    )
    found = attempts.unsure(session, drawing) if session.execute(mine).scalar_one_or_none() else ()
    if not found:
        raise Stale(f"drawing {drawing.id} is no longer queued under this lease")
    return found[-1]


class _Answer:
    """Writes down what came of one attempt. `gather` follows in the same segment, and looks at the scene."""

    def __init__(self, deps: Deps, drawing: Drawing, attempt: Attempt, price: Decimal) -> None:
        self.deps, self.drawing, self.attempt, self.price = deps, drawing, attempt, price

    def drawn(self, made: Drawn, file: Path) -> Refs:
        """The picture is there: it is stored, then written down."""
        row = self.drawing
        key = keys.drawing(row.project_id, row.scene_id, row.id, self.attempt.token, PICTURES[made.mime])
        try:
            _store(self.deps, key, file, {"prompt": row.prompt, "model": row.model, "seed": row.seed})
        except (StorageError, OSError) as error:
            return self._paid_for_nothing(f"the picture could not be stored: {error}", "lost")
        version = made.model_version or None
        self._record(lambda session: _keep(session, row, self.attempt, key, (made.width, made.height), version))
        telemetry.submitted(row.service, "accepted")
        return ()

    def spent(self, made: Spent) -> Refs:
        """It was drawn and is charged, and cannot be used."""
        if made.kind == "policy":
            return self._paid_for_nothing(made.reason, "policy")
        return self._paid_for_nothing(made.reason, "broken")

    def not_accepted(self, error: Transient) -> Refs:
        """Surely not: back to the queue, a bounded number of times."""
        tries = self.drawing.tries + 1
        later = timedelta(seconds=pause(self.deps.settings.timing, self.drawing.tries, error.retry_after))

        def record(session: Session) -> None:
            if not purchase.nothing_bought(session, self.attempt, "not_accepted", error.message):
                return
            if tries >= self.deps.settings.tries:
                reason = f"{error.message} (after {tries} tries)"
                self._move(session, "gave_up", reason, fault=str(Fault.TRANSIENT), ended_at=NOW)
            else:
                self._move(session, "not_accepted", error.message, sent=False, tries=tries, due_at=later)

        self._record(record)
        telemetry.submitted(self.drawing.service, "not_accepted")
        return ()

    def unavailable(self, error: Unavailable) -> Refs:
        """The service takes nothing at all now: its lane is paused, and no try is counted."""
        timing = self.deps.settings.timing
        self._record(
            lambda session: lanes.pause(
                session, self.drawing.service, error.message, seconds=error.retry_after, first=timing.backoff,
                most=timing.backoff_most,
            )
        )  # fmt: skip
        return self.again(error.message, "unavailable")

    def again(self, reason: str, outcome: str) -> Refs:
        """Nothing was bought, through no fault of the order: later, and no try is counted."""
        later = timedelta(seconds=pause(self.deps.settings.timing, self.drawing.waits))

        def record(session: Session) -> None:
            if purchase.nothing_bought(session, self.attempt, attempts.HELD, reason):
                self._move(
                    session, "not_accepted", reason, sent=False, tries=self.drawing.tries,
                    waits=self.drawing.waits + 1, due_at=later,
                )  # fmt: skip

        self._record(record)
        telemetry.submitted(self.drawing.service, outcome)
        return ()

    def refused(self, error: Refused) -> Refs:
        """Surely not, and never as it is."""

        def record(session: Session) -> None:
            if purchase.nothing_bought(session, self.attempt, "refused", error.message):
                reason, fault = f"{error.kind}: {error.message}", str(purchase.refusal(error))
                self._move(session, "refused", reason, fault=fault, ended_at=NOW)

        self._record(record)
        telemetry.submitted(self.drawing.service, "refused")
        return ()

    def unclear(self, reason: str) -> Refs:
        """Nobody knows whether it was drawn, and the picture is gone."""
        self._record(lambda session: _unclear(session, self.deps, self.drawing, [self.attempt], reason))
        telemetry.submitted(self.drawing.service, "unclear")
        return ()

    def _paid_for_nothing(self, reason: str, why: str) -> Refs:
        tries = self.drawing.tries + 1

        def record(session: Session) -> None:
            if not money.end_attempt(session, self.attempt.id, "accepted", detail=reason):
                return
            order = session.get_one(Purchase, self.attempt.purchase_id)
            money.enter(session, order, self.attempt.id, "settle", self.price)
            lanes.reopen(session, self.drawing.service)
            if why == "policy":
                self._move(session, "refused", reason, fault=str(Fault.POLICY), ended_at=NOW)
            elif tries >= self.deps.settings.tries:
                self._move(session, "gave_up", f"{reason} (after {tries} tries)", fault=str(Fault.BROKEN), ended_at=NOW)
            else:
                self._move(session, "came_to_nothing", reason, sent=False, tries=tries)

        self._record(record)
        telemetry.submitted(self.drawing.service, "accepted")
        return ()

    def _move(self, session: Session, event: str, reason: str, **values: Any) -> None:
        """Move the drawing on, unless it was ordered anew meanwhile or has moved on by itself."""
        if attempts.is_latest(session, self.attempt):
            _move(session, self.drawing, event, reason, **values)

    def _record(self, work: Callable[[Session], None]) -> None:
        self.deps.db.run(work, patience=PATIENCE)


def _move(session: Session, drawing: Drawing, event: str, reason: str, **values: Any) -> None:
    """From drawing, or from uncertain, where a worker that was taken for dead answers after all."""
    waits = {DrawingState.DRAWING, DrawingState.UNCERTAIN} & set(sources(Entity.DRAWING, event))
    advance_many(
        session, Entity.DRAWING, [drawing.id], event, states=waits, reason=reason,
        **{"last_error": reason, **values},
    )  # fmt: skip


def _store(deps: Deps, key: str, file: Path, told: dict[str, Any]) -> None:
    """Store a picture that was paid for; a store that is away is waited for. Raises StorageError, OSError."""
    until, tries = time.monotonic() + _HELD, 0
    while True:
        try:
            deps.storage.put(key, file, told)
            return
        except (StorageError, OSError) as error:
            seconds = pause(deps.settings.timing, tries)
            if isinstance(error, NotStored) or time.monotonic() + seconds > until:
                raise
            log.warning("a picture that was paid for waits for the media store: %s", error)
            tries += 1
            time.sleep(seconds)


def _keep(
    session: Session, drawing: Drawing, attempt: Attempt, key: str, size: tuple[int, int], version: str | None
) -> None:
    """The picture is stored: what it cost is entered, whatever became of the drawing meanwhile."""
    money.end_attempt(session, attempt.id, "accepted", operation=str(attempt.token))
    order = session.get_one(Purchase, attempt.purchase_id)
    money.enter(session, order, attempt.id, "settle", order.price)
    lanes.reopen(session, drawing.service)
    purchase.others_are_unclear(session, attempt)
    moved = advance_many(
        session, Entity.DRAWING, [drawing.id], "drawn", states=sources(Entity.DRAWING, "drawn"), key=key,
        width=size[0], height=size[1], model_version=version, fault=None, ended_at=NOW,
    )  # fmt: skip
    if not moved:
        log.info("drawing %s was there already; %s is another one of it", drawing.id, key)


def _what_became_of_it(deps: Deps, drawing: Drawing, lease: UUID) -> Refs:
    """A worker died between the intent and the answer: what it had stored is there, the rest is unclear."""
    unsure = deps.db.run(lambda session: attempts.unsure(session, drawing))
    for attempt in unsure:
        for suffix in PICTURES.values():
            key = keys.drawing(drawing.project_id, drawing.scene_id, drawing.id, attempt.token, suffix)
            if deps.storage.stat(key) is not None:
                with deps.storage.open_local(key) as path, Image.open(path) as picture:
                    size = picture.size
                deps.db.run(lambda s, a=attempt, k=key, wh=size: _keep(s, drawing, a, k, wh, None))  # type: ignore[misc]
                return ()
    reason = "the worker that drew it died before the picture was stored"
    deps.db.run(lambda session: _unclear(session, deps, drawing, unsure, reason))
    return ()


def _unclear(session: Session, deps: Deps, drawing: Drawing, unsure: Sequence[Attempt], reason: str) -> None:
    """Of unknown fate: for a person, unless it costs nothing or the film says that it is ordered again."""
    order = None
    for attempt in unsure:
        order = session.get_one(Purchase, attempt.purchase_id)
        if order.price:
            money.end_attempt(session, attempt.id, "unclear", detail=reason)
        else:
            purchase.nothing_bought(session, attempt, "lost", reason)
    free = order is None or not order.price
    again = free or projects.get(session, drawing.project_id).on_uncertain == RESUBMIT
    given = attempts.given(session, drawing)
    if not again:
        _move(session, drawing, "unclear", reason)
    elif given < (_MOST_FREE if free else deps.settings.tries):
        _move(session, drawing, "not_accepted", reason, sent=False)
    else:
        _move(session, drawing, "gave_up", f"{reason} (ordered {given} times)", fault=str(Fault.LOST), ended_at=NOW)


DRAW = Step(
    name="draw",
    model=Drawing,
    states=frozenset({DrawingState.QUEUED, DrawingState.DRAWING}),
    work=_work,
    gave_up="gave_up",
    after_giving_up=lambda drawing: (Ref(Scene.entity, drawing.scene_id),),
    given_up={"fault": str(Fault.DEFECT)},
    only_if=lambda: (
        or_(
            Drawing.state == str(DrawingState.DRAWING),
            projects.runs(Drawing.project_id) & drawings.wanted(),
        ),
    ),
)
