"""What a service takes: so many operations in flight, so many orders a minute. A scenario's word goes before the
registry's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vidpipe.emulator.ledger import Ledger

MINUTE = 60.0  # seconds


@dataclass(frozen=True)
class Limits:
    """Of one service; None: as much as comes."""

    operations: int | None = None  # in flight
    requests: int | None = None  # orders in any 60 seconds

    def under(self, told: Mapping[str, int | None]) -> Limits:
        """With the figures that a scenario names in place of these."""
        return replace(self, **told)

    def passed_by_one_more(self, ledger: Ledger, service: str, *, queues: bool) -> str:
        """Why a service takes no order now, in words; empty where it does. `queues`: it keeps what is too much."""
        if self.requests is not None and ledger.orders(service, since=time.time() - MINUTE) >= self.requests:
            return f"Quota exceeded: {self.requests} requests a minute."
        if self.operations is not None and not queues and ledger.in_flight(service) >= self.operations:
            return f"Quota exceeded: {self.operations} operations in flight."
        return ""
