"""The ledger's lines to sums, for the film, a scene and a service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from vidpipe.db.money import Line
from vidpipe.report.bought import Money
from vidpipe.report.facts import ServiceMoney


def sums(lines: Iterable[Line]) -> Money:
    """What was settled (and adjusted), and what is still reserved."""
    kept = list(lines)
    settled = sum((line.balance.settled for line in kept), Decimal(0))
    return Money(settled, sum((line.balance.open for line in kept), Decimal(0)))


def by_service(lines: Iterable[Line]) -> tuple[ServiceMoney, ...]:
    """The same, a line for each service, model and kind of purchase; dearest first."""
    grouped: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for line in lines:
        grouped[line.service, line.model, line.kind].append(line)
    found = [ServiceMoney(*name, len(_purchases(group)), sums(group)) for name, group in grouped.items()]
    return tuple(sorted(found, key=lambda line: (-line.money.settled, line.service, line.model, line.kind)))


def _purchases(lines: Iterable[Line]) -> set[UUID]:
    return {line.purchase_id for line in lines}
