"""The service's own books: what it accepted, how far it is, and what it charges.

An operation is on the disk, with its bill, before its name is told. One row of the bill a clip, in US dollars to the
millionth; what was never delivered (failed, filtered, cancelled) is marked as given back, not removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vidpipe.services.procedural.store import Store
from vidpipe.services.procedural.wire import Order, stored_order

MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True)
class ClipRow:
    """One clip of an operation."""

    number: int  # from 1
    seed: int
    state: str
    tries: int
    reason: str


@dataclass(frozen=True)
class Operation:
    """One accepted order and its clips."""

    name: str
    order: Order
    faults: dict[str, float]
    accepted: float  # seconds since 1970
    ready_at: float
    state: str
    reason: str
    clips: tuple[ClipRow, ...]


class Books:
    """Operations, clips and bill; used from one thread."""

    def __init__(self, store: Store, prices: Mapping[str, Decimal]) -> None:
        """`prices` in US dollars a second of one clip, by model."""
        self._store, self._prices = store, prices
        # What a killed server left half done begins again.
        self._store.execute("update clips set state = 'queued' where state = 'rendering'")

    def accept(
        self, name: str, order: Order, faults: dict[str, float], *, ready_at: float, filtered: int,
        sold_as: str = "", amount: Decimal | None = None,
    ) -> None:  # fmt: skip
        """Write an operation, its clips and its bill; on the disk when this returns.

        `sold_as` and `amount` (US dollars a clip) are for who sells under other names and prices than the renderer's.
        """
        now = time.time()
        if amount is None:
            amount = self._prices[order.model] * Decimal(str(order.duration))
        charge = str(amount.quantize(MILLIONTH))
        with self._store.transaction():
            self._store.execute(
                "insert into operations (name, token, asked, faults, accepted, ready_at, state)"
                " values (?, ?, ?, ?, ?, ?, 'working')",
                (name, order.token, json.dumps(order.as_json()), json.dumps(faults), now, ready_at),
            )
            for number in range(1, order.count + 1):
                hidden = number <= filtered
                self._store.execute(
                    "insert into clips (operation, number, seed, state) values (?, ?, ?, ?)",
                    (name, number, (order.seed + number - 1) % 2**32, "filtered" if hidden else "queued"),
                )
                self._store.execute(
                    "insert into bill (operation, clip, token, model, amount, at, given_back)"
                    " values (?, ?, ?, ?, ?, ?, ?)",
                    (name, number, order.token, sold_as or order.model, charge, now, now if hidden else None),
                )

    def operation(self, name: str) -> Operation | None:
        """One operation with its clips."""
        row = self._store.execute("select * from operations where name = ?", (name,)).fetchone()
        if row is None:
            return None
        clips = self._store.execute(
            "select number, seed, state, tries, reason from clips where operation = ? order by number", (name,)
        )
        return Operation(
            row["name"], stored_order(json.loads(row["asked"])), json.loads(row["faults"]), row["accepted"],
            row["ready_at"], row["state"], row["reason"], tuple(ClipRow(*clip) for clip in clips),
        )  # fmt: skip

    def by_token(self, token: str) -> list[str]:
        """Names of the operations accepted under a token, oldest first."""
        rows = self._store.execute("select name from operations where token = ? order by accepted, name", (token,))
        return [row["name"] for row in rows]

    def in_flight(self) -> int:
        """How many operations were accepted and are not over: being rendered, or their time has not come."""
        row = self._store.execute(
            "select count(*) as n from (select name from operations where state = 'working' and ready_at > ?"
            " union select operation from clips where state in ('queued', 'rendering'))", (time.time(),)
        ).fetchone()  # fmt: skip
        return int(row["n"])

    def accepted_since(self, since: float) -> list[float]:
        """When the operations accepted after `since` were accepted (seconds since 1970), oldest first."""
        rows = self._store.execute("select accepted from operations where accepted > ? order by accepted", (since,))
        return [row["accepted"] for row in rows]

    def claim(self) -> tuple[str, int] | None:
        """The oldest clip that waits, now being rendered; None where none waits."""
        with self._store.transaction():
            row = self._store.execute(
                "select clips.operation, clips.number from clips join operations on name = operation"
                " where clips.state = 'queued' and operations.state = 'working' order by accepted, number limit 1"
            ).fetchone()
            if row is None:
                return None
            self._store.execute(
                "update clips set state = 'rendering', tries = tries + 1 where operation = ? and number = ?",
                (row["operation"], row["number"]),
            )
        return row["operation"], row["number"]

    def finish(self, operation: str, number: int, state: str, reason: str = "") -> None:
        """Record how a rendering ended; a clip that failed is given back."""
        with self._store.transaction():
            changed = self._store.execute(
                "update clips set state = ?, reason = ? where operation = ? and number = ? and state = 'rendering'",
                (state, reason, operation, number),
            )
            if changed.rowcount and state == "failed":
                self._give_back("operation = ? and clip = ?", (operation, number))

    def end(self, operation: str, state: str, reason: str, *, charged: bool = False) -> bool:
        """End an operation that still works: failed, refused or cancelled; nothing of it is charged, unless it is."""
        with self._store.transaction():
            changed = self._store.execute(
                "update operations set state = ?, reason = ? where name = ? and state = 'working'",
                (state, reason, operation),
            )
            if changed.rowcount:
                self._store.execute(
                    "update clips set state = 'cancelled' where operation = ? and state in ('queued', 'rendering')",
                    (operation,),
                )
                if not charged:
                    self._give_back("operation = ?", (operation,))
        return bool(changed.rowcount)

    def _give_back(self, where: str, values: tuple[object, ...]) -> None:
        self._store.execute(
            f"update bill set given_back = ? where {where} and given_back is null", (time.time(), *values)
        )

    def bill(self, token: str | None = None) -> list[dict[str, Any]]:
        """The bill's rows, oldest first; those of one token where it is given."""
        where, values = ("where token = ?", (token,)) if token else ("", ())
        return [dict(row) for row in self._store.execute(f"select * from bill {where} order by id", values)]

    def charged(self, operation: str) -> Decimal:
        """US dollars that an operation costs as it stands."""
        rows = self._store.execute("select amount from bill where operation = ? and given_back is null", (operation,))
        return sum((Decimal(row["amount"]) for row in rows), Decimal(0))

    def kept(self, since: float) -> set[str]:
        """The names of the operations accepted after `since` (seconds since 1970)."""
        return {row["name"] for row in self._store.execute("select name from operations where accepted > ?", (since,))}
