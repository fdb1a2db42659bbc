"""The content-policy ladder: what is said differently when a service's policy lets no clip of a scene through.

The levels are data (config/policy.yaml). Level 0 is the prompt as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from vidpipe.errors import SetupError

_SHAPE = "See config/policy.yaml for its shape."
MOST_LEVELS = 8
MOST_PREFACE = 2000  # characters


@dataclass(frozen=True)
class Level:
    """One rung: the words that come before the prompt, and whether the end frame is drawn anew."""

    name: str
    preface: str
    redraw_end_frame: bool = False


@dataclass(frozen=True)
class Ladder:
    """The levels above the plain prompt, and what they may cost as a multiple of a scene's first round."""

    levels: tuple[Level, ...] = ()
    most_cost: Decimal = Decimal(0)

    @property
    def top(self) -> int:
        """The highest level; 0 where there is no ladder."""
        return len(self.levels)

    def at(self, level: int) -> Level | None:
        """The rung of a level from 1; None for the plain prompt, and for one that the ladder has no more."""
        return self.levels[level - 1] if 1 <= level <= self.top else None

    def prompt(self, level: int, words: str) -> str:
        """The prompt as it is sent at a level."""
        rung = self.at(level)
        return words if rung is None else f"{rung.preface}\n\n{words}"


def read_ladder(found: Mapping[str, Any]) -> Ladder:
    """The `policy` of the settings, typed; raises SetupError that names what cannot be used."""
    if not isinstance(found, Mapping):
        raise SetupError("policy should be a mapping.", remedy=_SHAPE)
    for key in found:
        if key not in ("levels", "most_cost"):
            raise SetupError(f"policy has a key that nothing reads: {key!r}.", remedy=_SHAPE)
    listed = found.get("levels") or []
    if not isinstance(listed, list) or len(listed) > MOST_LEVELS:
        raise SetupError(f"policy.levels should be a list of at most {MOST_LEVELS} levels.", remedy=_SHAPE)
    try:
        most = Decimal(str(found.get("most_cost", 0)))
    except InvalidOperation:
        most = Decimal(-1)
    if not most.is_finite() or most < 0:
        raise SetupError("policy.most_cost should be a number from 0.", remedy=_SHAPE)
    return Ladder(tuple(_level(number, one) for number, one in enumerate(listed, 1)), most)


def _level(number: int, found: Any) -> Level:
    where = f"policy.levels[{number}]"
    if not isinstance(found, Mapping):
        raise SetupError(f"{where} should be a mapping.", remedy=_SHAPE)
    for key in found:
        if key not in ("name", "preface", "redraw_end_frame"):
            raise SetupError(f"{where} has a key that nothing reads: {key!r}.", remedy=_SHAPE)
    preface, redraws = found.get("preface"), found.get("redraw_end_frame", False)
    if not isinstance(preface, str) or not preface.strip() or len(preface) > MOST_PREFACE:
        raise SetupError(f"{where}.preface should be 1 to {MOST_PREFACE} characters of text.", remedy=_SHAPE)
    if not isinstance(redraws, bool):
        raise SetupError(f"{where}.redraw_end_frame should be true or false.", remedy=_SHAPE)
    return Level(str(found.get("name") or f"level {number}"), " ".join(preface.split()), redraws)
