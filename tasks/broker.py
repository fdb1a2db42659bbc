"""What the broker is asked: who it is, since messages may have been lost, and how long its messages wait."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

from celery.signals import before_task_publish

from tasks.app import app
from vidpipe.broker import PRIORITIES, lines

SENTINEL = "vidpipe:epoch"  # a key that goes when the broker's memory goes
LAST = PRIORITIES[-1]  # the priority of a message that gives way to all others
_QUEUES = ("io", "gpu")


@before_task_publish.connect
def _say_when(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Every message says when it was sent (seconds since 1970, by its sender's clock)."""
    if headers is not None:
        headers["sent"] = time.time()


def backlog() -> float:
    """How many seconds the oldest message in line has waited; 0 where none does.

    Raises kombu's OperationalError where the broker is away. The clocks of the machines are compared here: one
    that is wrong makes the sweep send too early, which costs work, or too late, which costs time, and no more.
    """
    oldest = time.time()
    with app.connection_for_write() as connection:
        client = connection.default_channel.client
        for line in (line for queue in _QUEUES for line in lines(queue)):
            first = client.lindex(line, -1)  # kombu pushes on the left and takes from the right
            if first is not None:
                oldest = min(oldest, float(json.loads(first)["headers"].get("sent", oldest)))
    return max(0.0, time.time() - oldest)


def epoch() -> str:
    """The broker's run id and the sentinel in it.

    A broker killed with its last second of log lost still has the key, hence the run id; one that was
    flushed has the run id, hence the key. Raises kombu's OperationalError where the broker is away.
    """
    with app.connection_for_write() as connection:
        client = connection.default_channel.client
        client.set(SENTINEL, uuid4().hex, nx=True)
        sentinel = client.get(SENTINEL)
        run_id = client.info("server").get("run_id", "")
    return f"{run_id}:{sentinel.decode() if isinstance(sentinel, bytes) else sentinel}"
