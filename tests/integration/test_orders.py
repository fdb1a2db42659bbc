"""Orders to a service: those of unknown fate, what they cost, and how many there may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from tests.factories import make_candidate
from tests.scripted import Scripted, film, film_of, fresh, generating
from tests.waiting import until
from vidpipe.db import money, projects
from vidpipe.db.due import claim_one
from vidpipe.db.models import Scene, Take
from vidpipe.db.transitions import advance_many
from vidpipe.domain.requests import Accepted, Delivered, VideoRequest
from vidpipe.domain.states import Entity, ProjectState, SceneState, TakeState
from vidpipe.errors import Uncertain
from vidpipe.pipeline import poll, purchase
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.gather import gather

Tick = Callable[[], None]


def spent(deps: Deps, project_id: UUID) -> tuple[float, float]:
    """US dollars settled, and still reserved."""
    balance = deps.db.run(lambda session: money.spent(session, project_id))
    return float(balance.settled), float(balance.open)


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
    eager.db.run(lambda session: purchase.accepted(session, take, attempt, Accepted("op"), 600))
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
        deps.db.run(lambda session, a=attempt, n=name: purchase.accepted(session, take, a, Accepted(n), 600))  # type: ignore[misc]
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


# The first question


@pytest.mark.parametrize(("told", "asked"), [(None, True), (0.0, True), (30.0, False), (1e12, False)])
def test_an_operation_is_first_asked_about_when_its_service_says_that_it_may_be_done(
    deps: Deps, told: float | None, asked: bool
) -> None:
    _, _, (take,) = generating(deps, {"state": "queued", "operation": None})
    attempt = deps.db.run(lambda session: money.begin_attempt(session, money.order_of(take, Decimal(0)), 5))
    deps.db.run(lambda session: advance_many(session, Entity.TAKE, [take.id], "submit_began"))
    deps.db.run(lambda session: purchase.accepted(session, take, attempt, Accepted("op", told), 600))
    lease = uuid4()
    due = deps.db.run(lambda session: claim_one(session, take.id, lease=lease, seconds=60, by="here"))
    assert bool(due) is asked
    now = fresh(deps, take)
    same = timedelta(milliseconds=1)  # each is written by the clock of its own
    assert now.deadline_at is not None and (now.due_at is None or now.due_at <= now.deadline_at + same)
