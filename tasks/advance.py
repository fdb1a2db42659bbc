"""The task of the step `advance`."""

from __future__ import annotations

from uuid import UUID

from tasks.app import app
from tasks.base import StepTask, deps, follow
from vidpipe.pipeline.advance import advance_film


@app.task(name="advance", base=StepTask)
def advance(scene_id: str) -> None:
    """Release the scenes that waited for this one, and settle the film."""
    follow(advance_film(deps(), UUID(scene_id)))
