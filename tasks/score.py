"""The task of the step `score`: the header of a take's chord, so its (empty) result is kept."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask
from vidpipe.pipeline.score import SCORE


@app.task(name="score", base=StepTask, bind=True, ignore_result=False)
def score(self: StepTask, candidate_id: str) -> None:
    """Decode, check and measure one stored clip."""
    self.step(SCORE, candidate_id)
