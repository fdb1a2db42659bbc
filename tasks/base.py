"""What every task shares: this process's dependencies, and sending on what a step says comes next."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from tasks.app import app, settings
from vidpipe import telemetry
from vidpipe.boundary import crossing
from vidpipe.db.engine import is_away
from vidpipe.db.transitions import acting
from vidpipe.logs import about
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


def opened() -> Deps | None:
    """This process's dependencies, if a task has needed them yet."""
    return _deps


def follow_with(send: Callable[[Deps, Refs], None]) -> None:
    """How refs are sent; tasks/route.py says so, since it knows every task."""
    global _send
    _send = send


def follow(refs: Refs) -> None:
    """Send the segments of these rows. A broker that is away loses nothing: the sweep sends again."""
    if not refs or _send is None:
        return
    with crossing(above=1):
        try:
            _send(deps(), refs)
        except (OperationalError, RedisError, ConnectionError, OSError) as error:
            log.warning("the broker is away (%s); the sweep will send %d rows again", error, len(refs))


@cache
def _subject(task: Callable[..., Any]) -> str:
    """What a task is for, by the name of its first parameter: every line of its log says so."""
    name = next(iter(inspect.signature(task).parameters), "")
    return "film" if name == "project_id" else name.removesuffix("_id")


class StepTask(Task):  # type: ignore[misc]
    """A task that runs one step on one row."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = acting.set(self.request.id)
        names = {"task": self.request.id, "root": self.request.root_id, "step": self.name}
        subject = _subject(self.run) if args else ""
        try:
            with about(**names, **({subject: args[0]} if subject else {})), telemetry.step(self.name):
                return super().__call__(*args, **kwargs)
        except DBAPIError as error:
            if not is_away(error):
                raise
            # Raised, it would end a chord; returned, it leaves the row to the sweep, as every loss is.
            telemetry.outcome("away")
            log.warning("%s: the database is away: %s", self.name, error.orig)
            return None
        finally:
            acting.reset(token)

    def step(self, step: Step[Any], row_id: str) -> None:
        """Run `step` on the row and send what it returned."""
        follow(run(deps(), step, UUID(row_id)))
