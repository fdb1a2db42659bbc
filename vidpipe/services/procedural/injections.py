"""Faults for the next orders, asked for while the server runs, and the log of every fault that an order met.

Both are on the disk: a server that was killed goes on with what was asked for, and still knows what it did.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidpipe.services.procedural.faults import Faults, read_fault
from vidpipe.services.procedural.store import Store
from vidpipe.services.procedural.wire import Malformed, Order

MOST_ORDERS = 100_000  # that one injection may be for


@dataclass(frozen=True)
class Injection:
    """A fault for the next orders."""

    id: int
    name: str
    figure: float

    def into(self, faults: Faults) -> Faults:
        """`faults` and this one."""
        return Faults({**faults.chosen, self.name: self.figure})


class Injections:
    """What waits to be injected, oldest first, and the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, asked: object) -> dict[str, Any]:
        """Take {"fault": "500-after", "next": 3}; raises Malformed or Unable."""
        if not isinstance(asked, dict) or set(asked) - {"fault", "next"}:
            raise Malformed('an injection is {"fault": NAME, "next": HOW MANY ORDERS}')
        fault, orders = asked.get("fault"), asked.get("next", 1)
        if not isinstance(fault, str) or not isinstance(orders, int) or not 1 <= orders <= MOST_ORDERS:
            raise Malformed(f"fault should be a name, next a number from 1 to {MOST_ORDERS}")
        read_fault(fault)
        made = self._store.execute("insert into injections (fault, remaining) values (?, ?)", (fault, orders))
        return {"id": made.lastrowid, "fault": fault, "remaining": orders}

    def withdraw(self) -> None:
        """Inject nothing more of what waits."""
        self._store.execute("update injections set remaining = 0 where remaining > 0")

    def due(self) -> Injection | None:
        """What the next order is to meet; it waits until `met` says that an order did."""
        row = self._store.execute("select * from injections where remaining > 0 order by id limit 1").fetchone()
        return None if row is None else Injection(row["id"], *read_fault(row["fault"]))

    def met(
        self, order: Order, faults: Mapping[str, float], injection: Injection | None, *, operation: str | None
    ) -> None:
        """Log what `order` met; `operation` is None where it was not accepted."""
        with self._store.transaction():
            for name, figure in faults.items():
                injected = injection.id if injection and injection.name == name else None
                self._store.execute(
                    "insert into applied (token, operation, fault, figure, injection, at) values (?, ?, ?, ?, ?, ?)",
                    (order.token, operation, name, figure, injected, time.time()),
                )
                if injected:
                    self._store.execute("update injections set remaining = remaining - 1 where id = ?", (injected,))

    def log(self) -> dict[str, Any]:
        """Every fault that an order met, oldest first, and what waits."""
        waiting = self._store.execute("select * from injections where remaining > 0 order by id")
        applied = self._store.execute("select * from applied order by id")
        return {"log": [dict(row) for row in applied], "waiting": [dict(row) for row in waiting]}
