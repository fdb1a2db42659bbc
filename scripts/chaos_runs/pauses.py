"""How soon work went on: how long at most, after each blow, no row at all moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.chaos_runs.diary import Done
from vidpipe.db.models import Transition

WITHIN = 60.0  # seconds after a blow in which a standstill is put down to it


def pauses(session: Session, blows: Sequence[Done]) -> dict[str, float]:
    """By kind of blow the longest standstill in seconds that began with it or in the minute after it.

    What was under way goes on moving for a while after messages were lost, so that the next move alone says little. The
    time that a server needs to come back is part of a standstill, and so is what an operation at a service takes. After
    the last move of all nothing was left to be done.
    """
    moves = [at.timestamp() for at in session.execute(select(Transition.at).order_by(Transition.at)).scalars()]
    longest: dict[str, float] = {}
    for blow in blows:
        over = max(blow.at, blow.until)
        times = [over, *(at for at in moves if at > over)]
        still = [end - begin for begin, end in pairwise(times) if begin <= over + WITHIN]
        longest[blow.kind] = max([longest.get(blow.kind, 0.0), *still])
    return longest
