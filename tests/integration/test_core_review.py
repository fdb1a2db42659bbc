"""Promises of the core, each at the place where it is easiest to break: on rows, against the real database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from tests.factories import make_candidate, make_take
from tests.scripted import Scripted, film, film_of, fresh, generating
from tests.waiting import until
from vidpipe.db import money, projects, scenes
from vidpipe.db.models import GenerationCandidate, Project, Scene, Take
from vidpipe.db.transitions import advance, advance_many
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.domain.states import CandidateState, Entity, ProjectState, SceneState, TakeState
from vidpipe.errors import Transient, Uncertain, UserError
from vidpipe.media.info import DecodedClip
from vidpipe.pipeline import control, lane, poll, purchase, submit
from vidpipe.pipeline.cancel import CANCEL
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.download import DOWNLOAD
from vidpipe.pipeline.gather import gather
from vidpipe.pipeline.score import looked_at
from vidpipe.pipeline.step import pause, run
from vidpipe.vision.base import Measure, Reading, Subject

Play = Callable[[UUID], Project]
Tick = Callable[[], None]


@pytest.fixture
def service(eager: Deps) -> Iterator[Scripted]:
    """The only service of this test."""
    found = Scripted()
    eager.opener = lambda *_: found
    yield found


def spent(deps: Deps, project_id: UUID) -> tuple[float, float]:
    """US dollars settled, and still reserved."""
    balance = deps.db.run(lambda session: money.spent(session, project_id))
    return float(balance.settled), float(balance.open)


# A film that was cancelled ends, and buys nothing more


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


# A paused film buys nothing more


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


# What is uncertain


def test_an_uncertain_take_that_cannot_be_asked_about_is_left_to_a_person(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    project_id, _ = film(eager)

    def unclear(request: VideoRequest) -> Accepted:
        raise Uncertain("no answer")

    def broken(token: str) -> Accepted | None:
        raise RuntimeError("a defect of the adapter")

    service.on_submit, service.on_find = unclear, broken

    def waits() -> bool:
        tick()
        return film_of(eager, project_id).state == ProjectState.WAITING

    until(waits, seconds=15, what="the film to wait for a person")
    (take,) = eager.db.run(lambda session: projects.takes(session, project_id))
    assert take.state == TakeState.UNCERTAIN and "a defect of the adapter" in (take.last_error or "")


def test_a_take_whose_submit_is_lost_again_and_again_is_given_up(eager: Deps, service: Scripted, tick: Tick) -> None:
    project_id, _ = film(eager)

    def unclear(request: VideoRequest) -> Accepted:
        raise Uncertain("no answer")

    service.on_submit = unclear
    long_ago = text("UPDATE attempts SET deadline_at = now() - interval '1 hour', ended_at = now() - interval '1 hour'")

    def waits() -> bool:
        tick()
        eager.db.run(lambda session: session.execute(long_ago))
        return film_of(eager, project_id).state == ProjectState.WAITING

    until(waits, seconds=40, what="the film to wait for a person")
    assert len(service.submitted) == 3
    assert spent(eager, project_id) == (0, 0)


def test_that_an_order_is_not_there_counts_only_some_time_after_its_call_ended(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    film(eager)

    def unclear(request: VideoRequest) -> Accepted:
        # A call that took long: its deadline is past when it ends.
        eager.db.run(lambda session: session.execute(text("UPDATE attempts SET deadline_at = now() - interval '1 h'")))
        raise Uncertain("no answer within 30 s")

    asked: list[str] = []
    service.on_submit = unclear
    service.on_find = lambda token: asked.append(token)
    until(lambda: tick() or asked, what="the service to be asked")  # type: ignore[func-returns-value]
    assert len(service.submitted) == 1


def test_a_scene_with_a_usable_clip_goes_on_though_another_take_is_uncertain_and_its_gather_was_lost(
    eager: Deps, tick: Tick
) -> None:
    _, scene, (take, _) = generating(
        eager, {"state": "settled"}, {"state": "uncertain", "operation": None}, candidates=2
    )
    eager.db.run(lambda session: make_candidate(session, take, key="gone.mp4"))
    eager.db.run(lambda session: session.execute(update(Scene).values(sent_at=None)))
    until(lambda: tick() or fresh(eager, scene).state == SceneState.DONE, what="the scene to be done")  # type: ignore[func-returns-value]


def test_a_film_that_waited_for_an_uncertain_take_goes_on_when_the_answer_comes_late(
    eager: Deps, service: Scripted, tick: Tick
) -> None:
    project_id, _, (take,) = generating(eager, {"state": "queued", "operation": None})
    attempt = eager.db.run(lambda session: money.begin_attempt(session, money.order_of(take, Decimal(1)), 5))

    def lose(session: Session) -> None:
        advance_many(session, Entity.TAKE, [take.id], "submit_began")
        advance_many(session, Entity.TAKE, [take.id], "unclear")

    eager.db.run(lose)
    until(lambda: tick() or film_of(eager, project_id).state == ProjectState.WAITING, what="the film to wait")  # type: ignore[func-returns-value]
    eager.db.run(lambda session: purchase.accepted(session, take, attempt, "op", 600))
    until(lambda: tick() or film_of(eager, project_id).state == ProjectState.ACTIVE, what="the film to go on")  # type: ignore[func-returns-value]
    assert fresh(eager, take).state == TakeState.SUBMITTED


# Money


def test_an_order_that_arrived_after_it_was_given_up_as_lost_is_reserved_until_it_is_billed(deps: Deps) -> None:
    project_id, _, (take,) = generating(deps, {"state": "queued", "operation": None})
    first = deps.db.run(lambda session: money.begin_attempt(session, money.order_of(take, Decimal(2)), 5))

    def lose(session: Session) -> None:
        money.end_attempt(session, first.id, "lost")
        money.release(session, first)

    deps.db.run(lose)
    assert spent(deps, project_id) == (0, 0)
    second = deps.db.run(lambda session: money.begin_attempt(session, money.order_of(take, Decimal(2)), 5))
    for attempt, name in ((first, "one"), (second, "two")):
        deps.db.run(lambda session, a=attempt, n=name: purchase.accepted(session, take, a, n, 600))  # type: ignore[misc]
    assert spent(deps, project_id) == (0, 4)
    bought = deps.db.run(lambda session: projects.takes(session, project_id))
    assert [(one.slot, one.state, one.operation) for one in bought] == [
        (1, "submitted", "one"),
        (2, "submitted", "two"),
    ]
    for one, then in zip(bought, ((2, 2), (4, 0)), strict=True):
        deps.db.run(lambda session, t=one: money.settle(session, t, None))  # type: ignore[misc]
        assert spent(deps, project_id) == then


def test_a_delivery_of_which_all_was_filtered_costs_what_was_billed(eager: Deps, service: Scripted) -> None:
    project_id, _, (take,) = generating(eager, {"state": "submitted", "operation": "op"})
    attempt = eager.db.run(lambda session: money.begin_attempt(session, money.order_of(take, Decimal(4)), 5))
    eager.db.run(lambda session: money.end_attempt(session, attempt.id, "accepted", operation="op"))
    service.on_poll = lambda operation: Delivered((), filtered=1, cost=Decimal("0.5"))
    poll.wave(eager, "procedural")
    assert spent(eager, project_id) == (0.5, 0)


def test_a_scene_never_has_more_takes_than_it_may(eager: Deps) -> None:
    described = eager.settings.services["procedural"]
    model = {**described["models"]["procedural-1"], "max_candidates": 1, "cheaper": ""}
    services = {"procedural": {**described, "models": {"procedural-1": model}}}
    eager.settings = replace(eager.settings, services=services)
    _, scene, _ = generating(eager, {"state": "failed"}, {"state": "failed"}, candidates=2)
    eager.db.run(lambda session: session.execute(update(Scene).values(max_takes=3)))
    assert len(gather(eager, scene.id)) == 1
    assert eager.db.run(lambda session: session.execute(select(func.count(Take.id))).scalar_one()) == 3


# One row's trouble is no other's, and is told


def test_a_take_that_cannot_be_asked_about_holds_up_no_other_of_its_wave(eager: Deps, service: Scripted) -> None:
    _, _, (bad, odd, good) = generating(
        eager,
        {"state": "submitted", "operation": "bad"},
        {"state": "submitted", "operation": "odd"},
        {"state": "submitted", "operation": "good"},
    )

    def answer(operation: str) -> Pending | Delivered:
        if operation == "bad":
            raise ValueError("an answer nobody foresaw")
        # Two clips of one number cannot be written down.
        return Delivered((RemoteClip(1), RemoteClip(1)) if operation == "odd" else (RemoteClip(1),))

    service.on_poll = answer
    poll.wave(eager, "procedural")
    assert [fresh(eager, take).state for take in (bad, odd, good)] == ["submitted", "submitted", "delivered"]
    assert "an answer nobody foresaw" in fresh(eager, bad).last_error
    for take in (bad, odd):
        now = fresh(eager, take)
        assert now.last_error and now.due_at is not None and now.lease_token is None and now.tries == 1


def test_a_fallback_that_is_not_known_here_blocks_its_scene_with_the_reason(eager: Deps) -> None:
    _, scene, _ = generating(eager, {"state": "refused"}, fallback="nowhere")
    gather(eager, scene.id)
    now = fresh(eager, scene)
    assert now.state == SceneState.BLOCKED and "nowhere" in now.note


def test_what_was_paid_for_is_fetched_with_more_patience_than_a_few_tries(eager: Deps, service: Scripted) -> None:
    _, _, (take,) = generating(eager, {"state": "delivered", "operation": "op"})
    clip = eager.db.run(lambda session: make_candidate(session, take, state=str(CandidateState.ANNOUNCED)))

    def away(dest: Path) -> None:
        raise Transient("503")

    service.on_fetch = away
    for _ in range(2 * eager.settings.tries):
        eager.db.run(lambda session: session.execute(update(GenerationCandidate).values(due_at=None)))
        run(eager, DOWNLOAD, clip.id)
    assert fresh(eager, clip).state == CandidateState.ANNOUNCED


def test_an_eye_that_sees_no_number_leaves_its_dimension_out(eager: Deps) -> None:
    class Blind:
        dimension = "visual_quality"

        def __init__(self, score: float | None, value: float) -> None:
            self.reading = Reading(self.dimension, "measured", score, measures=(Measure("m", value, "u"),))

        def measure(self, clip: DecodedClip, subject: Subject) -> Reading:
            return self.reading

    nan = float("nan")
    for eye in (Blind(nan, 1.0), Blind(0.5, float("inf"))):
        reading = looked_at(eye, None, Subject(""))  # type: ignore[arg-type]
        assert reading.status == "failed" and reading.score is None and not reading.measures
    assert looked_at(Blind(0.5, 1.0), None, Subject("")).score == 0.5  # type: ignore[arg-type]


def test_a_pause_has_a_bound_however_often_it_was_tried(eager: Deps) -> None:
    assert pause(eager.settings.timing, 5000) <= eager.settings.timing.backoff_most * 1.25


# The hand on the wheel, at any time


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
