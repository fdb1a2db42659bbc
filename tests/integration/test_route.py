"""From every state of every entity the route and the net lead to an end, or to a state that waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tasks.broker import LAST
from tasks.route import route
from tests.stories import story
from tests.waiting import until
from vidpipe.db import projects
from vidpipe.db.models import Cut, GenerationCandidate, Project, Scene, Take
from vidpipe.db.standing import Standing
from vidpipe.domain.states import (
    PROJECT_ENDED,
    SCENE_ENDED,
    TAKE_ENDED,
    CandidateState,
    CutState,
    Entity,
    ProjectState,
    SceneState,
    TakeState,
)
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

UNNAMED = {TakeState.QUEUED, TakeState.SUBMITTING, TakeState.UNCERTAIN}  # no service has accepted them yet
FOR_A_PERSON = {ProjectState.DRAFT, ProjectState.WAITING, ProjectState.PAUSED}
EVERY = [
    (Entity.PROJECT, state) for state in ProjectState
] + [(Entity.SCENE, state) for state in SceneState] + [(Entity.TAKE, state) for state in TakeState] + [
    (Entity.CANDIDATE, state) for state in CandidateState
] + [(Entity.CUT, state) for state in CutState]  # fmt: skip


def put(deps: Deps, entity: Entity, state: str) -> UUID:
    """A film of one scene, with a row of `entity` left in `state` by a world that then ended."""
    project_id = enroll(deps, story(title=f"{entity} {state}")).project_id
    deps.db.run(lambda session: _put(session, project_id, entity, state))
    return project_id


def _put(session: Session, project_id: UUID, entity: Entity, state: str) -> None:
    (scene,) = projects.scenes(session, project_id)
    died = {"lease_token": uuid4(), "lease_until": datetime.now(UTC) - timedelta(seconds=1)}
    if entity == Entity.PROJECT:
        session.execute(update(Project).where(Project.id == project_id).values(state=state, **died))
        if state == ProjectState.DONE:
            session.execute(update(Scene).where(Scene.id == scene.id).values(state="done"))
    if entity == Entity.SCENE:
        session.execute(update(Scene).where(Scene.id == scene.id).values(state=state, round=1, **died))
    if entity == Entity.CUT:
        session.execute(update(Project).where(Project.id == project_id).values(state="stitching"))
        session.execute(update(Scene).where(Scene.id == scene.id).values(state="done"))
        session.add(Cut(project_id=project_id, number=1, content="x", state=state))
    if entity in (Entity.TAKE, Entity.CANDIDATE):
        session.execute(update(Scene).where(Scene.id == scene.id).values(state="generating", round=1))
        take = Take(
            project_id=project_id, scene_id=scene.id, version=1, round=1, slot=1, service="procedural",
            model="procedural-1", count=1, prompt=scene.prompt,
            operation=None if state in UNNAMED else "op-unknown", request={
                "duration": 1.0, "width": 160, "height": 90, "fps": 12, "audio": True, "label": scene.label,
                "negative_prompt": "", "shot": "", "camera": "", "footage": None, "references": [],
                "first_frame": None, "last_frame": None,
            }, state=state if entity == Entity.TAKE else "delivered",
        )  # fmt: skip
        session.add(take)
        session.flush()
        if entity == Entity.CANDIDATE:
            session.add(
                GenerationCandidate(
                    project_id=project_id, scene_id=scene.id, take_id=take.id, version=1, number=1, handle={},
                    key=f"{project_id}/gone.mp4", duration=1.0, facts={}, state=state, **died,
                )
            )  # fmt: skip
        else:
            session.execute(update(Take).where(Take.id == take.id).values(**died))


@pytest.mark.parametrize(("entity", "state"), EVERY, ids=lambda value: str(value))
def test_everything_left_in_any_state_comes_to_an_end_or_waits_for_a_person(
    deps: Deps, tick: Callable[[], None], entity: Entity, state: str
) -> None:
    project_id = put(deps, entity, str(state))

    def at_rest() -> bool:
        tick()
        found = deps.db.run(lambda session: projects.get(session, project_id))
        return found.state in PROJECT_ENDED | FOR_A_PERSON

    until(at_rest, seconds=40, what=f"the film with a {entity} {state}")
    with deps.db.transaction() as session:
        project = projects.get(session, project_id)
        if project.state != ProjectState.DONE:
            return
        assert {scene.state for scene in projects.scenes(session, project_id)} <= {str(s) for s in SCENE_ENDED}
        assert {take.state for take in projects.takes(session, project_id)} <= {str(s) for s in TAKE_ENDED}


@pytest.mark.parametrize(("entity", "state"), EVERY, ids=lambda value: str(value))
def test_the_route_of_a_state_is_what_remains_of_its_way(entity: Entity, state: str) -> None:
    row = Standing(entity, uuid4(), str(state), uuid4(), "A film, Shot 1A", "A film, Shot 1A", uuid4(), ((uuid4(), 1),))
    segment = route(row)
    names = [] if segment is None else [task.split(".")[-1] for task in _tasks(segment)]
    expected = {
        SceneState.WAITING: ["plan"],
        SceneState.SELECTING: ["select", "analyze", "advance"],
        SceneState.ANALYZING: ["analyze", "advance"],
        SceneState.DONE: ["advance"],
        SceneState.SKIPPED: ["advance"],
        SceneState.BLOCKED: ["advance"],
    }
    by_entity = {
        Entity.SCENE: {
            **expected, SceneState.GENERATING: ["gather", "select", "analyze", "advance"],
            SceneState.CANCELLED: ["advance"],
        },
        Entity.TAKE: {
            TakeState.QUEUED: ["submit", "poll"], TakeState.SUBMITTING: ["reconcile"], TakeState.SUBMITTED: ["poll"],
            TakeState.UNCERTAIN: ["reconcile"], TakeState.CANCELLING: ["cancel"],
            TakeState.DELIVERED: ["download", "score", "gather", "select", "analyze", "advance"],
        },
        Entity.CANDIDATE: {
            CandidateState.ANNOUNCED: ["download", "score", "gather", "select", "analyze", "advance"],
            CandidateState.STORED: ["score", "gather", "select", "analyze", "advance"],
        },
        Entity.PROJECT: {
            ProjectState.ACTIVE: ["settle"], ProjectState.CANCELLING: ["settle"], ProjectState.STITCHING: ["stitch"],
        },
    }  # fmt: skip
    assert names == by_entity.get(entity, {}).get(state, [])  # type: ignore[call-overload]


def _tasks(segment: object) -> list[str]:
    """The names of a segment's tasks in the order they run."""
    parts = getattr(segment, "tasks", None)
    if hasattr(segment, "body"):
        return [name for part in parts or () for name in _tasks(part)] + _tasks(segment.body)
    if parts is not None:
        return [name for part in parts for name in _tasks(part)]
    return [segment.task]  # type: ignore[attr-defined]


def test_every_message_of_a_scene_says_in_words_what_it_is_for() -> None:
    row = Standing(Entity.TAKE, uuid4(), "queued", uuid4(), "Lighthouse, Shot 1A, take 1.1", "", uuid4())
    segment = route(row)
    assert segment is not None
    assert [part.options["argsrepr"] for part in segment.tasks] == ["Lighthouse, Shot 1A, take 1.1"] * 2


def test_what_was_begun_goes_on_before_anything_new_is_begun() -> None:
    def priorities(entity: Entity, state: str) -> set[int]:
        row = Standing(entity, uuid4(), state, uuid4(), "Lighthouse, Shot 1A", "Lighthouse, Shot 1A", uuid4())
        segment = route(row)
        assert segment is not None
        parts = getattr(segment, "tasks", [segment])
        return {part.options.get("priority", 0) for part in parts}

    assert priorities(Entity.SCENE, SceneState.WAITING) == {LAST}
    assert priorities(Entity.TAKE, TakeState.QUEUED) == priorities(Entity.CANDIDATE, CandidateState.STORED) == {0}
