"""What one model asks for a second of a clip: one price, or one by the picture's lines and by sound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_LINES = re.compile(r"([1-9][0-9]{2,3})p")
_NAMED = {"2k": 1440, "4k": 2160, "8k": 4320}


@dataclass(frozen=True)
class Rate:
    """US dollars a second of one clip whose shorter side has at most `lines` pixels; None: any."""

    lines: int | None
    sound: Decimal
    silent: Decimal


@dataclass(frozen=True)
class Tariff:
    """The rates of a model, the smallest pictures first; never empty."""

    rates: tuple[Rate, ...]

    def per_second(self, width: int, height: int, *, sound: bool) -> Decimal:
        """US dollars a second of a clip of this size in pixels; a picture above all rates costs the last one."""
        lines = min(width, height)
        rate = next((one for one in self.rates if one.lines is None or lines <= one.lines), self.rates[-1])
        return rate.sound if sound else rate.silent

    @property
    def least(self) -> Decimal:
        """US dollars a second of the cheapest clip."""
        return min(min(rate.sound, rate.silent) for rate in self.rates)

    @property
    def most(self) -> Decimal:
        """US dollars a second of the dearest clip."""
        return max(max(rate.sound, rate.silent) for rate in self.rates)


FREE = Tariff((Rate(None, Decimal(0), Decimal(0)),))


def read_tariff(key: str, found: Any) -> Tariff:
    """`"0.40"`, or `{720p: "0.10", 4k: {sound: "0.60", silent: "0.40"}}`; raises ValueError that names the wrong part.

    The names are lines (720p, 1080p) or 2k, 4k, 8k; each holds for pictures of up to so many.
    """
    if not isinstance(found, Mapping):
        price = dollars(key, found)
        return Tariff((Rate(None, price, price),))
    rates = [_rate(f"{key}.{name}", lines_of(key, name), value) for name, value in found.items()]
    if not rates:
        raise ValueError(f"{key} names no price")
    return Tariff(tuple(sorted(rates, key=lambda rate: rate.lines or 0)))


def lines_of(key: str, name: Any) -> int:
    """720 of `720p`, 2160 of `4k`; raises ValueError."""
    word = str(name).lower()
    if word in _NAMED:
        return _NAMED[word]
    found = _LINES.fullmatch(word)
    if found is None:
        raise ValueError(f"{key} goes by the picture's lines (720p, 1080p, 4k), not by {name!r}")
    return int(found[1])


def _rate(key: str, lines: int, found: Any) -> Rate:
    if not isinstance(found, Mapping):
        price = dollars(key, found)
        return Rate(lines, price, price)
    if set(found) != {"sound", "silent"}:
        raise ValueError(f"{key} should name `sound` and `silent`, not {', '.join(map(str, found)) or 'nothing'}")
    return Rate(lines, dollars(f"{key}.sound", found["sound"]), dollars(f"{key}.silent", found["silent"]))


def dollars(key: str, value: Any) -> Decimal:
    """An amount of US dollars, 0 or more; raises ValueError or InvalidOperation."""
    price = Decimal(str(value))
    if not price.is_finite() or price < 0:
        raise ValueError(f"{key} should be 0 or more, not {value!r}")
    return price
