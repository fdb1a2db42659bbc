"""The task of the step `download`."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.download import DOWNLOAD


@app.task(name="download", base=StepTask, bind=True)
def download(self: StepTask, candidate_id: str) -> None:
    """Fetch one delivered clip and store it."""
    self.step(DOWNLOAD, candidate_id)
