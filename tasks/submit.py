"""The task of the step `submit`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.submit import SUBMIT


@app.task(name="submit", base=StepTask, bind=True)
def submit(self: StepTask, take_id: str) -> None:
    """Buy one take, once."""
    self.step(SUBMIT, take_id)
