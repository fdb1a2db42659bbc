"""What a film costs by the price list: what it should cost, and what it can cost at worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vidpipe.domain.catalogue import FOOTAGE, Capabilities, fallback_of, model_of, read_catalogue
from vidpipe.domain.storyboard.model import SceneSpec, Storyboard

NOTHING = Decimal(0)
MILLIONTH = Decimal("0.000001")  # of a US dollar: what a bill's row and a ledger's entry are rounded to


@dataclass(frozen=True)
class Price:
    """What a model asks, in US dollars."""

    per_second: Decimal  # of one clip

    def of(self, seconds: float, clips: int) -> Decimal:
        """US dollars for `clips` clips of `seconds` each; a bill has a row a clip, so each clip is rounded."""
        return (self.per_second * Decimal(str(seconds))).quantize(MILLIONTH) * clips


@dataclass(frozen=True)
class SceneEstimate:
    """One scene's share. US dollars and seconds."""

    label: str
    service: str
    model: str
    candidates: int
    operations: int  # purchases that bring all candidates
    seconds: float  # of each clip as bought, which references can make longer than the scene
    cost: Decimal  # if every purchase succeeds at once
    worst: Decimal  # if it takes all its takes, at the dearer of its service and its fallback; at most max_cost

    @property
    def pays(self) -> bool:
        """Whether this scene can cost anything."""
        return self.worst > 0


@dataclass(frozen=True)
class Estimate:
    """The film's scenes in order."""

    scenes: tuple[SceneEstimate, ...]
    total: Decimal
    worst: Decimal  # at most the film's budget

    @property
    def paying(self) -> tuple[SceneEstimate, ...]:
        """The scenes that can cost anything; none of them means that the film needs no confirmation."""
        return tuple(scene for scene in self.scenes if scene.pays)


def takes_references(storyboard: Storyboard, scene: SceneSpec, facts: Capabilities) -> bool:
    """Whether pictures of the cast will go with the scene's prompt."""
    if not facts.max_references or storyboard.manifest is None:
        return False
    tags = set(scene.references or scene.cast)
    return any(asset.images for asset in storyboard.manifest.assets if asset.tag in tags)


def estimate(storyboard: Storyboard, services: Mapping[str, Any]) -> Estimate:
    """The price of `storyboard` by `services` (Settings.services); SetupError where that can't be read."""
    catalogue = read_catalogue(services)
    scenes: list[SceneEstimate] = []
    for scene in storyboard.scenes:
        facts = model_of(catalogue, scene.service, scene.model)
        if facts is None:
            raise ValueError(f"{scene.label}: the storyboard was checked against other services")
        fallback = fallback_of(catalogue, scene.fallback) if scene.fallback else None
        scenes.append(_scene(storyboard, scene, facts, fallback))
    total = sum((scene.cost for scene in scenes), NOTHING)
    worst = sum((scene.worst for scene in scenes), NOTHING)
    if storyboard.budget is not None:
        worst = min(worst, storyboard.budget)
    return Estimate(tuple(scenes), total, worst)


def _scene(film: Storyboard, scene: SceneSpec, facts: Capabilities, fallback: Capabilities | None) -> SceneEstimate:
    seconds = facts.bought_seconds(scene.duration, references=takes_references(film, scene, facts))
    cost = Price(facts.price_per_second).of(seconds, scene.candidates)
    dearest = max(_take(film, scene, one) for one in (facts, fallback) if one is not None)
    worst = max(cost, dearest * scene.max_takes)
    if scene.max_cost is not None:
        worst = min(worst, scene.max_cost)
    return SceneEstimate(
        label=scene.label,
        service=facts.service,
        model=facts.model,
        candidates=scene.candidates,
        operations=1 if scene.service == FOOTAGE else facts.operations(scene.candidates),
        seconds=seconds,
        cost=cost,
        worst=worst,
    )


def _take(film: Storyboard, scene: SceneSpec, facts: Capabilities) -> Decimal:
    """US dollars of one take: as many clips as one operation brings, up to the candidates asked for."""
    duration = scene.duration if facts.can_last(scene.duration) else facts.nearest_duration(scene.duration)
    seconds = facts.bought_seconds(duration, references=takes_references(film, scene, facts))
    return Price(facts.price_per_second).of(seconds, min(scene.candidates, facts.max_candidates))
