"""The films that are made while everything happens: short shots, several services, some shots that wait for others."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.chaos_runs.cast import Cast
from scripts.chaos_runs.terms import ASKABLE, MODEL
from vidpipe.db.models import Project
from vidpipe.domain.storyboard.model import FrameSpec, SceneSpec, SequenceSpec, Storyboard
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll

WIDTH, HEIGHT = 160, 90
SECONDS = 1.0  # of every shot
PRIORITIES = (5, 7, 3)
_WORDS = ("a harbour at dawn", "a forest in fog", "the sea at night", "a city street in rain", "mountains at dusk")
_CHAINED = 6  # every so many shots begin where the one before ended
_ENOUGH = Decimal(100)  # US dollars: the films are bound by no budget, and yet have one


@dataclass(frozen=True)
class Shape:
    """What is made: `scenes` in all, over at most three films."""

    scenes: int
    candidates: int
    seed: int


def storyboards(shape: Shape, cast: Cast) -> list[tuple[Storyboard, int]]:
    """The films, each with its priority."""
    dice = random.Random(f"films {shape.seed}")
    count = min(len(PRIORITIES), shape.scenes)
    sizes = [shape.scenes // count + (number < shape.scenes % count) for number in range(count)]
    return [
        (_storyboard(shape, cast, number + 1, size, dice), PRIORITIES[number])
        for number, size in enumerate(sizes)
        if size
    ]


def _storyboard(shape: Shape, cast: Cast, number: int, size: int, dice: random.Random) -> Storyboard:
    shots: list[SceneSpec] = []
    turn = dice.sample(cast.routes, len(cast.routes))
    for position in range(size):
        service, fallback = turn[position % len(turn)]
        chained = position % _CHAINED == _CHAINED - 1
        before = shots[-1].label if chained else ""
        shots.append(
            SceneSpec(
                label=f"Shot {position + 1}", prompt=dice.choice(_WORDS), service=service,
                model=MODEL if service == ASKABLE else cast.model,
                duration=SECONDS, candidates=shape.candidates, fallback=fallback,
                after=(before,) if chained else (),
                first_frame=FrameSpec("previous", previous=before) if chained else None, max_takes=24,
            )
        )  # fmt: skip
    board = Storyboard(
        title=f"Film {number} of seed {shape.seed}", sequences=(SequenceSpec("One", tuple(shots)),), width=WIDTH,
        height=HEIGHT, fps=cast.fps, audio=False, quality_mode=shape.candidates > 1, candidate_count=shape.candidates,
        seed=shape.seed * 10 + number, budget=_ENOUGH,
    )  # fmt: skip
    return replace(board, fingerprint=board.title)


def begin(deps: Deps, shape: Shape, cast: Cast) -> dict[UUID, int]:
    """Enqueue the films; how many scenes each has."""
    consent = Consent(confirmed=True)
    return {
        enroll(deps, board, again=True, consent=consent, priority=priority).project_id: len(board.scenes)
        for board, priority in storyboards(shape, cast)
    }


def standing(session: Session, films: Sequence[UUID] | Mapping[UUID, int]) -> list[Project]:
    """The films as they stand."""
    found = select(Project).where(Project.id.in_(list(films))).order_by(Project.created_at)
    return list(session.execute(found).scalars())
