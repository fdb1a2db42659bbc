"""The contract of everything that looks at clips.

`Measurer`s of every kind see the same `DecodedClip`, decoded once a candidate. A measurer that cannot measure
(no model, a broken one, nothing to compare with) says so with its reason; it never makes up a number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from vidpipe.media.info import DecodedClip


@dataclass(frozen=True)
class Measure:
    """One measured quantity."""

    name: str  # sharpness, exposure, motion, ...
    value: float  # in `unit`
    unit: str
    score: float | None = None  # 0 (bad) to 1 (good), where the measure speaks of quality
    note: str = ""  # why it matters here: 'black from 2.1 s to 2.9 s'


@dataclass(frozen=True)
class Reading:
    """What one measurer found in one clip, for one dimension of the composite."""

    dimension: str  # manifest_adherence, visual_quality, continuity, prompt_adherence
    status: Literal["measured", "unmeasured", "failed"]
    score: float | None = None  # 0 to 1; None unless measured
    reason: str = ""  # why it is unmeasured or failed
    measures: tuple[Measure, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What the clip should show, for measurers that compare."""

    prompt: str
    shot: str = ""
    camera: str = ""
    cast: tuple[str, ...] = ()
    audio: bool = True


class Measurer(Protocol):
    """One way of looking; made once a process, used by one thread at a time."""

    dimension: str

    def measure(self, clip: DecodedClip, subject: Subject) -> Reading:
        """Look at `clip`."""
        ...
