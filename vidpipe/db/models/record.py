"""What happened and who is about: transitions, people's labels and issues, service lanes, signs of life."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from vidpipe.db.models.base import Base, Identified


class Transition(Base):
    """One move of one row, written with the move itself.

    `seq` numbers committed rows in an order in which nothing appears behind a reader (`db/record.py`); it is
    NULL until the row was numbered.
    """

    __tablename__ = "transitions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    entity: Mapped[str]
    entity_id: Mapped[UUID]
    project_id: Mapped[UUID]
    scene_id: Mapped[UUID | None]
    from_state: Mapped[str]
    to_state: Mapped[str]
    event: Mapped[str]
    reason: Mapped[str | None]
    task_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        Index("ix_transitions_unnumbered", "id", postgresql_where=text("seq IS NULL")),
        Index("ix_transitions_project", "project_id", "seq"),
    )


class Label(Identified):
    """A person's choice beside the machine's, with the scores both were made on."""

    __tablename__ = "labels"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"))
    version: Mapped[int]
    chosen_id: Mapped[UUID] = mapped_column(ForeignKey("generation_candidates.id"))
    machine_id: Mapped[UUID | None] = mapped_column(ForeignKey("generation_candidates.id"))
    scores: Mapped[dict[str, Any]]
    by: Mapped[str]


class ReviewIssue(Identified):
    """Something a person wants mended in a scene."""

    __tablename__ = "review_issues"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"))
    version: Mapped[int]
    kind: Mapped[str]  # continuity, timing, audio, narrative
    text: Mapped[str]
    at_seconds: Mapped[float | None]
    status: Mapped[str]


class ServiceLane(Base):
    """A service's lane: open, or paused until a time for a reason. Its row is the lock under which takes are let go."""

    __tablename__ = "service_lanes"

    service: Mapped[str] = mapped_column(primary_key=True)
    paused_until: Mapped[datetime | None]
    paused_since: Mapped[datetime | None]  # the first of the pauses that followed each other
    strikes: Mapped[int] = mapped_column(default=0, server_default="0")  # of them
    reason: Mapped[str | None]


class ClusterSign(Base):
    """A sign of life or of change: when the tick was last here, which broker it saw."""

    __tablename__ = "cluster_signs"

    name: Mapped[str] = mapped_column(primary_key=True)  # tick, broker
    value: Mapped[str | None]
    changed_at: Mapped[datetime]
    seen_at: Mapped[datetime]
