"""Films as the views see them, without a database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from vidpipe.pipeline.overview import FilmStatus, SceneStatus
from vidpipe.runner import Progress

FILM_ID = UUID("3f2a9c1e-0000-4000-8000-000000000001")


def scene(label: str = "Shot 1A", state: str = "generating", **values: Any) -> SceneStatus:
    """A scene that is at its service, unless told otherwise."""
    plain: dict[str, Any] = {
        "sequence": "One", "doing": "at procedural, 40 %", "progress": 0.3, "takes": 1, "usable": 0,
        "candidates": 0, "wanted": 1, "live": 1, "seconds": 3.0, "quality": None,
    }  # fmt: skip
    return SceneStatus(label=label, state=state, **{**plain, **values})


def film(*scenes: SceneStatus, state: str = "active", **values: Any) -> FilmStatus:
    """A film of these scenes, with somebody to move it."""
    done = sum(one.state in ("done", "skipped") for one in scenes)
    plain: dict[str, Any] = {
        "id": FILM_ID, "title": "The Keeper's Light", "note": "", "done": done, "total": len(scenes),
        "progress": 0.4, "eta": None, "seconds": 12.0, "settled": Decimal(0), "reserved": Decimal(0), "cut": None,
        "tick_seen": 1.0,
    }  # fmt: skip
    return FilmStatus(state=state, scenes=scenes, **{**plain, **values})


def seen(found: FilmStatus) -> Progress:
    """What a view is handed for it."""
    return Progress("film", "", found)
