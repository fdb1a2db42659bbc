"""What was bought for a scene: takes, and the candidates they brought."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vidpipe.db.models.base import Workable
from vidpipe.domain.states import Entity


class Take(Workable):
    """One purchase of `count` clips. Deciding twice buys once: (scene, version, round, slot) is unique."""

    __tablename__ = "takes"
    entity: ClassVar[Entity] = Entity.TAKE

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"), index=True)
    version: Mapped[int]
    round: Mapped[int]  # from 1
    slot: Mapped[int]  # from 1, within the round
    service: Mapped[str]
    model: Mapped[str]
    count: Mapped[int]
    seed: Mapped[int | None]
    prompt: Mapped[str]  # as sent
    policy_level: Mapped[int] = mapped_column(default=0, server_default="0")
    request: Mapped[dict[str, Any]]  # the rest of what is asked, media by key
    operation: Mapped[str | None]  # the service's name for it
    fault: Mapped[str | None]  # what ended it, as domain.selection.Fault names it; NULL where it went well
    admitted_at: Mapped[datetime | None]  # when its service's lane let it go on; NULL while it waits in line
    progress: Mapped[float | None]  # 0 to 1
    model_version: Mapped[str | None]
    cost: Mapped[Decimal | None]
    filtered: Mapped[int] = mapped_column(default=0, server_default="0")
    submitted_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]  # after which the operation is given up
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("scene_id", "version", "round", "slot"),
        CheckConstraint("count BETWEEN 1 AND 4", name="count"),
        Index(
            "ix_takes_due",
            "service",
            "due_at",
            postgresql_where=text("state IN ('submitted','cancelling','overdue')"),
        ),
        Index(
            "ix_takes_in_line",
            "service",
            "project_id",
            "created_at",
            postgresql_where=text("state = 'queued' AND admitted_at IS NULL"),
        ),
        Index(
            "ix_takes_in_flight",
            "service",
            "project_id",
            postgresql_where=text(
                "state IN ('submitting','submitted','cancelling') OR (state = 'queued' AND admitted_at IS NOT NULL)"
            ),
        ),
        Index(
            "ix_takes_unended",
            "project_id",
            postgresql_where=text("state NOT IN ('settled','refused','failed','cancelled')"),
        ),
        Index("ix_takes_workable", "state", postgresql_where=text("state IN ('queued','submitting','uncertain')")),
    )


class GenerationCandidate(Workable):
    """One delivered clip, stored as a file of its own, with what was measured of it."""

    __tablename__ = "generation_candidates"
    entity: ClassVar[Entity] = Entity.CANDIDATE

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"), index=True)
    take_id: Mapped[UUID] = mapped_column(ForeignKey("takes.id"))
    version: Mapped[int]
    number: Mapped[int]  # from 1, within the take
    handle: Mapped[dict[str, Any]]  # what the service's adapter fetches it by
    seed: Mapped[int | None]
    cost: Mapped[Decimal | None]  # its share of the take
    key: Mapped[str | None]
    size: Mapped[int | None]  # bytes
    sha256: Mapped[str | None]
    duration: Mapped[float | None]  # seconds, measured
    facts: Mapped[dict[str, Any] | None]  # the probed file
    first_frame_key: Mapped[str | None]
    last_frame_key: Mapped[str | None]
    poster_key: Mapped[str | None]
    manifest_adherence: Mapped[float | None]
    visual_quality: Mapped[float | None]
    continuity: Mapped[float | None]
    prompt_adherence: Mapped[float | None]
    composite: Mapped[float | None]
    readings: Mapped[list[Any] | None]  # every measure, with unit, reason and what is unmeasured
    faults: Mapped[list[Any] | None]  # why it is unusable
    is_selected: Mapped[bool] = mapped_column(default=False, server_default="false")
    selected_by: Mapped[str | None]  # auto, user

    __table_args__ = (
        UniqueConstraint("take_id", "number"),
        Index("uq_candidates_selected", "scene_id", "version", unique=True, postgresql_where=text("is_selected")),
        Index("ix_candidates_workable", "state", postgresql_where=text("state IN ('announced','stored')")),
    )
