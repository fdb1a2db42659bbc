"""gather: when nothing of a scene's round is under way any more, decide what happens next.

Runs for a scene (generating -> selecting | blocked | skipped, or another round of takes), as the body of a
take's chord, after every take that ended otherwise, and from the sweep; it acts only when every live take is
at its end. Its takes are settled and the scene is decided about in one transaction, the scene locked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from vidpipe.db import attempts, drawings, projects, scenes
from vidpipe.db.models import Drawing, GenerationCandidate, Project, Scene, Take
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain.selection import (
    Bounds,
    Buy,
    CandidateFact,
    Choose,
    Decision,
    Fault,
    GiveUp,
    TakeFact,
    WaitForPerson,
    best_of,
    decide,
)
from vidpipe.domain.states import (
    PROJECT_RUNS,
    SCENE_GIVEN_UP,
    CandidateState,
    DrawingState,
    Entity,
    SceneState,
    TakeState,
)
from vidpipe.errors import SetupError
from vidpipe.pipeline import climb, lane
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.frames import Frames, are_drawn, frames, redrawn
from vidpipe.pipeline.plan import Round, first_round, order
from vidpipe.pipeline.step import Ref, Refs

CHEAPER = "cheaper"  # what a film may say is done where its budget is reached


def gather(deps: Deps, scene_id: UUID) -> Refs:
    """Settle the scene's delivered takes and decide about the scene; what should be sent next."""
    try:
        refs = deps.db.run(lambda session: _decide(session, deps, settle_takes(session, scene_id)))
    except SetupError as error:  # what it may be made with is not set up here
        reason = error.message
        return deps.db.run(lambda session: _block(session, settle_takes(session, scene_id), reason))
    return lane.let_go(deps, refs)


def _block(session: Session, scene: Scene, reason: str) -> Refs:
    if scene.state == SceneState.GENERATING:
        advance(session, scene, "gave_up", reason=reason, note=reason, finished_at=NOW)
    return (Ref(Entity.SCENE, scene.id),)


def settle_takes(session: Session, scene_id: UUID) -> Scene:
    """A delivered take whose candidates are all at their end is settled, or spoiled if none is usable.

    What a scene that was left out or cancelled still has at a service is stopped there; what is still in line
    for a scene that has ended, or for an older version of it, is not bought any more. The scene, locked.
    """
    scene = scenes.lock(session, scene_id)
    rows = session.execute(_loose(), {"scene": scene_id}).all()
    for event, state in (("cancelled", TakeState.QUEUED), ("cancel_asked", TakeState.SUBMITTED)):
        ids = [row.id for row in rows if row.state == state]
        if ids:
            reason = "it is not wanted any more"
            advance_many(session, Entity.TAKE, ids, event, states=[state], reason=reason, sent=False)
    if are_drawn(scene):
        _let_drawings_be(session, scene)
    good = [row.id for row in rows if row.state == TakeState.DELIVERED and row.usable]
    bad = [row.id for row in rows if row.state == TakeState.DELIVERED and not row.usable]
    if good:
        advance_many(session, Entity.TAKE, good, "settled", ended_at=NOW)
    if bad:
        reason = "no clip of it was usable"
        advance_many(
            session, Entity.TAKE, bad, "spoiled", reason=reason, last_error=reason, fault=str(Fault.SPOILED),
            ended_at=NOW,
        )  # fmt: skip
    return scene


def _let_drawings_be(session: Session, scene: Scene) -> None:
    """Pictures in line for a scene that has ended, or for an older version of it, are not bought any more."""
    waiting = select(Drawing.id).where(
        Drawing.scene_id == scene.id, Drawing.state == str(DrawingState.QUEUED), ~drawings.wanted()
    )
    ids = session.execute(waiting).scalars().all()
    if ids:
        reason = "it is not wanted any more"
        advance_many(
            session, Entity.DRAWING, ids, "cancelled", states=[DrawingState.QUEUED], reason=reason, sent=False,
            ended_at=NOW,
        )  # fmt: skip


@cache
def _loose() -> Any:
    """The loose takes of a scene, and whether a clip of theirs can be used."""
    usable = exists().where(
        GenerationCandidate.take_id == Take.id, GenerationCandidate.state != str(CandidateState.UNUSABLE)
    )
    mine = Take.scene_id == bindparam("scene", type_=Uuid)
    return select(Take.id, Take.state, usable.label("usable")).where(mine, loose())


def loose() -> ColumnElement[bool]:
    """SQL: a take that nobody will carry on with, for its scene has ended or has a newer version."""
    unwanted = exists().where(Scene.id == Take.scene_id, Scene.state.in_([str(state) for state in SCENE_GIVEN_UP]))
    return or_(
        and_(Take.state == str(TakeState.QUEUED), ~scenes.buying()),
        and_(Take.state == str(TakeState.SUBMITTED), unwanted),
        and_(Take.state == str(TakeState.DELIVERED), ~scenes.unfinished()),
    )


def take_facts(bought: Iterable[Take], given: Mapping[UUID, int]) -> list[TakeFact]:
    """The takes of the scene's version as the decision sees them; `given`: how often each was ordered."""
    return [
        TakeFact(
            id=take.id, round=take.round, slot=take.slot, service=f"{take.service}/{take.model}",
            state=TakeState(take.state), fault=_fault(take), tries=given.get(take.id, 1),
            reason=take.last_error or "", level=take.policy_level,
        )
        for take in bought
    ]  # fmt: skip


def _fault(take: Take) -> Fault | None:
    if take.fault is None and take.state == TakeState.REFUSED:
        return Fault.REFUSED  # as the version before faults were written left it
    return Fault(take.fault) if take.fault else None


