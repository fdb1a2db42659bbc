"""What beat sends, on the queue `tick`: a wave a service, and the sweep."""

from __future__ import annotations

from tasks.app import app
from tasks.base import StepTask, deps, follow
from tasks.broker import backlog, epoch
from vidpipe.pipeline import poll
from vidpipe.pipeline import sweep as net


@app.task(name="wave", base=StepTask)
def wave(service: str) -> None:
    """Ask one service about everything that is due."""
    follow(poll.wave(deps(), service))


@app.task(name="sweep", base=StepTask)
def sweep() -> None:
    """Send again what is overdue."""
    follow(net.sweep(deps(), epoch(), backlog()))
