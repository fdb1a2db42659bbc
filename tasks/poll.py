"""The task of the step `poll`: one question right after a submission; later ones are asked by the wave."""

from __future__ import annotations

from uuid import UUID

from tasks.app import app
from tasks.base import StepTask, deps, follow
from vidpipe.pipeline import poll as step


@app.task(name="poll", base=StepTask)
def poll(take_id: str) -> None:
    """Ask once how a take is doing."""
    follow(step.poll(deps(), UUID(take_id)))
