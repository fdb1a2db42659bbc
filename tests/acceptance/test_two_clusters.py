"""Two machines' workers on one database and one broker: limits, shares and budgets hold over both of them.

Three films share a service that does four things at once, each with a budget that it will reach and something else to
do then: finish what is in flight, be cancelled, go on with a cheaper model. A fourth uses a service that takes few
orders a minute. What both machines did at once is counted by the services themselves, and printed (pytest -s).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.machines import World, world
from tests.scripted import film_of
from tests.stories import story
from tests.waiting import until
from vidpipe.cluster.options import ClusterOptions
from vidpipe.db import lanes, money, projects
from vidpipe.db.models import Take
from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.pipeline import control
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll
from vidpipe.settings import load

PRICE, CHEAP = Decimal("0.40"), Decimal("0.10")  # US dollars a second; every clip lasts one
MACHINES = ("one", "two")
OPERATIONS = 4  # in flight at once at `procedural`
PER_MINUTE = 4  # orders at `slow`
TIMING = {"wave_every": 0.25, "sweep_every": 0.5, "lease": 6, "heartbeat": 1.5, "resend_after": 5, "backoff": 0.2}
# Scenes that each film has, and for how many of them its budget allows the dear model.
FINISH, CANCEL, CHEAPER = (12, 9), (12, 8), (19, 16)


def configuration() -> dict[str, Any]:
    """A dear model and its cheaper sister behind a narrow gate, and a second service that takes few orders."""
    model = {"poll_seconds": 0.25, "settling_seconds": 5, "price_per_second": str(PRICE)}
    models: dict[str, Any] = load({}).services["procedural"]["models"]
    able = {name: value for name, value in models["procedural-1"].items() if name != "cheaper"}
    return {
        "timing": TIMING,
        "services": {
            "procedural": {
                "operations": OPERATIONS,
                "models": {"procedural-1": model, "procedural-lite": {**model, "price_per_second": str(CHEAP)}},
            },
            "slow": {
                "adapter": "procedural", "default_model": "procedural-1", "requests_per_minute": PER_MINUTE,
                "models": {"procedural-1": {**able, **model, "price_per_second": "0"}},
            },
        },
    }  # fmt: skip


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[World]:
    """Broker, database and both services; no machine works yet."""
    with world(tmp_path, configuration(), ClusterOptions(latency=0.8, renderers=1)) as found:
        yield found


@dataclass
class Shares:
    """How many places each film had over time, while all of them wanted more."""

    films: Mapping[UUID, int]  # with their weights
    looks: int = 0
    places: Counter[UUID] = field(default_factory=Counter)
    most: int = 0

    def look(self, session: Session) -> None:
        """Once."""
        flying = Counter(dict(_by_film(session, lanes.in_flight())))
        self.most = max(self.most, sum(flying.values()))
        waiting = dict(_by_film(session, *_IN_LINE))
        if all(waiting.get(film) for film in self.films):
            self.looks += 1
            self.places.update(flying)

    def of(self, film: UUID) -> float:
        """Its mean number of places."""
        return self.places[film] / max(self.looks, 1)


_IN_LINE = (Take.state == "queued", Take.admitted_at.is_(None))


def in_line(session: Session) -> int:
    return sum(count for _, count in _by_film(session, *_IN_LINE))


def _by_film(session: Session, *which: Any) -> list[tuple[UUID, int]]:
    found = select(Take.project_id, func.count()).where(Take.service == "procedural", *which)
    return [(film, count) for film, count in session.execute(found.group_by(Take.project_id))]


def begin(deps: Deps, on_budget: Any, scenes: int, budget: Decimal, priority: int = 5) -> UUID:
    board = replace(story(title=on_budget, scenes=scenes), on_budget=on_budget)
    consent = Consent(confirmed=True, budget=budget)
    return enroll(deps, board, consent=consent, priority=priority).project_id


def slow_film(deps: Deps) -> UUID:
    board = story(title="slow", scenes=2 * PER_MINUTE)
    (sequence,) = board.sequences
    scenes = tuple(replace(scene, service="slow") for scene in sequence.scenes)
    return enroll(deps, replace(board, sequences=(replace(sequence, scenes=scenes),))).project_id


@dataclass(frozen=True)
class Films:
    """One that finishes what it has when its money is spent, one that ends, one that goes on more cheaply."""

    finish: UUID
    cancel: UUID
    cheaper: UUID
    slow: UUID

    @property
    def sharing(self) -> dict[UUID, int]:
        """Those that share a service, with their weights."""
        return {self.finish: 1, self.cancel: 1, self.cheaper: 2}

    def ended(self, deps: Deps) -> bool:
        """Whether each stands where its budget brings it."""
        ends = (ProjectState.WAITING, ProjectState.CANCELLED, ProjectState.DONE)
        films = (self.finish, self.cancel, self.cheaper)
        return all(film_of(deps, film).state == state for film, state in zip(films, ends, strict=True))


def begin_all(deps: Deps) -> Films:
    scenes, dear = CHEAPER
    assert (scenes - dear) * CHEAP < PRICE, "one more of the dear model would fit"
    return Films(
        finish=begin(deps, "finish", FINISH[0], FINISH[1] * PRICE),
        cancel=begin(deps, "cancel", CANCEL[0], CANCEL[1] * PRICE),
        cheaper=begin(deps, "cheaper", scenes, dear * PRICE + (scenes - dear) * CHEAP, priority=6),
        slow=slow_film(deps),
    )


def scenes_of(deps: Deps, film: UUID) -> Counter[str]:
    return Counter(scene.state for scene in deps.db.run(lambda session: projects.scenes(session, film)))


def models_of(deps: Deps, film: UUID) -> Counter[str]:
    takes = deps.db.run(lambda session: projects.takes(session, film))
    return Counter(take.model for take in takes if take.state == "settled")


def play(servers: World, films: Films) -> Shares:
    """Let both machines work until every film is at its end: how places were shared."""
    deps, shares = servers.deps, Shares(films.sharing)
    # Nobody goes first: the service is away until all of them wait for it.
    deps.db.run(lambda session: lanes.pause(session, "procedural", "not yet", seconds=3600, first=1, most=1))

    def ended() -> bool:
        deps.db.run(shares.look)
        return films.ended(deps)

    for name in MACHINES:
        servers.machine(name).start()
    everything = FINISH[0] + CANCEL[0] + CHEAPER[0]
    until(lambda: deps.db.run(in_line) == everything, seconds=60, what="every take in line", every=0.1)
    deps.db.run(lambda session: lanes.reopen(session, "procedural"))
    until(ended, seconds=120, what="all three films to come to their ends", every=0.1)
    until(lambda: len(servers.tokens("procedural-slow")) >= PER_MINUTE, seconds=60, what="the slow orders")
    return shares


def limits_held(servers: World, shares: Shares) -> None:
    busy, scarce = servers.books(), servers.books("procedural-slow")
    print(f"  in flight at once: {shares.most} by the rows, {busy['most|in flight']} by the service, of {OPERATIONS}")
    print(f"  orders a minute at the slow service: {scarce['most|in a minute']} of {PER_MINUTE}")
    assert shares.most == OPERATIONS == busy["most|in flight"]
    assert scarce["most|in a minute"] == PER_MINUTE
    assert not [name for name in (*busy, *scarce) if name.startswith("rejected|")]


def nobody_starved(shares: Shares) -> None:
    print(f"  places while all three were in line ({shares.looks} looks):")
    for film, weight in shares.films.items():
        print(f"    {shares.of(film):.2f} of {OPERATIONS} for weight {weight} of {sum(shares.films.values())}")
    assert shares.looks >= 10
    for film, weight in shares.films.items():
        assert shares.of(film) >= 0.6 * weight * OPERATIONS / sum(shares.films.values())


def budgets_acted(servers: World, films: Films) -> None:
    deps, (scenes, dear) = servers.deps, CHEAPER
    assert scenes_of(deps, films.finish) == {SceneState.DONE: FINISH[1], SceneState.BLOCKED: FINISH[0] - FINISH[1]}
    assert scenes_of(deps, films.cheaper) == {SceneState.DONE: scenes}
    assert models_of(deps, films.cheaper) == {"procedural-1": dear, "procedural-lite": scenes - dear}
    assert SceneState.CANCELLED in scenes_of(deps, films.cancel)
    assert set(scenes_of(deps, films.cancel)) <= {SceneState.DONE, SceneState.CANCELLED}
    balance = {film: deps.db.run(lambda session, f=film: money.spent(session, f)) for film in films.sharing}  # type: ignore[misc]
    for film, one in balance.items():
        print(f"  {film_of(deps, film).title}: ${one.settled:.2f} of ${film_of(deps, film).budget:.2f}")
        assert one.open == 0
    assert balance[films.finish].settled == FINISH[1] * PRICE
    assert balance[films.cheaper].settled == dear * PRICE + (scenes - dear) * CHEAP
    assert balance[films.cancel].settled <= CANCEL[1] * PRICE
    assert sum((one.settled for one in balance.values()), Decimal(0)) == servers.billed()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_limits_shares_and_budgets_hold_over_the_workers_of_two_machines(servers: World) -> None:
    films = begin_all(servers.deps)
    began = time.monotonic()
    shares = play(servers, films)
    print(f"{time.monotonic() - began:.1f} s:")
    limits_held(servers, shares)
    nobody_starved(shares)
    budgets_acted(servers, films)
    control.cancel(servers.deps, films.slow)
    idle = [name for name in MACHINES if not servers.machine(name).has_ordered]
    assert not idle, f"{idle} ordered nothing"
