"""plan: a scene whose turn has come gets its key frames and its first takes (waiting -> generating)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from vidpipe.db import lanes, projects, scenes
from vidpipe.db.models import Project, Scene, SceneManifest, Take
from vidpipe.db.transitions import NOW, advance, born
from vidpipe.domain.catalogue import Capabilities
from vidpipe.domain.fitting import Wish, fitted
from vidpipe.domain.ladder import Level
from vidpipe.domain.states import Entity, SceneState, TakeState
from vidpipe.pipeline import lane
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.frames import frames
from vidpipe.pipeline.step import Ref, Refs, Step


def _work(deps: Deps, scene: Scene, lease: UUID) -> Refs:
    # What the model can do is data; reading it here lets a bad setting block the scene with its reason.
    deps.capabilities(scene.service, scene.model)

    def record(session: Session) -> Ordered:
        project = projects.get(session, scene.project_id)
        found = frames(session, deps, project, scene)
        _scene_manifest(session, scene)
        if not found.there:  # `gather` orders its first takes once they are drawn
            advance(session, scene, "started", lease=lease, round=0, note=found.words, started_at=NOW)
            return Ordered(found.asked or [Ref(Entity.SCENE, scene.id)], in_line=False)
        ordered = order(deps, session, project, scene, first_round(scene), found.keys)
        advance(session, scene, "started", lease=lease, round=1, note=None, started_at=NOW)
        return ordered

    ordered = deps.db.run(record)
    return lane.let_go(deps, ordered.takes) if ordered.in_line else ordered.takes


@dataclass(frozen=True)
class Round:
    """What is to be bought for a scene at once."""

    number: int  # from 1
    service: str
    model: str
    count: int  # candidates
    level: int = 0  # of the content-policy ladder
    why: str = ""  # it is not the first one


def first_round(scene: Scene) -> Round:
    """What a scene begins with."""
    return Round(1, scene.service, scene.model, scene.candidates)


@dataclass(frozen=True)
class Ordered:
    """Takes that were written down, and whether they wait in line for their service."""

    takes: Refs
    in_line: bool


def order(
    deps: Deps,
    session: Session,
    project: Project,
    scene: Scene,
    round_: Round,
    keyframes: Mapping[str, str],
) -> Ordered:
    """The takes that bring its candidates: one operation where the service takes a count, else several.

    No more takes than the scene may still have; fewer candidates then. `keyframes` are in the media store, by first
    and last.
    """
    able = deps.capabilities(round_.service, round_.model)
    ladder = deps.ladder()
    rung = ladder.at(round_.level)
    request = _request(project, scene, keyframes, able)
    if rung is not None:
        ends = bool(scene.spec.get("last_frame")) and able.last_frame
        request["policy"] = _eased(rung, round_, ended="last" in keyframes if ends else None)
    seed = int(scene.spec.get("seed") or project.seed)
    # What a database that was restored had forgotten stands there already (pipeline/restored.py).
    bought = scenes.takes(session, scene)
    there = {take.slot: take.count for take in bought if take.round == round_.number}
    free = deps.limits(round_.service).none and lanes.is_open(session, round_.service)
    now = func.clock_timestamp() if free else None
    takes: list[Take] = []
    left, slot = round_.count, 0
    room = max(0, scene.max_takes - len(bought))
    while left > 0 and len(takes) < room:
        slot += 1
        share = there.get(slot, min(left, able.max_candidates))
        if slot not in there:
            take = Take(
                project_id=project.id, scene_id=scene.id, version=scene.version, round=round_.number, slot=slot,
                service=round_.service, model=round_.model, count=share, policy_level=round_.level, request=request,
                prompt=ladder.prompt(round_.level, scene.prompt), state=str(TakeState.QUEUED), sent_at=now,
                seed=_seed(seed, scene, round_.number, round_.count - left), admitted_at=now,
            )  # fmt: skip
            session.add(take)
            takes.append(take)
        left -= share
    session.flush()
    for take in takes:
        born(session, take)
    return Ordered([Ref(Entity.TAKE, take.id) for take in takes], in_line=not free)


def _seed(seed: int, scene: Scene, round_: int, already: int) -> int:
    """A different seed for every scene, version, round and candidate; the same film gets the same ones."""
    return (seed * 7919 + scene.position * 101 + (scene.version - 1) * 31 + (round_ - 1) * 11 + already) % 2**31


def _request(project: Project, scene: Scene, keyframes: Mapping[str, str], able: Capabilities) -> dict[str, Any]:
    spec = scene.spec
    wish = Wish(
        duration=scene.duration, width=project.width, height=project.height, fps=project.fps, audio=project.audio,
        negative_prompt=spec.get("negative_prompt", ""), references=spec.get("reference_images", []),
        first_frame=keyframes.get("first"), last_frame=keyframes.get("last"),
    )  # fmt: skip
    return {
        **fitted(wish, able), "label": scene.label, "shot": spec.get("shot", ""), "camera": spec.get("camera", ""),
        "footage": spec.get("footage"),
    }  # fmt: skip


def _eased(rung: Level, round_: Round, *, ended: bool | None) -> dict[str, Any]:
    """What a level of the policy ladder changes of a request, for people, and why; `ended`: whether it has an end frame
    now, None where it never had one."""
    changed = [f"the prompt begins with: {rung.preface}"]
    if rung.redraw_end_frame and ended is not None:
        changed.append("the end frame was drawn anew" if ended else "the end frame was left away")
    return {"level": round_.level, "name": rung.name, "changed": changed, "why": round_.why}


def _scene_manifest(session: Session, scene: Scene) -> None:
    references = [reference["tag"] for reference in scene.spec.get("reference_images", [])]
    made = insert(SceneManifest).on_conflict_do_nothing(index_elements=["scene_id", "version"])
    session.execute(
        made,
        {
            "id": uuid4(), "scene_id": scene.id, "version": scene.version,
            "manifest_json": {"cast": scene.spec.get("cast", [])}, "selected_reference_tags": references,
        },
    )  # fmt: skip


PLAN = Step(
    name="plan",
    model=Scene,
    states=frozenset({SceneState.WAITING}),
    work=_work,
    gave_up="gave_up",
    after_giving_up=lambda scene: (Ref(Entity.SCENE, scene.id),),
    only_if=lambda: (projects.runs(Scene.project_id), scenes.ready()),
)

__all__ = ["PLAN", "Ordered", "Round", "first_round", "order"]
