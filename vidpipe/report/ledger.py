"""Ledger entries to sums, by the rule of `db.money.spent`: a reservation is open until its attempt is closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from vidpipe.db.models import LedgerEntry, Purchase
from vidpipe.report.facts import Money, ServiceMoney


def sums(entries: Iterable[LedgerEntry]) -> Money:
    """What was settled (and adjusted), and what is still reserved."""
    kept = list(entries)
    closed = {entry.attempt_id for entry in kept if entry.kind in ("settle", "release")}
    settled = sum((entry.amount for entry in kept if entry.kind in ("settle", "adjust")), Decimal(0))
    reserved = (entry.amount for entry in kept if entry.kind == "reserve" and entry.attempt_id not in closed)
    return Money(settled, sum(reserved, Decimal(0)))


def by_service(purchases: Sequence[Purchase], entries: Iterable[LedgerEntry]) -> tuple[ServiceMoney, ...]:
    """The same, a line for each service, model and kind of purchase; dearest first."""
    of_purchase: dict[object, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        of_purchase[entry.purchase_id].append(entry)
    grouped: dict[tuple[str, str, str], list[Purchase]] = defaultdict(list)
    for purchase in purchases:
        grouped[purchase.service, purchase.model, purchase.kind].append(purchase)
    lines = [
        ServiceMoney(*name, len(group), sums(entry for one in group for entry in of_purchase[one.id]))
        for name, group in grouped.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.money.settled, line.service, line.model, line.kind)))
