"""The task of the step `gather`: the body of a take's chord."""

from __future__ import annotations

from uuid import UUID

from tasks.app import app
from tasks.base import StepTask, deps, follow
from vidpipe.pipeline import gather as step


@app.task(name="gather", base=StepTask)
def gather(scene_id: str) -> None:
    """Decide about a scene once nothing of its round is under way."""
    follow(step.gather(deps(), UUID(scene_id)))
