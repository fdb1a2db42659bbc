"""The line between a transaction and slow work: claim, then work, then record; never work in between.

`db.engine` marks the time a transaction is open on a thread; whatever is slow (a service call, ffmpeg, a
model, the media store) names itself with `slow()` when it begins. Meeting both at once raises, in production
as in tests: a lock held across a network call is how pipelines stand still.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vidpipe.errors import TransactionOpen

_thread = threading.local()


@contextmanager
def transaction_open() -> Iterator[None]:
    """Mark that this thread holds a database transaction."""
    _thread.depth = getattr(_thread, "depth", 0) + 1
    try:
        yield
    finally:
        _thread.depth -= 1


def slow(what: str) -> None:
    """Declare that slow work begins here; raises TransactionOpen inside a transaction."""
    if getattr(_thread, "depth", 0):
        raise TransactionOpen(f"{what} was begun while a database transaction was open")
