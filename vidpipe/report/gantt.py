"""The film's time as a picture: one lane a scene over the film's wall time. Geometry in per cent; the page draws.

Long stretches in which nothing ran anywhere (the machine was off, the film was paused) are folded, so that an
hour's pause doesn't squeeze a film of thirty seconds into a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidpipe.report import words
from vidpipe.report.facts import Report, SceneFacts, Span

LANE = 22  # pixels, with the space between lanes
BAR = 14
_IDLE = frozenset({"waiting", "queue", "held", "unclear"})
_FOLD_LEAST = 20.0  # seconds
_FOLD_SHARE = 0.4  # of the time in which something ran: shorter pauses are drawn as they were
_FOLDED = 0.05  # the width of a fold, as a share of the unfolded time
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)
_TICKS_MOST = 8


@dataclass(frozen=True)
class Bar:
    """A stretch of one step; `x` and `width` in per cent of the picture."""

    step: str
    x: str
    width: str
    words: str


@dataclass(frozen=True)
class Lane:
    """One row of the picture."""

    scene: SceneFacts | None  # None: the film itself
    y: int  # pixels
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Mark:
    """A tick or a fold."""

    x: str
    words: str
    last: bool = False  # at the right edge: its words stand left of it


@dataclass(frozen=True)
class Gantt:
    """The whole picture."""

    height: int  # pixels, of the lanes
    lanes: tuple[Lane, ...]
    ticks: tuple[Mark, ...]
    folds: tuple[Bar, ...]
    steps: tuple[str, ...]  # that occur, in order


class Axis:
    """Seconds to per cent, with folds."""

    def __init__(self, end: float, folds: Sequence[tuple[float, float]]) -> None:
        self.folds = tuple(folds)
        running = max(end - sum(last - first for first, last in folds), 1e-3)
        self._fold = running * _FOLDED
        self.shown = running + self._fold * len(folds)

    def at(self, seconds: float) -> float:
        """Where `seconds` lies, 0 to 100."""
        place = seconds
        for first, last in self.folds:
            if seconds >= last:
                place -= (last - first) - self._fold
            elif seconds > first:
                place -= (seconds - first) * (1 - self._fold / (last - first))
        return 100 * place / self.shown


def gantt(report: Report) -> Gantt:
    """The picture of `report`; without lanes where nothing has happened yet."""
    lanes = [(scene, scene.lane) for scene in report.scenes]
    every: list[tuple[SceneFacts | None, tuple[Span, ...]]] = [*lanes]
    if report.film_lane:
        every.append((None, report.film_lane))
    end = max((span.end for _, spans in every for span in spans), default=0.0)
    if not end:
        return Gantt(0, (), (), (), ())
    axis = Axis(end, folds([span for _, spans in every for span in spans], end))
    drawn = tuple(
        Lane(scene, row * LANE, tuple(_bar(axis, span) for span in spans)) for row, (scene, spans) in enumerate(every)
    )
    steps = tuple(step for step in words.STEPS if any(span.step == step for _, spans in every for span in spans))
    hidden = tuple(
        Bar("fold", _percent(axis.at(first)), _percent(axis.at(last) - axis.at(first)), _folded(last - first))
        for first, last in axis.folds
    )
    return Gantt(len(drawn) * LANE, drawn, _ticks(axis, end), hidden, steps)


def folds(spans: Sequence[Span], end: float) -> list[tuple[float, float]]:
    """Stretches (first, last) in seconds, within which nothing ran, that are long enough to be folded."""
    busy = sorted((span.start, span.end) for span in spans if span.step not in _IDLE)
    gaps: list[tuple[float, float]] = []
    reached = 0.0
    for first, last in [*busy, (end, end)]:
        if first > reached:
            gaps.append((reached, first))
        reached = max(reached, last)
    ran = end - sum(last - first for first, last in gaps)
    least = max(_FOLD_LEAST, _FOLD_SHARE * ran)
    return [gap for gap in gaps if gap[1] - gap[0] >= least]


def _bar(axis: Axis, span: Span) -> Bar:
    x = axis.at(span.start)
    name = words.STEPS[span.step][0]
    said = f"{name}: {words.duration(span.seconds)} ({words.duration(span.start)} to {words.duration(span.end)})"
    return Bar(span.step, _percent(x), _percent(max(axis.at(span.end) - x, 0.12)), said)


def _ticks(axis: Axis, end: float) -> tuple[Mark, ...]:
    step = next((step for step in _TICKS if axis.shown / step <= _TICKS_MOST), 86400.0 * (1 + axis.shown // 691200))
    marks: list[Mark] = []
    at = 0.0
    while at <= end:
        hidden = next((last for first, last in axis.folds if first < at < last), None)
        if hidden is not None:
            at = step * (hidden // step + 1)
            continue
        x = axis.at(at)
        marks.append(Mark(_percent(x), words.duration(at) if at else "0", last=x > 94))
        at += step
    return tuple(marks)


def _folded(seconds: float) -> str:
    return f"{words.duration(seconds)} in which nothing ran"


def _percent(value: float) -> str:
    return f"{value:.3f}%"
