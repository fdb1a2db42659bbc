"""Pictures that were bought: key frames, drawn by an image model."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vidpipe.db.models.base import Workable
from vidpipe.domain.states import Entity


class Drawing(Workable):
    """One purchase of a picture. Deciding twice buys once: (scene, version, which, round, number) is unique."""

    __tablename__ = "drawings"
    entity: ClassVar[Entity] = Entity.DRAWING

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"), index=True)
    version: Mapped[int]
    which: Mapped[str]  # first, last: the key frame that it is
    round: Mapped[int]  # of takes that it is drawn for, from 1
    number: Mapped[int]  # from 1: another one where the service's policy refused the one before
    service: Mapped[str]
    model: Mapped[str]
    seed: Mapped[int]
    prompt: Mapped[str]  # as sent
    policy_level: Mapped[int] = mapped_column(default=0, server_default="0")
    request: Mapped[dict[str, Any]]  # the rest of what is asked: aspect, resolution, references by key
    fault: Mapped[str | None]  # what ended it, as domain.selection.Fault names it; NULL where it went well
    key: Mapped[str | None]  # of the picture, in the media store
    width: Mapped[int | None]  # pixels
    height: Mapped[int | None]
    model_version: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("scene_id", "version", "which", "round", "number"),
        Index("ix_drawings_workable", "state", "service", postgresql_where=text("state IN ('queued','drawing')")),
        Index("ix_drawings_unended", "project_id", postgresql_where=text("state IN ('queued','drawing','uncertain')")),
    )
