"""Reports made by hand, so that what is said of them can be tested without a database."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from tests.factories import at
from vidpipe.domain.scoring import DEFAULT_WEIGHTS, DIMENSIONS
from vidpipe.domain.states import CandidateState, DrawingState, ProjectState, SceneState, TakeState
from vidpipe.report.bought import Asked, DrawingFacts, Money, TakeFacts
from vidpipe.report.facts import (
    CandidateFacts,
    CutFacts,
    DimensionFacts,
    FilmFacts,
    MeasureFacts,
    Report,
    SceneFacts,
    Span,
    Totals,
    TransitionFacts,
)

_HERE = UUID("6f1c0f6e-3a51-4a0c-9c57-0d6f5f6a2a11")


def name(text: str) -> UUID:
    """The same id for the same words."""
    return uuid5(_HERE, text)


def move(entity: str, row: str, to: str, seconds: float, event: str = "made", reason: str = "") -> TransitionFacts:
    """A transition `seconds` after the start."""
    return TransitionFacts(at(seconds), entity, name(row), row, "", to, event, reason)


def dimensions(score: float | None = 0.74) -> tuple[DimensionFacts, ...]:
    """As the technical measurer alone leaves them."""
    measures = (MeasureFacts("sharpness", 0.42, "std of Laplacian / contrast", score, ""),)
    return tuple(
        DimensionFacts(one, "measured", score, 1.0, "", measures)
        if one == "visual_quality" and score is not None
        else DimensionFacts(one, "unmeasured", None, 0.0, "nothing here measures it")
        for one in DIMENSIONS
    )


def candidate(row: str = "c1", **values: Any) -> CandidateFacts:
    """A chosen clip."""
    plain: dict[str, Any] = {
        "take_id": name("take"), "version": 1, "round": 1, "slot": 1, "number": 1, "state": CandidateState.SELECTED,
        "service": "procedural", "model": "procedural-1", "model_version": "procedural-1.2", "seed": 42,
        "prompt_sent": "A lighthouse at dusk.", "cost": Decimal("0.25"), "key": f"p/{row}.mp4",
        "poster_key": f"p/{row}.jpg", "size": None, "sha256": "0" * 64, "duration": 4.0, "width": 640, "height": 360,
        "fps": 24.0, "sound": True, "composite": 0.74, "dimensions": dimensions(), "faults": (), "selected": True,
        "selected_by": "auto", "error": "",
    }  # fmt: skip
    return CandidateFacts(id=name(row), **{**plain, **values})


def take(row: str = "take", **values: Any) -> TakeFacts:
    """A settled take."""
    plain: dict[str, Any] = {
        "version": 1, "round": 1, "slot": 1, "state": TakeState.SETTLED, "service": "procedural",
        "model": "procedural-1", "model_version": "procedural-1.2", "count": 1, "filtered": 0, "seed": 41,
        "prompt": "A lighthouse at dusk.", "asked": Asked(4.0, 640, 360, 24, audio=True), "policy_level": 0,
        "operation": "operations/1", "attempts": 1, "error": "",
        "cost": Decimal("0.25"), "submitted_at": at(0.2), "ended_at": at(3),
    }  # fmt: skip
    return TakeFacts(id=name(row), **{**plain, **values})


def drawing(row: str = "drawing", **values: Any) -> DrawingFacts:
    """A key frame that was drawn."""
    plain: dict[str, Any] = {
        "which": "first", "version": 1, "round": 1, "number": 1, "state": DrawingState.DRAWN,
        "service": "gemini_images", "model": "gemini-3-pro-image", "model_version": "gemini-3-pro-image-0001",
        "seed": 7, "prompt": "An empty quay at dawn.", "policy_level": 0, "aspect": "16:9", "resolution": "1K",
        "pictures": (), "attempts": 1, "key": "film/scene/drawing/token.png", "width": 1376, "height": 768,
        "money": Money(Decimal("0.134")), "error": "", "ended_at": at(0.1),
    }  # fmt: skip
    return DrawingFacts(id=name(row), **{**plain, **values})


def scene(position: int = 0, **values: Any) -> SceneFacts:
    """A done scene with one clip."""
    chosen = candidate(f"c{position}")
    plain: dict[str, Any] = {
        "position": position, "label": f"Shot {position + 1}A", "sequence": "", "state": SceneState.DONE, "note": "",
        "prompt": "A lighthouse at dusk.", "negative_prompt": "", "shot": "", "camera": "", "service": "procedural",
        "model": "procedural-1", "fallback": "", "critical": True, "asked_duration": 4.0, "wanted_candidates": 1,
        "version": 1, "rounds": 1, "started_at": at(0), "finished_at": at(4), "wall_seconds": 4.0,
        "money": Money(Decimal("0.25")), "chosen": chosen, "why": "the only candidate", "service_why": "",
        "candidates": (chosen,),
        "takes": (take(),), "drawings": (), "transitions": (),
        "lane": (Span("service", 0.5, 3.0), Span("score", 3.0, 4.0)),
    }  # fmt: skip
    return SceneFacts(id=name(f"scene {position}"), **{**plain, **values})


def without_clip(position: int, state: SceneState, reason: str, event: str, **values: Any) -> SceneFacts:
    """A scene that ended in `state` by `event`, without a clip."""
    moves = (move("scene", f"scene {position}", state, 3, event, reason),)
    plain: dict[str, Any] = {"chosen": None, "candidates": (), "why": "", "transitions": moves}
    return scene(position, state=state, **{**plain, **values})


def report(*scenes: SceneFacts, **film: Any) -> Report:
    """A finished film of these scenes, its totals as they follow from them."""
    shots = scenes or (scene(),)
    cut = CutFacts(1, "ready", "p/film.mp4", 4.0, (), 0.6, "")
    plain: dict[str, Any] = {
        "title": "The Keeper's Light", "state": ProjectState.DONE, "note": "", "created_at": at(-1),
        "started_at": at(0), "finished_at": at(5), "as_of": at(5), "wall_seconds": 5.0, "width": 640, "height": 360,
        "fps": 24, "audio": True, "quality_mode": False, "budget": None, "weights": dict(DEFAULT_WEIGHTS), "cut": cut,
    }  # fmt: skip
    done = [one for one in shots if one.state == SceneState.DONE]
    totals = Totals(
        scenes=len(shots), completed=len(done), failed=len(shots) - len(done), skipped=0, open=0, takes=len(shots),
        candidates=len(done), unusable=0, mean_quality=0.74 if done else None, technical_only=True,
        asked_seconds=4.0 * len(shots), delivered_seconds=4.0 * len(done), money=Money(Decimal("0.25")),
    )  # fmt: skip
    return Report(FilmFacts(id=name("film"), **{**plain, **film}), totals, tuple(shots), (), ())


def unfinished(made: Report) -> Report:
    """The same film before its stitch."""
    return replace(made, film=replace(made.film, cut=None, state=ProjectState.ACTIVE, finished_at=None))
