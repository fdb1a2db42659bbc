"""What a scene is doing, in words for a person, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vidpipe.domain.states import CANDIDATE_USABLE, TAKE_LIVE, CandidateState, SceneState, TakeState

# How far a take is on its way from the order to scored clips, at the beginning of each stretch. Most of the
# time goes by at the service.
_SUBMITTED, _DELIVERED, _SELECTING, _ANALYZING = 0.05, 0.7, 0.94, 0.97


@dataclass(frozen=True)
class TakeSeen:
    """One take of the scene's present version."""

    state: str
    service: str
    progress: float | None = None
    error: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What is known of a scene."""

    state: SceneState
    wanted: int = 1
    note: str = ""
    takes: tuple[TakeSeen, ...] = ()
    clips: Mapping[str, int] = field(default_factory=dict)  # how many candidates, by state
    quality: float | None = None
    waits_for: tuple[str, ...] = ()  # labels
    held: bool = False  # the film is not being worked on
    now: datetime | None = None
    lanes: Mapping[str, str] = field(default_factory=dict)  # why a service takes nothing now


def progress(seen: Seen) -> float:
    """0 to 1."""
    match seen.state:
        case SceneState.DONE | SceneState.SKIPPED:
            return 1.0
        case SceneState.SELECTING:
            return _SELECTING
        case SceneState.ANALYZING:
            return _ANALYZING
        case SceneState.GENERATING:
            live = [take for take in seen.takes if take.state in TAKE_LIVE]
            return sum(_of_take(take, seen) for take in live) / len(live) if live else 0.0
        case _:
            return 0.0


def _of_take(take: TakeSeen, seen: Seen) -> float:
    match take.state:
        case TakeState.SUBMITTED | TakeState.CANCELLING:
            return _SUBMITTED + (_DELIVERED - _SUBMITTED) * min(take.progress or 0.0, 1.0)
        case TakeState.DELIVERED:
            ended = _scored(seen) + seen.clips.get(CandidateState.UNUSABLE, 0)
            share = (ended + seen.clips.get(CandidateState.STORED, 0) / 2) / max(sum(seen.clips.values()), 1)
            return _DELIVERED + (_SELECTING - _DELIVERED) * share
        case _:
            return 0.0


def doing(seen: Seen) -> str:
    """What it is doing, as in 'at procedural, 40 %', 'scoring 2 of 4', 'waits for Shot 1A', 'blocked: reason'."""
    match seen.state:
        case SceneState.WAITING:
            return _waiting(seen)
        case SceneState.GENERATING:
            return _generating(seen)
        case SceneState.SELECTING:
            usable = _scored(seen)
            return f"choosing the best of {usable}" if usable > 1 else "taking the clip"
        case SceneState.ANALYZING:
            return "looking at the chosen clip"
        case SceneState.DONE:
            return _done(seen)
        case SceneState.BLOCKED:
            return f"blocked: {seen.note or 'no reason was given'}"
        case SceneState.SKIPPED:
            return f"left out: {seen.note}" if seen.note else "left out"
        case SceneState.CANCELLED:
            return "cancelled"


def _waiting(seen: Seen) -> str:
    if seen.waits_for:
        more = len(seen.waits_for) - 1
        return f"waits for {seen.waits_for[0]}" + (f" and {more} more" if more else "")
    if seen.held:
        return "stands still"
    return "about to start" if not seen.note else f"about to start ({seen.note})"


def _done(seen: Seen) -> str:
    usable, all_ = _scored(seen), sum(seen.clips.values())
    score = "" if seen.quality is None else f", {seen.quality:.2f}"
    if usable > 1:
        return f"best of {usable}{score}"
    return f"the one usable of {all_}{score}" if all_ > 1 else f"done{score}"


def _scored(seen: Seen) -> int:
    return sum(seen.clips.get(state, 0) for state in CANDIDATE_USABLE)


def _generating(seen: Seen) -> str:
    """Speaks of the takes that are furthest behind: those hold the scene up."""
    by_state: dict[str, list[TakeSeen]] = {}
    for take in seen.takes:
        by_state.setdefault(take.state, []).append(take)
    for state, say in (
        (TakeState.QUEUED, _queued),
        (TakeState.SUBMITTING, _ordering),
        (TakeState.SUBMITTED, _at_service),
        (TakeState.CANCELLING, _stopping),
        (TakeState.DELIVERED, _delivered),
        (TakeState.UNCERTAIN, _unclear),
    ):
        if state in by_state:
            return say(by_state[state], seen)
    return seen.note or "deciding what comes next"


def _queued(takes: list[TakeSeen], seen: Seen) -> str:
    take = takes[0]
    if take.service in seen.lanes:
        return f"waits for {take.service}: {seen.lanes[take.service]}"
    if take.due_at is not None and seen.now is not None and take.due_at > seen.now:
        seconds = (take.due_at - seen.now).total_seconds()
        why = f": {take.error}" if take.error else ""
        return f"tries {take.service} again in {seconds:.0f} s{why}"
    if seen.held:
        return f"stands still before {take.service}"
    return f"in line for {take.service}" + (f" ({seen.note})" if seen.note else "")


def _ordering(takes: list[TakeSeen], seen: Seen) -> str:
    return f"ordering from {takes[0].service}"


def _at_service(takes: list[TakeSeen], seen: Seen) -> str:
    known = [take.progress for take in takes if take.progress is not None]
    several = f", {len(takes)} takes" if len(takes) > 1 else ""
    share = f", {100 * sum(known) / len(takes):.0f} %" if known else ""
    trouble = f" ({takes[0].error})" if takes[0].error else ""
    return f"at {takes[0].service}{several}{share}{trouble}"


def _stopping(takes: list[TakeSeen], seen: Seen) -> str:
    return f"being stopped at {takes[0].service}"


def _delivered(takes: list[TakeSeen], seen: Seen) -> str:
    all_ = sum(seen.clips.values())
    ended = _scored(seen) + seen.clips.get(CandidateState.UNUSABLE, 0)
    stored = seen.clips.get(CandidateState.STORED, 0)
    if stored:
        return f"scoring {ended + 1} of {all_}"
    if seen.clips.get(CandidateState.ANNOUNCED, 0):
        return f"fetching {ended + 1} of {all_}"
    return "deciding what comes next"


def _unclear(takes: list[TakeSeen], seen: Seen) -> str:
    if takes[0].due_at is not None:
        return f"asking {takes[0].service} whether it has the order"
    return seen.note or f"nobody knows whether {takes[0].service} accepted the order"
