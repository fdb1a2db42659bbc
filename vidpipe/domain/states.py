"""Every state and every legal move, in one table: `(entity, state, event) -> state`.

`db/transitions.py` is the only code that writes a state, and it writes what this table says. Each event is a
fact in the past tense or an order a person gave; a move that is not listed here cannot happen.
"""

from __future__ import annotations

from enum import StrEnum


class Entity(StrEnum):
    """What has a state."""

    PROJECT = "project"
    SCENE = "scene"
    TAKE = "take"
    CANDIDATE = "candidate"
    DRAWING = "drawing"
    CUT = "cut"


class ProjectState(StrEnum):
    """A film."""

    DRAFT = "draft"
    ACTIVE = "active"
    WAITING = "waiting"  # for a person: nothing can move without one
    STITCHING = "stitching"
    DONE = "done"
    FAILED = "failed"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class SceneState(StrEnum):
    """A shot of the film, from its turn to its chosen clip."""

    WAITING = "waiting"  # for the scenes it comes after
    GENERATING = "generating"
    SELECTING = "selecting"
    ANALYZING = "analyzing"
    DONE = "done"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TakeState(StrEnum):
    """One purchase of clips."""

    QUEUED = "queued"
    SUBMITTING = "submitting"  # the intent is committed; the call may have been made
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    SETTLED = "settled"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    OVERDUE = "overdue"  # still at the service, past its time: the film goes on without it, and it is watched
    UNCERTAIN = "uncertain"  # nobody knows whether the service accepted it, or whether it will be billed


class CandidateState(StrEnum):
    """One delivered clip."""

    ANNOUNCED = "announced"
    STORED = "stored"
    SCORED = "scored"
    SELECTED = "selected"
    PASSED = "passed"
    UNUSABLE = "unusable"


class DrawingState(StrEnum):
    """One purchase of a picture."""

    QUEUED = "queued"
    DRAWING = "drawing"  # the intent is committed; the call may have been made
    DRAWN = "drawn"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"  # nobody knows whether it will be billed; the picture is gone


class CutState(StrEnum):
    """A stitched film."""

    STITCHING = "stitching"
    READY = "ready"
    FAILED = "failed"


State = ProjectState | SceneState | TakeState | CandidateState | DrawingState | CutState

_P, _S, _T, _C, _D, _F = ProjectState, SceneState, TakeState, CandidateState, DrawingState, CutState

_PROJECT: dict[tuple[State, str], State] = {
    (_P.DRAFT, "enqueued"): _P.ACTIVE,
    (_P.ACTIVE, "all_scenes_ended"): _P.STITCHING,
    (_P.ACTIVE, "nothing_can_move"): _P.WAITING,
    (_P.ACTIVE, "nothing_to_stitch"): _P.FAILED,
    (_P.WAITING, "resumed"): _P.ACTIVE,
    (_P.STITCHING, "stitched"): _P.DONE,
    (_P.STITCHING, "stitch_failed"): _P.FAILED,
    (_P.STITCHING, "resumed"): _P.ACTIVE,  # a scene was sent back meanwhile
    (_P.FAILED, "resumed"): _P.ACTIVE,
    (_P.DONE, "reopened"): _P.ACTIVE,
    (_P.ACTIVE, "paused"): _P.PAUSED,
    (_P.WAITING, "paused"): _P.PAUSED,
    (_P.STITCHING, "paused"): _P.PAUSED,
    (_P.PAUSED, "resumed"): _P.ACTIVE,
    (_P.CANCELLING, "emptied"): _P.CANCELLED,
    (_P.CANCELLED, "reopened"): _P.ACTIVE,
    **{
        (state, "cancel_asked"): _P.CANCELLING
        for state in (_P.DRAFT, _P.ACTIVE, _P.WAITING, _P.STITCHING, _P.PAUSED, _P.FAILED)
    },
}

