"""How soon work went on: from the end of each blow to the next move of any row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scripts.chaos_runs.diary import Done
from vidpipe.db.models import Transition


def pauses(session: Session, blows: Sequence[Done]) -> dict[str, float]:
    """By kind of blow the longest time in seconds; one after which nothing was left to be done is left out.

    The time that a server needs to come back is part of it, and so is what an operation at a service takes.
    """
    longest: dict[str, float] = {}
    for blow in blows:
        over = max(blow.at, blow.until)
        after = select(func.min(Transition.at)).where(Transition.at > datetime.fromtimestamp(over, UTC))
        moved = session.execute(after).scalar_one()
        if moved is not None:
            longest[blow.kind] = max(longest.get(blow.kind, 0.0), moved.timestamp() - over)
    return longest
