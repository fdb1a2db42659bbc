"""What happens to a scene once nothing of its round is under way any more: a pure decision.

`decide` is asked again and again (by every take that ends, by the sweep) and says the same for the same facts;
the rows that come of it are unique by (scene, version, round, slot), so asking twice buys once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from vidpipe.domain.states import CANDIDATE_USABLE, TAKE_LIVE, CandidateState, TakeState


@dataclass(frozen=True)
class TakeFact:
    """A take of the scene's version, as far as the decision needs it."""

    id: UUID
    round: int
    slot: int
    service: str  # 'service/model'
    state: TakeState
    retryable: bool = True  # False: the service refused the request as it is
    reason: str = ""


@dataclass(frozen=True)
class CandidateFact:
    """A delivered clip of the scene's version."""

    id: UUID
    order: tuple[int, int, int]  # round, slot, number
    state: CandidateState
    composite: float | None = None
    cost: Decimal = Decimal(0)
    reason: str = ""


@dataclass(frozen=True)
class Bounds:
    """What the scene may do."""

    wanted: int  # candidates
    service: str  # 'service/model'
    fallback: str = ""  # 'service/model', or empty
    tries: int = 3  # rounds on one service
    max_takes: int = 12
    critical: bool = True


@dataclass(frozen=True)
class NotYet:
    """Something is still under way."""


@dataclass(frozen=True)
class Choose:
    """There are usable candidates; `best` wins."""

    best: UUID
    why: str


@dataclass(frozen=True)
class Buy:
    """Another round."""

    service: str  # 'service/model'
    count: int
    why: str


@dataclass(frozen=True)
class GiveUp:
    """Nothing usable can be had: the scene is blocked, or left out where it isn't critical."""

    reason: str
    leave_out: bool


@dataclass(frozen=True)
class WaitForPerson:
    """Only takes of unknown fate are left; buying again could pay twice."""

    reason: str


Decision = NotYet | Choose | Buy | GiveUp | WaitForPerson


def best_of(candidates: Sequence[CandidateFact]) -> CandidateFact | None:
    """The usable candidate with the highest composite; ties go to the cheaper, then to the earlier one."""
    usable = [candidate for candidate in candidates if candidate.state in CANDIDATE_USABLE]
    return min(usable, key=_rank, default=None)


def _rank(candidate: CandidateFact) -> tuple[float, Decimal, tuple[int, int, int]]:
    score = -1.0 if candidate.composite is None else candidate.composite
    return (-score, candidate.cost, candidate.order)


def decide(takes: Sequence[TakeFact], candidates: Sequence[CandidateFact], bounds: Bounds) -> Decision:
    """What to do next for a scene with these takes and candidates of its current version."""
    if any(take.state in TAKE_LIVE for take in takes):
        return NotYet()
    best = best_of(candidates)
    if best is not None:
        return Choose(best.id, why_best(best, candidates))
    unclear = [take for take in takes if take.state == TakeState.UNCERTAIN]
    if unclear:
        return WaitForPerson(f"it is not known whether {unclear[0].service} accepted the order; see `vidpipe status`")
    return _without_candidates(takes, candidates, bounds)


def _without_candidates(takes: Sequence[TakeFact], candidates: Sequence[CandidateFact], bounds: Bounds) -> Decision:
    reason = _last_reason(takes, candidates)
    tried = [take for take in takes if take.state != TakeState.CANCELLED]
    rounds = {take.service: len({other.round for other in tried if other.service == take.service}) for take in tried}
    serving = max(tried, key=lambda take: take.round).service if tried else bounds.service
    last = [take for take in tried if take.round == max(other.round for other in tried)]
    if len(takes) + 1 > bounds.max_takes:
        return GiveUp(f"{reason}; the bound of {bounds.max_takes} takes is reached", not bounds.critical)
    if rounds.get(serving, 0) < bounds.tries and (not last or any(take.retryable for take in last)):
        return Buy(serving, bounds.wanted, f"{reason}; another try on {serving}")
    if bounds.fallback and bounds.fallback not in rounds:
        return Buy(bounds.fallback, bounds.wanted, f"{reason}; on to the fallback {bounds.fallback}")
    spent = sum(rounds.values())
    return GiveUp(f"{reason} (after {spent} {'try' if spent == 1 else 'tries'})", not bounds.critical)


def _last_reason(takes: Sequence[TakeFact], candidates: Sequence[CandidateFact]) -> str:
    reasons = [take.reason for take in sorted(takes, key=lambda take: (take.round, take.slot)) if take.reason]
    spoiled = [candidate.reason for candidate in sorted(candidates, key=lambda c: c.order) if candidate.reason]
    return (spoiled or reasons or ["no usable clip came back"])[-1]


def why_best(best: CandidateFact, candidates: Sequence[CandidateFact]) -> str:
    """Why `best` wins, in words."""
    usable = [candidate for candidate in candidates if candidate.state in CANDIDATE_USABLE]
    if len(usable) == 1:
        lost = len(candidates) - 1
        return "the only candidate" if not lost else f"the only usable one of {len(candidates)}"
    if best.composite is None:
        return "nothing could be measured; the first one"
    others = [c.composite for c in usable if c.id != best.id and c.composite is not None]
    second = f", next {max(others):.3f}" if others else ""
    return f"highest composite of {len(usable)}: {best.composite:.3f}{second}"
