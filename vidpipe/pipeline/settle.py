"""settle: what a film's scenes mean for the film.

active -> stitching | waiting | failed; waiting -> active where an answer came late; cancelling -> cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from vidpipe.db import drawings, projects, scenes
from vidpipe.db.models import Drawing, GenerationCandidate, Project, Scene, Take
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain.states import (
    CANDIDATE_USABLE,
    DRAWING_LIVE,
    SCENE_ENDED,
    SCENE_LETS_GO,
    TAKE_LIVE,
    Entity,
    ProjectState,
    SceneState,
    TakeState,
)
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs


def settle(deps: Deps, project_id: UUID) -> Refs:
    """Settle the film from its scenes; the film itself if it is to be stitched."""
    if deps.db.run(lambda session: _goes_on(session, project_id)):
        return ()
    return deps.db.run(lambda session: _settle(session, project_id))


def _goes_on(session: Session, project_id: UUID) -> bool:
    """A film that is being made, with a scene that surely moves: nothing to settle, and no lock to be taken for it."""
    active = select(Project.id).where(Project.id == project_id, Project.state == str(ProjectState.ACTIVE))
    return session.execute(active).scalar_one_or_none() is not None and moves(session, project_id)


def moves(session: Session, project_id: UUID) -> bool:
    """Whether a scene of the film is being made and waits for no person; asked after every scene, so it is cheap."""
    at_work = [str(SceneState.SELECTING), str(SceneState.ANALYZING)]
    making = and_(Scene.state == str(SceneState.GENERATING), ~waits_for_a_person())
    found = select(Scene.id).where(Scene.project_id == project_id, or_(Scene.state.in_(at_work), making)).limit(1)
    return session.execute(found).scalar_one_or_none() is not None


def _settle(session: Session, project_id: UUID) -> Refs:
    project = projects.lock(session, project_id)
    if project.state == ProjectState.CANCELLING:
        open_ = [scene.id for scene in _not_made(session, project_id) if scene.state not in SCENE_ENDED]
        if open_:
            advance_many(session, Entity.SCENE, open_, "cancelled", finished_at=NOW)
        if not _at_a_service(session, project_id):
            advance(session, project, "emptied", finished_at=NOW)
        return ()
    if project.state not in (ProjectState.ACTIVE, ProjectState.WAITING):
        return ()
    if project.state == ProjectState.ACTIVE and moves(session, project_id):
        return ()
    left = _not_made(session, project_id)
    stuck = _stuck(session, project_id, left) if left else {}
    if any(scene.id not in stuck and scene.state not in SCENE_ENDED for scene in left):
        if project.state == ProjectState.WAITING:
            advance(session, project, "resumed", reason="what it waited for came after all", note=None)
        return ()
    return _end(session, project, stuck) if project.state == ProjectState.ACTIVE else ()


def _not_made(session: Session, project_id: UUID) -> Sequence[Scene]:
    """The scenes that are neither done nor left out, in order: few at a film's end, however long it is."""
    over = [str(state) for state in SCENE_LETS_GO]
    found = select(Scene).where(Scene.project_id == project_id, Scene.state.not_in(over)).order_by(Scene.position)
    return session.execute(found).scalars().all()


def _end(session: Session, project: Project, stuck: Mapping[UUID, str]) -> Refs:
    if stuck:
        reason = "; ".join(dict.fromkeys(stuck.values()))
        advance(session, project, "nothing_can_move", reason=reason, note=reason)
        return ()
    done = exists().where(Scene.project_id == project.id, Scene.state == str(SceneState.DONE))
    if not session.execute(select(done)).scalar_one():
        reason = "every scene was left out; there is nothing to stitch"
        advance(session, project, "nothing_to_stitch", reason=reason, note=reason, finished_at=NOW)
        return ()
    advance(session, project, "all_scenes_ended", note=None)
    return (Ref(Entity.PROJECT, project.id),)


def _stuck(session: Session, project_id: UUID, left: Sequence[Scene]) -> dict[UUID, str]:
    """The scenes that cannot move without a person, each with the reason: blocked, unclear, or behind such a one."""
    needs = scenes.dependents(session, project_id)
    unclear = _waiting_for_a_person(session, project_id)
    stuck: dict[UUID, str] = {}
    for scene in left:
        if scene.state in (SceneState.BLOCKED, SceneState.CANCELLED):
            stuck[scene.id] = f"{scene.label} is {scene.state}: {scene.note or scene.last_error or 'no reason given'}"
        elif scene.id in unclear:
            stuck[scene.id] = f"{scene.label}: {scene.note or 'an order is uncertain'}"
    moved = True
    while moved:
        behind = {
            scene.id: stuck[next(iter(needs[scene.id] & stuck.keys()))]
            for scene in left
            if scene.id not in stuck and scene.state == SceneState.WAITING and needs.get(scene.id, set()) & stuck.keys()
        }
        stuck.update(behind)
        moved = bool(behind)
    return stuck


def _waiting_for_a_person(session: Session, project_id: UUID) -> set[UUID]:
    found = select(Scene.id).where(
        Scene.project_id == project_id, Scene.state == str(SceneState.GENERATING), waits_for_a_person()
    )
    return set(session.execute(found).scalars())


def waits_for_a_person() -> ColumnElement[bool]:
    """SQL: an order of the scene's version is uncertain, nobody asks about it, and there is nothing to go on with."""
    unclear = exists().where(
        Take.scene_id == Scene.id, Take.version == Scene.version, Take.state == str(TakeState.UNCERTAIN),
        Take.due_at.is_(None),
    )  # fmt: skip
    alive = exists().where(
        Take.scene_id == Scene.id, Take.version == Scene.version, Take.state.in_([str(state) for state in TAKE_LIVE])
    )
    usable = exists().where(
        GenerationCandidate.scene_id == Scene.id, GenerationCandidate.version == Scene.version,
        GenerationCandidate.state.in_([str(state) for state in CANDIDATE_USABLE]),
    )  # fmt: skip
    return and_(or_(unclear, drawings.unclear()), ~alive, ~usable, ~drawings.under_way())


def _at_a_service(session: Session, project_id: UUID) -> bool:
    live = select(Take.id).where(Take.project_id == project_id, Take.state.in_([str(state) for state in TAKE_LIVE]))
    drawn = [str(state) for state in DRAWING_LIVE]
    pictures = select(Drawing.id).where(Drawing.project_id == project_id, Drawing.state.in_(drawn))
    return bool(session.execute(select(or_(exists(live), exists(pictures)))).scalar_one())
