"""Films that do not go on by themselves: waiting for a person, blocked, out of money, paused."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db import money
from vidpipe.db.models import Project, Scene, Take
from vidpipe.db.money import Balance
from vidpipe.doctor.finding import MOST_PLACES, Finding, Place, Severity, form, listed, sentence
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import PROJECT_ENDED, ProjectState, SceneState, TakeState
from vidpipe.report.words import about, count

LATELY = 86400.0  # seconds for which a film that failed is worth a word
SLOWLY = 900.0  # seconds after which a cancellation is worth one
_MOST = 200  # films


@dataclass(frozen=True)
class Halted:
    """A scene that waits for a person, and why."""

    label: str
    blocked: bool  # else it has a take of unknown fate and nothing else
    reason: str
    short_of_money: bool


@dataclass(frozen=True)
class Film:
    """A film that has not ended, or failed lately. `age`: seconds since it came to the state it is in."""

    id: UUID
    title: str
    state: str
    note: str
    age: float
    budget: Decimal | None
    balance: Balance  # of those that have a budget
    halted: tuple[Halted, ...]

    @property
    def short(self) -> str:
        """As much of its id as a person types."""
        return str(self.id)[:8]

    @property
    def over(self) -> bool:
        """Whether it may buy no more."""
        return self.budget is not None and self.balance.committed >= self.budget > 0

    @property
    def places(self) -> tuple[Place, ...]:
        """Its scenes that wait, or itself."""
        scenes = tuple(Place(self.id, self.title, one.label) for one in self.halted[:MOST_PLACES])
        return scenes or (Place(self.id, self.title),)


@dataclass(frozen=True)
class Films:
    """All of them, and how many there are by state."""

    films: tuple[Film, ...]
    states: Mapping[str, int]


def look(session: Session) -> Films:
    """Ask the rows; raises SQLAlchemyError where they cannot be asked."""
    age = func.extract("epoch", func.now() - Project.moved_at)
    ended = [str(state) for state in PROJECT_ENDED]
    failed_lately = (Project.state == str(ProjectState.FAILED)) & (age < LATELY)
    rows = session.execute(
        select(Project.id, Project.title, Project.state, Project.note, Project.last_error, age, Project.budget)
        .where(Project.state.not_in(ended) | failed_lately)
        .order_by(Project.moved_at)
        .limit(_MOST)
    ).all()
    halted = _halted(session, [row.id for row in rows])
    films = tuple(
        Film(
            row.id, row.title, row.state, row.note or row.last_error or "", float(row[5]), row.budget,
            money.spent(session, row.id) if row.budget is not None else Balance(), tuple(halted.get(row.id, ())),
        )
        for row in rows
    )  # fmt: skip
    counts = session.execute(select(Project.state, func.count()).group_by(Project.state))
    return Films(films, {row[0]: row[1] for row in counts})


def _halted(session: Session, films: Sequence[UUID]) -> dict[UUID, list[Halted]]:
    """The scenes of these films that a person has to do something about."""
    of_money = [str(Fault.BUDGET), str(Fault.COST)]
    takes = (Take.scene_id == Scene.id) & (Take.version == Scene.version)
    short = func.bool_or(Take.fault.in_(of_money))
    unclear = func.bool_or((Take.state == str(TakeState.UNCERTAIN)) & Take.due_at.is_(None))
    reason: Any = func.coalesce(Scene.note, Scene.last_error, "")
    rows = session.execute(
        select(Scene.project_id, Scene.label, Scene.state, reason, short, unclear)
        .outerjoin(Take, takes)
        .where(
            Scene.project_id.in_(films),
            Scene.state.in_([str(SceneState.BLOCKED), str(SceneState.CANCELLED), str(SceneState.GENERATING)]),
        )
        .group_by(Scene.id)
        .order_by(Scene.position)
    )
    found: dict[UUID, list[Halted]] = {}
    for film, label, state, why, no_money, waits in rows:
        if state != SceneState.GENERATING or waits:
            found.setdefault(film, []).append(Halted(label, state != SceneState.GENERATING, why, bool(no_money)))
    return found


def judge(found: Films) -> Iterator[Finding]:
    """What a person should know of."""
    for film in found.films:
        blocked = [scene for scene in film.halted if scene.blocked]
        match film.state:
            case ProjectState.WAITING:
                yield _waiting(film)
            case ProjectState.ACTIVE | ProjectState.STITCHING if blocked:
                yield _blocked(film, blocked)
            case ProjectState.ACTIVE | ProjectState.STITCHING if film.over:
                yield _over(film)
            case ProjectState.PAUSED:
                yield _finding(
                    film, "film.paused", Severity.NOTE, f"{film.title} is paused.", sentence(film.note) or _BY_A_PERSON,
                    f"`vidpipe resume {film.short}` goes on with it.",
                )  # fmt: skip
            case ProjectState.FAILED:
                yield _finding(
                    film, "film.failed", Severity.NOTE, f"{film.title} has failed.", sentence(film.note),
                    f"`vidpipe retry {film.short}` goes on with it.",
                )  # fmt: skip
            case ProjectState.CANCELLING if film.age > SLOWLY:
                yield _finding(
                    film, "film.cancelling", Severity.NOTE, f"{film.title} is being cancelled for long.",
                    "Operations that cannot be stopped are watched to their end.", "Nothing; wait.",
                )  # fmt: skip


_BY_A_PERSON = "A person paused it: nothing more is bought for it."


def _finding(film: Film, code: str, severity: Severity, what: str, why: str, remedy: str) -> Finding:
    budget = {} if film.budget is None else {"budget": film.budget, "committed": film.balance.committed}
    return Finding(
        code, severity, what, why, remedy, film.age, film.places, max(len(film.halted), 1),
        {"film": film.id, "state": film.state, **budget},
    )  # fmt: skip


def _waiting(film: Film) -> Finding:
    reasons = " ".join(dict.fromkeys(sentence(_of(scene)) for scene in film.halted)) or sentence(film.note)
    if any(scene.short_of_money for scene in film.halted):
        what = f"{film.title} waits for a person: its money is at its end."
        remedy = (
            f"`vidpipe budget {film.short} DOLLARS` gives it more (a scene's own `max_cost` stands in the storyboard),"
            f" then `vidpipe retry {film.short}`; or {_leave(film)}"
        )
        return _finding(film, "film.budget", Severity.STUCK, what, reasons, remedy)
    what = f"{film.title} waits for a person."
    return _finding(film, "film.waits", Severity.STUCK, what, reasons, _remedy(film))


def _of(scene: Halted) -> str:
    reason = scene.reason or ("no reason was given" if scene.blocked else "nobody knows whether its order was taken")
    return reason if scene.label in reason else f"{scene.label}: {reason}"


def _remedy(film: Film) -> str:
    blocked = [scene for scene in film.halted if scene.blocked]
    unclear = [scene for scene in film.halted if not scene.blocked]
    told = [f"Find out what became of the order of {listed(s.label for s in unclear)}: `vidpipe uncertain list`."]
    again = [f"`vidpipe retry {film.short}` makes {listed(s.label for s in blocked)} again; {_leave(film)}"]
    if not film.halted:
        return f"`vidpipe resume {film.short}` goes on with it."
    return " ".join([*(told if unclear else ()), *(again if blocked else ())])


def _leave(film: Film) -> str:
    """How the scenes are left out."""
    labels = [scene.label for scene in film.halted if scene.blocked]
    label = shlex.quote(labels[0]) if labels else "SCENE"
    return f"`vidpipe skip {film.short} {label}` leaves {form(len(labels), 'it', 'one')} out."


def _blocked(film: Film, blocked: Sequence[Halted]) -> Finding:
    number = len(blocked)
    return _finding(
        film, "film.blocked", Severity.STUCK,
        f"{count(number, 'scene')} of {film.title} {form(number, 'is', 'are')} blocked; the others go on.",
        " ".join(dict.fromkeys(sentence(_of(scene)) for scene in blocked)), _remedy(film),
    )  # fmt: skip


def _over(film: Film) -> Finding:
    spent = f"{about(film.balance.settled)} spent, {about(film.balance.open)} reserved"
    return _finding(
        film, "film.over_budget", Severity.NOTE,
        f"{film.title} has reached its budget of {about(film.budget or Decimal(0))}: {spent}.",
        "It buys no more; what is under way is finished.", f"`vidpipe budget {film.short} DOLLARS` gives it more.",
    )  # fmt: skip


def figures(found: Films) -> dict[str, object]:
    """What was looked at."""
    return {"films": dict(found.states)}
