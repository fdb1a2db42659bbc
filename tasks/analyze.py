"""The task of the step `analyze`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.analyze import ANALYZE


@app.task(name="analyze", base=StepTask, bind=True)
def analyze(self: StepTask, scene_id: str) -> None:
    """Write down what the chosen clip is."""
    self.step(ANALYZE, scene_id)
