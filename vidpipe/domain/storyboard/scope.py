"""Where a scene's settings come from: itself, its sequence, the film; and how its words for money and time are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vidpipe.domain.storyboard.lines import Where


@dataclass(frozen=True)
class Found:
    """A setting and where it stands; level 0 is the scene itself, 1 its sequence, 2 the film."""

    value: Any
    where: Where
    level: int


@dataclass(frozen=True)
class Scope:
    """Where a scene's settings come from, nearest first."""

    levels: tuple[tuple[Where, Mapping[str, Any]], ...]

    @property
    def where(self) -> Where:
        return self.levels[0][0]

    @property
    def own(self) -> Mapping[str, Any]:
        """What the scene says itself."""
        return self.levels[0][1]

    def find(self, *keys: str) -> Found | None:
        """The nearest of `keys`."""
        for level, (where, values) in enumerate(self.levels):
            for key in keys:
                if values.get(key) is not None:
                    return Found(values[key], (*where, key), level)
        return None

    def value(self, key: str, otherwise: Any) -> Any:
        """The nearest value of `key`."""
        found = self.find(key)
        return otherwise if found is None else found.value


def money(value: float | str) -> Decimal:
    """US dollars, exactly as written."""
    return Decimal(str(value))


def time_of(value: float | str) -> float:
    """Seconds of 3, 3.5, '02:05' or '00:01:02.5'."""
    if isinstance(value, (int, float)):
        return float(value)
    total = 0.0
    for part in value.split(":"):
        total = total * 60 + float(part)
    return total
