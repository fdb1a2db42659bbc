"""Money: purchases, the attempts at them, and an append-only ledger."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vidpipe.db.models.base import Identified


class Purchase(Identified):
    """One thing to be bought: a take, an image, a text, a judgement."""

    __tablename__ = "purchases"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), index=True)
    scene_id: Mapped[UUID | None] = mapped_column(ForeignKey("scenes.id"))
    take_id: Mapped[UUID | None] = mapped_column(ForeignKey("takes.id"), unique=True)
    drawing_id: Mapped[UUID | None] = mapped_column(ForeignKey("drawings.id"), unique=True)
    kind: Mapped[str]  # take, image, text, judgement
    service: Mapped[str]
    model: Mapped[str]
    price: Mapped[Decimal]  # US dollars expected


class Attempt(Identified):
    """One call that may have bought: committed before it is made, never forgotten after."""

    __tablename__ = "attempts"

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("purchases.id"))
    service: Mapped[str] = mapped_column(server_default="")
    number: Mapped[int]  # from 1
    token: Mapped[UUID] = mapped_column(unique=True)  # sent to the service where it has a place for it
    deadline_at: Mapped[datetime]  # after which the call is surely not made any more
    outcome: Mapped[str]  # open, accepted, not_accepted, refused, unclear, lost
    operation: Mapped[str | None]
    detail: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("purchase_id", "number"),
        Index("ix_attempts_pace", "service", "created_at"),
        Index("ix_attempts_unclear", "created_at", postgresql_where=text("outcome IN ('open','unclear')")),
    )


class LedgerEntry(Identified):
    """Reserve before the call, settle on delivery, release on refusal, adjust later; writing one twice is one entry."""

    __tablename__ = "ledger_entries"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), index=True)
    scene_id: Mapped[UUID | None] = mapped_column(ForeignKey("scenes.id"))
    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("purchases.id"))
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"))
    kind: Mapped[str]
    amount: Mapped[Decimal]  # US dollars, never negative but for adjust
    why: Mapped[str | None]  # of an adjust, in a person's words

    __table_args__ = (
        UniqueConstraint("purchase_id", "attempt_id", "kind"),
        CheckConstraint("kind IN ('reserve','settle','release','adjust')", name="kind"),
        CheckConstraint("amount >= 0 OR kind = 'adjust'", name="amount"),
    )
