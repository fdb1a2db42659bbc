"""select: the best candidate becomes the scene's clip (selecting -> analyzing)."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from vidpipe.db import projects, scenes
from vidpipe.db.models import GenerationCandidate, Scene, VideoClip
from vidpipe.db.transitions import advance, advance_many
from vidpipe.domain.selection import best_of, why_best
from vidpipe.domain.states import CandidateState, Entity, SceneState
from vidpipe.errors import Stale, VidpipeError
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.gather import candidate_facts
from vidpipe.pipeline.step import Ref, Refs, Step


def _work(deps: Deps, scene: Scene, lease: UUID) -> Refs:
    deps.db.run(lambda session: _record(session, scene.id, lease))
    return ()


def _record(session: Session, scene_id: UUID, lease: UUID) -> None:
    scene = scenes.lock(session, scene_id)
    if scene.lease_token != lease:
        raise Stale(f"{scene.label} is in other hands")
    candidates = candidate_facts(session, scene)
    best = best_of(candidates)
    if best is None:
        raise VidpipeError(f"{scene.label} has no usable candidate to choose from")
    why = why_best(best, candidates)
    point_at(session, scene, best.id, by="auto", why=why)
    advance(session, scene, "selected", lease=lease, reason=why)


def point_at(session: Session, scene: Scene, candidate_id: UUID, *, by: str, why: str) -> None:
    """Make this candidate the scene's clip, in place of any other; the caller holds the scene's lock."""
    mine = [candidate for candidate, _ in scenes.candidates(session, scene)]
    others = [
        c.id for c in mine if c.id != candidate_id and c.state in (CandidateState.SCORED, CandidateState.SELECTED)
    ]
    session.execute(
        update(GenerationCandidate)
        .where(GenerationCandidate.id.in_([c.id for c in mine]), GenerationCandidate.id != candidate_id)
        .values(is_selected=False)
        .execution_options(synchronize_session=False)
    )
    if others:
        advance_many(session, Entity.CANDIDATE, others, "passed")
    chosen = next(candidate for candidate in mine if candidate.id == candidate_id)
    if chosen.state != CandidateState.SELECTED:
        advance(session, chosen, "selected", reason=why, is_selected=True, selected_by=by)
    session.execute(delete(VideoClip).where(VideoClip.scene_id == scene.id, VideoClip.version == scene.version))
    session.execute(
        insert(VideoClip).values(
            id=uuid4(), project_id=scene.project_id, scene_id=scene.id, version=scene.version, candidate_id=chosen.id,
            key=chosen.key, duration=chosen.duration, facts=chosen.facts, first_frame_key=chosen.first_frame_key,
            last_frame_key=chosen.last_frame_key, created_at=func.clock_timestamp(),
        )
    )  # fmt: skip


SELECT = Step(
    name="select",
    model=Scene,
    states=frozenset({SceneState.SELECTING}),
    work=_work,
    gave_up="gave_up",
    after_giving_up=lambda scene: (Ref(Entity.SCENE, scene.id),),
    only_if=lambda: (projects.runs(Scene.project_id),),
)
