"""The service's limits: operations in flight and requests a minute. Who exceeds them is answered with 429."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

from vidpipe.services.procedural.bill import Books
from vidpipe.services.procedural.store import Store

MINUTE = 60.0  # seconds
BUSY = 1.0  # seconds after which to ask again while too much is in flight


class Limits:
    """Counts what comes in; None is no limit. A request that came too fast does not count as one."""

    def __init__(self, store: Store, books: Books, *, operations: int | None, requests: int | None) -> None:
        self._store, self._books = store, books
        self._operations, self._requests = operations, requests
        # Of the minute before a restart only what was accepted is known.
        self._taken: deque[float] = deque(books.accepted_since(time.time() - MINUTE))

    def too_fast(self) -> float | None:
        """Count a request; seconds after which it may come again where it is one too many in 60 s, else None."""
        now = time.time()
        while self._taken and self._taken[0] <= now - MINUTE:
            self._taken.popleft()
        if self._requests is not None and len(self._taken) >= self._requests:
            self._store.count_up("rejected|requests")
            return float(math.ceil(self._taken[0] + MINUTE - now))
        self._taken.append(now)
        return None

    def too_many(self) -> float | None:
        """Seconds after which an order may come again where as much is in flight as may be, else None."""
        if self._operations is None or self._books.in_flight() < self._operations:
            return None
        self._store.count_up("rejected|operations")
        return BUSY

    def keep_peaks(self) -> None:
        """Remember how much was in flight, and came within a minute, at most; to be called with an acceptance."""
        self._store.keep_most("most|in flight", self._books.in_flight())
        self._store.keep_most("most|in a minute", len(self._taken))

    def stats(self) -> dict[str, Any]:
        """Counts over the life of the server's folder."""
        return {
            "in_flight": self._books.in_flight(),
            "most_in_flight": self._store.counter("most|in flight"),
            "most_in_a_minute": self._store.counter("most|in a minute"),
            "rejected": {what: self._store.counter(f"rejected|{what}") for what in ("operations", "requests")},
            "limits": {"operations": self._operations, "requests_per_minute": self._requests},
        }
