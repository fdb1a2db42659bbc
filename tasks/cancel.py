"""The task of the step `cancel`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.cancel import CANCEL


@app.task(name="cancel", base=StepTask, bind=True)
def cancel(self: StepTask, take_id: str) -> None:
    """Stop an operation that is still running."""
    self.step(CANCEL, take_id)
