"""uncertain: orders of which nobody knows what became, laid before a person and answered by one.

    found NAME     the service did take it: it is watched under that name, and what it brings is kept
    lost           it did not: its reservation is free, and the take is ordered again where its scene still wants it
    billed AMOUNT  it did and brought nothing: what it cost is entered
    resubmit       order again now, at the risk of paying twice; the first order keeps its reservation

A picture comes with the answer to its order or never: nobody can find it, and whatever is said, it is drawn again.
Each may be said twice. An answer that turns out wrong harms nothing that was bought: an order that was called lost
and is delivered after all joins its scene as another candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, cast, or_, select
from sqlalchemy.orm import Session

from vidpipe.db import attempts, drawings, money, scenes
from vidpipe.db.models import Attempt, Drawing, Project, Purchase, Scene, Take
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain.requests import Accepted
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import DrawingState, Entity, TakeState
from vidpipe.errors import UserError
from vidpipe.pipeline import purchase
from vidpipe.pipeline.accounts import name_of
from vidpipe.pipeline.deps import Deps

_LEAST = 4  # characters of a token that name it


@dataclass(frozen=True)
class Unknown:
    """One order of unknown fate."""

    token: UUID  # what it was sent with, and what `vidpipe uncertain` calls it
    project_id: UUID
    film: str
    scene: str
    kind: str  # take, image
    take: str  # 'take 1.2': round and slot; 'first frame'
    take_state: str  # or the picture's
    service: str
    model: str
    price: Decimal  # US dollars it may have cost
    since: datetime
    operation: str | None  # the service's name, where only the bill is unknown
    detail: str
    prompt: str
    asked: bool  # the service is still being asked: it may be known without a person


def listed(deps: Deps, project_id: UUID | None = None) -> Sequence[Unknown]:
    """Every order of unknown fate, oldest first; of one film or of all."""
    which = (Project.id == project_id,) if project_id else ()
    return deps.db.run(lambda session: unknown(session, *which))


def unknown(session: Session, *which: ColumnElement[bool]) -> Sequence[Unknown]:
    """Every order of unknown fate that `which` picks, oldest first."""
    return [_unknown(*row) for row in session.execute(_rows(*which))]


def named(deps: Deps, words: str) -> Unknown:
    """The one whose token begins with `words`; raises UserError where there is none, or several."""
    return deps.db.run(lambda session: _named(session, words))


def found(deps: Deps, words: str, name: str) -> str:
    """The service took the order and calls it `name`. Says what happened."""

    def work(session: Session) -> str:
        one, take, attempt = _open(session, words)
        if isinstance(take, Drawing):
            raise UserError(
                f"{_words(one)}: a picture that was not received cannot be fetched later",
                remedy="Say `billed` with what it cost, or `lost` where it is not on the bill: it is drawn again.",
            )
        if not name.strip():
            raise UserError("the operation's name is missing", remedy="The service's console or bill shows it.")
        timeout = deps.capabilities(take.service, take.model).timeout_seconds
        if take.state == TakeState.OVERDUE and one.operation is not None:
            return f"{_words(one)} is being watched as {one.operation}"
        if one.operation is not None:
            _watch_again(session, take, timeout)
        else:
            purchase.accepted(session, take, attempt, Accepted(name.strip()), timeout)
        return f"{_words(one)} is watched as {name.strip()}"

    return deps.db.run(work)


def lost(deps: Deps, words: str) -> str:
    """The service never took the order, and will not bill it. Says what happened."""

    def work(session: Session) -> str:
        one, take, attempt = _open(session, words)
        if one.operation is None:
            money.end_attempt(session, attempt.id, "lost", detail="a person found that it was never accepted")
        money.release(session, attempt)
        return (
            f"{_words(one)} was not bought; {_given_up(session, take, one, 'a person says that it was never accepted')}"
        )

    return deps.db.run(work)


def billed(deps: Deps, words: str, amount: Decimal) -> str:
    """The service billed the order and nothing will come of it. Says what happened."""

    def work(session: Session) -> str:
        one, take, attempt = _open(session, words)
        if one.operation is None:
            money.end_attempt(
                session, attempt.id, "lost", detail="a person found that it was billed and brought nothing"
            )
        money.enter(session, session.get_one(Purchase, attempt.purchase_id), attempt.id, "settle", amount)
        so = _given_up(session, take, one, "a person says that it brought nothing")
        return f"{_words(one)} cost ${amount:.2f}; {so}"

    return deps.db.run(work)


def resubmit(deps: Deps, words: str) -> str:
    """Order again, whatever became of the first. Says what happened."""

    def work(session: Session) -> str:
        one, take, _ = _open(session, words)
        if take.state not in (TakeState.UNCERTAIN, DrawingState.UNCERTAIN):
            return f"{_words(one)} was ordered again already; it stays on this list until its fate is known"
        reason = "a person has it ordered again"
        watched = isinstance(take, Take) and take.operation is not None
        if watched or not _wanted(session, take):
            raise UserError(
                f"{_words(one)} is not wanted any more", remedy="Say `found`, `lost` or `billed` when you know."
            )
        place = {"admitted_at": None} if isinstance(take, Take) else {}
        advance(session, take, "not_accepted", reason=reason, sent=False, **place)
        return f"{_words(one)} is ordered again; the first order stays on this list until its fate is known"

    return deps.db.run(work)


def _rows(*which: ColumnElement[bool]) -> Any:
    unsure = Attempt.outcome == "unclear"
    never_ended = Take.state.in_([str(TakeState.UNCERTAIN), str(TakeState.OVERDUE)])
    bill_unknown = and_(never_ended, Attempt.operation == Take.operation)
    return (
        select(Attempt, Purchase, Take, Drawing, Scene, Project)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .outerjoin(Take, Take.id == Purchase.take_id)
        .outerjoin(Drawing, Drawing.id == Purchase.drawing_id)
        .join(Scene, Scene.id == Purchase.scene_id)
        .join(Project, Project.id == Purchase.project_id)
        .where(or_(unsure, bill_unknown), *which)
        .order_by(Attempt.created_at, Attempt.id)
    )


def _unknown(
    attempt: Attempt, order: Purchase, take: Take | None, drawing: Drawing | None, scene: Scene, project: Project
) -> Unknown:
    row = _either(take, drawing)
    return Unknown(
        token=attempt.token, project_id=project.id, film=project.title, scene=scene.label, kind=order.kind,
        take=name_of(row), take_state=row.state, service=row.service, model=row.model, price=order.price,
        since=attempt.created_at,
        operation=attempt.operation, detail=row.last_error or attempt.detail or "", prompt=row.prompt,
        asked=row.state == TakeState.OVERDUE or (row.state == TakeState.UNCERTAIN and row.due_at is not None),
    )  # fmt: skip


def _either(take: Take | None, drawing: Drawing | None) -> Take | Drawing:
    """What the order was for."""
    found = take or drawing
    assert found is not None, "a purchase is a take's or a picture's"
    return found


def _named(session: Session, words: str) -> Unknown:
    return _unknown(*_row(session, words))


def _row(session: Session, words: str) -> Any:
    wanted = words.strip().lower()
    if len(wanted) < _LEAST:
        raise UserError(f"{words!r} is too short", remedy=f"Give at least {_LEAST} characters of the order's token.")
    fits = session.execute(_rows(cast(Attempt.token, String).startswith(wanted, autoescape=True)).limit(2)).all()
    if len(fits) > 1:
        raise UserError(f"{words!r} fits several orders", remedy="Give more of the token.")
    if fits:
        return fits[0]
    known = select(Attempt.outcome).where(cast(Attempt.token, String).startswith(wanted, autoescape=True)).limit(1)
    outcome = session.execute(known).scalar_one_or_none()
    if outcome is not None:
        raise UserError(f"the order {words} is not uncertain: it was {outcome.replace('_', ' ')}")
    raise UserError(f"there is no order {words!r}", remedy="`vidpipe uncertain list` shows those of unknown fate.")


def _open(session: Session, words: str) -> tuple[Unknown, Take | Drawing, Attempt]:
    """The order, with its scene locked against others who decide about it, and its take against an answer just now."""
    _, _, take, drawing, scene, _ = _row(session, words)
    scenes.lock(session, scene.id)
    row = _either(take, drawing)
    session.execute(select(type(row).id).where(type(row).id == row.id).with_for_update(key_share=True))
    session.expire_all()
    attempt, order, take, drawing, scene, project = _row(session, words)
    return _unknown(attempt, order, take, drawing, scene, project), _either(take, drawing), attempt


def _watch_again(session: Session, take: Take, timeout: float) -> None:
    longest = timedelta(seconds=timeout)
    advance_many(session, Entity.TAKE, [take.id], "accepted", fault=None, ended_at=None, deadline_at=longest)


def _wanted(session: Session, row: Take | Drawing) -> bool:
    of_a_take = isinstance(row, Take)
    wanted = select(type(row).id).where(type(row).id == row.id, scenes.buying() if of_a_take else drawings.wanted())
    return session.execute(wanted).scalar_one_or_none() is not None


def _given_up(session: Session, take: Take | Drawing, one: Unknown, reason: str) -> str:
    """End a take that waited for this answer, unless another order of it is of unknown fate too."""
    if isinstance(take, Drawing):
        return _drawn_again(session, take, reason)
    gone_on = take.state not in (TakeState.UNCERTAIN, TakeState.OVERDUE)
    if gone_on or take.operation != one.operation:  # it may be another order of the take that is still watched
        return "its take has gone on meanwhile"
    if attempts.unsure(session, take):
        return "another order of its take is of unknown fate too"
    advance(session, take, "lost", reason=reason, last_error=reason, fault=str(Fault.LOST), ended_at=NOW)
    scenes.wake(session, take.scene_id)
    return "its scene goes on" if _wanted(session, take) else "its scene does not want it any more"


def _drawn_again(session: Session, drawing: Drawing, reason: str) -> str:
    """A picture that waited for this answer is ordered again where its scene still wants it."""
    if drawing.state != DrawingState.UNCERTAIN:
        return "its picture has gone on meanwhile"
    if attempts.unsure(session, drawing):
        return "another order of the picture is of unknown fate too"
    if _wanted(session, drawing):
        advance(session, drawing, "not_accepted", reason=reason, sent=False)
        return "it is drawn again"
    advance(session, drawing, "lost", reason=reason, last_error=reason, fault=str(Fault.LOST), ended_at=NOW)
    return "its scene does not want it any more"


def _words(one: Unknown) -> str:
    return f"{one.film}, {one.scene}, {one.take}"
