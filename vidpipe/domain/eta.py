"""How long a film that is being made will still take, from how it went so far.

Two bounds, the larger one counts: the work that is left at the rate at which work was done, and the longest
chain of scenes that wait for each other at the average time of a finished scene. Nothing is said before a
scene was finished in the stretch of time that is looked at. Seconds throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SceneWork:
    """One scene; times count within the stretch that is looked at (since the cluster started, or went on)."""

    progress: float  # 0 to 1
    open: bool  # something will still come of it
    before: bool = False  # it was finished before the stretch began
    took: float | None = None  # it was finished within the stretch
    running: float | None = None  # for how long it has been worked on
    needs: tuple[int, ...] = ()  # positions of the scenes it comes after


def remaining(scenes: Sequence[SceneWork], elapsed: float) -> float | None:
    """Seconds until every open scene is finished, or None while there is nothing to average."""
    finished = [scene.took for scene in scenes if scene.took is not None]
    if not finished or elapsed <= 0:
        return None
    if not any(scene.open for scene in scenes):
        return 0.0
    average = sum(finished) / len(finished)
    done = sum(scene.progress for scene in scenes if not scene.before)
    left = sum(1 - scene.progress for scene in scenes if scene.open)
    return max(left * elapsed / done, _longest_chain(scenes, average))


def _longest_chain(scenes: Sequence[SceneWork], average: float) -> float:
    ends: dict[int, float] = {}

    def end(position: int) -> float:
        scene = scenes[position]
        if not scene.open:
            return 0.0
        if position not in ends:
            start = max((end(need) for need in scene.needs), default=0.0)
            ends[position] = start + max(average - (scene.running or 0.0), 0.0)
        return ends[position]

    # In the order of the film most scenes find those before them computed, so that the recursion stays flat.
    return max(end(position) for position in range(len(scenes)))
