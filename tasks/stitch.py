"""The task of the step `stitch`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.stitch import STITCH


@app.task(name="stitch", base=StepTask, bind=True)
def stitch(self: StepTask, project_id: str) -> None:
    """Make the film of the chosen clips."""
    self.step(STITCH, project_id)
