"""A scene whose service is chosen by rule: what it asks for, read from its settings before it has a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from vidpipe.domain.catalogue import AUTO, Capabilities, Catalogue
from vidpipe.domain.choosing import Wish, choose
from vidpipe.domain.choosing_rules import Rules, shipped_rules
from vidpipe.domain.storyboard.scope import Found, Scope, money

MINUTE = 60.0  # seconds
USUAL = 4.0  # seconds of a scene that says nothing


@dataclass(frozen=True)
class Film:
    """What the choice of every scene depends on; US dollars, pixels, seconds."""

    width: int
    height: int
    fps: int
    audio: bool
    budget: Decimal | None
    quality_mode: bool
    pictured: frozenset[str]  # tags that have pictures
    scenes: int  # whose service is chosen
    seconds: float  # of all scenes that are made, times their candidates: what the budget is shared out by
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    today: date = date.min
    rules: Rules = field(default_factory=shipped_rules)


def wants_rule(scope: Scope, default_service: str) -> Found | None:
    """Where a scene says that its service is to be chosen: `service: auto`, or `choose` where no service is named."""
    service, asked = scope.find("service"), scope.find("choose")
    if service is not None:
        return service if service.value == AUTO else None
    if asked is not None:
        return asked
    return Found(AUTO, (), len(scope.levels)) if default_service == AUTO else None


def pick(scope: Scope, catalogue: Catalogue, film: Film) -> tuple[Capabilities | None, str]:
    """The model that the rules give a scene, and the reason; None where nothing can make it."""
    chosen = choose(wish(scope, film), catalogue, lacking=film.lacking, rules=film.rules, today=film.today)
    return chosen.facts, chosen.reason


def wish(scope: Scope, film: Film) -> Wish:
    """What the scene in `scope` asks for."""
    asked = scope.value("choose", {})
    asked = asked if isinstance(asked, Mapping) else {}
    cost, deadline = scope.find("max_cost"), asked.get("deadline")
    cast = _tags(scope.value("cast", ()))
    duration = _duration(scope)
    share = None
    if film.budget is not None and film.seconds:
        part, whole = Decimal(str(weight(scope, film.quality_mode))), Decimal(str(round(film.seconds, 6)))
        share = film.budget * part / whole
    return Wish(
        duration=duration,
        width=film.width,
        height=film.height,
        fps=film.fps,
        audio=film.audio,
        candidates=_candidates(scope, film.quality_mode),
        prompt=str(scope.own.get("prompt", "")).strip(),
        camera=str(scope.own.get("camera", "")),
        people=sum(tag.startswith("CHAR_") for tag in cast),
        references=len(film.pictured.intersection(_tags(scope.value("references", ())))),
        first_frame="first_frame" in scope.own,
        last_frame="last_frame" in scope.own,
        seed=scope.own.get("seed") is not None,
        negative_prompt=bool(scope.value("negative_prompt", "")),
        max_cost=None if cost is None else money(cost.value),
        share=share,
        quality=str(asked.get("quality", "good")),
        style=str(asked.get("style", "")),
        deadline=None if deadline is None else float(deadline) * MINUTE,
        scenes=max(1, film.scenes),
        usual=USUAL,
    )


def weight(scope: Scope, quality_mode: bool) -> float:
    """The seconds that a scene makes of the film's work: its length times its candidates; 0 of footage."""
    if "footage" in scope.own:
        return 0.0
    return (_duration(scope) or USUAL) * _candidates(scope, quality_mode)


def _duration(scope: Scope) -> float | None:
    found = scope.find("duration")
    return None if found is None else float(found.value)


def _candidates(scope: Scope, quality_mode: bool) -> int:
    found = scope.find("candidates", "candidate_count")
    return int(found.value) if found is not None and quality_mode else 1


def _tags(found: Any) -> tuple[str, ...]:
    return tuple(tag for tag in found if isinstance(tag, str)) if isinstance(found, Iterable) else ()
