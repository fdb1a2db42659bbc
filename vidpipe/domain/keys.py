"""The names of media in the store, built from ids alone."""

from __future__ import annotations

from uuid import UUID


def candidate(project: UUID, scene: UUID, take: UUID, number: int) -> str:
    """One delivered clip."""
    return f"{project}/{scene}/{take}/candidate_{number}.mp4"


def frame(project: UUID, scene: UUID, take: UUID, number: int, which: str) -> str:
    """A still of a candidate: `which` is first, last or poster."""
    return f"{project}/{scene}/{take}/candidate_{number}_{which}.jpg"


def given(project: UUID, sha256: str, suffix: str) -> str:
    """A file that came with the storyboard, named by its content; `suffix` is one of ours, with its dot."""
    return f"{project}/given/{sha256}{suffix}"


def drawing(project: UUID, scene: UUID, drawing_id: UUID, token: UUID, suffix: str) -> str:
    """A drawn key frame, by the token of the attempt that drew it; `suffix` with its dot."""
    return f"{project}/{scene}/{drawing_id}/{token}{suffix}"


def film(project: UUID, attempt: UUID) -> str:
    """A stitched film: a name of its own for every attempt, since stitching twice need not give the same bytes."""
    return f"{project}/film/{attempt}.mp4"


def journal(project_id: UUID, token: UUID) -> str:
    """The note of one paid order, outside the database."""
    return f"{journal_of(project_id)}{token}.json"


def journal_of(project_id: UUID | None) -> str:
    """What the notes of a film's orders begin with; of all films for None."""
    return "_ledger/" if project_id is None else f"_ledger/{project_id}/"
