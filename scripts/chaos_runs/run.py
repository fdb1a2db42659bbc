"""One run: films are enqueued, blows fall, the scales are watched, a person answers; then it is looked at."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scripts.chaos_runs import films, terms
from scripts.chaos_runs.blows import Blow, Hand, NotNow
from scripts.chaos_runs.diary import Diary
from scripts.chaos_runs.films import Shape
from scripts.chaos_runs.house import House
from scripts.chaos_runs.pauses import pauses
from scripts.chaos_runs.person import Person
from scripts.chaos_runs.scales import Scales
from vidpipe.db.models import Scene, Take, Transition
from vidpipe.domain.states import TAKE_ENDED, ProjectState, SceneState

_EVERY = 0.1  # seconds between two looks
_TELL = 10.0  # seconds between two lines about how it goes
_RESTS = (ProjectState.WAITING, ProjectState.DONE, ProjectState.FAILED)
_ASK = 1.0  # seconds between two looks of the person
_SPREAD = (0.3, 1.7)  # of the pace: how far apart two blows are, at least and at most
_AGAIN = 3  # times that a blow which cannot be struck is tried, in one deck


@dataclass(frozen=True)
class Standing:
    """How far the run is."""

    scenes: int
    done: int
    moves: int  # transitions so far
    all_done: bool  # every film is
    resting: bool  # no film moves any more by itself
    open: int  # takes that are not at their end

    @property
    def ended(self) -> bool:
        """Whether every film is done, and no take is left open."""
        return self.all_done and not self.open


@dataclass
class Run:
    """A run on a cluster that was started; `blows` by name, of which each is struck before one is struck again."""

    house: House
    shape: Shape
    blows: Mapping[str, Blow]
    pace: float  # seconds between two blows, on average
    limit: float  # seconds in which everything must be done
    diary: Diary
    say: Callable[[str], None] = lambda words: None
    most: int = 0  # blows in all; 0: as many as there is time for
    films: dict[UUID, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # why the run was broken off
    struck: dict[str, int] = field(default_factory=dict)  # how often each blow was
    seconds: float = 0.0
    pauses: dict[str, float] = field(default_factory=dict)  # seconds in which no row moved, by kind of blow

    def __post_init__(self) -> None:
        dice = random.Random(f"blows {self.shape.seed}")
        self.hand = Hand(self.house, dice, self.diary, self._meanwhile)
        self.scales = Scales(self.house)
        self.person = Person(self.house, self.diary)
        self._deck: list[str] = []
        self._put_off: dict[str, int] = {}
        self._next = 0.0
        self._told = 0.0
        self._moved = (0, 0.0)  # moves seen, and when (monotonic) there were that many

    def go(self) -> None:
        """Make the films. Everything that was stopped goes on and everything that was taken away is back at the end."""
        began = time.monotonic()
        self._moved = (0, began)
        self._next = began + self.hand.dice.uniform(*_SPREAD) * self.pace
        self.films = films.begin(self.house.deps, self.shape, self.house.cast)
        try:
            self._until(lambda now: now.resting, began, self._strike)
            self._calm()
            self._until(lambda now: now.ended, began, self._answer)
        finally:
            self._calm()
            self.seconds = time.monotonic() - began
        self.scales.weigh()
        with suppress(DBAPIError):  # that it cannot be reached is said elsewhere
            self.pauses = self.house.deps.db.run(lambda session: pauses(session, self.diary.entries))
        if not self.house.traps.places():
            self.problems.append("no worker told which places of the code it crosses, so that no trap could be set")

    def _until(self, over: Callable[[Standing], bool], began: float, act: Callable[[Standing], None]) -> None:
        """Look again and again, and `act`, until it is over or something is wrong with the run."""
        pause = threading.Event()
        while not self.problems:
            self.house.check()
            self._meanwhile()
            now = self._standing()
            if now is not None:
                self._tell(now, began)
                if over(now):
                    return
                self._watch(now, began)
                act(now)
            pause.wait(_EVERY)

    def _meanwhile(self) -> None:
        """What goes on while something is waited for."""
        self.scales.tick()
        self.hand.undo_due()

    def _answer(self, now: Standing) -> None:
        """Let the person look, now and then, once no film moves by itself."""
        if now.resting and time.monotonic() >= self._next:
            self._next = time.monotonic() + _ASK
            with suppress(DBAPIError):
                if not self.person.answer() and not now.open and not now.ended:
                    self.problems.append("nothing waits for anybody, and not every film is done")

    def _watch(self, now: Standing, began: float) -> None:
        at = time.monotonic()
        if now.moves != self._moved[0]:
            self._moved = (now.moves, at)
        if at - self._moved[1] > terms.QUIET:
            self.problems.append(f"nothing has moved for {terms.QUIET:g} s")
        elif at - began > self.limit:
            self.problems.append(f"the films were not done within {self.limit / 60:g} minutes")

    def _strike(self, _now: Standing) -> None:
        """The next blow of the deck, if it is time. One that cannot be struck now comes again later."""
        enough = self.most and sum(self.struck.values()) >= self.most
        if not self.blows or enough or time.monotonic() < self._next:
            return
        if not self._deck:
            self._deck = sorted(self.blows)
            self.hand.dice.shuffle(self._deck)
            self._put_off.clear()
        name = self._deck.pop(0)
        began = time.monotonic()
        try:
            self.blows[name](self.hand)
        except NotNow:
            self._put_off[name] = self._put_off.get(name, 0) + 1
            if self._put_off[name] < _AGAIN:
                self._deck.insert(self.hand.dice.randint(0, len(self._deck)), name)
            return
        finally:  # while a cluster is started again, nothing moves
            self._moved = (self._moved[0], self._moved[1] + time.monotonic() - began)
        self.struck[name] = self.struck.get(name, 0) + 1
        self.say(self.diary.entries[-1].what)
        self._next = time.monotonic() + self.hand.dice.uniform(*_SPREAD) * self.pace

    def _calm(self) -> None:
        self.hand.undo_due(all_of_it=True)
        self.house.quiet()

    def _standing(self) -> Standing | None:
        try:
            return self.house.deps.db.run(lambda session: _standing(session, list(self.films)), patience=0.0)
        except DBAPIError:
            return None

    def _tell(self, now: Standing, began: float) -> None:
        at = time.monotonic()
        if at - self._told < _TELL:
            return
        self._told = at
        weighed = self.scales.last
        money = f", ${weighed.settled:.2f} <= ${weighed.bill:.2f} <= ${weighed.covered:.2f}" if weighed else ""
        self.say(f"{at - began:6.0f} s: {now.done} of {now.scenes} scenes done{money}")


def _standing(session: Session, project_ids: Sequence[UUID]) -> Standing:
    rows = films.standing(session, project_ids)
    states = [project.state for project in rows]
    scenes = session.execute(select(func.count()).where(Scene.project_id.in_(project_ids))).scalar_one()
    done = select(func.count()).where(Scene.project_id.in_(project_ids), Scene.state == str(SceneState.DONE))
    left = select(func.count()).where(
        Take.project_id.in_(project_ids), Take.state.not_in([str(state) for state in TAKE_ENDED])
    )
    resting = all(state in _RESTS for state in states)
    return Standing(
        scenes=scenes,
        done=session.execute(done).scalar_one(),
        moves=session.execute(select(func.count()).select_from(Transition)).scalar_one(),
        all_done=all(state == ProjectState.DONE for state in states),
        resting=resting,
        open=session.execute(left).scalar_one(),
    )
