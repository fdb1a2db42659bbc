"""Films of the bench's service."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import func, select

from scripts.bench.service import FPS, HEIGHT, MODEL, NAME, SECONDS, WIDTH
from vidpipe.db import projects
from vidpipe.db.models import Scene
from vidpipe.domain.states import ProjectState
from vidpipe.domain.storyboard.model import SceneSpec, SequenceSpec, Storyboard
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll

EVERY = 0.02  # seconds between two looks
AGREED = Consent(confirmed=True)  # the bench's service is paid


@dataclass(frozen=True)
class Made:
    """A film whose scenes are all done, before it is stitched. Seconds since 1970."""

    project_id: UUID
    asked_at: float  # when it was enqueued
    ended_at: float  # when its last scene was done

    @property
    def seconds(self) -> float:
        """From asking for it to its last scene."""
        return self.ended_at - self.asked_at


def storyboard(scenes: int, candidates: int) -> Storyboard:
    """A film of scenes that do not wait for each other."""
    shots = tuple(
        SceneSpec(
            label=f"Shot {n + 1}", prompt="a test picture", service=NAME, model=MODEL, duration=SECONDS,
            candidates=candidates,
        )
        for n in range(scenes)
    )  # fmt: skip
    board = Storyboard(
        title=f"{scenes} scenes", sequences=(SequenceSpec("One", shots),), width=WIDTH, height=HEIGHT, fps=FPS,
        audio=False, candidate_count=candidates, budget=Decimal(100_000),
    )  # fmt: skip
    return replace(board, fingerprint=uuid4().hex)


def make(deps: Deps, scenes: int, candidates: int, *, stitched: bool = False) -> Made:
    """Enqueue a film and wait until its last scene is done (`stitched`: until the film is); raises SystemExit."""
    asked = time.time()
    project_id = enroll(deps, storyboard(scenes, candidates), consent=AGREED).project_id
    pause = threading.Event()
    over = (ProjectState.DONE,) if stitched else (ProjectState.STITCHING, ProjectState.DONE)
    while (project := deps.db.run(lambda session: projects.get(session, project_id))).state not in over:
        if project.state not in (ProjectState.ACTIVE, ProjectState.STITCHING):
            raise SystemExit(f"the film is {project.state}: {project.note or project.last_error}")
        pause.wait(EVERY if scenes < 200 else 10 * EVERY)
    last = select(func.max(Scene.finished_at)).where(Scene.project_id == project_id)
    ended = deps.db.run(lambda session: session.execute(last).scalar_one())
    return Made(project_id, asked, ended.timestamp())
