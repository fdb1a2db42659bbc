"""The task of the step `reconcile`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.reconcile import RECONCILE


@app.task(name="reconcile", base=StepTask, bind=True)
def reconcile(self: StepTask, take_id: str) -> None:
    """Find out what became of a submit whose answer was lost."""
    self.step(RECONCILE, take_id)
