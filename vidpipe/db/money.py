"""Purchases, attempts and ledger entries: how money is written down.

An entry is keyed by (purchase, attempt, kind), so that writing it twice is one entry. Nothing is ever changed or
removed, and every balance is a question to the entries:

    reserve   before the call; open until one of the next two closes it
    settle    what it cost, when that is known; 0 where it cost nothing after all
    release   it was surely not bought
    adjust    what a person or a later bill corrects, up or down
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Interval,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session, aliased

from vidpipe.db import attempts
from vidpipe.db.due import DueTake
from vidpipe.db.models import Attempt, Drawing, LedgerEntry, Project, Purchase, Take
from vidpipe.domain.price import MILLIONTH
from vidpipe.domain.states import PROJECT_ENDED

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Order:
    """What is to be bought, for US dollars of `price`."""

    kind: str  # take, image, text, judgement
    project_id: UUID
    scene_id: UUID | None
    take_id: UUID | None
    drawing_id: UUID | None
    service: str
    model: str
    price: Decimal

    @property
    def of(self) -> str:
        """The column of a purchase that names the row which it is for: that has one purchase."""
        return "take_id" if self.take_id else "drawing_id"


@dataclass(frozen=True)
class Balance:
    """US dollars: settled (and adjusted), and reserved but not closed yet."""

    settled: Decimal = _NOTHING
    open: Decimal = _NOTHING

    @property
    def committed(self) -> Decimal:
        """What it costs if everything that is open is billed."""
        return self.settled + self.open


def order_of(row: Take | Drawing, price: Decimal) -> Order:
    """The purchase that a take, or a picture, is."""
    kind, take, drawing = ("take", row.id, None) if isinstance(row, Take) else ("image", None, row.id)
    return Order(kind, row.project_id, row.scene_id, take, drawing, row.service, row.model, price)


def purchase_of(session: Session, order: Order) -> Purchase:
    """The purchase of an order, written once; a take, or a picture, has one."""
    values = {**order.__dict__, "id": uuid4()}
    session.execute(pg_insert(Purchase).values(values).on_conflict_do_nothing(index_elements=[order.of]))
    mine = getattr(Purchase, order.of) == getattr(order, order.of)
    return session.execute(select(Purchase).where(mine)).scalar_one()


def begin_attempt(session: Session, order: Order, deadline: float, *, token: UUID | None = None) -> Attempt:
    """The next attempt at an order, with its reservation; its call is begun within `deadline` seconds or not at all.

    One statement, since every order waits for it: the purchase, written once, the attempt and its entry.
    """
    given = {
        **{f"order_{name}": value for name, value in order.__dict__.items()}, "order_id": uuid4(),
        "attempt_id": uuid4(), "token": token or uuid4(), "entry_id": uuid4(), "within": timedelta(seconds=deadline),
    }  # fmt: skip
    begun: Attempt = session.execute(_begin(order.of), given).scalar_one()
    return begun


@cache
def _begin(of: str) -> Any:
    def given(name: str) -> Any:
        return bindparam(f"order_{name}", type_=Purchase.__table__.c[name].type)

    names = ("id", "kind", "project_id", "scene_id", "take_id", "drawing_id", "service", "model", "price")
    purchases = pg_insert(Purchase).values({name: given(name) for name in names})
    purchase = (
        # An update that changes nothing, so that the row that was there already is returned and locked.
        purchases.on_conflict_do_update(index_elements=[of], set_={"kind": purchases.excluded.kind})
        .returning(Purchase.id)
        .cte("purchase")
    )
    earlier = select(func.coalesce(func.max(Attempt.number), 0) + 1).where(Attempt.purchase_id == purchase.c.id)
    attempt = (
        insert(Attempt)
        .from_select(
            ["id", "purchase_id", "service", "number", "token", "outcome", "deadline_at"],
            select(
                bindparam("attempt_id", type_=Uuid), purchase.c.id, given("service"), earlier.scalar_subquery(),
                bindparam("token", type_=Uuid), literal("open"),
                func.clock_timestamp() + bindparam("within", type_=Interval),
            ),
            include_defaults=False,
        )
        .returning(*Attempt.__table__.c)
        .cte("attempt")
    )  # fmt: skip
    entry = (
        insert(LedgerEntry)
        .from_select(
            ["id", "project_id", "scene_id", "purchase_id", "attempt_id", "kind", "amount"],
            select(
                bindparam("entry_id", type_=Uuid), given("project_id"), given("scene_id"), attempt.c.purchase_id,
                attempt.c.id, literal("reserve"), given("price"),
            ),
            include_defaults=False,
        )
        .returning(LedgerEntry.id)
        .cte("entry")
    )  # fmt: skip
    return select(Attempt).from_statement(select(attempt).add_cte(entry))


def enter(
    session: Session, purchase: Purchase, attempt_id: UUID, kind: str, amount: Decimal, *, why: str | None = None
) -> bool:
    """Write a ledger entry, once; False where it was there."""
    entered = session.execute(_entry(told=True), _values(purchase, attempt_id, kind, amount, why))
    return entered.scalar_one_or_none() is not None


@cache
def _entry(*, told: bool = False) -> Any:
    """An entry, or many; `told`: with the id of one that was not there yet."""
    table: Any = LedgerEntry.__table__
    entry = pg_insert(table).on_conflict_do_nothing(index_elements=["purchase_id", "attempt_id", "kind"])
    return entry.returning(table.c.id) if told else entry


def _values(purchase: Purchase, attempt_id: UUID, kind: str, amount: Decimal, why: str | None = None) -> dict[str, Any]:
    return {
        "id": uuid4(), "project_id": purchase.project_id, "scene_id": purchase.scene_id, "purchase_id": purchase.id,
        "attempt_id": attempt_id, "kind": kind, "amount": amount, "why": why,
    }  # fmt: skip


def end_attempt(session: Session, attempt_id: UUID, outcome: str, **values: Any) -> bool:
    """Write how an attempt ended; False where it was written already with another, certain outcome.

    That it was accepted is written whatever stood there: what was bought is never forgotten.
    """
    given = {"attempt": attempt_id, "ended": outcome, **{f"to_{name}": value for name, value in values.items()}}
    return session.execute(_end(outcome, tuple(sorted(values))), given).scalar_one_or_none() is not None


@cache
def _end(outcome: str, names: tuple[str, ...]) -> Any:
    table: Any = Attempt.__table__
    over = table.c.outcome.is_not(None) if outcome == "accepted" else table.c.outcome.in_([*attempts.UNSURE, outcome])
    fresh = {name: bindparam(f"to_{name}", type_=table.c[name].type) for name in names}
    return (
        update(table)
        .where(table.c.id == bindparam("attempt", type_=Uuid), over)
        .values(outcome=bindparam("ended", type_=Text), ended_at=func.clock_timestamp(), **fresh)
        .returning(table.c.id)
    )


def release(session: Session, attempt: Attempt) -> None:
    """The reservation of an attempt that bought nothing is free again.

    One that was released before, and then turned out to have been accepted, was open again: it is settled at
    nothing.
    """
    purchase = session.get_one(Purchase, attempt.purchase_id)
    if not enter(session, purchase, attempt.id, "release", purchase.price):
        enter(session, purchase, attempt.id, "settle", _NOTHING)


def settle(session: Session, take: Take | DueTake, billed: Decimal | None) -> Decimal:
    """What `take` has cost, entered when that is known: as billed, else as priced. The amount."""
    return settle_many(session, [(take, billed, Fraction(1))])[take.id]


def settle_many(
    session: Session, billed: Sequence[tuple[Take | DueTake, Decimal | None, Fraction]]
) -> dict[UUID, Decimal]:
    """The same for the takes of a wave; the amounts by their ids.

    Each with the share of its clips that came: what a service withheld it does not charge, whether it tells so or not.
    """
    rows = session.execute(attempts.latest(), {"takes": [take.id for take, _, _ in billed]})
    found = {purchase.take_id: (purchase, attempt) for purchase, attempt in rows}
    amounts, entries = {take.id: _NOTHING for take, _, _ in billed}, []
    for take, bill, share in billed:
        if take.id in found:
            purchase, attempt = found[take.id]
            part = (purchase.price * share.numerator / share.denominator).quantize(MILLIONTH)
            amounts[take.id] = part if bill is None else bill
            entries.append(_values(purchase, attempt.id, "settle", amounts[take.id]))
    if entries:
        session.execute(_entry(), entries)
    return amounts


@dataclass(frozen=True)
class Line:
    """What one order has cost, and what is reserved for it. US dollars."""

    purchase_id: UUID
    take_id: UUID | None
    drawing_id: UUID | None
    scene_id: UUID | None
    service: str
    model: str
    kind: str
    balance: Balance


def lines(session: Session, *which: ColumnElement[bool]) -> Sequence[Line]:
    """An order each, of the purchases that `which` (conditions on Purchase) picks."""
    sums = _per_attempt(*which)
    rows = session.execute(select(Purchase, sums.c.settled, sums.c.open).join(sums, sums.c.purchase_id == Purchase.id))
    return [
        Line(
            one.id,
            one.take_id,
            one.drawing_id,
            one.scene_id,
            one.service,
            one.model,
            one.kind,
            Balance(settled, open_),
        )
        for one, settled, open_ in rows
    ]


def prices(session: Session, takes: Sequence[UUID]) -> dict[UUID, Decimal]:
    """What each of these takes was ordered for, where it was, in US dollars."""
    rows = session.execute(select(Purchase.take_id, Purchase.price).where(Purchase.take_id.in_(takes)))
    return {take_id: price for take_id, price in rows if take_id is not None}


def balance(session: Session, *which: ColumnElement[bool]) -> Balance:
    """The balance of the purchases that `which` (conditions on Purchase) picks: a film's, a scene's, a take's."""
    sums = _per_attempt(*which)
    none = func.coalesce
    totals = select(none(func.sum(sums.c.settled), _NOTHING), none(func.sum(sums.c.open), _NOTHING))
    settled, open_ = session.execute(totals).one()
    return Balance(Decimal(settled), Decimal(open_))


