"""From readings to one number a candidate: four dimensions, their weights, and an honest composite.

composite = sum(w_d * score_d) / sum(w_d) over the dimensions d that were measured. A dimension that could not
be measured gets no made-up number: its weight is shared out over the others, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

# Who is in it counts most, then the picture, the join, the words.
DEFAULT_WEIGHTS: Mapping[str, float] = {
    "manifest_adherence": 0.35,
    "visual_quality": 0.25,
    "continuity": 0.25,
    "prompt_adherence": 0.15,
}
DIMENSIONS = tuple(DEFAULT_WEIGHTS)

Status = Literal["measured", "unmeasured", "failed"]


@dataclass(frozen=True)
class Part:
    """One dimension's share in the composite."""

    dimension: str
    status: Status
    score: float | None  # 0 to 1
    weight: float  # as used, after sharing out; 0 where it was not measured
    reason: str = ""


@dataclass(frozen=True)
class Composite:
    """The number and what it is made of; `score` is None where nothing was measured."""

    score: float | None
    parts: tuple[Part, ...]


def weights_of(own: Mapping[str, float] | None = None) -> dict[str, float]:
    """The default weights with a project's own laid over them; raises ValueError on what makes no sense."""
    weights = {**DEFAULT_WEIGHTS, **(own or {})}
    unknown = set(weights) - set(DIMENSIONS)
    if unknown or any(weight < 0 for weight in weights.values()) or not any(weights.values()):
        raise ValueError(f"weights must be 0 or more for {', '.join(DIMENSIONS)}, and one of them above 0")
    return weights


def compose(parts: Iterable[tuple[str, Status, float | None, str]], weights: Mapping[str, float]) -> Composite:
    """The composite of `(dimension, status, score, reason)` readings; a dimension without one is unmeasured."""
    found = {dimension: (status, score, reason) for dimension, status, score, reason in parts}
    measured = {
        dimension: weights[dimension]
        for dimension, (status, score, _) in found.items()
        if status == "measured" and score is not None
    }
    total = sum(measured.values())
    out: list[Part] = []
    for dimension in DIMENSIONS:
        status, score, reason = found.get(dimension, ("unmeasured", None, "nothing here measures it"))
        share = measured.get(dimension, 0.0) / total if total else 0.0
        out.append(Part(dimension, status, score if dimension in measured else None, share, reason))
    if not total:
        return Composite(None, tuple(out))
    return Composite(sum(part.weight * (part.score or 0.0) for part in out), tuple(out))
