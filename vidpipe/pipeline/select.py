"""select: the best candidate becomes the scene's clip (selecting -> analyzing)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, update
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
    delivered = scenes.candidates(session, scene)
    candidates = candidate_facts(delivered)
    best = best_of(candidates)
    if best is None:
        raise VidpipeError(f"{scene.label} has no usable candidate to choose from")
    why = why_best(best, candidates)
    _point_at(session, scene, [candidate for candidate, _ in delivered], best.id, why)
    advance(session, scene, "selected", lease=lease, reason=why)


def _point_at(
    session: Session, scene: Scene, delivered: Sequence[GenerationCandidate], chosen_id: UUID, why: str
) -> None:
    """Make this candidate the scene's clip, in place of any other; the caller holds the scene's lock."""
    chosen = next(candidate for candidate in delivered if candidate.id == chosen_id)
    others = [candidate for candidate in delivered if candidate.id != chosen_id]
    before = [other.id for other in others if other.is_selected]
    if before:
        session.execute(
            update(GenerationCandidate)
            .where(GenerationCandidate.id.in_(before))
            .values(is_selected=False)
            .execution_options(synchronize_session=False)
        )
    passed = [other.id for other in others if other.state in (CandidateState.SCORED, CandidateState.SELECTED)]
    if passed:
        advance_many(session, Entity.CANDIDATE, passed, "passed")
    if chosen.state != CandidateState.SELECTED:
        advance(session, chosen, "selected", reason=why, is_selected=True, selected_by="auto")
    values = {
        "project_id": scene.project_id, "scene_id": scene.id, "version": scene.version, "candidate_id": chosen.id,
        "key": chosen.key, "duration": chosen.duration, "facts": chosen.facts,
        "first_frame_key": chosen.first_frame_key, "last_frame_key": chosen.last_frame_key,
    }  # fmt: skip
    session.execute(_clip(), {"id": uuid4(), **values})


@cache
def _clip() -> Any:
    """The clip of a scene's version, whatever it was before."""
    table: Any = VideoClip.__table__
    made = insert(table)
    names = (
        "candidate_id",
        "key",
        "duration",
        "facts",
        "first_frame_key",
        "last_frame_key",
    )
    fresh: dict[str, Any] = {name: made.excluded[name] for name in names}
    return made.on_conflict_do_update(
        index_elements=["scene_id", "version"], set_={**fresh, "created_at": func.clock_timestamp()}
    )


SELECT = Step(
    name="select",
    model=Scene,
    states=frozenset({SceneState.SELECTING}),
    work=_work,
    gave_up="gave_up",
    after_giving_up=lambda scene: (Ref(Entity.SCENE, scene.id),),
    only_if=lambda: (projects.runs(Scene.project_id),),
)
