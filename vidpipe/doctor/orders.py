"""Orders and money: what nobody knows the fate of, what is overdue, what stays reserved, and what the ledger lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from vidpipe.db.models import Attempt, LedgerEntry, Project, Purchase, Scene, Take
from vidpipe.doctor.finding import MOST_PLACES, Finding, Place, Severity, are, form, listed, sentence
from vidpipe.domain.states import TAKE_ENDED, TakeState
from vidpipe.pipeline.uncertain import Unknown, unknown
from vidpipe.report.words import about, count

LONG = 6 * 3600.0  # seconds for which a reservation is open; no service works for longer on one operation
OPEN = 300.0  # seconds after which a call has surely been answered or given up, and its attempt closed
_MOST = 200


@dataclass(frozen=True)
class Order:
    """One order whose money is not as it should be. `age`: seconds."""

    place: Place
    service: str
    price: Decimal  # US dollars
    age: float
    state: str  # of its take


@dataclass(frozen=True)
class Orders:
    """What was found of all orders."""

    unknown: tuple[Unknown, ...]
    overdue: tuple[Order, ...]  # ran over their time and are still watched
    reserved: tuple[Order, ...]  # for an unusually long time
    open: tuple[Order, ...]  # attempts that nobody closed
    unsettled: tuple[Order, ...]  # delivered, and not entered as spent
    now: datetime  # by the database's clock


def look(session: Session) -> Orders:
    """Ask the rows; raises SQLAlchemyError where they cannot be asked."""
    overdue = and_(Take.state == str(TakeState.OVERDUE), Attempt.operation == Take.operation)
    return Orders(
        unknown=tuple(unknown(session)),
        overdue=_orders(session, Take.moved_at, overdue),
        reserved=_orders(session, Attempt.created_at, _reserved()),
        open=_orders(session, Attempt.created_at, _open()),
        unsettled=_orders(session, Take.moved_at, _unsettled()),
        now=session.execute(select(func.now())).scalar_one(),
    )


def _orders(session: Session, since: Any, which: ColumnElement[bool]) -> tuple[Order, ...]:
    age = func.extract("epoch", func.now() - since)
    rows = session.execute(
        select(
            Project.id, Project.title, Scene.label, Take.round, Take.slot, Take.service, Purchase.price, age, Take.state
        )
        .select_from(Attempt)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .join(Take, Take.id == Purchase.take_id)
        .join(Scene, Scene.id == Take.scene_id)
        .join(Project, Project.id == Take.project_id)
        .where(which)
        .order_by(since)
        .limit(_MOST)
    )
    return tuple(
        Order(Place(film, title, f"{label}, take {round_}.{slot}"), service, price, float(seconds), state)
        for film, title, label, round_, slot, service, price, seconds, state in rows
    )


def _older(seconds: float) -> ColumnElement[bool]:
    return Attempt.created_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _entered(*kinds: str) -> ColumnElement[bool]:
    return exists().where(LedgerEntry.attempt_id == Attempt.id, LedgerEntry.kind.in_(kinds))


def _reserved() -> ColumnElement[bool]:
    """Money is held for an operation that is watched, and has been for longer than any operation lasts."""
    watched = Take.state.in_([str(TakeState.SUBMITTED), str(TakeState.CANCELLING)])
    return and_(watched, Attempt.outcome == "accepted", _older(LONG), ~_entered("settle", "release"))


def _open() -> ColumnElement[bool]:
    """The call was begun, and nobody wrote down how it ended, nor asks."""
    asked = and_(Take.state == str(TakeState.UNCERTAIN), Take.due_at.is_not(None))
    held = and_(Take.lease_until.is_not(None), Take.lease_until > func.now())
    return and_(Attempt.outcome == "open", _older(OPEN), ~asked, ~held)


def _unsettled() -> ColumnElement[bool]:
    """A take that brought clips, or is at its end after it was accepted, and no entry says what it cost."""
    brought = [str(TakeState.DELIVERED), str(TakeState.SETTLED)]
    ended = Take.state.in_([str(state) for state in TAKE_ENDED])
    closed = or_(Take.state.in_(brought), ended)
    return and_(
        closed, Attempt.outcome == "accepted", Attempt.operation == Take.operation, ~_entered("settle", "release")
    )  # fmt: skip


def judge(found: Orders) -> Iterator[Finding]:
    """What a person should know of."""
    yield from _unclear(found)
    yield from _overdue(found)
    if found.reserved:
        yield _of(
            "money.reserved", Severity.NOTE, found.reserved,
            f"{about(_sum(found.reserved))} has been reserved for hours, for {count(len(found.reserved), 'operation')}"
            f" that {form(len(found.reserved), 'does', 'do')} not end.",
            "The services still say that they work on them.",
            "Look at the services' own lists; a take that runs over its time is stopped, or given up and watched.",
        )  # fmt: skip
    if found.open:
        yield _of(
            "ledger.open", Severity.STUCK, found.open,
            f"{are(len(found.open), 'order')} open, and nobody is at work on {form(len(found.open), 'it', 'them')}.",
            "A worker died during the call, and no sweep has had the service asked since.",
            "Look at the service whether it was taken before the scene is made again.",
        )  # fmt: skip
    if found.unsettled:
        yield _of(
            "ledger.unsettled", Severity.BROKEN, found.unsettled,
            f"The ledger lacks what {count(len(found.unsettled), 'take')} cost; {about(_sum(found.unsettled))} is"
            " reserved.",
            "What was accepted has ended, and no entry closes its reservation.",
            "This should not happen: please report it, with `vidpipe doctor --json`. `vidpipe money` shows what is"
            " entered; compare it with the service's bill.",
        )  # fmt: skip


def _unclear(found: Orders) -> Iterator[Finding]:
    """Those that wait for a person, and those that their service is still being asked about."""
    by_service: dict[str, list[Unknown]] = defaultdict(list)
    for one in found.unknown:
        if not one.asked:
            by_service[one.service].append(one)
    for service, ones in by_service.items():
        token = str(ones[0].token)[:8]
        known = all(one.operation for one in ones)
        yield Finding(
            "orders.uncertain", Severity.STUCK,
            f"Nobody knows what became of {count(len(ones), 'order')} to {service}; together they may cost"
            f" {about(sum((one.price for one in ones), Decimal(0)))}.",
            " ".join(dict.fromkeys(sentence(one.detail) for one in ones[:3] if one.detail))
            or f"{service} cannot be asked{' what it will bill' if known else ''}.",
            f"Look there whether it was taken (`vidpipe uncertain show {token}` tells where), then say so:"
            f" `vidpipe uncertain found {token} NAME`, `lost` or `billed`."
            if len(ones) == 1 else
            "Look there whether they were taken, and say so of each: `vidpipe uncertain list` shows them.",
            max((found.now - one.since).total_seconds() for one in ones), _places(ones), len(ones),
            {"service": service, "orders": len(ones), "may_cost": sum((one.price for one in ones), Decimal(0))},
        )  # fmt: skip
    asked = [one for one in found.unknown if one.asked and one.take_state != TakeState.OVERDUE]
    if asked:
        yield Finding(
            "orders.asked", Severity.NOTE, _asked(asked),
            "Their answers were lost. They are asked again and again until they know.", "Nothing; wait.",
            max((found.now - one.since).total_seconds() for one in asked), _places(asked), len(asked),
            {"orders": len(asked), "may_cost": sum((one.price for one in asked), Decimal(0))},
        )  # fmt: skip


def _asked(asked: Sequence[Unknown]) -> str:
    services = sorted({one.service for one in asked})
    return f"{listed(services)} {form(len(services), 'is', 'are')} being asked about {count(len(asked), 'order')}."


def _places(ones: Sequence[Unknown]) -> tuple[Place, ...]:
    return tuple(Place(one.project_id, one.film, f"{one.scene}, {one.take}") for one in ones[:MOST_PLACES])


def _overdue(found: Orders) -> Iterator[Finding]:
    if found.overdue:
        yield _of(
            "orders.overdue", Severity.NOTE, found.overdue,
            f"{are(len(found.overdue), 'operation')} over {form(len(found.overdue), 'its', 'their')} time and still"
            f" watched; {about(_sum(found.overdue))} is reserved.",
            "What cannot be stopped may still be delivered and billed. The films go on without it.",
            "Nothing: what comes late is offered as another candidate. If you know that nothing will come, say so:"
            " `vidpipe uncertain list`.",
        )  # fmt: skip


def _sum(orders: Sequence[Order]) -> Decimal:
    return sum((order.price for order in orders), Decimal(0))


def _of(code: str, severity: Severity, orders: Sequence[Order], what: str, why: str, remedy: str) -> Finding:
    return Finding(
        code, severity, what, why, remedy, max(order.age for order in orders),
        tuple(order.place for order in orders[:MOST_PLACES]), len(orders),
        {"orders": len(orders), "money": _sum(orders), "services": sorted({order.service for order in orders})},
    )  # fmt: skip


def figures(found: Orders) -> dict[str, object]:
    """What was looked at."""
    return {
        "uncertain": len(found.unknown), "may_cost": sum((one.price for one in found.unknown), Decimal(0)),
        "overdue": len(found.overdue), "open_too_long": len(found.open), "unsettled": len(found.unsettled),
    }  # fmt: skip
