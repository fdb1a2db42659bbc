"""The scales: while films are made, is every order on a bill covered by the ledger, and everything settled billed?

    settled <= bill <= settled + open reservations, at every moment

The bill lies in the services' files and the ledger in the database, and no single look sees both. Four looks in this
order can still not accuse wrongly, since each of them is one snapshot and these things only ever happen one way round:

    ledger 1   what is settled here was delivered, so it stands charged on any later bill
    bill 1
    ledger 2   a reservation is committed before its call is made, so every order on bill 1 has its attempt here, and
               stands reserved or settled, unless the service gave the money back before the reservation was released
    bill 2     where it did, this later bill says so

So `ledger 1 settled > bill 1 charged` is money entered that nobody asks for, and an order that is charged on bill 1 and
on bill 2 for more than ledger 2 covers is money asked for that nobody entered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy.exc import DBAPIError

from scripts.chaos_runs.books import NOTHING, Billed, Entered, bills, ledger
from scripts.chaos_runs.house import House

EVERY = 1.0  # seconds between two weighings


@dataclass(frozen=True)
class Weighed:
    """One weighing: the sums in US dollars, and what does not agree."""

    at: float  # seconds since 1970
    settled: Decimal
    bill: Decimal
    covered: Decimal  # settled and reserved
    wrong: tuple[str, ...] = ()


@dataclass
class Scales:
    """Weighs every second and keeps what did not agree."""

    house: House
    count: int = 0
    away: int = 0  # weighings that could not be made: the database was away
    wrong: dict[str, Weighed] = field(default_factory=dict)  # each thing that was wrong, when it was first seen
    last: Weighed | None = None
    _next: float = 0.0

    def tick(self) -> None:
        """Weigh, if it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self.weigh()

    def weigh(self) -> Weighed | None:
        """Weigh now; None while the database is away."""
        try:
            before = self.house.deps.db.run(ledger, patience=0.0)
            billed = bills(self.house.home)
            after = self.house.deps.db.run(ledger, patience=0.0)
        except DBAPIError:
            self.away += 1
            return None
        suspects = uncovered(billed, after)
        wrong = [
            *unbilled(before, billed),
            *(uncovered(bills(self.house.home), after, suspects).values() if suspects else ()),
        ]
        found = Weighed(
            time.time(),
            sum((one.settled for one in before.values()), NOTHING),
            sum((one.charged for orders in billed.values() for one in orders), NOTHING),
            sum((one.covered for one in after.values()), NOTHING),
            tuple(wrong),
        )
        self.count += 1
        self.last = found
        for words in wrong:
            self.wrong.setdefault(words, found)
        return found


def unbilled(entered: Mapping[str, Entered], billed: Mapping[str, list[Billed]]) -> list[str]:
    """What is settled without being charged, in words."""
    return [
        f"${one.settled} is settled for the order {token}, and ${charged} is charged for it"
        for token, one in entered.items()
        if one.settled > (charged := _charged(billed.get(token, [])))
    ]


def uncovered(
    billed: Mapping[str, list[Billed]], entered: Mapping[str, Entered], among: dict[str, str] | None = None
) -> dict[str, str]:
    """What is charged without being settled or reserved, in words, by token; of those in `among` where it is given."""
    found = {}
    for token, orders in billed.items():
        covered = entered[token].covered if token in entered else NOTHING
        if (among is None or token in among) and _charged(orders) > covered:
            names = ", ".join(one.operation for one in orders)
            known = "knows nothing of it" if token not in entered else f"has ${covered} for it"
            found[token] = (
                f"{names} is charged ${_charged(orders)} ({orders[0].label}, {token}), and the ledger {known}"
            )
    return found


def _charged(orders: list[Billed]) -> Decimal:
    return sum((one.charged for one in orders), NOTHING)
