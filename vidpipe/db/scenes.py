"""Questions about scenes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, bindparam, exists, select, update
from sqlalchemy.orm import Session, aliased

from vidpipe.db.models import (
    GenerationCandidate,
    Keyframe,
    Scene,
    SceneDependency,
    SceneManifest,
    Take,
    VideoClip,
)
from vidpipe.domain.states import CANDIDATE_ENDED, SCENE_LETS_GO, SceneState


def lock(session: Session, scene_id: UUID) -> Scene:
    """The scene, locked against others who decide about it (FOR NO KEY UPDATE)."""
    found: Scene = session.execute(_locked(), {"scene": scene_id}).scalar_one()
    return found


@cache
def _locked() -> Any:
    found = select(Scene).where(Scene.id == bindparam("scene", type_=Uuid)).with_for_update(key_share=True)
    return found.execution_options(populate_existing=True)


def ready() -> ColumnElement[bool]:
    """SQL: every scene that this one comes after was done or skipped."""
    needed = aliased(Scene)
    held = (
        select(SceneDependency.scene_id)
        .join(needed, needed.id == SceneDependency.needs_id)
        .where(SceneDependency.scene_id == Scene.id, needed.state.not_in([str(state) for state in SCENE_LETS_GO]))
    )
    return ~exists(held)


def lock_all(session: Session, scene_ids: Iterable[UUID]) -> None:
    """Lock these scenes before anything of theirs is changed: parents first."""
    found = select(Scene.id).where(Scene.id.in_(list(scene_ids))).order_by(Scene.id)
    session.execute(found.with_for_update(key_share=True))


def buying() -> ColumnElement[bool]:
    """SQL: the scene of a take is still being made, in the take's version."""
    return exists().where(
        Scene.id == Take.scene_id, Scene.version == Take.version, Scene.state == str(SceneState.GENERATING)
    )


def unfinished() -> ColumnElement[bool]:
    """SQL: a candidate of the take is still to be fetched or scored."""
    ended = [str(state) for state in CANDIDATE_ENDED]
    return exists().where(GenerationCandidate.take_id == Take.id, GenerationCandidate.state.not_in(ended))


def release_after(session: Session, scene_id: UUID) -> Sequence[UUID]:
    """The scenes that waited for this one and may start now; they count as sent."""
    from_here = select(SceneDependency.scene_id).where(SceneDependency.needs_id == scene_id)
    ids = (
        session.execute(
            select(Scene.id)
            .where(Scene.id.in_(from_here), Scene.state == str(SceneState.WAITING), ready())
            .order_by(Scene.position)
        )
        .scalars()
        .all()
    )
    return ids


def dependents(session: Session, project_id: UUID) -> dict[UUID, set[UUID]]:
    """Which scenes each scene of a film comes after."""
    rows = session.execute(
        select(SceneDependency.scene_id, SceneDependency.needs_id)
        .join(Scene, Scene.id == SceneDependency.scene_id)
        .where(Scene.project_id == project_id)
    )
    needs: dict[UUID, set[UUID]] = {}
    for scene_id, needs_id in rows:
        needs.setdefault(scene_id, set()).add(needs_id)
    return needs


def by_label(session: Session, project_id: UUID, label: str) -> Scene | None:
    """The scene of that label."""
    found = select(Scene).where(Scene.project_id == project_id, Scene.label == label)
    return session.execute(found).scalar_one_or_none()


def takes(session: Session, scene: Scene) -> Sequence[Take]:
    """The takes of the scene's version, in the order they were bought."""
    found = select(Take).where(Take.scene_id == scene.id, Take.version == scene.version)
    return session.execute(found.order_by(Take.round, Take.slot)).scalars().all()


def candidates(session: Session, scene: Scene) -> Sequence[tuple[GenerationCandidate, Take]]:
    """The delivered clips of the scene's version with their takes, in the order they were bought."""
    found = session.execute(_delivered(), {"scene": scene.id, "of_version": scene.version})
    return [(candidate, take) for candidate, take in found]


@cache
def _delivered() -> Any:
    return (
        select(GenerationCandidate, Take)
        .join(Take, Take.id == GenerationCandidate.take_id)
        .where(
            GenerationCandidate.scene_id == bindparam("scene", type_=Uuid),
            GenerationCandidate.version == bindparam("of_version"),
        )
        .order_by(Take.round, Take.slot, GenerationCandidate.number)
    )


def clip(session: Session, scene: Scene) -> VideoClip | None:
    """The clip that the film uses for the scene."""
    found = select(VideoClip).where(VideoClip.scene_id == scene.id, VideoClip.version == scene.version)
    return session.execute(found).scalar_one_or_none()


def clips(session: Session, project_id: UUID) -> Sequence[tuple[Scene, VideoClip]]:
    """Every scene of the film that has a clip, with it, in the order of the film."""
    found = (
        select(Scene, VideoClip)
        .join(VideoClip, (VideoClip.scene_id == Scene.id) & (VideoClip.version == Scene.version))
        .where(Scene.project_id == project_id, Scene.state == str(SceneState.DONE))
        .order_by(Scene.position)
    )
    return [(scene, clip) for scene, clip in session.execute(found)]


def keyframes(session: Session, scene: Scene) -> dict[str, Keyframe]:
    """The key frames of the scene's version, by 'first' and 'last'."""
    found = select(Keyframe).where(Keyframe.scene_id == scene.id, Keyframe.version == scene.version)
    return {frame.which: frame for frame in session.execute(found).scalars()}


def manifest(session: Session, scene: Scene) -> SceneManifest | None:
    """What the scene's version should hold and what was seen in it."""
    found = select(SceneManifest).where(SceneManifest.scene_id == scene.id, SceneManifest.version == scene.version)
    return session.execute(found).scalar_one_or_none()


def next_round(session: Session, scene: Scene, round_: int) -> None:
    """Write that takes of round `round_` were bought; the caller holds the lock."""
    session.execute(
        update(Scene).where(Scene.id == scene.id).values(round=round_).execution_options(synchronize_session=False)
    )


def note(session: Session, scene: Scene, words: str | None) -> None:
    """Write why the scene stands where it stands, for a person."""
    session.execute(
        update(Scene).where(Scene.id == scene.id).values(note=words).execution_options(synchronize_session=False)
    )


def wake(session: Session, scene_id: UUID) -> None:
    """Have the tick look at a scene at once, however often it was looked at in vain."""
    session.execute(
        update(Scene)
        .where(Scene.id == scene_id, Scene.lease_token.is_(None))
        .values(sent_at=None, sends=0)
        .execution_options(synchronize_session=False)
    )