def _per_attempt(*which: ColumnElement[bool]) -> Any:
    return (
        select(
            Attempt.purchase_id,
            (_sum("settle") + _sum("adjust")).label("settled"),
            case((_is_open(), _sum("reserve")), else_=_NOTHING).label("open"),
        )
        .join(Attempt, Attempt.id == LedgerEntry.attempt_id)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .where(*which)
        .group_by(Attempt.id)
        .subquery()
    )


def _sum(kind: str) -> ColumnElement[Decimal]:
    return func.coalesce(func.sum(LedgerEntry.amount).filter(LedgerEntry.kind == kind), _NOTHING)


def _is_open() -> ColumnElement[bool]:
    """SQL, of one attempt's entries: neither settled nor released, or accepted after it had been released."""
    released = func.max(LedgerEntry.created_at).filter(LedgerEntry.kind == "release")
    late = and_(Attempt.outcome == "accepted", Attempt.ended_at > released)
    return and_(func.bool_or(LedgerEntry.kind == "settle").is_(False), or_(released.is_(None), late))


def spent(session: Session, project_id: UUID) -> Balance:
    """What a film has cost, and what is reserved for it; asked before every order, so it reads no more than it must."""
    settled, open_ = session.execute(_of_a_film(), {"film": project_id}).one()
    return Balance(Decimal(settled), Decimal(open_))


