"""One trial: a film is begun, a process is killed at a moment, the film is waited for and looked at."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from sqlalchemy import func, select

from scripts.kills import films
from scripts.kills.check import Found, check, film_file, trail, unfinished
from scripts.kills.films import Shape
from scripts.kills.house import EVERY, House, Killed, LeftBehindError
from vidpipe.db.models import Transition

MOST_EXTRA = 90.0  # seconds a film may take longer than an undisturbed one; then it counts as stuck
_LOOK = 0.01  # seconds between two looks for the moment
BACK = 60.0  # seconds in which a killed process must be ready again


@dataclass
class Trial:
    """What came of one film. `extra` is how many seconds longer it took than an undisturbed one."""

    process: str  # empty: nothing was killed
    planned: float  # share of the film's life
    killed_at: float = 0.0  # seconds after the film was enqueued
    phases: tuple[str, ...] = ()
    seconds: float = 0.0
    extra: float = 0.0
    back: float = 0.0  # seconds until the process was ready again
    held_up: str = ""  # what the scene that was last waited for longest, after the kill
    found: Found | None = None
    violations: list[str] = field(default_factory=list)
    evidence: str = ""
    project_id: UUID | None = None

    @property
    def complete(self) -> bool:
        """Whether the film is as it should be."""
        return not self.violations


@dataclass(frozen=True)
class Life:
    """An undisturbed film's life: when each of its moves was made, in seconds after it was enqueued."""

    moves: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.moves[-1]

    def moment(self, share: float) -> Moment:
        """The moment at `share` (0 to 1) of this life, by which moves were made: other films are faster or slower."""
        at = share * self.seconds
        made = sum(move <= at for move in self.moves)
        return Moment(share, made, at - self.moves[made - 1])


@dataclass(frozen=True)
class Moment:
    """A moment of a film's life: `after` seconds after its `moves`-th move."""

    share: float
    moves: int
    after: float


def shares(seed: int, process: str, kills: int) -> list[float]:
    """`kills` random shares of a film's life, one in each of as many equal parts of it, in that order."""
    dice = random.Random(f"{seed} {process}")
    return [(part + dice.random()) / kills for part in range(kills)]


def life_of(house: House, trial: Trial) -> Life:
    """The life of a film that is done."""
    wanted = select(Transition.at).where(Transition.project_id == trial.project_id).order_by(Transition.at)
    times = house.deps.db.run(lambda session: [at.timestamp() for at in session.execute(wanted).scalars()])
    return Life(tuple(at - times[0] for at in times))


def undisturbed(house: House, shape: Shape, title: str, *, most: float = 300.0) -> Trial:
    """A film during which nothing is killed."""
    trial = Trial("", 0.0)
    began = time.monotonic()
    trial.project_id = films.begin(house, shape, title)
    trial.seconds = _follow(house, trial.project_id, None, began, most, trial)
    _look(house, shape, trial)
    return trial


def killing(house: House, shape: Shape, process: str, moment: Moment, title: str, usual: float) -> Trial:
    """A film during which `process` is killed at the moment; `usual` seconds a film takes undisturbed."""
    trial = Trial(process, moment.share)
    began = time.monotonic()
    trial.project_id = films.begin(house, shape, title)
    _wait_until(house, trial.project_id, moment)
    trial.phases = films.phases(house, trial.project_id)
    trial.killed_at = time.monotonic() - began
    try:
        killed = house.kill(process)
    except LeftBehindError as error:
        trial.violations.append(str(error))
        return trial
    after_the_kill(house, shape, trial, killed, began, usual=usual)
    return trial


def _wait_until(house: House, project_id: UUID, moment: Moment) -> None:
    counted = select(func.count()).select_from(Transition).where(Transition.project_id == project_id)
    pause = threading.Event()
    while house.deps.db.run(lambda session: session.execute(counted).scalar_one()) < moment.moves:
        pause.wait(_LOOK)
    pause.wait(moment.after)


def after_the_kill(house: House, shape: Shape, trial: Trial, killed: Killed, began: float, *, usual: float) -> None:
    """Wait for the film and for the process, and look at both; `usual` seconds a film takes undisturbed."""
    assert trial.project_id is not None
    if killed.name == "supervisor":
        trial.back = time.time() - killed.at
    trial.seconds = _follow(house, trial.project_id, killed, began, usual + MOST_EXTRA, trial)
    trial.extra = trial.seconds - usual
    _wait_until_back(house, killed, trial)
    trial.violations += [f"{killed.name} left behind: {words}" for words in house.left_of(killed)]
    _look(house, shape, trial)
    trial.held_up = held_up(house, trial.project_id, killed.at)


def _follow(house: House, project_id: UUID, killed: Killed | None, began: float, most: float, trial: Trial) -> float:
    """Wait for the film's rest; how many seconds it has taken. Notes when the killed process is back."""
    pause = threading.Event()
    while True:
        project = films.state_of(house, project_id)
        if killed is not None and not trial.back and house.is_back(killed):
            trial.back = time.time() - killed.at
        if project is not None and project.state not in films.MOVING:
            return time.monotonic() - began
        if time.monotonic() - began > most:
            trial.violations.append(f"the film was not done after {most:.0f} s")
            return time.monotonic() - began
        pause.wait(EVERY)


def _wait_until_back(house: House, killed: Killed, trial: Trial) -> None:
    pause = threading.Event()
    while not trial.back:
        if house.is_back(killed):
            trial.back = time.time() - killed.at
        elif time.time() - killed.at > BACK:
            trial.violations.append(f"{killed.name} was not ready again after {BACK:g} s")
            return
        pause.wait(EVERY)


def _look(house: House, shape: Shape, trial: Trial) -> None:
    assert trial.project_id is not None
    trial.found = check(house, trial.project_id, shape)
    trial.violations += trial.found.violations
    trial.violations += film_file(house, trial.project_id, shape)
    if trial.violations:
        trial.evidence = evidence(house, trial.project_id)


def evidence(house: House, project_id: UUID) -> str:
    """What is needed to understand a violation: rows, the moves of scenes that are not done, ends of logs."""
    parts = [films.standing(house, project_id)]
    for scene_id in unfinished(house, project_id)[:3]:
        parts.append(f"scene {scene_id}\n{trail(house, project_id, scene_id)}")
    return "\n\n".join([*parts, house.tails()])


def held_up(house: House, project_id: UUID, since: float) -> str:
    """The longest wait, after `since` (seconds since 1970), of the row that the film waited for last."""
    wanted = select(Transition).where(Transition.project_id == project_id).order_by(Transition.at)
    moves = house.deps.db.run(lambda session: list(session.execute(wanted).scalars()))
    of_scenes = [move for move in moves if move.scene_id is not None]
    if not of_scenes:
        return ""
    last = of_scenes[-1].scene_id
    mine = [move for move in moves if move.scene_id == last or move.entity in ("project", "cut")]
    waits = [
        (after.at.timestamp() - max(before.at.timestamp(), since), f"{_name(before)} > {_name(after)}")
        for before, after in pairwise(mine)
        if after.at.timestamp() > since
    ]
    if not waits:
        return ""
    seconds, words = max(waits)
    return f"{words} {seconds:.1f} s"


def _name(move: Transition) -> str:
    return f"{move.entity} {move.to_state}"


def usual_of(trials: Sequence[Trial]) -> float:
    """Seconds an undisturbed film takes: the median."""
    times = sorted(trial.seconds for trial in trials)
    return times[len(times) // 2]
