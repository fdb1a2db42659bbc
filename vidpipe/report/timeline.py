"""Time a step, from the trail of transitions: pure.

A row is in a step while it is in the step's state; the time until a worker takes it up counts as the step's.

    waiting    scene waiting      for the scenes it comes after, or for its turn
    draw       drawing queued or drawing   a key frame is made
    queue      take queued        for a worker, or between two tries
    submit     take submitting    the call that buys
    service    take submitted     at the service
    unclear    take uncertain     nobody knows whether it was bought
    download   candidate announced
    score      candidate stored   decoded once, checked and measured
    choose     scene generating or selecting, with nothing of the above under way
    analyze    scene analyzing
    stitch     film stitching
    held       film paused or waiting for a person, while a scene had nothing under way

Several of a scene's takes and clips are under way at once. Its lane shows the least advanced of them, since
that is what the scene waits for; the lane has no overlaps, so its stretches add up to the scene's time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from vidpipe.domain.states import CandidateState, DrawingState, Entity, ProjectState, SceneState, TakeState
from vidpipe.report.facts import Span, StepTime, TransitionFacts

STEPS = (
    "waiting", "draw", "queue", "submit", "service", "unclear", "download", "score", "choose", "analyze", "stitch",
    "held",
)  # fmt: skip

_STEP_OF: Mapping[tuple[str, str], str] = {
    (Entity.SCENE, SceneState.WAITING): "waiting",
    (Entity.SCENE, SceneState.GENERATING): "choose",
    (Entity.SCENE, SceneState.SELECTING): "choose",
    (Entity.SCENE, SceneState.ANALYZING): "analyze",
    (Entity.DRAWING, DrawingState.QUEUED): "draw",
    (Entity.DRAWING, DrawingState.DRAWING): "draw",
    (Entity.DRAWING, DrawingState.UNCERTAIN): "unclear",
    (Entity.TAKE, TakeState.QUEUED): "queue",
    (Entity.TAKE, TakeState.SUBMITTING): "submit",
    (Entity.TAKE, TakeState.SUBMITTED): "service",
    (Entity.TAKE, TakeState.CANCELLING): "service",
    (Entity.TAKE, TakeState.UNCERTAIN): "unclear",
    (Entity.CANDIDATE, CandidateState.ANNOUNCED): "download",
    (Entity.CANDIDATE, CandidateState.STORED): "score",
    (Entity.PROJECT, ProjectState.STITCHING): "stitch",
    (Entity.PROJECT, ProjectState.PAUSED): "held",
    (Entity.PROJECT, ProjectState.WAITING): "held",
}
# What the lane shows first; an uncertain take isn't live, so the scene goes on with whatever else it has.
_FIRST = ("analyze", "waiting", "draw", "queue", "submit", "service", "download", "score", "unclear", "choose")
_OF_SCENE = frozenset({"waiting", "choose", "analyze"})  # without one of these the scene is at its end
_IDLE = frozenset({"waiting", "queue", "choose", "unclear"})
_AS_LANES = frozenset({"waiting", "choose", "held"})  # what only the lanes tell: 'generating' spans all of a scene


def stretches(moves: Iterable[TransitionFacts], start: datetime, end: datetime) -> list[Span]:
    """Every stretch of every step that `moves` (in order of time) tell of, cut to `start` and `end`."""
    by_row: dict[UUID, list[TransitionFacts]] = defaultdict(list)
    for move in moves:
        by_row[move.entity_id].append(move)
    found: list[Span] = []
    for row in by_row.values():
        leaves = [*(move.at for move in row[1:]), end]
        for move, left in zip(row, leaves, strict=True):
            step = _STEP_OF.get((move.entity, move.to_state))
            span = _cut(step, move.at, left, start, end) if step else None
            if span is not None:
                found.append(span)
    return sorted(found, key=lambda span: (span.start, span.end))


def _cut(step: str, came: datetime, left: datetime, start: datetime, end: datetime) -> Span | None:
    first, last = max(came, start), min(left, end)
    if last <= first:
        return None
    return Span(step, (first - start).total_seconds(), (last - start).total_seconds())


def lane(spans: Sequence[Span], held: Sequence[Span] = ()) -> tuple[Span, ...]:
    """`spans` of one scene as one lane without overlaps; where nothing ran while the film was held, 'held'."""
    edges = sorted({edge for span in (*spans, *held) for edge in (span.start, span.end)})
    out: list[Span] = []
    for first, last in pairwise(edges):
        here = [span.step for span in spans if span.start <= first and span.end >= last]
        if not _OF_SCENE.intersection(here):
            continue
        step = min(here, key=_FIRST.index)
        if step in _IDLE and any(span.start <= first and span.end >= last for span in held):
            step = "held"
        if out and out[-1].step == step and out[-1].end == first:
            out[-1] = Span(step, out[-1].start, last)
        else:
            out.append(Span(step, first, last))
    return tuple(out)


def step_times(lanes: Iterable[Sequence[Span]], spans: Iterable[Span]) -> tuple[StepTime, ...]:
    """Sums over a film: `lanes` as the scenes waited, `spans` as the work was done; in the order of STEPS."""
    in_lanes = [span for one in lanes for span in one]
    waited: dict[str, float] = defaultdict(float)
    for span in in_lanes:
        waited[span.step] += span.seconds
    worked: dict[str, list[float]] = defaultdict(list)
    beside = [span for span in spans if span.step not in _AS_LANES]
    for span in [*beside, *(span for span in in_lanes if span.step in _AS_LANES)]:
        worked[span.step].append(span.seconds)
    return tuple(
        StepTime(
            step, waited[step], sum(worked[step]), len(worked[step]),
            sum(worked[step]) / len(worked[step]) if worked[step] else 0.0, max(worked[step], default=0.0),
        )
        for step in STEPS
        if waited[step] or worked[step]
    )  # fmt: skip
