"""Questions about attempts: the calls that may have bought something, of a take or of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from vidpipe.db.due import DueTake
from vidpipe.db.models import Attempt, Drawing, Purchase, Take

UNSURE = ("open", "unclear")  # outcomes of an attempt of which nobody knows yet whether it bought
HELD = "held"  # the outcome of an attempt that was not made after all, through no fault of the order


def unsure(session: Session, row: Take | Drawing) -> Sequence[Attempt]:
    """The attempts at a take, or a picture, of which nobody knows whether they bought, oldest first."""
    mine = Purchase.take_id if isinstance(row, Take) else Purchase.drawing_id
    found = (
        select(Attempt)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .where(mine == row.id, Attempt.outcome.in_(UNSURE))
        .order_by(Attempt.number)
    )
    return session.execute(found).scalars().all()


def attempt_of(session: Session, take: Take | DueTake) -> tuple[Purchase, Attempt] | None:
    """The attempt that brought `take` its operation, else the latest one, with its purchase."""
    found = session.execute(latest(), {"takes": [take.id]}).one_or_none()
    return None if found is None else (found[0], found[1])


@cache
def latest() -> Any:
    """Of each take, the attempt that brought it its operation, else the latest one, with its purchase."""
    return (
        select(Purchase, Attempt)
        .join(Attempt, Attempt.purchase_id == Purchase.id)
        .join(Take, Take.id == Purchase.take_id)
        .where(Take.id == any_(bindparam("takes", type_=ARRAY(Uuid))))
        .ext(distinct_on(Take.id))
        .order_by(Take.id, (Attempt.operation == Take.operation).desc().nulls_last(), Attempt.number.desc())
    )


def given(session: Session, drawing: Drawing) -> int:
    """How many orders were given for a picture."""
    of_it = select(func.count()).select_from(Attempt).join(Purchase, Purchase.id == Attempt.purchase_id)
    of_it = of_it.where(Purchase.drawing_id == drawing.id, Attempt.outcome != HELD)
    return int(session.execute(of_it).scalar_one())


def paid_for(session: Session, drawing: Drawing) -> int:
    """How many orders of the key frame that it is were charged, or may have been."""
    same = aliased(Drawing)
    of_it = (
        select(func.count())
        .select_from(Attempt)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .join(same, same.id == Purchase.drawing_id)
        .where(
            same.scene_id == drawing.scene_id, same.version == drawing.version, same.which == drawing.which,
            Attempt.outcome.in_([*UNSURE, "accepted"]),
        )
    )  # fmt: skip
    return int(session.execute(of_it).scalar_one())


def is_latest(session: Session, attempt: Attempt) -> bool:
    """Whether no other attempt at the same purchase was begun since."""
    latest = select(func.max(Attempt.number)).where(Attempt.purchase_id == attempt.purchase_id)
    return session.execute(latest).scalar_one() == attempt.number


def tries(session: Session, scene_id: UUID, version: int) -> dict[UUID, int]:
    """How many orders were given for each take of a scene's version, by the take's id."""
    attempt = aliased(Attempt)
    rows = session.execute(
        select(Purchase.take_id, func.count(attempt.id))
        .join(attempt, attempt.purchase_id == Purchase.id)
        .join(Take, Take.id == Purchase.take_id)
        .where(Take.scene_id == scene_id, Take.version == version, attempt.outcome != HELD)
        .group_by(Purchase.take_id)
    )
    return {take_id: count for take_id, count in rows if take_id is not None}
