"""Where everything lies in the bundle. Names come from numbers and safe slugs, never straight from text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from vidpipe.report.facts import CandidateFacts, Report, SceneFacts

FILM = "film.mp4"
JSON = "report.json"
PAGE = "report.html"
FOLDERS = ("clips", "candidates", "posters")
_SLUG = 40  # characters


@dataclass(frozen=True)
class Item:
    """A stored file that belongs in the bundle."""

    path: str  # within the bundle, with /
    key: str  # in the media store
    size: int | None = None  # bytes, where known


@dataclass(frozen=True)
class Missing:
    """A file that should be in the bundle and isn't."""

    path: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """What lies where; `missing` was looked for in vain and has no place."""

    film: Item | None
    clips: Mapping[UUID, Item]  # by scene: the chosen clip
    candidates: Mapping[UUID, Item]  # by candidate
    posters: Mapping[UUID, Item]  # by candidate
    missing: tuple[Missing, ...] = field(default=())

    def items(self) -> Iterator[Item]:
        """Every file to be fetched, the film first."""
        if self.film is not None:
            yield self.film
        yield from self.clips.values()
        yield from self.candidates.values()
        yield from self.posters.values()

    def without(self, missing: tuple[Missing, ...]) -> Layout:
        """The same, less what could not be had."""
        gone = {one.path for one in missing}

        def kept(items: Mapping[UUID, Item]) -> dict[UUID, Item]:
            return {owner: item for owner, item in items.items() if item.path not in gone}

        film = None if self.film is None or self.film.path in gone else self.film
        return Layout(film, kept(self.clips), kept(self.candidates), kept(self.posters), self.missing + missing)


def plan(report: Report, *, candidates: bool = True) -> Layout:
    """Where each file of the film goes; without the losing clips unless `candidates`."""
    cut = report.film.cut
    layout = Layout(Item(FILM, cut.key) if cut and cut.key else None, {}, {}, {})
    clips, others, posters = dict(layout.clips), dict(layout.candidates), dict(layout.posters)
    for scene in report.scenes:
        if scene.chosen is not None and scene.chosen.key:
            clips[scene.id] = Item(f"clips/{stem(report, scene)}.mp4", scene.chosen.key, scene.chosen.size)
        for candidate in scene.candidates:
            name = f"{stem(report, scene)}_{_place(candidate)}"
            if candidates and candidate.key:
                others[candidate.id] = Item(f"candidates/{name}.mp4", candidate.key, candidate.size)
            if candidate.poster_key:
                posters[candidate.id] = Item(f"posters/{name}.jpg", candidate.poster_key)
    return Layout(layout.film, clips, others, posters)


def stem(report: Report, scene: SceneFacts) -> str:
    """'01_shot-1a': its number in the film, wide enough to sort, and a slug of its label."""
    width = max(2, len(str(len(report.scenes))))
    return f"{scene.number:0{width}d}_{slug(scene.label)}"


def slug(text: str) -> str:
    """Lower-case ASCII letters, digits and single hyphens; 'shot' where nothing of the text is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG].strip("-") or "shot"


def _place(candidate: CandidateFacts) -> str:
    return f"v{candidate.version}_take{candidate.round}-{candidate.slot}_candidate{candidate.number}"
