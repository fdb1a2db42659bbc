"""Purchases, attempts and ledger entries: how money is written down.

An entry is keyed by (purchase, attempt, kind), so that writing it twice is one entry.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from vidpipe.db.models import Attempt, LedgerEntry, Purchase, Take


def begin_attempt(session: Session, take: Take, price: Decimal, deadline: float) -> Attempt:
    """The next attempt at buying `take`, with its reservation of `price` US dollars; good for `deadline` seconds."""
    session.execute(
        insert(Purchase)
        .values(
            id=uuid4(), project_id=take.project_id, scene_id=take.scene_id, take_id=take.id, kind="take",
            service=take.service, model=take.model, price=price,
        )
        .on_conflict_do_nothing(index_elements=["take_id"])
    )  # fmt: skip
    purchase = session.execute(select(Purchase).where(Purchase.take_id == take.id)).scalar_one()
    number = session.execute(
        select(func.coalesce(func.max(Attempt.number), 0) + 1).where(Attempt.purchase_id == purchase.id)
    ).scalar_one()
    attempt = Attempt(
        id=uuid4(), purchase_id=purchase.id, number=number, token=uuid4(), outcome="open",
        deadline_at=func.clock_timestamp() + timedelta(seconds=deadline),
    )  # fmt: skip
    session.add(attempt)
    session.flush()
    enter(session, purchase, attempt.id, "reserve", price)
    return attempt


def enter(session: Session, purchase: Purchase, attempt_id: UUID, kind: str, amount: Decimal) -> None:
    """Write a ledger entry, once."""
    session.execute(
        insert(LedgerEntry)
        .values(
            id=uuid4(), project_id=purchase.project_id, scene_id=purchase.scene_id, purchase_id=purchase.id,
            attempt_id=attempt_id, kind=kind, amount=amount,
        )
        .on_conflict_do_nothing(index_elements=["purchase_id", "attempt_id", "kind"])
    )  # fmt: skip


def end_attempt(session: Session, attempt_id: UUID, outcome: str, **values: Any) -> bool:
    """Write how an attempt ended; False where it was written already with another, certain outcome.

    That it was accepted is written whatever stood there: what was bought is never forgotten.
    """
    unsure = ["open", "unclear", outcome]
    over = Attempt.outcome.is_not(None) if outcome == "accepted" else Attempt.outcome.in_(unsure)
    done = session.execute(
        update(Attempt)
        .where(Attempt.id == attempt_id, over)
        .values(outcome=outcome, ended_at=func.clock_timestamp(), **values)
        .returning(Attempt.id)
        .execution_options(synchronize_session=False)
    )
    return done.scalar_one_or_none() is not None


def attempt_of(session: Session, take: Take) -> tuple[Purchase, Attempt] | None:
    """The attempt that brought `take` its operation, else the latest one, with its purchase."""
    its_own = () if take.operation is None else ((Attempt.operation == take.operation).desc().nulls_last(),)
    found = session.execute(
        select(Purchase, Attempt)
        .join(Attempt, Attempt.purchase_id == Purchase.id)
        .where(Purchase.take_id == take.id)
        .order_by(*its_own, Attempt.number.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def release(session: Session, take: Take, attempt: Attempt) -> None:
    """The reservation of an attempt that bought nothing is free again."""
    found = attempt_of(session, take)
    if found is not None:
        enter(session, found[0], attempt.id, "release", found[0].price)


def settle(session: Session, take: Take, billed: Decimal | None) -> Decimal:
    """What `take` has cost, entered when it is delivered: as billed, else as priced. The amount."""
    found = attempt_of(session, take)
    if found is None:
        return Decimal(0)
    purchase, attempt = found
    amount = purchase.price if billed is None else billed
    enter(session, purchase, attempt.id, "settle", amount)
    return amount


def spent(session: Session, project_id: UUID) -> tuple[Decimal, Decimal]:
    """US dollars settled (and adjusted), and still reserved, of a film."""
    rows = session.execute(
        select(LedgerEntry.kind, func.sum(LedgerEntry.amount))
        .where(LedgerEntry.project_id == project_id)
        .group_by(LedgerEntry.kind)
    )
    sums: dict[str, Decimal] = {row[0]: row[1] for row in rows}
    settled = sums.get("settle", Decimal(0)) + sums.get("adjust", Decimal(0))
    # An order that was released as lost, and then turns out to have been accepted, is open again.
    released = and_(
        LedgerEntry.kind == "release",
        or_(Attempt.outcome != "accepted", Attempt.ended_at <= LedgerEntry.created_at),
    )
    closed = (
        select(LedgerEntry.attempt_id)
        .join(Attempt, Attempt.id == LedgerEntry.attempt_id)
        .where(LedgerEntry.project_id == project_id, or_(LedgerEntry.kind == "settle", released))
    )
    still = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
        LedgerEntry.project_id == project_id, LedgerEntry.kind == "reserve", LedgerEntry.attempt_id.not_in(closed)
    )
    return settled, Decimal(session.execute(still).scalar_one())
