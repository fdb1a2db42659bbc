"""How far the content-policy ladder goes for a scene: to its top, or as far as the money that it may cost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from vidpipe.db import money
from vidpipe.db.models import Purchase, Take
from vidpipe.domain.ladder import Ladder


def reach(session: Session, ladder: Ladder, bought: Sequence[Take]) -> dict[str, Any]:
    """The bounds of the decision that the ladder has, for a scene's takes in the order they were bought.

    One more round is reckoned at what the last one was ordered for. What raised levels have cost and have reserved,
    and that round, may come to `most_cost` times what the first round was ordered for.
    """
    found = {"top_level": ladder.top, "ladder_ends": ""}
    lines = {line.take_id: line for line in money.lines(session, Purchase.take_id.in_([take.id for take in bought]))}
    prices = money.prices(session, [take.id for take in bought])
    priced = {take.id: prices.get(take.id, Decimal(0)) for take in bought}
    rounds = [take.round for take in bought]
    first = sum((priced[take.id] for take in bought if take.round == min(rounds)), Decimal(0))
    another = sum((priced[take.id] for take in bought if take.round == max(rounds)), Decimal(0))
    raised = [lines[take.id].balance.committed for take in bought if take.policy_level and take.id in lines]
    spent = sum(raised, Decimal(0))
    most = first * ladder.most_cost
    if another and spent + another > most:
        found["ladder_ends"] = (
            f"the policy ladder may cost ${most:.2f} for this scene: ${spent:.2f} is spent or reserved,"
            f" and another round would cost ${another:.2f}"
        )
    return found
