"""What a person answers takes effect at once, and nothing that the core does by itself undoes what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text, update

from tests.paid import PRICE, YES, Askable, Service, employ
from tests.scripted import film_of, fresh
from tests.stories import story
from tests.waiting import until
from vidpipe.db import lanes, money, projects
from vidpipe.db.models import Scene, Take
from vidpipe.domain.requests import Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.errors import Refused, SetupError, Transient, Uncertain
from vidpipe.pipeline import control, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

Tick = Callable[[], None]
_LONG_AGO = text("UPDATE takes SET deadline_at = now() - interval '30 days', due_at = NULL WHERE state = 'overdue'")


def begin(deps: Deps, **values: object) -> UUID:
    return enroll(deps, story(**values), consent=YES).project_id  # type: ignore[arg-type]


def takes_of(deps: Deps, film: UUID) -> list[Take]:
    return list(deps.db.run(lambda session: projects.takes(session, film)))


def wait(tick: Tick, condition: Callable[[], object], what: str) -> None:
    until(lambda: tick() or condition(), seconds=30, what=what)  # type: ignore[func-returns-value]


def unheard(service: Service) -> Callable[[VideoRequest], None]:
    def accept(request: VideoRequest) -> None:
        service.take(request)
        raise Uncertain("no answer")

    return accept


def test_what_never_ended_is_not_taken_for_lost_though_its_service_can_be_asked(eager: Deps, tick: Tick) -> None:
    service, other = Askable(), Askable(name="other")
    employ(eager, service, other, timeout_seconds=0.2)
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    service.on_cancel = lambda operation: False
    film = begin(eager, fallback="other/procedural-1")
    wait(tick, lambda: film_of(eager, film).state == ProjectState.DONE, "the film to be done without it")
    eager.db.run(lambda session: session.execute(_LONG_AGO))
    ended = [take for take in takes_of(eager, film) if take.service == "procedural"]
    wait(tick, lambda: {fresh(eager, take).state for take in ended} == {TakeState.UNCERTAIN}, "nobody to know")
    for _ in range(3):
        tick()
    assert {fresh(eager, take).state for take in ended} == {TakeState.UNCERTAIN}
    assert len(uncertain.listed(eager)) == len(ended) == len(service.orders)
    assert eager.db.run(lambda session: money.spent(session, film)).open == len(ended) * PRICE


def test_a_take_at_a_service_that_was_taken_out_of_the_settings_ends_in_its_time(eager: Deps, tick: Tick) -> None:
    service, other = Askable(), Askable(name="other")
    employ(eager, service, other, timeout_seconds=0.5, cheaper="")
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    film = begin(eager, fallback="other/procedural-1")
    wait(tick, lambda: service.orders, "the order")
    left = {name: facts for name, facts in eager.settings.services.items() if name != service.name}
    eager.settings, eager.opener = replace(eager.settings, services=left), gone(other)
    eager.__dict__.update(_services={}, _catalogue=None)
    wait(tick, lambda: film_of(eager, film).state == ProjectState.DONE, "the film to be done by the other")
    (ended,) = [take for take in takes_of(eager, film) if take.service == service.name]
    assert ended.state == TakeState.OVERDUE and len(service.orders) == 1 and len(other.orders) == 1
    assert eager.db.run(lambda session: money.spent(session, film)).open == PRICE, "it may still be billed"


def test_takes_in_line_at_a_service_that_was_taken_out_of_the_settings_go_to_another(eager: Deps, tick: Tick) -> None:
    service, other = Askable(), Askable(name="other")
    employ(eager, service, other, limits={"operations": 1}, timeout_seconds=600.0, cheaper="")
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    film = begin(eager, scenes=3, fallback="other/procedural-1")
    wait(tick, lambda: service.orders, "the one order that there is room for")
    in_line = [take for take in takes_of(eager, film) if take.admitted_at is None]
    assert len(in_line) == 2
    left = {name: facts for name, facts in eager.settings.services.items() if name != service.name}
    eager.settings, eager.opener = replace(eager.settings, services=left), gone(other)
    eager.__dict__.update(_services={}, _catalogue=None)
    wait(tick, lambda: len(other.orders) == len(in_line), "those in line to be ordered from the other")
    assert len(service.orders) == 1
    assert all("no service" in (fresh(eager, take).last_error or "") for take in in_line)


def gone(other: Askable) -> Callable[..., Askable]:
    def open_(name: str, *_: object) -> Askable:
        if name != other.name:
            raise SetupError(f"there is no service {name!r}.")
        return other

    return open_


def test_a_service_that_cannot_be_told_to_stop_is_asked_how_it_is_doing_all_the_same(eager: Deps, tick: Tick) -> None:
    service = Askable()
    employ(eager, service, poll_seconds=0.05)

    def busy(operation: str) -> bool:
        raise Transient("busy")

    service.on_cancel = busy
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    film = begin(eager)
    wait(tick, lambda: service.orders, "an order")
    control.cancel(eager, film)
    due = text("UPDATE takes SET due_at = now() WHERE due_at IS NOT NULL")
    sent = text("UPDATE takes SET sent_at = now() - interval '1 day'")

    def asked() -> bool:
        # However often it is told to stop: each time that falls due together with the question.
        eager.db.run(lambda session: (session.execute(due), session.execute(sent)))
        return bool(questions)

    questions: list[str] = []
    service.on_poll = lambda operation: questions.append(operation)  # type: ignore[func-returns-value]
    wait(tick, asked, "a question")
    wait(tick, lambda: film_of(eager, film).state == ProjectState.CANCELLED, "the film to be cancelled")
    assert eager.db.run(lambda session: money.spent(session, film)) == money.Balance(PRICE)


def test_what_ran_over_at_a_service_that_is_away_just_then_is_stopped_when_it_is_back(eager: Deps, tick: Tick) -> None:
    service, other, refusals = Askable(), Askable(name="other"), iter(range(3))
    employ(eager, service, other, timeout_seconds=0.2, poll_seconds=0.05)

    def away_at_first(operation: str) -> bool:
        if next(refusals, None) is not None:
            raise Transient("cannot be reached")
        return True

    service.on_cancel = away_at_first
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    film = begin(eager, fallback="other/procedural-1")
    # The sweep is to come upon it when it is due, and before the wave asks once more.
    again = text("UPDATE takes SET sent_at = now() - interval '1 day', due_at = now() WHERE state = 'cancelling'")

    def done() -> bool:
        eager.db.run(lambda session: session.execute(again))
        return film_of(eager, film).state == ProjectState.DONE

    wait(tick, done, "the film to be done by the other")
    stopped = [take for take in takes_of(eager, film) if take.service == service.name]
    assert {take.state for take in stopped} == {TakeState.CANCELLED} and not service.bill
    assert eager.db.run(lambda session: money.spent(session, film)) == money.Balance(other.billed)


def test_what_its_service_will_never_stop_is_left_running_at_once(eager: Deps, tick: Tick) -> None:
    service, other = Askable(), Askable(name="other")
    employ(eager, service, other, timeout_seconds=0.2)

    def never(operation: str) -> bool:
        raise Refused("cannot be stopped")

    service.on_cancel = never
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    film = begin(eager, fallback="other/procedural-1")
    wait(tick, lambda: film_of(eager, film).state == ProjectState.DONE, "the film to be done by the other")
    left = [take for take in takes_of(eager, film) if take.service == service.name]
    assert {take.state for take in left} == {TakeState.OVERDUE}


def test_what_was_withheld_is_not_paid_for_where_the_service_does_not_tell_its_price(eager: Deps, tick: Tick) -> None:
    service = Askable()
    employ(eager, service, max_candidates=3)
    service.on_poll = lambda operation: Delivered((RemoteClip(1), RemoteClip(3)), filtered=1)
    film = begin(eager, candidates=3)
    wait(tick, lambda: film_of(eager, film).state == ProjectState.DONE, "the film to be done")
    (take,) = takes_of(eager, film)
    assert take.cost == 2 * PRICE and take.filtered == 1
    assert eager.db.run(lambda session: money.spent(session, film)) == money.Balance(2 * PRICE)


def test_whatever_goes_wrong_when_it_is_stopped_what_runs_at_a_service_is_watched(eager: Deps, tick: Tick) -> None:
    service = Askable()
    employ(eager, service)

    def nonsense(operation: str) -> bool:
        raise ValueError("no JSON")

    service.on_cancel = nonsense
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    film = begin(eager)
    wait(tick, lambda: service.orders, "an order")
    control.cancel(eager, film)
    wait(tick, lambda: film_of(eager, film).state == ProjectState.CANCELLED, "the film to be cancelled")
    (take,) = takes_of(eager, film)
    assert take.state == TakeState.OVERDUE
    service.on_poll = lambda operation: None
    eager.db.run(lambda session: session.execute(text("UPDATE takes SET due_at = NULL")))
    wait(tick, lambda: fresh(eager, take).state == TakeState.SETTLED, "its end")
    assert eager.db.run(lambda session: money.spent(session, film)) == money.Balance(PRICE)


@pytest.mark.parametrize("answer", ["lost", "resubmit"])
def test_what_is_ordered_again_waits_in_line_again(answer: str, eager: Deps, tick: Tick) -> None:
    service = Service()
    employ(eager, service, limits={"operations": 1})
    service.on_submit = unheard(service)
    first = begin(eager, title="first")
    wait(tick, lambda: uncertain.listed(eager), "an order of unknown fate")
    (one,) = uncertain.listed(eager)
    service.on_submit = lambda request: None
    service.on_poll = lambda operation: Pending(retry_in=0.05)
    second = begin(eager, title="second")
    wait(tick, lambda: len(service.orders) == 2, "the other film's order")
    getattr(uncertain, answer)(eager, str(one.token))
    for _ in range(5):
        tick()
    flying = eager.db.run(lambda session: lanes._count(session, service.name, lanes.in_flight))
    assert flying == 1 and len(service.orders) == 2
    service.on_poll = lambda operation: None
    for film in (second, first):
        wait(tick, lambda f=film: film_of(eager, f).state == ProjectState.DONE, "both films")  # type: ignore[misc]


def test_an_answer_takes_effect_at_once_however_often_the_scene_was_looked_at_in_vain(eager: Deps, tick: Tick) -> None:
    service = Service()
    employ(eager, service)
    service.on_submit = unheard(service)
    film = begin(eager)
    wait(tick, lambda: uncertain.listed(eager), "an order of unknown fate")
    looked = update(Scene).values(sends=10, sent_at=text("now()"))
    eager.db.run(lambda session: session.execute(looked))
    service.on_submit = lambda request: None
    uncertain.lost(eager, str(uncertain.listed(eager)[0].token))
    for _ in range(4):
        tick()
    assert len(service.orders) == 2
    wait(tick, lambda: film_of(eager, film).state == ProjectState.DONE, "the film")
