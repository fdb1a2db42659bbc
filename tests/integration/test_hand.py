"""A film, a paid service that does anything, and somebody who says anything at any time: it all ends well.

One film a seed. `--seeds N` plays N of them, `--seed K` begins with the K-th: a seed that failed is played again by
`pytest tests/integration/test_hand.py --seeds 1 --seed K`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from tests import audit, clips
from tests.fickle import SETTLING, TIMEOUT, Cancellable, Clock, Fickle, Findable, Killed, Obliging
from tests.paid import YES, employ
from tests.person import Person
from tests.scripted import film_of
from vidpipe.db import money
from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.domain.storyboard.model import FrameSpec, SceneSpec, SequenceSpec, Storyboard
from vidpipe.media.info import DecodedClip
from vidpipe.pipeline import control, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.pipeline.overview import overview
from vidpipe.vision.base import Reading, Subject

Tick = Callable[[], None]
_WIDTH, _HEIGHT, _FPS, _SECONDS = 64, 36, 12, 0.5
_KINDS = (Fickle, Findable, Cancellable, Obliging)
# How long the stage waits, in seconds, until nothing more can come: retries, deadlines, what services keep for days.
_CALM = (20.0, 1200.0, 3 * 86400.0)


class Length:
    """An eye that measures how many frames there are: cheap, and true."""

    dimension = "visual_quality"

    def measure(self, clip: DecodedClip, subject: Subject) -> Reading:
        return Reading(self.dimension, "measured", min(len(clip.times) / (_FPS * _SECONDS), 1.0))


class Watched:
    """A media store in whose every use something may happen."""

    def __init__(self, store: Any, moment: Callable[[str], None]) -> None:
        self._store, self._moment = store, moment

    def put(self, *args: Any, **more: Any) -> Any:
        self._moment("before storing")
        stored = self._store.put(*args, **more)
        self._moment("after storing")
        return stored

    def open_local(self, key: str) -> Any:
        self._moment("reading")
        return self._store.open_local(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class Stage:
    """One film, its services, its person, and what happens at which moment."""

    deps: Deps
    tick: Tick
    dice: random.Random
    clock: Clock
    services: tuple[Fickle, ...]
    person: Person
    plan: dict[int, str]  # what happens at the n-th moment
    storms: dict[int, int]  # how many orders are given during the n-th tick
    moments: int = 0
    ticks: int = 0
    film: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.film = self.person.project_id
        for service in self.services:
            service.moment = self.moment

    def moment(self, where: str) -> None:
        """Something may happen here."""
        self.moments += 1
        match self.plan.pop(self.moments, None):
            case "death" if where != "between":
                self.person.said.append(f"{where}: the worker dies")
                raise Killed(where)
            case "two":
                self.person.say_at_once([self.person.order(), self.person.order()], where)
            case "one" | "death":
                self._twice(where)

    def _twice(self, where: str) -> None:
        order = self.person.order()
        self.person.say(order, where)
        once = self.deps.db.run(lambda session: audit.standing(session, self.film))
        self.person.say(order, f"{where}, again")
        twice = self.deps.db.run(lambda session: audit.standing(session, self.film))
        assert once == twice, f"said twice, it did more than said once: {order.words}"

    def go_on(self, seconds: float) -> None:
        """Let time pass, beat once, and look at the money."""
        self.ticks += 1
        self.clock.passed += seconds
        self.deps.db.run(lambda session: audit.pass_time(session, seconds))
        for service in self.services:
            service.arrive()
        self.moment("between")
        storm = [self.person.order() for _ in range(self.storms.pop(self.ticks, 0))]
        if storm:
            self.person.say_at_once(storm, "meanwhile", self._beat)
        else:
            self._beat()
        self.deps.db.run(self._look_at_the_money)

    def _look_at_the_money(self, session: Session) -> None:
        audit.money_is_right(session, self.film, self.services)
        if not self.person.lowered:
            audit.bounds_hold(session, self.film)

    def _beat(self) -> None:
        try:
            self.tick()
        except Killed as death:
            self.person.said.append(f"a tick ended: {death}")

    def play(self) -> None:
        """Until everything that was planned has happened, or for a while."""
        for _ in range(10):
            self.go_on(self.dice.choice((0.5, 2.0, 5.0, 15.0, 40.0)))
        self.plan.clear()
        self.storms.clear()

    def rest(self) -> None:
        """Until nothing moves any more, however long one waits."""
        before = self._now()
        for seconds in _CALM:
            calm = 0
            for _ in range(60):
                self.go_on(seconds)
                now = self._now()
                calm, before = (calm + 1 if now == before else 0), now
                if calm == 2 or (calm and self.deps.db.run(lambda session: audit.idle(session, self.film))):
                    break
            else:
                raise AssertionError("it does not come to rest")
            if calm == 1:
                break
        self.deps.db.run(lambda session: audit.at_rest(session, self.film, self.services))

    def _now(self) -> tuple[object, ...]:
        return self.deps.db.run(lambda session: audit.standing(session, self.film))

    def answer_all(self) -> None:
        """The truth about every order of unknown fate, until there is none."""
        for _ in range(20):
            unknown = uncertain.listed(self.deps, self.film)
            if not unknown:
                return
            order = self.person.answer(unknown[0], again=False)
            assert order is not None, "an order is on its way for ever"
            self.person.say(order, "at last")
            self.rest()
        raise AssertionError("there is always one more order of unknown fate")


def draw_film(dice: random.Random) -> Storyboard:
    """One to six scenes, each after some of those before it."""
    labels = [f"Shot 1{letter}" for letter in "ABCDEF"[: dice.choice((1, 1, 2, 2, 3, 3, 4, 6))]]
    scenes = []
    for number, label in enumerate(labels):
        after = tuple(one for one in labels[:number] if dice.random() < 0.25)
        chained = FrameSpec("previous", previous=after[-1]) if after and dice.random() < 0.5 else None
        scenes.append(
            SceneSpec(
                label=label, prompt="a harbour", service="procedural", model="procedural-1", duration=_SECONDS,
                candidates=dice.randint(1, 3), critical=dice.random() < 0.7, after=after, first_frame=chained,
                fallback=dice.choice(("", "", "other/procedural-1")), max_takes=dice.choice((12, 12, 12, 3)),
                max_cost=dice.choice((None, None, None, Decimal("0.5"))),
            )
        )  # fmt: skip
    return Storyboard(
        title="A film", sequences=(SequenceSpec("One", tuple(scenes)),), width=_WIDTH, height=_HEIGHT, fps=_FPS,
        audio=False, budget=dice.choice((None, None, Decimal(1), Decimal(3))), quality_mode=True, candidate_count=2,
        on_budget=dice.choice(("finish", "cancel", "cheaper")), on_uncertain=dice.choice(("wait", "wait", "resubmit")),
        fingerprint=f"{dice.random()}",
    )  # fmt: skip


_LIMITS: tuple[Mapping[str, Any], ...] = (
    {}, {}, {"operations": 2}, {"requests_per_minute": 4}, {"operations": 1, "requests_per_minute": 6},
)  # fmt: skip


def set_up(deps: Deps, tick: Tick, seed: int, clip: Path) -> Stage:
    dice = random.Random(seed)
    clock = Clock()
    kinds = {name: dice.choice(_KINDS) for name in ("procedural", "other")}
    services = {name: kind(name=name, seed=seed, clock=clock, clip=clip) for name, kind in kinds.items()}
    employ(
        deps, *services.values(), limits=dice.choice(_LIMITS), max_candidates=dice.choice((1, 2)), poll_seconds=2.0,
        timeout_seconds=TIMEOUT, settling_seconds=SETTLING, audio=False,
    )  # fmt: skip
    deps.measurers = lambda settings: (Length(),)
    board = draw_film(dice)
    project_id = enroll(deps, board, consent=replace(YES, no_budget=board.budget is None)).project_id
    person = Person(deps, project_id, [scene.label for scene in board.scenes], services, dice)
    moments = range(1, 8 + 14 * len(board.scenes))
    happens = dice.sample(moments, dice.randint(2, 7))
    plan = {number: dice.choices(("one", "two", "death"), (6, 3, 2))[0] for number in happens}
    storms = {number: dice.randint(2, 4) for number in range(2, 12) if dice.random() < 0.06}
    stage = Stage(deps, tick, dice, clock, tuple(services.values()), person, plan, storms)
    deps.storage = Watched(deps.storage, stage.moment)  # type: ignore[assignment]
    return stage


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip that every delivery is, made once."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return clips.write(path, seconds=_SECONDS, width=_WIDTH, height=_HEIGHT, fps=_FPS)


@pytest.fixture(autouse=True)
def in_no_hurry(template_url: str, database_url: str) -> None:
    """What is under test here are rows, not what a power cut leaves of them: commits need not wait for the disk."""
    admin = create_engine(template_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        name = make_url(database_url).database
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    admin.dispose()


@pytest.fixture
def stage(eager: Deps, tick: Tick, seed: int, clip: Path) -> Iterator[Stage]:
    """The film of a seed. What was said and done is shown where the test fails."""
    found = set_up(eager, tick, seed, clip)
    yield found
    rows = eager.db.run(lambda session: audit.told(session, found.film))
    print(f"seed {seed}, {found.ticks} ticks, {found.moments} moments:", *found.person.said, *rows, sep="\n  ")


def test_whatever_is_said_at_whatever_moment_the_film_comes_to_rest_and_its_money_is_right(stage: Stage) -> None:
    deps, film = stage.deps, stage.film
    stage.play()
    stage.rest()
    made_after_all(stage)
    balance = deps.db.run(lambda session: money.spent(session, film))
    billed = sum((service.billed for service in stage.services), Decimal(0))
    assert balance == money.Balance(billed, Decimal(0))
    deps.db.run(lambda session: audit.replay(session, film))
    deps.db.run(lambda session: audit.bought_once(session, film, stage.services))


def made_after_all(stage: Stage) -> None:
    """Where it was paused it goes on; and on a service that does as it should, with money, it is made after all."""
    deps, film = stage.deps, stage.film
    for service in stage.services:
        service.kind = True
    if film_of(deps, film).state == ProjectState.PAUSED:
        control.resume(deps, film)
        stage.rest()
    control.set_budget(deps, film, None)
    for _ in range(2):  # an answer may end what a scene could still spend
        control.retry(deps, film)
        stage.rest()
        stage.answer_all()
    states = {scene.state for scene in overview(deps.db, film).scenes}
    wanted = ProjectState.FAILED if states == {SceneState.SKIPPED} else ProjectState.DONE
    assert film_of(deps, film).state == wanted