@cache
def _of_a_film() -> Any:
    """The same as `balance`, summed up without a row for each attempt.

    The sets of closed attempts are gathered once and looked up, whatever the planner believes: as conditions on each
    entry they took 124 ms for 1,000 orders where nobody had counted the new rows yet, this 1.5 ms. Such a set is kept
    in memory up to 200,000 orders a film (work_mem of 4 MB).
    """
    film = bindparam("film", type_=Uuid)
    mine = LedgerEntry.project_id == film
    other = aliased(LedgerEntry)

    def closed_by(kind: str) -> Any:
        return select(other.attempt_id).where(other.project_id == film, other.kind == kind)

    late = closed_by("release").join(Attempt, Attempt.id == other.attempt_id)
    late = late.where(Attempt.outcome == "accepted", Attempt.ended_at > other.created_at)
    released = and_(LedgerEntry.attempt_id.in_(closed_by("release")), LedgerEntry.attempt_id.not_in(late))
    is_open = and_(LedgerEntry.attempt_id.not_in(closed_by("settle")), ~released)
    total = func.coalesce(func.sum(LedgerEntry.amount), _NOTHING)
    settled = select(total).where(mine, LedgerEntry.kind.in_(["settle", "adjust"]))
    reserved = select(total).where(mine, LedgerEntry.kind == "reserve", is_open)
    return select(settled.scalar_subquery(), reserved.scalar_subquery())


def by_service(session: Session) -> dict[str, Balance]:
    """What every service has cost, and what is reserved for it. Reads the whole ledger."""
    paid = (
        select(Purchase.service, func.sum(LedgerEntry.amount))
        .join(Purchase, Purchase.id == LedgerEntry.purchase_id)
        .where(LedgerEntry.kind.in_(["settle", "adjust"]))
        .group_by(Purchase.service)
    )
    settled = {row[0]: row[1] for row in session.execute(paid)}
    closed = aliased(LedgerEntry)
    sums = _per_attempt(~exists().where(closed.attempt_id == Attempt.id, closed.kind == "settle"))
    held = select(Purchase.service, func.sum(sums.c.open)).join(sums, sums.c.purchase_id == Purchase.id)
    open_ = {row[0]: row[1] for row in session.execute(held.group_by(Purchase.service))}
    return {name: Balance(settled.get(name, _NOTHING), open_.get(name, _NOTHING)) for name in settled | open_}


def over_budget(session: Session) -> int:
    """Films whose budget is smaller than what they cost, reservations counted: those not at their end, or for a day."""
    lately = Project.finished_at > func.now() - timedelta(days=1)
    watched = or_(Project.state.not_in([str(state) for state in PROJECT_ENDED]), lately)
    sums = _per_attempt(Purchase.project_id.in_(select(Project.id).where(Project.budget.is_not(None), watched)))
    over = (
        select(Project.id)
        .join(Purchase, Purchase.project_id == Project.id)
        .join(sums, sums.c.purchase_id == Purchase.id)
        .group_by(Project.id)
        .having(func.sum(sums.c.settled + sums.c.open) > Project.budget)
        .subquery()
    )
    return int(session.execute(select(func.count()).select_from(over)).scalar_one())


def spent_on_version(session: Session, scene_id: UUID, version: int) -> Balance:
    """What one version of a scene has cost, and what is reserved for it."""
    takes, drawings = (
        select(row.id).where(row.scene_id == scene_id, row.version == version) for row in (Take, Drawing)
    )
    mine = or_(Purchase.take_id.in_(takes), Purchase.drawing_id.in_(drawings))
    return balance(session, Purchase.scene_id == scene_id, mine)
