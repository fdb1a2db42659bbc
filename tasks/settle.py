"""The task of the step `settle`."""

from __future__ import annotations

from uuid import UUID

from tasks.app import app
from tasks.base import StepTask, deps, follow
from vidpipe.pipeline import settle as step


@app.task(name="settle", base=StepTask)
def settle(project_id: str) -> None:
    """Settle a film from its scenes."""
    follow(step.settle(deps(), UUID(project_id)))
