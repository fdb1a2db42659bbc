"""What happens to a scene once nothing of its round is under way any more: a pure decision.

`decide` is asked again and again (by every take that ends, by the sweep) and says the same for the same facts;
the rows that come of it are unique by (scene, version, round, slot), so asking twice buys once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from vidpipe.domain.states import CANDIDATE_USABLE, TAKE_LIVE, CandidateState, TakeState


class Fault(StrEnum):
    """What ended a take that brought nothing, as far as what is bought next depends on it."""

    TRANSIENT = "transient"  # faults of the moment, too many of them
    REFUSED = "refused"  # the service cannot make this request as it is
    POLICY = "policy"  # its policy does not let it, or withheld every clip
    BROKEN = "broken"  # it was accepted and failed
    LATE = "late"  # it was not done within the time allowed
    SPOILED = "spoiled"  # what was delivered cannot be used
    LOST = "lost"  # nobody knows whether it was accepted, and it was given up
    AWAY = "away"  # its service has been away for too long
    BUDGET = "budget"  # the film's budget does not allow it
    COST = "cost"  # the scene's bound on cost does not allow it
    UNWANTED = "unwanted"  # its scene or film does not want it any more
    DEFECT = "defect"  # it could not even be asked for


# Nothing was asked of the service: another try there is not what is missing.
_NOT_TRIED = frozenset({Fault.BUDGET, Fault.COST, Fault.UNWANTED})
# There is no use in asking the same service again.
_NOT_THERE_AGAIN = frozenset({Fault.REFUSED, Fault.POLICY, Fault.AWAY, Fault.DEFECT})


@dataclass(frozen=True)
class TakeFact:
    """A take of the scene's version, as far as the decision needs it."""

    id: UUID
    round: int
    slot: int
    service: str  # 'service/model'
    state: TakeState
    fault: Fault | None = None
    tries: int = 1  # orders that were given for it
    level: int = 0  # of the content-policy ladder
    reason: str = ""

    @property
    def tried(self) -> bool:
        """Whether it says anything about its service."""
        cancelled = self.state == TakeState.CANCELLED and self.fault is None
        return not cancelled and self.fault not in _NOT_TRIED


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
    cheaper: str = ""  # 'service/model' to go on with where money runs short, or empty
    tries: int = 3  # on one service, whatever went wrong
    max_takes: int = 12
    critical: bool = True
    top_level: int = 0  # of the content-policy ladder
    ladder_ends: str = ""  # why it goes no higher now, though there are more levels


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
    level: int = 0  # of the content-policy ladder


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
    last = [take for take in takes if take.round == max(other.round for other in takes)]
    if len(takes) + 1 > bounds.max_takes:
        return GiveUp(f"{reason}; the bound of {bounds.max_takes} takes is reached", not bounds.critical)
    if any(take.fault in (Fault.BUDGET, Fault.COST) for take in last):
        return _short_of_money(takes, reason, bounds)
    tried = [take for take in takes if take.tried]
    serving = max(tried, key=_place).service if tried else bounds.service
    level, stopped = _level(tried, serving)
    if stopped and level < bounds.top_level and not bounds.ladder_ends:
        why = f"{reason}; once more at level {level + 1} of the policy ladder"
        return Buy(serving, bounds.wanted, why, level + 1)
    if stopped and bounds.ladder_ends:
        reason = f"{reason}; {bounds.ladder_ends}"
    # What a policy stopped says nothing of the service's health: how often that is met is the ladder's business.
    met = [take for take in tried if take.fault != Fault.POLICY]
    if _tries(met, serving) < bounds.tries and not _hopeless(tried, serving):
        return Buy(serving, bounds.wanted, f"{reason}; another try on {serving}", level)
    if bounds.fallback and bounds.fallback not in {take.service for take in tried}:
        return Buy(bounds.fallback, bounds.wanted, f"{reason}; on to the fallback {bounds.fallback}")
    spent = sum(_tries(tried, service) for service in {take.service for take in tried})
    told = f"(after {spent} {'try' if spent == 1 else 'tries'})"
    return GiveUp(reason if reason.endswith(told) else f"{reason} {told}", not bounds.critical)


def _short_of_money(takes: Sequence[TakeFact], reason: str, bounds: Bounds) -> Decision:
    if bounds.cheaper and bounds.cheaper not in {take.service for take in takes}:
        return Buy(bounds.cheaper, bounds.wanted, f"{reason}; on with the cheaper {bounds.cheaper}")
    return GiveUp(reason, not bounds.critical)


def _level(tried: Sequence[TakeFact], service: str) -> tuple[int, bool]:
    """The level of the service's last round, and whether its policy is what kept that round from bringing anything."""
    last = _last_round(tried, service)
    return max((take.level for take in last), default=0), any(take.fault == Fault.POLICY for take in last)


def _last_round(tried: Sequence[TakeFact], service: str) -> list[TakeFact]:
    mine = [take for take in tried if take.service == service]
    return [take for take in mine if take.round == max(other.round for other in mine)]


def _place(take: TakeFact) -> tuple[int, int, UUID]:
    """In the order they were bought, and never by the order they are told in."""
    return take.round, take.slot, take.id


def _tries(tried: Sequence[TakeFact], service: str) -> int:
    """A round's takes are bought together: it counts as often as the one of them that was ordered most often."""
    rounds: dict[int, int] = {}
    for take in tried:
        if take.service == service:
            rounds[take.round] = max(rounds.get(take.round, 0), take.tries, 1)
    return sum(rounds.values())


def _hopeless(tried: Sequence[TakeFact], service: str) -> bool:
    """Whether every take of the service's last round ended in a way that asking again would not change."""
    last = _last_round(tried, service)
    return bool(last) and all(take.fault in _NOT_THERE_AGAIN for take in last)


def _last_reason(takes: Sequence[TakeFact], candidates: Sequence[CandidateFact]) -> str:
    reasons = [take.reason for take in sorted(takes, key=_place) if take.reason]
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
