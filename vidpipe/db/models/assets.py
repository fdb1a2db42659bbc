"""Who and what appears: manifests that films share, and what was seen where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vidpipe.db.models.base import Identified


class Manifest(Identified):
    """Characters, places and props; many films can use one."""

    __tablename__ = "manifests"

    name: Mapped[str]


class Asset(Identified):
    """One of them. `project_id` is set while it belongs to the film it was found in."""

    __tablename__ = "assets"

    manifest_id: Mapped[UUID | None] = mapped_column(ForeignKey("manifests.id"))
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id"))
    tag: Mapped[str]  # CHAR_01
    kind: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    source: Mapped[str]  # UPLOAD, CLIP_EXTRACT
    image_keys: Mapped[list[Any]]
    quality: Mapped[float | None]
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)
    found: Mapped[dict[str, Any] | None]  # where: candidate, second, box, confidence

    __table_args__ = (UniqueConstraint("manifest_id", "project_id", "tag", postgresql_nulls_not_distinct=True),)


class AssetCleanReference(Identified):
    """A clean sheet of an asset; the original is never overwritten."""

    __tablename__ = "asset_clean_references"

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("assets.id"))
    tier: Mapped[int]  # 2 cut out, 3 drawn anew
    is_primary: Mapped[bool]
    key: Mapped[str]
    cost: Mapped[Decimal]
    face_similarity: Mapped[float | None]  # cosine

    __table_args__ = (
        Index("uq_clean_references_primary", "asset_id", unique=True, postgresql_where=text("is_primary")),
    )


class AssetAppearance(Identified):
    """An asset seen in a clip."""

    __tablename__ = "asset_appearances"

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("assets.id"))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scenes.id"), index=True)
    candidate_id: Mapped[UUID] = mapped_column(ForeignKey("generation_candidates.id"))
    at_seconds: Mapped[float]
    box: Mapped[list[Any]]  # x, y, width, height as shares of the frame
    confidence: Mapped[float]
