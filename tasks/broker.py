"""Which broker this is: its epoch changes when messages may have been lost."""

from __future__ import annotations

from uuid import uuid4

from tasks.app import app

SENTINEL = "vidpipe:epoch"  # a key that goes when the broker's memory goes


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
