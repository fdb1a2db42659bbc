"""Events for Flower go out in batches, four times a second.

Celery publishes each as soon as its loop comes round again, which took an eighth of all that an io worker did.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.app import app

log = logging.getLogger(__name__)
EVERY = 0.25  # seconds; a full buffer is published at once


class Batches(bootsteps.StartStopStep):  # type: ignore[misc]
    """Flushes the buffer of events by a timer of the loop that takes messages."""

    requires = ("celery.worker.consumer.events:Events",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None
        self._events: Any = None

    def start(self, consumer: Any) -> None:
        """Each time the worker is connected: Celery makes a new dispatcher then."""
        events = consumer.event_dispatcher
        if events is None or not consumer.hub:
            return
        events.on_send_buffered = None
        self._events = events
        self._timer = consumer.timer.call_repeatedly(EVERY, events.flush)

    def stop(self, consumer: Any) -> None:
        """What has ended by now is told while there is a connection; from here on Celery publishes as it does."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._events.on_send_buffered = consumer.on_send_event_buffered
        try:
            self._events.flush()
        except (OperationalError, RedisError, OSError) as error:
            log.info("the last events could not be told: %s", error)


app.steps["consumer"].add(Batches)
