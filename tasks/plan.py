"""The task of the step `plan`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.plan import PLAN


@app.task(name="plan", base=StepTask, bind=True)
def plan(self: StepTask, scene_id: str) -> None:
    """Give a scene whose turn has come its first takes."""
    self.step(PLAN, scene_id)
