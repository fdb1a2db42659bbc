"""The films that are made while processes are killed, and how far one is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scripts.kills.house import House
from vidpipe.db import projects
from vidpipe.db.models import GenerationCandidate, Project, Scene, Take, Workable
from vidpipe.domain.states import CandidateState, ProjectState, SceneState, TakeState
from vidpipe.domain.storyboard.model import SceneSpec, SequenceSpec, Storyboard
from vidpipe.pipeline.enroll import enroll

WIDTH, HEIGHT, FPS = 320, 180, 24
SECONDS = 1.0  # of every shot
MOVING = (ProjectState.DRAFT, ProjectState.ACTIVE, ProjectState.STITCHING)
WORDS = ("a harbour at dawn", "a forest in fog", "the sea at night", "a city street in rain", "mountains at dusk")

# Where a film is, by the states of its rows; several at once, since its scenes run side by side.
_PHASES = (
    ("plan", Scene, (SceneState.WAITING,)),
    ("submit", Take, (TakeState.QUEUED, TakeState.SUBMITTING)),
    ("service", Take, (TakeState.SUBMITTED,)),
    ("download", GenerationCandidate, (CandidateState.ANNOUNCED,)),
    ("score", GenerationCandidate, (CandidateState.STORED,)),
    ("choose", Scene, (SceneState.SELECTING, SceneState.ANALYZING)),
)
PHASES = (*(name for name, _, _ in _PHASES), "stitch", "after")


@dataclass(frozen=True)
class Shape:
    """What a film is like."""

    scenes: int = 45
    candidates: int = 2
    prompt: str = ""  # the same for every scene; empty: several places


def storyboard(shape: Shape, title: str) -> Storyboard:
    """Shots of one second, each a scene of its own that waits for no other."""
    shots = tuple(
        SceneSpec(
            label=f"Shot {n + 1}", prompt=shape.prompt or WORDS[n % len(WORDS)], service="procedural",
            model="procedural-1", duration=SECONDS, candidates=shape.candidates,
        )
        for n in range(shape.scenes)
    )  # fmt: skip
    board = Storyboard(
        title=title, sequences=(SequenceSpec("One", shots),), width=WIDTH, height=HEIGHT, fps=FPS,
        quality_mode=shape.candidates > 1, candidate_count=shape.candidates,
    )  # fmt: skip
    return replace(board, fingerprint=title)


def begin(house: House, shape: Shape, title: str) -> UUID:
    """Enqueue such a film."""
    return enroll(house.deps, storyboard(shape, title), again=True).project_id


def state_of(house: House, project_id: UUID) -> Project | None:
    """The film as it stands; None while the database is away."""
    try:
        return house.deps.db.run(lambda session: projects.get(session, project_id), patience=0.0)
    except DBAPIError:
        return None


def phases(house: House, project_id: UUID) -> tuple[str, ...]:
    """What the film is at: some of PHASES."""
    return house.deps.db.run(lambda session: _phases(session, project_id))


def _phases(session: Session, project_id: UUID) -> tuple[str, ...]:
    project = projects.get(session, project_id)
    if project.state not in MOVING:
        return ("after",)
    if project.state == ProjectState.STITCHING:
        return ("stitch",)
    found = []
    for name, model, states in _PHASES:
        counted = select(func.count()).select_from(model)
        here = counted.where(model.project_id == project_id, model.state.in_([str(state) for state in states]))
        if session.execute(here).scalar_one():
            found.append(name)
    return tuple(found)


def standing(house: House, project_id: UUID) -> str:
    """Where every row of the film stands, for a report about one that does not move."""

    def tell(session: Session) -> str:
        project = projects.get(session, project_id)
        lines = [f"film {project.state} {project.note or project.last_error or ''} {_lease(project)}"]
        for model in (Scene, Take, GenerationCandidate):
            rows = session.execute(select(model).where(model.project_id == project_id)).scalars().all()
            lines.append(f"{model.__tablename__}: {dict(Counter(row.state for row in rows))}")
            at_rest = ("done", "settled", "selected", "passed")
            lines += [f"  {row.id} {row.state} {_lease(row)}" for row in rows if row.state not in at_rest][:12]
        return "\n".join(lines)

    return house.deps.db.run(tell)


def _lease(row: Workable) -> str:
    return (
        f"moved {row.moved_at} sent {row.sent_at} x{row.sends} due {row.due_at} tries {row.tries}"
        f" lease {row.lease_until} by {row.lease_by} {row.last_error or ''}"
    )