_SCENE: dict[tuple[State, str], State] = {
    (_S.WAITING, "started"): _S.GENERATING,
    (_S.WAITING, "gave_up"): _S.BLOCKED,
    (_S.GENERATING, "candidates_gathered"): _S.SELECTING,
    (_S.GENERATING, "gave_up"): _S.BLOCKED,
    (_S.GENERATING, "left_out"): _S.SKIPPED,
    (_S.SELECTING, "selected"): _S.ANALYZING,
    (_S.SELECTING, "gave_up"): _S.BLOCKED,
    (_S.SELECTING, "late_candidate"): _S.GENERATING,
    (_S.ANALYZING, "analyzed"): _S.DONE,
    (_S.ANALYZING, "analysis_failed"): _S.DONE,
    (_S.DONE, "retake_asked"): _S.WAITING,
    **{(state, "retried"): _S.WAITING for state in (_S.BLOCKED, _S.SKIPPED, _S.CANCELLED)},
    **{
        (state, "skipped"): _S.SKIPPED
        for state in (_S.WAITING, _S.GENERATING, _S.SELECTING, _S.ANALYZING, _S.BLOCKED, _S.CANCELLED)
    },
    **{
        (state, "cancelled"): _S.CANCELLED
        for state in (_S.WAITING, _S.GENERATING, _S.SELECTING, _S.ANALYZING, _S.BLOCKED)
    },
}

_TAKE: dict[tuple[State, str], State] = {
    (_T.QUEUED, "submit_began"): _T.SUBMITTING,
    (_T.QUEUED, "gave_up"): _T.FAILED,
    (_T.QUEUED, "cancelled"): _T.CANCELLED,
    (_T.QUEUED, "forgotten"): _T.UNCERTAIN,  # a restored database does not know of an order that was given
    # Also the answer to a call that had been given up: what was bought is never forgotten.
    **{
        (state, "accepted"): _T.SUBMITTED
        for state in (_T.SUBMITTING, _T.UNCERTAIN, _T.QUEUED, _T.FAILED, _T.REFUSED, _T.CANCELLED)
    },
    (_T.SUBMITTING, "not_accepted"): _T.QUEUED,
    (_T.SUBMITTING, "refused"): _T.REFUSED,
    (_T.SUBMITTING, "gave_up"): _T.FAILED,
    (_T.SUBMITTING, "unclear"): _T.UNCERTAIN,
    (_T.UNCERTAIN, "not_accepted"): _T.QUEUED,
    (_T.UNCERTAIN, "lost"): _T.FAILED,
    (_T.SUBMITTED, "delivered"): _T.DELIVERED,
    (_T.SUBMITTED, "refused"): _T.REFUSED,
    (_T.SUBMITTED, "broke"): _T.FAILED,
    (_T.SUBMITTED, "cancel_asked"): _T.CANCELLING,
    (_T.SUBMITTED, "ran_over"): _T.CANCELLING,
    (_T.CANCELLING, "cancelled"): _T.CANCELLED,
    (_T.CANCELLING, "left_running"): _T.OVERDUE,
    (_T.OVERDUE, "delivered"): _T.DELIVERED,
    (_T.OVERDUE, "refused"): _T.REFUSED,
    (_T.OVERDUE, "broke"): _T.FAILED,
    (_T.OVERDUE, "never_ended"): _T.UNCERTAIN,
    (_T.OVERDUE, "lost"): _T.FAILED,
    (_T.CANCELLING, "delivered"): _T.DELIVERED,
    (_T.CANCELLING, "refused"): _T.REFUSED,
    (_T.CANCELLING, "broke"): _T.FAILED,
    (_T.DELIVERED, "settled"): _T.SETTLED,
    (_T.DELIVERED, "spoiled"): _T.FAILED,
}

_CANDIDATE: dict[tuple[State, str], State] = {
    (_C.ANNOUNCED, "stored"): _C.STORED,
    (_C.ANNOUNCED, "spoiled"): _C.UNUSABLE,
    (_C.STORED, "scored"): _C.SCORED,
    (_C.STORED, "spoiled"): _C.UNUSABLE,
    (_C.SCORED, "selected"): _C.SELECTED,
    (_C.SCORED, "passed"): _C.PASSED,
    (_C.PASSED, "selected"): _C.SELECTED,
    (_C.SELECTED, "passed"): _C.PASSED,
}

