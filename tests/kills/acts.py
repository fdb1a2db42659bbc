"""What scenarios are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from vidpipe.db.models import Project, Scene, Take
from vidpipe.domain.states import ProjectState
from vidpipe.pipeline.deps import Deps

if TYPE_CHECKING:
    from tests.kills.play import Play

Seen = Callable[[Session, Project], object]


@dataclass(frozen=True)
class Command:
    """A person's command: a process of its own. One that dies is given again, and may then say that it was done."""

    do: Callable[[Deps, Path], object]


@dataclass(frozen=True)
class Until:
    """A worker works and beat ticks until this is seen in the rows, or nothing can be seen any more: a kill may well
    spare a film what was to befall it."""

    what: str
    seen: Seen


@dataclass(frozen=True)
class Then:
    """Something that happens outside of vidpipe."""

    do: Callable[[Play], None]


Act = Command | Until | Then


@dataclass(frozen=True)
class Scenario:
    """A film and what befalls it. It ends in `end`, having cost `cost`, whoever died meanwhile."""

    name: str
    script: tuple[Act, ...]
    cost: Decimal  # US dollars, on the services' bills
    end: ProjectState = ProjectState.DONE
    clips: int = 1  # in the film
    timing: Mapping[str, float] = field(default_factory=dict)
    unclear: bool = False  # what cannot be asked about is answered by the script itself

    def command(self, number: int) -> Callable[[Deps, Path], object]:
        """What the person does in that act."""
        act = self.script[number]
        assert isinstance(act, Command)
        return act.do


def film_is(*states: ProjectState) -> Seen:
    """The film is in one of these states."""
    return lambda session, film: film.state in states


def a_take_is(*states: str, **values: object) -> Seen:
    """A take of the film is in one of these states."""

    def seen(session: Session, film: Project) -> bool:
        found = select(Take).where(Take.project_id == film.id, Take.state.in_([str(state) for state in states]))
        takes = session.execute(found).scalars().all()
        return any(all(getattr(take, name) == value for name, value in values.items()) for take in takes)

    return seen


def scene_is(label: str, *states: str) -> Seen:
    """A scene is in one of these states."""

    def seen(session: Session, film: Project) -> bool:
        found = select(Scene.state).where(Scene.project_id == film.id, Scene.label == label)
        return session.execute(found).scalar_one() in states

    return seen
