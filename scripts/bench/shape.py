"""What every contender of `scripts/bench/film --against` has to make, and the best that could be done."""

from __future__ import annotations

import argparse
import heapq
import json
import resource
import sys
from collections import deque
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Shape:
    """A film: how many scenes of how many candidates, and what each part takes in seconds."""

    scenes: int = 45
    candidates: int = 4
    submit: float = 0.02
    operation: float = 3.0
    score: float = 0.03  # of one candidate, on the one GPU
    analyze: float = 0.05  # of one scene, on the same GPU
    poll: float = 0.5  # between two questions about an operation

    @classmethod
    def from_argv(cls) -> Shape:
        """As a contender's process is told."""
        parser = argparse.ArgumentParser()
        parser.add_argument("shape", type=json.loads)
        return cls(**parser.parse_known_args()[0].shape)

    def to_json(self) -> str:
        """As a contender's process is told."""
        return json.dumps(asdict(self))

    def alone(self) -> Shape:
        """One scene of it, to warm up with."""
        return Shape(**{**asdict(self), "scenes": 1})


def ideal(shape: Shape) -> float:
    """Seconds the film takes if nothing costs anything but its own parts, on one GPU that takes what came first.

    All scenes are submitted at once and their operations run side by side. The GPU is never idle while something
    waits for it, so that no other order of its work ends sooner.
    """
    arrivals: list[tuple[float, int, str]] = []
    for scene in range(shape.scenes):
        for _ in range(shape.candidates):
            heapq.heappush(arrivals, (shape.submit + shape.operation, scene, "score"))
    left = dict.fromkeys(range(shape.scenes), shape.candidates)
    waiting: deque[tuple[int, str]] = deque()
    now = 0.0
    while arrivals or waiting:
        while arrivals and (not waiting or arrivals[0][0] <= now):
            at, scene, work = heapq.heappop(arrivals)
            now = max(now, at)
            waiting.append((scene, work))
        scene, work = waiting.popleft()
        now += shape.score if work == "score" else shape.analyze
        if work == "score":
            left[scene] -= 1
            if not left[scene]:
                heapq.heappush(arrivals, (now, scene, "analyze"))
    return now


def cpu() -> float:
    """CPU-seconds of this process and of its children that have ended."""
    spent = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def tell(seconds: float, cpu_seconds: float) -> None:
    """A contender's figures, on its standard output."""
    json.dump({"seconds": seconds, "cpu": cpu_seconds}, sys.stdout)
