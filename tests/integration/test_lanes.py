"""Lanes: a service's limits hold over all workers, films share it fairly, and one that is away is left alone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select, text, update

from tests.paid import YES, Askable, Service, employ
from tests.scripted import film_of
from tests.stories import story
from tests.waiting import until
from vidpipe.db import lanes, projects
from vidpipe.db.lanes import Limits
from vidpipe.db.models import Project, ServiceLane, Take
from vidpipe.domain.requests import Delivered, Pending, VideoRequest
from vidpipe.domain.states import Entity, ProjectState, TakeState
from vidpipe.errors import Unavailable
from vidpipe.pipeline import control, lane
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.pipeline.overview import overview
from vidpipe.pipeline.plan import PLAN
from vidpipe.pipeline.step import run

Play = Callable[[UUID], Project]
Tick = Callable[[], None]


def begin(deps: Deps, title: str = "A film", *, priority: int = 5, **values: object) -> UUID:
    board = story(title=title, **values)  # type: ignore[arg-type]
    return enroll(deps, board, consent=YES, priority=priority, again=True).project_id


def planned(deps: Deps, project_id: UUID) -> list[UUID]:
    """Plan every scene of the film; the takes that were let go on."""
    refs = []
    for scene in deps.db.run(lambda session: projects.scenes(session, project_id)):
        refs += run(deps, PLAN, scene.id)
    return [ref.id for ref in refs if ref.entity == Entity.TAKE]


def not_at_once() -> Callable[[str], Pending | None]:
    """Operations that are delivered when they are asked about for the second time."""
    asked: set[str] = set()

    def answer(operation: str) -> Pending | None:
        if operation in asked:
            return None
        asked.add(operation)
        return Pending(retry_in=0.01)

    return answer


def lane_of(deps: Deps) -> ServiceLane | None:
    return deps.db.run(lambda session: session.get(ServiceLane, "procedural"))


def in_flight(deps: Deps) -> Counter[UUID]:
    rows = deps.db.run(
        lambda session: session.execute(select(Take.project_id).where(lanes.in_flight())).scalars().all()
    )
    return Counter(rows)


def test_no_more_takes_are_at_a_service_than_it_takes_and_the_rest_follow(eager: Deps, play: Play) -> None:
    service, most = Askable(), [0]
    open_: set[str] = set()

    def count(request: VideoRequest) -> None:
        open_.add(f"procedural-{request.token}")
        most[0] = max(most[0], len(open_))

    deliver = not_at_once()

    def answer(operation: str) -> Pending | Delivered | None:
        pending = deliver(operation)
        if pending is None:
            open_.discard(operation)
        return pending

    service.on_submit, service.on_poll = count, answer
    employ(eager, service, limits={"operations": 2})
    project_id = begin(eager, scenes=6)
    assert play(project_id).state == ProjectState.DONE
    assert len(service.orders) == 6 and most[0] == 2


def test_the_limit_holds_though_many_workers_let_takes_go_at_once(deps: Deps) -> None:
    employ(deps, Askable(), limits={"operations": 3})
    project_id = begin(deps, scenes=10)
    scenes = deps.db.run(lambda session: projects.scenes(session, project_id))
    threads = [threading.Thread(target=run, args=(deps, PLAN, scene.id)) for scene in scenes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(in_flight(deps).values()) == 3


def test_films_share_a_busy_service_by_their_priority_and_none_starves(deps: Deps) -> None:
    employ(deps, Askable(), limits={"operations": None})
    first, second, third = (
        begin(deps, title, scenes=20, priority=priority)
        for title, priority in (("an old film", 5), ("a new one", 5), ("an urgent one", 6))
    )
    limits = Limits(operations=8)
    for project_id in (first, second, third):
        planned(deps, project_id)
    deps.db.run(lambda session: session.execute(update(Take).values(admitted_at=None)))
    at = deps.db.run(lambda session: lanes.somebody_waits(session, "procedural"))
    assert at is not None
    deps.db.run(lambda session: lanes.admit(session, "procedural", limits, at))
    assert in_flight(deps) == Counter({first: 2, second: 2, third: 4})


def test_a_small_film_does_not_wait_for_a_large_one_that_came_before(eager: Deps, play: Play) -> None:
    employ(eager, Askable(on_poll=not_at_once()), limits={"operations": 2})
    large = begin(eager, "large", scenes=12)
    small = begin(eager, "small", scenes=2)
    assert play(small).state == ProjectState.DONE
    left = eager.db.run(lambda session: projects.takes(session, large))
    assert sum(take.state == TakeState.SETTLED for take in left) < 12


def test_no_more_orders_are_given_in_a_minute_than_a_service_takes(eager: Deps, tick: Tick) -> None:
    service = Askable()
    employ(eager, service, limits={"requests_per_minute": 3})
    begin(eager, scenes=5)
    until(lambda: tick() or len(service.orders) == 3, what="three orders")  # type: ignore[func-returns-value]
    for _ in range(5):
        tick()
    assert len(service.orders) == 3
    eager.db.run(lambda session: session.execute(text("UPDATE attempts SET created_at = now() - interval '61 s'")))
    until(lambda: tick() or len(service.orders) == 5, what="the others, a minute later")  # type: ignore[func-returns-value]


def test_a_service_that_is_away_is_left_alone_without_costing_tries_and_the_film_says_so(
    eager: Deps, tick: Tick, play: Play
) -> None:
    service = Service()
    employ(eager, service)

    def quota(request: VideoRequest) -> None:
        raise Unavailable("out of quota", retry_after=30)

    service.on_submit = quota
    project_id = begin(eager, scenes=3)
    until(lambda: tick() or service.orders, what="an order")  # type: ignore[func-returns-value]
    for _ in range(5):
        tick()
    paused = lane_of(eager)
    assert paused is not None and paused.strikes == 1 and paused.reason == "out of quota"
    assert len(service.orders) <= 3
    takes = eager.db.run(lambda session: projects.takes(session, project_id))
    assert {(take.state, take.tries, take.admitted_at) for take in takes} == {("queued", 0, None)}
    doing = {scene.doing for scene in overview(eager.db, project_id).scenes}
    assert all("waits for procedural: out of quota; tried again in" in words for words in doing)
    before = len(service.orders)
    past = text("UPDATE service_lanes SET paused_until = now() - interval '1 s'")
    backoff = text("UPDATE takes SET due_at = NULL")
    eager.db.run(lambda session: (session.execute(past), session.execute(backoff)))
    until(lambda: tick() or len(service.orders) > before, what="one take to be let go to see")  # type: ignore[func-returns-value]
    assert len(service.orders) == before + 1
    service.on_submit = lambda request: None
    eager.db.run(lambda session: (session.execute(past), session.execute(backoff)))
    assert play(project_id).state == ProjectState.DONE
    again = lane_of(eager)
    assert again is not None and again.strikes == 0 and again.paused_until is None


def test_a_scene_with_a_fallback_does_not_wait_for_ever_for_a_service_that_is_away(eager: Deps, play: Play) -> None:
    service, other = Service(), Service(name="other")
    employ(eager, service, other)
    eager.settings = replace(eager.settings, timing=replace(eager.settings.timing, lane_patience=0.1))

    def down(request: VideoRequest) -> None:
        raise Unavailable("connection refused")

    service.on_submit = down
    project_id = begin(eager, fallback="other/procedural-1")
    assert play(project_id).state == ProjectState.DONE
    assert len(other.orders) == 1


def test_a_paused_film_gives_its_places_back(deps: Deps) -> None:
    employ(deps, Askable(), limits={"operations": 2})
    first, second = begin(deps, "first", scenes=2), begin(deps, "second", scenes=2)
    assert len(planned(deps, first)) == 2 and planned(deps, second) == []
    control.pause(deps, first)
    refs = lane.admit(deps, "procedural")
    assert len(refs) == 2 and in_flight(deps) == Counter({second: 2})
    assert film_of(deps, first).state == ProjectState.PAUSED
