"""The hand on the wheel: pausing, leaving out, and every other order, at any time."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, update

from tests.scripted import Scripted, film, fresh, generating
from vidpipe.db.models import Project, Scene
from vidpipe.domain.states import ProjectState, SceneState, TakeState
from vidpipe.errors import UserError
from vidpipe.pipeline import control, lane, submit
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import run


def test_a_film_that_is_paused_while_a_submit_is_made_ready_buys_nothing(eager: Deps, service: Scripted) -> None:
    project_id, _, (take,) = generating(
        eager, {"state": "queued", "operation": None, "admitted_at": func.clock_timestamp()}
    )

    def open_late(*_: object) -> Scripted:
        control.pause(eager, project_id)
        return service

    eager.opener = open_late
    assert not run(eager, submit.SUBMIT, take.id) and not service.submitted
    now = fresh(eager, take)
    assert now.state == TakeState.QUEUED and now.lease_token is None
    control.resume(eager, project_id)
    assert [ref.id for ref in lane.admit(eager, "procedural")] == [take.id]
    run(eager, submit.SUBMIT, take.id)
    assert len(service.submitted) == 1


@pytest.mark.parametrize("state", [state for state in SceneState if state != SceneState.DONE], ids=str)
def test_a_scene_that_is_not_done_can_be_left_out(deps: Deps, state: SceneState) -> None:
    project_id, scene = film(deps)
    deps.db.run(lambda session: session.execute(update(Scene).values(state=str(state))))
    assert "left out" in control.skip(deps, project_id, scene.label)
    assert fresh(deps, scene).state == SceneState.SKIPPED


@pytest.mark.parametrize("state", ProjectState, ids=str)
@pytest.mark.parametrize(
    "order", [control.pause, control.resume, control.cancel, control.retry], ids=lambda f: f.__name__
)
def test_every_order_is_obeyed_or_refused_in_words_in_every_state(
    deps: Deps, state: ProjectState, order: Callable[[Deps, UUID], str]
) -> None:
    project_id, _ = film(deps)
    deps.db.run(lambda session: session.execute(update(Project).values(state=str(state))))
    try:
        assert order(deps, project_id)
    except UserError as error:
        assert error.message
