"""Events for Flower go out in batches, four times a second.

Celery publishes each as soon as its loop comes round again, which took an eighth of all that an io worker did.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from tasks.app import app

EVERY = 0.25  # seconds; a full buffer is published at once


class Batches(bootsteps.StartStopStep):  # type: ignore[misc]
    """Flushes the buffer of events by a timer of the loop that takes messages."""

    requires = ("celery.worker.consumer.events:Events",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Each time the worker is connected: Celery makes a new dispatcher then."""
        events = consumer.event_dispatcher
        if events is None or not consumer.hub:
            return
        events.on_send_buffered = None
        self._timer = consumer.timer.call_repeatedly(EVERY, events.flush)

    def stop(self, consumer: Any) -> None:
        """The last events go out while there is a connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


app.steps["consumer"].add(Batches)
