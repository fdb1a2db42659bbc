"""Where the figures of the registry are from: by kind of figure, with the day on which they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

# Every figure that an entry may state belongs to one kind; a kind has one source.
KINDS: Mapping[str, tuple[str, ...]] = {
    "ids": (),  # the model's own name
    "abilities": (
        "durations", "min_duration", "max_duration", "sizes", "sizes_from_text", "max_pixels", "frame_rates",
        "max_candidates", "audio", "seed", "negative_prompt", "longest_prompt", "first_frame", "needs_first_frame",
        "last_frame", "max_references", "durations_with_references", "aspects_with_references",
        "references_with_frames", "resolutions", "aspects", "images", "json", "max_output_tokens",
    ),
    "price": (
        "price_per_second", "price_per_image", "price_per_million_input", "price_per_million_output", "price_until",
    ),
    "limits": ("kept_seconds", "operations", "requests_per_minute", "at_once"),
    "dates": ("retires", "replacement"),
    "pace": ("poll_seconds", "timeout_seconds", "settling_seconds", "typical_seconds", "typical_per_second"),
    "rank": ("quality", "styles", "cheaper"),
}  # fmt: skip
KIND_OF = {figure: kind for kind, figures in KINDS.items() for figure in figures}


@dataclass(frozen=True)
class Source:
    """Where figures are from, in words, and the day they were read there."""

    text: str
    read: date


@dataclass(frozen=True)
class Told:
    """The sources of one entry: by kind, and the figures that a user's own file states."""

    by_kind: tuple[tuple[str, Source], ...] = ()
    own: tuple[tuple[str, str], ...] = ()  # figure -> the file that states it

    def source(self, figure: str) -> str:
        """Where a figure is from, in words; empty where nobody said."""
        kind, own = KIND_OF.get(figure, figure), dict(self.own)
        if figure in own and f"sources.{kind}" not in own:
            return f"stated in {own[figure]}"
        found = dict(self.by_kind).get(kind)
        return "" if found is None else f"{found.text} (read on {found.read})"


UNTOLD = Told()


def read_sources(key: str, found: Any, own: Any, below: Told) -> Told:
    """The `sources` of an entry laid on those of the entry it belongs to; raises ValueError that names what is wrong.

    `own` maps figures (and `sources.KIND`) to the user's file that states them: that is the source of a figure for
    which the file names no other.
    """
    given = dict(below.by_kind)
    for kind, source in _mapping(key, found).items():
        if kind not in KINDS:
            raise ValueError(f"{key} has a kind that nothing reads: {kind!r}; there are {', '.join(KINDS)}")
        given[kind] = _source(f"{key}.{kind}", source)
    stated = {str(figure): str(file) for figure, file in _mapping(f"{key} (own)", own).items()}
    return Told(tuple(given.items()), tuple(stated.items()))


def _source(key: str, found: Any) -> Source:
    if not isinstance(found, Mapping) or set(found) != {"from", "read"} or not str(found["from"]).strip():
        raise ValueError(f"{key} should say `from` where and when (`read`)")
    read = found["read"]
    return Source(str(found["from"]).strip(), read if isinstance(read, date) else date.fromisoformat(str(read)))


def _mapping(key: str, found: Any) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{key} should be a mapping")
    return found
