"""Single figures of the registry, from what a file says to the type that the code has; a wrong one raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from vidpipe.domain.tariff import dollars, read_tariff

_SECONDS = ("durations", "durations_with_references")
_SIZES = ("sizes", "sizes_from_text")
_WORDS = ("styles", "aspects", "aspects_with_references", "resolutions")
_FLAGS = (
    "audio", "seed", "negative_prompt", "first_frame", "needs_first_frame", "last_frame", "references_with_frames",
    "images", "json",
)  # fmt: skip
_COUNTS = ("max_pixels", "max_candidates", "max_references", "longest_prompt", "max_output_tokens")
QUALITIES = range(1, 6)


def figure(key: str, value: Any) -> Any:
    """One figure in its type; raises TypeError, ValueError or decimal.InvalidOperation where it is none."""
    match key:
        case "price_per_second":
            return read_tariff(key, value)
        case "price_per_image":
            return _by_name(key, value)
        case "price_per_million_input" | "price_per_million_output":
            return dollars(key, value)
        case "frame_rates":
            return tuple(int(rate) for rate in value)
        case "retires" | "price_until":
            return value if isinstance(value, date) or value is None else date.fromisoformat(value)
        case "replacement" | "cheaper":
            return str(value or "")
        case "quality":
            return _quality(key, value)
        case _ if key in _SECONDS:
            return tuple(float(seconds) for seconds in value)
        case _ if key in _SIZES:
            return tuple((int(width), int(height)) for width, height in value)
        case _ if key in _WORDS:
            return _words(key, value)
        case _ if key in _FLAGS:
            return _flag(key, value)
        case _ if key in _COUNTS:
            return int(value)
        case _:
            return float(value)


def limit(key: str, value: Any) -> int | None:
    """A limit of a service: a count, or None where there is none."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{key} should be a whole number from 1, or null for no limit, not {value!r}")
    return value


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{key} should be true or false, not {value!r}")
    return value


def _quality(key: str, value: Any) -> int:
    if value not in QUALITIES or isinstance(value, bool):
        raise ValueError(f"{key} should be a whole number from 1 to 5, not {value!r}")
    return int(value)


def _words(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ValueError(f"{key} should be a list, not {value!r}")
    return tuple(str(word) for word in value)


def _by_name(key: str, value: Any) -> tuple[tuple[str, Decimal], ...]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"{key} should name a price by resolution, not {value!r}")
    return tuple((str(name), dollars(f"{key}.{name}", price)) for name, price in value.items())