_DRAWING: dict[tuple[State, str], State] = {
    (_D.QUEUED, "draw_began"): _D.DRAWING,
    (_D.QUEUED, "gave_up"): _D.FAILED,
    (_D.QUEUED, "cancelled"): _D.CANCELLED,
    (_D.QUEUED, "forgotten"): _D.UNCERTAIN,
    # Also the answer to a call that had been given up.
    **{
        (state, "drawn"): _D.DRAWN
        for state in (_D.DRAWING, _D.UNCERTAIN, _D.QUEUED, _D.FAILED, _D.REFUSED, _D.CANCELLED)
    },
    (_D.DRAWING, "unclear"): _D.UNCERTAIN,
    # An answer may come after its worker was taken for dead.
    **{(state, "not_accepted"): _D.QUEUED for state in (_D.DRAWING, _D.UNCERTAIN)},
    # It was paid for, and gave no picture that can be used.
    **{(state, "came_to_nothing"): _D.QUEUED for state in (_D.DRAWING, _D.UNCERTAIN)},
    **{(state, "refused"): _D.REFUSED for state in (_D.DRAWING, _D.UNCERTAIN)},
    **{(state, "gave_up"): _D.FAILED for state in (_D.DRAWING, _D.UNCERTAIN)},
    (_D.UNCERTAIN, "lost"): _D.FAILED,
}

_CUT: dict[tuple[State, str], State] = {
    (_F.STITCHING, "stitched"): _F.READY,
    (_F.STITCHING, "stitch_failed"): _F.FAILED,
}

TABLE: dict[tuple[Entity, State, str], State] = {
    (entity, state, event): to
    for entity, moves in (
        (Entity.PROJECT, _PROJECT),
        (Entity.SCENE, _SCENE),
        (Entity.TAKE, _TAKE),
        (Entity.CANDIDATE, _CANDIDATE),
        (Entity.DRAWING, _DRAWING),
        (Entity.CUT, _CUT),
    )
    for (state, event), to in moves.items()
}

STATES: dict[Entity, type[StrEnum]] = {
    Entity.PROJECT: ProjectState,
    Entity.SCENE: SceneState,
    Entity.TAKE: TakeState,
    Entity.CANDIDATE: CandidateState,
    Entity.DRAWING: DrawingState,
    Entity.CUT: CutState,
}

# A scene that lets those that come after it start.
SCENE_LETS_GO = frozenset({_S.DONE, _S.SKIPPED})
# A scene that will not move by itself any more.
SCENE_ENDED = frozenset({_S.DONE, _S.SKIPPED, _S.BLOCKED, _S.CANCELLED})
# A scene that the film is made without.
SCENE_GIVEN_UP = frozenset({_S.SKIPPED, _S.CANCELLED})
# A take that a scene waits for: something will come of it soon, without a person.
TAKE_LIVE = frozenset({_T.QUEUED, _T.SUBMITTING, _T.SUBMITTED, _T.CANCELLING, _T.DELIVERED})
# A take that its service holds, and is asked about.
TAKE_AT_SERVICE = frozenset({_T.SUBMITTED, _T.CANCELLING, _T.OVERDUE})
TAKE_ENDED = frozenset({_T.SETTLED, _T.REFUSED, _T.FAILED, _T.CANCELLED})
CANDIDATE_ENDED = frozenset({_C.SCORED, _C.SELECTED, _C.PASSED, _C.UNUSABLE})
CANDIDATE_USABLE = frozenset({_C.SCORED, _C.SELECTED, _C.PASSED})
PROJECT_ENDED = frozenset({_P.DONE, _P.FAILED, _P.CANCELLED})
# A picture that a scene waits for.
DRAWING_LIVE = frozenset({_D.QUEUED, _D.DRAWING})
# A project whose scenes are being worked on.
PROJECT_RUNS = frozenset({_P.ACTIVE, _P.STITCHING})


def after(entity: Entity, state: State, event: str) -> State | None:
    """Where `event` leads from `state`, or None where that cannot happen."""
    return TABLE.get((entity, state, event))


def sources(entity: Entity, event: str) -> dict[State, State]:
    """Every state that `event` can happen in, with where it leads."""
    return {state: to for (owner, state, name), to in TABLE.items() if owner == entity and name == event}


def is_terminal(entity: Entity, state: State) -> bool:
    """No event leads out of `state`."""
    return not any(owner == entity and here == state for owner, here, _ in TABLE)
