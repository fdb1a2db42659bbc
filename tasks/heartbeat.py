"""The sign of life of every worker: a bootstep whose timer runs in the loop that takes messages."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import bootsteps
from celery.worker import state

from tasks.app import app, settings
from tasks.signature import Signature
from vidpipe import heartbeat

log = logging.getLogger(__name__)


class SignOfLife(bootsteps.StartStopStep):  # type: ignore[misc]
    """Writes vidpipe.heartbeat for each queue that the worker serves, and signs vidpipe.presence."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._timer: Any = None
        self._failed = False
        self._signature = Signature(worker.hostname)

    def start(self, worker: Any) -> None:
        """From the moment the worker is connected."""
        self._timer = worker.timer.call_repeatedly(heartbeat.EVERY, self._write, (worker,))

    def stop(self, worker: Any) -> None:
        """A worker that was asked to stop leaves no sign."""
        if self._timer is not None:
            self._timer.cancel()
        for queue in worker.app.amqp.queues.consume_from:
            heartbeat.place(settings.home, queue).unlink(missing_ok=True)
        self._signature.leave(worker.app.amqp.queues.consume_from)

    def _write(self, worker: Any) -> None:
        """A folder that cannot be written must not end the loop: it is told once, and shows as an unhealthy worker."""
        now = time.time()  # Celery dates a task's start by it
        busy = tuple(now - request.time_start for request in list(state.active_requests) if request.time_start)
        sign = heartbeat.Heartbeat(at=heartbeat.clock(), threads=worker.concurrency, busy=busy)
        try:
            for queue in worker.app.amqp.queues.consume_from:
                sign.write(settings.home, queue)
        except OSError as error:
            if not self._failed:
                log.warning("the sign of life cannot be written: %s", error)
            self._failed = True
        else:
            self._failed = False
        self._signature.sign(worker.app.amqp.queues.consume_from, sign)


app.steps["worker"].add(SignOfLife)