def candidate_facts(delivered: Iterable[tuple[GenerationCandidate, Take]]) -> list[CandidateFact]:
    """The clips that a scene's takes brought, as the decision sees them."""
    return [
        CandidateFact(
            id=candidate.id, order=(take.round, take.slot, candidate.number), state=CandidateState(candidate.state),
            composite=candidate.composite, cost=candidate.cost or Decimal(0), reason=candidate.last_error or "",
        )
        for candidate, take in delivered
    ]  # fmt: skip


def _decide(session: Session, deps: Deps, scene: Scene) -> Refs:
    if scene.state != SceneState.GENERATING:
        return ()
    project = projects.get(session, scene.project_id)
    if project.state not in PROJECT_RUNS:
        return ()  # paused: the sweep asks again when it goes on
    if scene.round == 0:
        return _begin(session, deps, project, scene)
    fallback, lacks = _fallback(deps, scene)
    bounds = Bounds(
        wanted=scene.candidates, service=f"{scene.service}/{scene.model}", fallback=fallback,
        cheaper=_cheaper(deps, project, scene), tries=deps.settings.tries, max_takes=scene.max_takes,
        critical=scene.critical,
    )  # fmt: skip
    candidates = candidate_facts(scenes.candidates(session, scene))
    bought = scenes.takes(session, scene)
    # How often each was ordered, and how far the ladder goes, matters where nothing can be chosen.
    nothing = best_of(candidates) is None
    takes = take_facts(bought, attempts.tries(session, scene.id, scene.version) if nothing else {})
    if nothing and any(take.fault == Fault.POLICY for take in takes):
        bounds = replace(bounds, **climb.reach(session, deps.ladder(), bought))
    decision = decide(takes, candidates, bounds)
    if isinstance(decision, GiveUp) and lacks:
        decision = GiveUp(f"{decision.reason}; {lacks}", decision.leave_out)
    if isinstance(decision, Buy) and decision.service == bounds.service and fallback:
        decision = _while_it_is_there(deps, decision, fallback)
    return _apply(session, deps, scene, decision)


def _begin(session: Session, deps: Deps, project: Project, scene: Scene) -> Refs:
    """The first takes of a scene whose key frames had to be drawn, once they are there."""
    found = frames(session, deps, project, scene)
    if found.missing:
        return _apply(session, deps, scene, GiveUp(found.missing, leave_out=not scene.critical))
    if not found.there:
        return _waits(session, scene, found)
    ordered = order(deps, session, project, scene, first_round(scene), found.keys)
    scenes.next_round(session, scene, 1)
    scenes.note(session, scene, None)
    return ordered.takes


def _waits(session: Session, scene: Scene, found: Frames) -> Refs:
    """For key frames: what was just asked for goes on, and what is unclear is for a person."""
    scenes.note(session, scene, found.words)
    return (Ref(Entity.PROJECT, scene.project_id),) if found.unclear else found.asked


def _apply(session: Session, deps: Deps, scene: Scene, decision: Decision) -> Refs:
    match decision:
        case Choose(why=why):
            advance(session, scene, "candidates_gathered", reason=why, note=None)
            return ()  # select follows in the same segment
        case Buy():
            return _buy(session, deps, scene, decision)
        case GiveUp(reason=reason, leave_out=leave_out):
            event = "left_out" if leave_out else "gave_up"
            advance(session, scene, event, reason=reason, note=reason, finished_at=NOW)
            return (Ref(Entity.SCENE, scene.id),)
        case WaitForPerson(reason=reason):
            scenes.note(session, scene, reason)
            return (Ref(Entity.PROJECT, scene.project_id),)
        case _:
            return ()


def _while_it_is_there(deps: Deps, again: Buy, fallback: str) -> Buy:
    """The same once more; of the fallback where the scene's own model is not set up here any more."""
    service, _, model = again.service.partition("/")
    try:
        deps.capabilities(service, model)
    except SetupError as error:
        return replace(again, service=fallback, why=f"{error.message} {fallback} is asked instead")
    return again


def _buy(session: Session, deps: Deps, scene: Scene, wanted: Buy) -> Refs:
    project = projects.get(session, scene.project_id)
    service, _, model = wanted.service.partition("/")
    round_ = Round(scene.round + 1, service, model, wanted.count, wanted.level, wanted.why)
    rung = deps.ladder().at(wanted.level)
    keys = {which: frame.key for which, frame in scenes.keyframes(session, scene).items()}
    if rung is not None and rung.redraw_end_frame and "last" in keys:
        found = redrawn(session, deps, project, scene, round_.number, wanted.level)
        if not found.there:
            return _waits(session, scene, found)
        keys = found.keys
    ordered = order(deps, session, project, scene, round_, keys)
    scenes.next_round(session, scene, round_.number)
    scenes.note(session, scene, wanted.why)
    return ordered.takes


def _fallback(deps: Deps, scene: Scene) -> tuple[str, str]:
    """'service/model', or empty; and why there is none where one was named: that matters only when it is needed."""
    try:
        return _route(deps, scene.fallback), ""
    except SetupError as error:
        return "", error.message


def _cheaper(deps: Deps, project: Project, scene: Scene) -> str:
    """What a film that runs short of money goes on with, where it says so and the scene's model has such a one."""
    if project.on_budget != CHEAPER:
        return ""
    return _route(deps, deps.capabilities(scene.service, scene.model).cheaper)


def _route(deps: Deps, fallback: str) -> str:
    """'service/model' of a fallback that may name the service alone."""
    if not fallback or "/" in fallback:
        return fallback
    facts = deps.catalogue().get(fallback)
    if facts is None:
        raise SetupError(f"the fallback service {fallback!r} is not known here")
    return f"{fallback}/{facts.default_model}"
