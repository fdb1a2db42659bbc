"""How long a film will roughly take, from what its services are known to take.

A plan wants "about two minutes" before the first clip was made; once some were, their average is better. Each
scene is one job that occupies one of its service's places (`at_once`, else `operations`), starts when all it waits
for are done, and takes `typical_seconds + typical_per_second x seconds of clips`, then the time to look at what came.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidpipe.domain.catalogue import ServiceFacts, model_of, read_catalogue
from vidpipe.domain.pricing import drawn_frames, estimate
from vidpipe.domain.side_services import read_image_services
from vidpipe.domain.storyboard.model import Storyboard

STEP_SECONDS = 1.0  # submitting, noticing, downloading and choosing, a scene; a lead, to be measured
SCORE_PER_SECOND = 0.1  # decoding and measuring, a second of clip; decoding alone is 0.03 at 720p
STITCH_PER_SECOND = 0.1  # joining, a second of film: mostly stream copy, cross-fades are re-encoded


@dataclass(frozen=True)
class Forecast:
    """Seconds from the start to the finished film, and the scenes that it hangs on, in order."""

    seconds: float
    longest: tuple[str, ...]


def forecast(storyboard: Storyboard, services: Mapping[str, Any]) -> Forecast:
    """A rough time for `storyboard`; raises as `pricing.estimate`, whose services it takes."""
    catalogue = read_catalogue(services)
    free = {name: [0.0] * _places(facts, len(storyboard.scenes)) for name, facts in catalogue.items()}
    took = _times(storyboard, services)
    waits = {scene.label: set(scene.after) for scene in storyboard.scenes}
    ready = [(0.0, number, scene) for number, scene in enumerate(storyboard.scenes) if not scene.after]
    heapq.heapify(ready)
    done: dict[str, tuple[float, str]] = {}  # label -> when, and the scene it waited for longest
    while ready:
        earliest, _, scene = heapq.heappop(ready)
        place = heapq.heappop(free[scene.service])
        end = max(earliest, place) + took[scene.label]
        heapq.heappush(free[scene.service], end)
        last = max(scene.after, key=lambda label: done[label][0], default="")
        done[scene.label] = (end, last)
        for number, other in enumerate(storyboard.scenes):
            if scene.label in waits[other.label]:
                waits[other.label].discard(scene.label)
                if not waits[other.label]:
                    heapq.heappush(ready, (max(done[label][0] for label in other.after), number, other))
    label = max(done, key=lambda one: done[one][0])
    film = sum(scene.duration for scene in storyboard.scenes)
    return Forecast(done[label][0] + film * STITCH_PER_SECOND, _way(done, label))


def _places(facts: ServiceFacts, scenes: int) -> int:
    """How many scenes the service works on side by side; without a limit all of them."""
    return facts.at_once or facts.operations or max(1, scenes)


def _way(done: Mapping[str, tuple[float, str]], label: str) -> tuple[str, ...]:
    way: list[str] = []
    while label:
        way.append(label)
        label = done[label][1]
    return tuple(reversed(way))


def _times(storyboard: Storyboard, services: Mapping[str, Any]) -> dict[str, float]:
    """Seconds each scene takes once it has a place."""
    catalogue, painters = read_catalogue(services), read_image_services(services)
    shots = {scene.label: scene for scene in storyboard.scenes}
    times: dict[str, float] = {}
    for scene in estimate(storyboard, services).scenes:
        facts = model_of(catalogue, scene.service, scene.model)
        if facts is None:
            raise ValueError(f"{scene.label}: the storyboard was checked against other services")
        clips = scene.seconds * scene.candidates
        making = facts.typical_seconds + facts.typical_per_second * clips
        frames = drawn_frames(shots[scene.label], facts)
        making += max((painters[one.service].models[one.model].typical_seconds for one in frames.values()), default=0.0)
        times[scene.label] = making + facts.poll_seconds / 2 + STEP_SECONDS + SCORE_PER_SECOND * clips
    return times
