"""Celery's Redis result backend, for a cluster in which nobody ever waits for a task's result.

Results are kept for chords alone, and a chord's body is sent by whoever stores its last part. Celery nevertheless
remembers every part that a process has sent, and has the broker tell that process of each: with two thousand scenes an
io worker had thousands of promises in memory and as many subscriptions, and neither ever became fewer.
"""

from __future__ import annotations

from typing import Any

from celery.backends.redis import RedisBackend


class Quiet(RedisBackend):  # type: ignore[misc]
    """Stores results and counts chords; listens to nothing."""

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Nobody waits for it."""

    def add_pending_result(self, result: Any, weak: bool = False, start_drainer: bool = True) -> Any:
        """Nor for that."""
        return result


def backend_url(broker_url: str) -> str:
    """The address of this backend at a broker, as Celery's settings want it; empty where there is none."""
    if not broker_url:
        return ""
    return f"{__name__}:{Quiet.__name__}+{broker_url.removeprefix('redis+')}"
