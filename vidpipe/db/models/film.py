"""A film: project, sequences, scenes and what they were made into."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vidpipe.db.models.base import Base, Identified, Workable
from vidpipe.domain.states import Entity


class Project(Workable):
    """A film that was asked for."""

    __tablename__ = "projects"
    entity: ClassVar[Entity] = Entity.PROJECT

    title: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(index=True)  # sha256 of the storyboard and its files
    # The file as it was read, for people and for forks; as long as the film, and no step needs it.
    storyboard: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    width: Mapped[int]
    height: Mapped[int]
    fps: Mapped[int]
    audio: Mapped[bool]
    quality_mode: Mapped[bool]
    candidate_count: Mapped[int]
    seed: Mapped[int]
    select_mode: Mapped[str]
    weights: Mapped[dict[str, Any]]
    budget: Mapped[Decimal | None]
    on_budget: Mapped[str]
    on_uncertain: Mapped[str]
    estimate: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")  # US dollars, as confirmed
    priority: Mapped[int] = mapped_column(default=5, server_default="5")
    manifest_id: Mapped[UUID | None] = mapped_column(ForeignKey("manifests.id"))
    forked_from_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id"))
    note: Mapped[str | None]  # why it waits or failed, for a person
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    viewed_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("candidate_count BETWEEN 1 AND 4", name="candidate_count"),)


class Sequence(Identified):
    """Scenes that belong together."""

    __tablename__ = "sequences"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    position: Mapped[int]  # from 0
    title: Mapped[str]
    viewed_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("project_id", "position"),)


class Scene(Workable):
    """One shot: `version` counts how often it was sent back, `round` how often takes were bought for it."""

    __tablename__ = "scenes"
    entity: ClassVar[Entity] = Entity.SCENE

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    sequence_id: Mapped[UUID] = mapped_column(ForeignKey("sequences.id"))
    position: Mapped[int]  # from 0, over the whole film
    label: Mapped[str]  # 'Shot 1A'
    prompt: Mapped[str]
    spec: Mapped[dict[str, Any]]  # the rest of what the storyboard says of it
    service: Mapped[str]
    model: Mapped[str]
    fallback: Mapped[str]
    duration: Mapped[float]  # seconds asked for
    candidates: Mapped[int]
    critical: Mapped[bool]
    max_takes: Mapped[int]
    max_cost: Mapped[Decimal | None]
    transition_kind: Mapped[str]
    transition_seconds: Mapped[float]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    round: Mapped[int] = mapped_column(default=0, server_default="0")
    root_id: Mapped[UUID]  # every message of this scene carries it: one scene is one trace
    note: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("project_id", "label"),
        UniqueConstraint("project_id", "position"),
        CheckConstraint("candidates BETWEEN 1 AND 4", name="candidates"),
        Index("ix_scenes_workable", "state", postgresql_where=text("state NOT IN ('done','skipped','cancelled')")),
        Index(
            "ix_scenes_moving",
            "project_id",
            postgresql_where=text("state IN ('generating','selecting','analyzing')"),
        ),
    )


class SceneDependency(Base):
    """`scene` starts only after `needs` was done or skipped."""

    __tablename__ = "scene_dependencies"

    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"), primary_key=True)
    needs_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"), primary_key=True, index=True)

    __table_args__ = (CheckConstraint("scene_id <> needs_id", name="not_itself"),)


class SceneManifest(Identified):
    """What a scene should hold and what was seen in it."""

    __tablename__ = "scene_manifests"

    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"))
    version: Mapped[int]
    manifest_json: Mapped[dict[str, Any]]
    selected_reference_tags: Mapped[list[Any]]
    cv_analysis_json: Mapped[dict[str, Any] | None]
    continuity_score: Mapped[float | None]

    __table_args__ = (UniqueConstraint("scene_id", "version"),)


class Keyframe(Identified):
    """The first or last frame that a scene's clip should have."""

    __tablename__ = "keyframes"

    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"))
    version: Mapped[int]
    which: Mapped[str]  # first, last
    source: Mapped[str]  # image, previous, drawn
    key: Mapped[str]
    from_scene_id: Mapped[UUID | None] = mapped_column(ForeignKey("scenes.id"))
    drawing_id: Mapped[UUID | None] = mapped_column(ForeignKey("drawings.id"))

    __table_args__ = (UniqueConstraint("scene_id", "version", "which"),)


class VideoClip(Identified):
    """The clip of a scene that the film uses; the stitcher knows nothing of candidates."""

    __tablename__ = "video_clips"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"))
    version: Mapped[int]
    candidate_id: Mapped[UUID] = mapped_column(ForeignKey("generation_candidates.id"))
    key: Mapped[str]
    duration: Mapped[float]  # seconds, measured
    facts: Mapped[dict[str, Any]]  # the probed file
    first_frame_key: Mapped[str | None]
    last_frame_key: Mapped[str | None]

    __table_args__ = (UniqueConstraint("scene_id", "version"),)


class Cut(Workable):
    """A stitched film; `content` names exactly which clips and joins it was made of."""

    __tablename__ = "cuts"
    entity: ClassVar[Entity] = Entity.CUT

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int]  # from 1
    content: Mapped[str]  # sha256
    key: Mapped[str | None]
    duration: Mapped[float | None]  # seconds
    facts: Mapped[dict[str, Any] | None]
    chapters: Mapped[list[Any] | None]
    seconds: Mapped[float | None]  # how long stitching took

    __table_args__ = (UniqueConstraint("project_id", "number"),)
