"""Money: never paid twice, nothing forgotten, bounds that hold, and a ledger that says what the bill says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from tests.paid import PRICE, YES, Askable, Service, employ
from tests.scripted import film_of, fresh
from tests.stories import story
from tests.waiting import until
from vidpipe.db import money, projects
from vidpipe.db.models import Attempt, Project, Purchase, Scene, Take
from vidpipe.domain.requests import Accepted, Delivered, Pending, VideoRequest
from vidpipe.domain.states import ProjectState, SceneState, TakeState
from vidpipe.errors import Broken, Refused, Transient, Uncertain, Unconfirmed, UserError
from vidpipe.pipeline import control, purchase, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll
from vidpipe.pipeline.overview import overview

Play = Callable[[UUID], Project]
Tick = Callable[[], None]


def begin(deps: Deps, consent: Consent = YES, **values: object) -> UUID:
    board = story(**{key: value for key, value in values.items() if key not in _OF_FILM})  # type: ignore[arg-type]
    board = replace(board, **{key: value for key, value in values.items() if key in _OF_FILM})  # type: ignore[arg-type]
    return enroll(deps, board, consent=consent).project_id


_OF_FILM = ("budget", "on_budget", "on_uncertain")


def takes_of(deps: Deps, project_id: UUID) -> list[Take]:
    return list(deps.db.run(lambda session: projects.takes(session, project_id)))


def balance(deps: Deps, project_id: UUID) -> money.Balance:
    """What the film has cost; `spent` sums up in a way of its own, and must always say what the orders say."""

    def ask(session: Session) -> tuple[money.Balance, money.Balance]:
        return money.spent(session, project_id), money.balance(session, Purchase.project_id == project_id)

    quick, exact = deps.db.run(ask)
    assert quick == exact
    return quick


def wait(tick: Tick, condition: Callable[[], object], what: str) -> None:
    def once() -> object:
        tick()
        return condition()

    until(once, seconds=30, what=what)


def lose_every_answer(service: Service) -> None:
    def accepted_unheard(request: VideoRequest) -> None:
        service.take(request)
        raise Uncertain("no answer")

    service.on_submit = accepted_unheard


# Before anything is bought


def test_a_film_that_pays_is_not_written_down_before_somebody_agreed(deps: Deps) -> None:
    employ(deps, Service())
    with pytest.raises(Unconfirmed, match=r"\$0.80 if all goes well") as raised:
        enroll(deps, story(scenes=2))
    assert "--yes" in raised.value.remedy
    with pytest.raises(Unconfirmed, match="no budget"):
        enroll(deps, story(scenes=2), consent=Consent(confirmed=True))
    assert deps.db.run(projects.all_of) == []
    enrolled = enroll(deps, story(scenes=2), consent=Consent(confirmed=True, budget=Decimal(5)))
    assert film_of(deps, enrolled.project_id).budget == 5
    assert film_of(deps, enrolled.project_id).estimate == Decimal("0.80")


def test_a_film_that_costs_nothing_needs_nobody_to_agree(deps: Deps) -> None:
    employ(deps, Service(), price_per_second="0", cheaper="")
    deps.settings.services["procedural"]["models"].pop("procedural-lite")
    assert enroll(deps, story()).fresh


def test_the_ledger_of_a_finished_film_is_its_bill(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)
    project_id = begin(eager, scenes=2, candidates=2)
    assert play(project_id).state == ProjectState.DONE
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0))
    assert service.billed == 4 * PRICE


# Uncertain


def test_an_order_whose_answer_was_lost_is_found_where_the_service_can_be_asked(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)
    lose_every_answer(service)
    project_id = begin(eager)
    assert play(project_id).state == ProjectState.DONE
    assert len(service.orders) == 1
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0))


def test_where_it_cannot_be_asked_a_person_answers_and_nothing_is_bought_twice(eager: Deps, play: Play) -> None:
    service = Service()
    employ(eager, service)
    lose_every_answer(service)
    project_id = begin(eager)
    assert play(project_id).state == ProjectState.WAITING
    (unknown,) = uncertain.listed(eager)
    assert unknown.price == PRICE and unknown.scene == "Shot 1A" and not unknown.asked
    assert balance(eager, project_id) == money.Balance(Decimal(0), PRICE)
    (name,) = service.bill
    said = uncertain.found(eager, str(unknown.token)[:8], name)
    assert "is watched as" in said
    assert play(project_id).state == ProjectState.DONE
    assert len(service.orders) == 1 and balance(eager, project_id) == money.Balance(PRICE, Decimal(0))
    with pytest.raises(UserError, match="not uncertain"):
        uncertain.lost(eager, str(unknown.token)[:8])


def test_an_order_that_a_person_found_lost_is_given_again(eager: Deps, play: Play) -> None:
    service = Service()
    employ(eager, service)

    def never_arrived(request: VideoRequest) -> None:
        service.on_submit = lambda request: None
        raise Uncertain("reset")

    service.on_submit = never_arrived
    project_id = begin(eager)
    assert play(project_id).state == ProjectState.WAITING
    uncertain.lost(eager, str(uncertain.listed(eager)[0].token)[:8])
    assert play(project_id).state == ProjectState.DONE
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0)) and service.billed == PRICE


def test_what_was_billed_and_brought_nothing_is_entered(eager: Deps, play: Play) -> None:
    service = Service()
    employ(eager, service)
    lose_every_answer(service)
    project_id = begin(eager)
    play(project_id)
    service.on_submit = lambda request: None
    uncertain.billed(eager, str(uncertain.listed(eager)[0].token), PRICE)
    assert play(project_id).state == ProjectState.DONE
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0)) and service.billed == 2 * PRICE


def test_a_film_that_says_resubmit_orders_again_and_keeps_the_lost_order_reserved(eager: Deps, play: Play) -> None:
    service = Service()
    employ(eager, service)

    def once(request: VideoRequest) -> None:
        service.on_submit = lambda request: None
        service.take(request)
        raise Uncertain("no answer")

    service.on_submit = once
    project_id = begin(eager, on_uncertain="resubmit")
    assert play(project_id).state == ProjectState.DONE
    assert len(service.orders) == 2
    assert balance(eager, project_id) == money.Balance(PRICE, PRICE)
    uncertain.billed(eager, str(uncertain.listed(eager)[0].token), PRICE)
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0))


def test_a_person_may_have_it_ordered_again_and_find_the_first_one_later(eager: Deps, tick: Tick, play: Play) -> None:
    service = Service()
    employ(eager, service)
    lose_every_answer(service)
    project_id = begin(eager)
    play(project_id)
    service.on_submit = lambda request: None
    order = str(uncertain.listed(eager)[0].token)[:8]
    uncertain.resubmit(eager, order)
    assert play(project_id).state == ProjectState.DONE
    assert "already" in uncertain.resubmit(eager, order)
    uncertain.found(eager, order, next(iter(service.bill)))
    assert len(takes_of(eager, project_id)) == 2  # the first order became a take of its own
    wait(tick, lambda: balance(eager, project_id) == money.Balance(service.billed, Decimal(0)), "both to be settled")


def test_a_late_success_of_a_take_given_up_on_joins_as_a_candidate_and_changes_no_choice(
    eager: Deps, tick: Tick, play: Play
) -> None:
    service = Askable()
    employ(eager, service)
    first: list[VideoRequest] = []

    def unheard(request: VideoRequest) -> None:
        if not first:
            first.append(request)
            raise Uncertain("no answer")

    service.on_submit = unheard
    project_id = begin(eager)
    assert play(project_id).state == ProjectState.DONE  # the second order brought the clip
    (take,) = takes_of(eager, project_id)
    service.take(first[0])  # and now the first one arrives at the service after all
    # A worker that had stalled in that very call hears the answer only now.
    row = eager.db.run(lambda session: session.execute(select(Attempt).where(Attempt.outcome == "lost")).scalar_one())
    eager.db.run(lambda session: purchase.accepted(session, take, row, Accepted(f"procedural-{first[0].token}"), 600))

    def scored() -> bool:
        states = [one.state for one in takes_of(eager, project_id)]
        return states == [TakeState.SETTLED, TakeState.SETTLED]

    wait(tick, scored, "the late take to be settled")
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0)) and service.billed == 2 * PRICE
    assert film_of(eager, project_id).state == ProjectState.DONE


# Bounds


def test_at_its_budget_a_film_finishes_what_is_in_flight_and_says_why_it_waits(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)
    project_id = begin(eager, Consent(confirmed=True, budget=Decimal("1.00")), scenes=3)
    assert play(project_id).state == ProjectState.WAITING
    assert service.billed == Decimal("0.80")
    assert balance(eager, project_id) == money.Balance(Decimal("0.80"), Decimal(0))
    assert "budget is $1.00" in overview(eager.db, project_id).note
    control.set_budget(eager, project_id, Decimal(2))
    control.retry(eager, project_id)
    assert play(project_id).state == ProjectState.DONE
    assert service.billed == Decimal("1.20")


def test_at_its_budget_a_film_may_be_cancelled(eager: Deps, tick: Tick) -> None:
    service = Askable()
    employ(eager, service)
    project_id = begin(eager, Consent(confirmed=True, budget=Decimal("1.00")), scenes=3, on_budget="cancel")
    wait(tick, lambda: film_of(eager, project_id).state == ProjectState.CANCELLED, "the film to be cancelled")
    found = balance(eager, project_id)
    assert found.open == 0 and found.settled == service.billed <= Decimal("1.00")


def test_at_its_budget_a_film_may_go_on_with_a_cheaper_model(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)
    project_id = begin(eager, Consent(confirmed=True, budget=Decimal("1.00")), scenes=4, on_budget="cheaper")
    assert play(project_id).state == ProjectState.DONE
    models = sorted(order.model for order in service.orders)
    assert models == ["procedural-1", "procedural-1", "procedural-lite", "procedural-lite"]
    assert balance(eager, project_id) == money.Balance(service.billed, Decimal(0)) and service.billed == Decimal("1.00")


def test_a_scene_never_costs_more_than_it_may(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)

    def broken(operation: str) -> Pending | Delivered | None:
        return Delivered((), filtered=1, cost=service.bill[operation])  # filtered, and billed all the same

    service.on_poll = broken
    project_id = begin(eager, fallback="")
    eager.db.run(lambda session: session.execute(update(Scene).values(max_cost=Decimal("0.50"))))
    assert play(project_id).state == ProjectState.WAITING
    assert service.billed == PRICE


# Faults


def test_transient_faults_are_tried_three_times_in_all_then_the_fallback_serves(eager: Deps, play: Play) -> None:
    service, other = Askable(), Askable(name="other")
    employ(eager, service, other)

    def busy(request: VideoRequest) -> None:
        raise Transient("busy", retry_after=0.01)

    service.on_submit = busy
    project_id = begin(eager, fallback="other/procedural-1")
    assert play(project_id).state == ProjectState.DONE
    assert len(service.orders) == 3 and len(other.orders) == 1
    assert balance(eager, project_id) == money.Balance(other.billed, Decimal(0))


def test_what_broke_or_was_refused_is_released(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)

    def refuse(request: VideoRequest) -> None:
        raise Refused("no", kind="policy")

    service.on_submit = refuse
    project_id = begin(eager)
    assert play(project_id).state == ProjectState.WAITING
    assert balance(eager, project_id) == money.Balance()
    service.on_submit = lambda request: None

    def broke(operation: str) -> Pending | Delivered | None:
        service.bill.pop(operation)
        raise Broken("it broke")

    service.on_poll = broke
    control.retry(eager, project_id)
    assert play(project_id).state == ProjectState.WAITING
    assert len(service.orders) == 6  # once a level of the policy ladder, and three tries
    assert balance(eager, project_id) == money.Balance()


def test_an_operation_past_its_time_is_stopped_and_another_is_bought(eager: Deps, play: Play) -> None:
    service, other = Askable(), Askable(name="other")
    employ(eager, service, other, timeout_seconds=0.3)
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    project_id = begin(eager, fallback="other/procedural-1")
    assert play(project_id).state == ProjectState.DONE
    assert balance(eager, project_id) == money.Balance(other.billed, Decimal(0)) and not service.bill


def test_one_that_cannot_be_stopped_is_watched_and_its_late_clip_joins(eager: Deps, tick: Tick) -> None:
    service, other = Service(), Askable(name="other")
    employ(eager, service, other, timeout_seconds=0.3)
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    project_id = begin(eager, fallback="other/procedural-1")
    wait(tick, lambda: film_of(eager, project_id).state == ProjectState.DONE, "the film to be done without it")
    overdue = [take for take in takes_of(eager, project_id) if take.state == TakeState.OVERDUE]
    assert len(overdue) == 3 and balance(eager, project_id) == money.Balance(other.billed, 3 * PRICE)
    service.on_poll = lambda operation: None
    eager.db.run(lambda session: session.execute(update(Take).where(Take.state == "overdue").values(due_at=None)))

    def settled() -> bool:
        return {fresh(eager, take).state for take in overdue} == {TakeState.SETTLED}

    wait(tick, settled, "the late clips")
    assert balance(eager, project_id) == money.Balance(other.billed + service.billed, Decimal(0))
    (scene,) = eager.db.run(lambda session: projects.scenes(session, project_id))
    assert scene.state == SceneState.DONE


def test_a_service_that_never_ends_an_operation_leaves_its_bill_to_a_person(eager: Deps, tick: Tick) -> None:
    service, other = Service(), Askable(name="other")
    employ(eager, service, other, timeout_seconds=0.2)
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    project_id = begin(eager, fallback="other/procedural-1")
    wait(tick, lambda: film_of(eager, project_id).state == ProjectState.DONE, "the film to be done without it")
    long_ago = text("UPDATE takes SET deadline_at = now() - interval '3 days', due_at = NULL WHERE state = 'overdue'")
    eager.db.run(lambda session: session.execute(long_ago))
    wait(tick, lambda: len(uncertain.listed(eager)) == 3, "the three orders to be laid before a person")
    for unknown in uncertain.listed(eager):
        assert unknown.operation in service.bill
        uncertain.lost(eager, str(unknown.token))
    assert balance(eager, project_id) == money.Balance(other.billed, Decimal(0))
    assert film_of(eager, project_id).state == ProjectState.DONE
