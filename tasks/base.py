"""What every task shares: this process's dependencies, and sending on what a step says comes next."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Task
from kombu.exceptions import OperationalError

from tasks.app import app, settings
from vidpipe.db.transitions import acting
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.pipeline.step import Refs, Step, run

log = logging.getLogger(__name__)

_lock = threading.Lock()
_deps: Deps | None = None
_send: Callable[[Deps, Refs], None] | None = None


def deps() -> Deps:
    """This process's dependencies, opened at the first task (never before a fork)."""
    global _deps
    with _lock:
        if _deps is None:
            _deps = open_deps(settings, worker=app.oid)
        return _deps


def follow_with(send: Callable[[Deps, Refs], None]) -> None:
    """How refs are sent; tasks/route.py says so, since it knows every task."""
    global _send
    _send = send


def follow(refs: Refs) -> None:
    """Send the segments of these rows. A broker that is away loses nothing: the sweep sends again."""
    if not refs or _send is None:
        return
    try:
        _send(deps(), refs)
    except (OperationalError, ConnectionError, OSError) as error:
        log.warning("the broker is away (%s); the sweep will send %d rows again", error, len(refs))


class StepTask(Task):  # type: ignore[misc]
    """A task that runs one step on one row."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = acting.set(self.request.id)
        try:
            return super().__call__(*args, **kwargs)
        finally:
            acting.reset(token)

    def step(self, step: Step[Any], row_id: str) -> None:
        """Run `step` on the row and send what it returned."""
        follow(run(deps(), step, UUID(row_id)))
