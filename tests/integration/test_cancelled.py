"""A film that was cancelled, or a scene that was left out, ends and buys nothing more, whatever is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import func, select, text

from tests.factories import make_candidate, make_take
from tests.scripted import Scripted, film, film_of, fresh, generating
from tests.waiting import until
from vidpipe.db import projects, scenes
from vidpipe.db.transitions import advance
from vidpipe.domain.requests import Accepted, Pending, VideoRequest
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.errors import Transient
from vidpipe.pipeline import control, poll
from vidpipe.pipeline.cancel import CANCEL
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import run

Tick = Callable[[], None]


def test_a_take_that_comes_back_to_the_queue_of_a_cancelled_film_ends_and_so_does_the_film(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    project_id, _ = film(eager)

    def busy(request: VideoRequest) -> Accepted:
        control.cancel(eager, project_id)
        raise Transient("busy")

    service.on_submit = busy

    def ended() -> bool:
        tick()
        return film_of(eager, project_id).state == ProjectState.CANCELLED

    until(ended, seconds=10, what="the film to be cancelled")
    assert len(service.submitted) == 1


def test_a_take_that_was_on_its_way_to_the_service_when_its_scene_was_left_out_is_stopped_there(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    project_id, scene = film(eager)
    stopped: list[str] = []

    def accept(request: VideoRequest) -> Accepted:
        control.skip(eager, project_id, scene.label)
        return Accepted("op")

    service.on_submit = accept
    service.on_cancel = lambda operation: not stopped.append(operation)  # type: ignore[func-returns-value]
    until(lambda: tick() or stopped, seconds=10, what="the operation to be stopped")  # type: ignore[func-returns-value]
    tick()
    (take,) = eager.db.run(lambda session: projects.takes(session, project_id))
    assert take.state == TakeState.CANCELLED


def test_a_scene_that_was_left_out_is_not_bought_again_in_a_film_that_goes_on(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    project_id, scene = film(eager, scenes=2)
    calls: list[str] = []

    def busy(request: VideoRequest) -> Accepted:
        calls.append(request.label)
        if request.label == scene.label:
            control.skip(eager, project_id, scene.label)
            raise Transient("busy")
        return Accepted("op")

    service.on_submit = busy

    def ended() -> bool:
        tick()
        takes = eager.db.run(lambda session: projects.takes(session, project_id))
        return any(take.scene_id == scene.id and take.state == TakeState.CANCELLED for take in takes)

    until(ended, seconds=10, what="the take to end")
    assert calls.count(scene.label) == 1


def test_a_round_that_is_bought_while_the_film_is_cancelled_is_cancelled_with_it(deps: Deps) -> None:
    project_id, scene, _ = generating(deps, {"state": "failed"})
    with deps.db.transaction() as session:
        scenes.lock(session, scene.id)
        take = make_take(session, scene, round=2, state=str(TakeState.QUEUED))
        thread = threading.Thread(target=control.cancel, args=(deps, project_id))
        thread.start()
        waits = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
                     "AND wait_event_type = 'Lock'")  # fmt: skip
        waiting = lambda: deps.db.run(lambda other: other.execute(waits).scalar_one())  # noqa: E731
        until(waiting, what="the cancellation to wait for the round")
    thread.join(10)
    assert fresh(deps, take).state == TakeState.CANCELLED


def test_a_delivered_take_of_a_cancelled_film_is_settled_though_its_gather_was_lost(eager: Deps, tick: Tick) -> None:
    project_id, _, (take,) = generating(eager, {"state": "delivered"})
    eager.db.run(lambda session: make_candidate(session, take))
    control.cancel(eager, project_id)

    def ended() -> bool:
        tick()
        return film_of(eager, project_id).state == ProjectState.CANCELLED

    until(ended, seconds=10, what="the film to be cancelled")
    assert fresh(eager, take).state == TakeState.SETTLED


def test_a_film_is_settled_though_an_older_version_of_a_scene_is_still_at_a_service(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    project_id, scene, _ = generating(eager, {"state": "submitted", "version": 0})
    eager.db.run(lambda session: advance(session, fresh(eager, scene), "gave_up", reason="nothing came", note="x"))
    until(lambda: tick() or film_of(eager, project_id).state == ProjectState.WAITING, what="the film to wait")  # type: ignore[func-returns-value]


def test_a_cancellation_reaches_the_service_though_the_wave_was_first(eager: Deps, service: Scripted) -> None:
    project_id, _, (take,) = generating(eager, {"state": "submitted", "operation": "op"})
    control.cancel(eager, project_id)
    poll.wave(eager, "procedural")
    run(eager, CANCEL, take.id)
    assert fresh(eager, take).state == TakeState.CANCELLED


def test_a_cancellation_that_was_not_heard_is_soon_told_again_however_long_the_service_means_to_work(
    eager: Deps, service: Scripted
) -> None:
    def deaf(operation: str) -> bool:
        raise Transient("nobody hears it")

    service.on_cancel, service.on_poll = deaf, lambda operation: Pending(retry_in=900.0)
    project_id, _, (take,) = generating(eager, {"state": "submitted", "operation": "op"})
    control.cancel(eager, project_id)
    assert not run(eager, CANCEL, take.id)
    poll.wave(eager, "procedural")
    now = eager.db.run(lambda session: session.execute(select(func.clock_timestamp())).scalar_one())
    pace = eager.capabilities(take.service, take.model).poll_seconds
    assert 0 < (fresh(eager, take).due_at - now).total_seconds() <= pace
