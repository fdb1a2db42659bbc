"""The task of the step `select`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.select import SELECT


@app.task(name="select", base=StepTask, bind=True)
def select(self: StepTask, scene_id: str) -> None:
    """Make the best candidate the scene's clip."""
    self.step(SELECT, scene_id)
