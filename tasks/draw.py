"""The task of the step `draw`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.draw import DRAW


@app.task(name="draw", base=StepTask, bind=True)
def draw(self: StepTask, drawing_id: str) -> None:
    """Buy one key frame."""
    self.step(DRAW, drawing_id)
