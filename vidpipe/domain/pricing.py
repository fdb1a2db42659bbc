"""What a film costs by the price list: what it should cost, what it can cost at worst, and what else it could cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from vidpipe.domain.catalogue import FOOTAGE, Capabilities, Catalogue, fallback_of, model_of, read_catalogue
from vidpipe.domain.fitting import no_references
from vidpipe.domain.price import MILLIONTH, Price, cost_of
from vidpipe.domain.side_requests import nearest
from vidpipe.domain.side_services import Painters, read_image_services
from vidpipe.domain.storyboard.model import FrameSpec, SceneSpec, Storyboard

NOTHING = Decimal(0)
# How often a key frame is paid for at most: it may come to nothing, or be drawn anew for the policy ladder.
MOST_DRAWINGS = 3

__all__ = ["MILLIONTH", "Choice", "Estimate", "Price", "SceneEstimate", "bought", "clips_of", "cost_of", "estimate"]


@dataclass(frozen=True)
class Choice:
    """What a scene costs with one of the models it may be made by. US dollars and seconds."""

    role: Literal["own", "fallback", "cheaper"]
    service: str
    model: str
    seconds: float  # of each clip as bought
    cost: Decimal  # if every purchase succeeds at once
    worst: Decimal  # if it takes all the scene's takes there; at most max_cost


@dataclass(frozen=True)
class DrawnFrame:
    """A key frame that is drawn for a scene. US dollars."""

    which: Literal["first", "last"]
    service: str
    model: str
    cost: Decimal
    worst: Decimal  # if it is paid for as often as it may be


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
    drawn: tuple[DrawnFrame, ...] = ()  # what they cost is part of `cost` and `worst`
    choices: tuple[Choice, ...] = ()  # its own model first

    @property
    def paid(self) -> tuple[str, ...]:
        """The services that cost something if all goes well, or its own where only another try would."""
        draw = [frame.service for frame in self.drawn if frame.cost]
        makes = [self.service] if not draw or self.cost > sum(frame.cost for frame in self.drawn) else []
        return tuple(dict.fromkeys((*makes, *draw)))

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
    """Whether pictures will go with the scene's prompt: of what it names as `references`, where the model takes them.

    Its cast alone sends none.
    """
    frames = (facts.first_frame and scene.first_frame) or (facts.last_frame and scene.last_frame)
    size = facts.nearest_size(storyboard.width, storyboard.height)
    if storyboard.manifest is None or no_references(facts, size, frames=bool(frames)):
        return False
    return any(asset.images for asset in storyboard.manifest.assets if asset.tag in scene.references)


def estimate(storyboard: Storyboard, services: Mapping[str, Any]) -> Estimate:
    """The price of `storyboard` by `services` (Settings.services); SetupError where that can't be read."""
    catalogue, painters = read_catalogue(services), read_image_services(services)
    scenes = [
        _scene(storyboard, scene, _choices(storyboard, scene, catalogue), painters) for scene in storyboard.scenes
    ]
    total = sum((scene.cost for scene in scenes), NOTHING)
    worst = sum((scene.worst for scene in scenes), NOTHING)
    if storyboard.budget is not None:
        worst = min(worst, storyboard.budget)
    return Estimate(tuple(scenes), total, worst)


def _choices(film: Storyboard, scene: SceneSpec, catalogue: Catalogue) -> tuple[tuple[Choice, Capabilities], ...]:
    """The scene's own model, its fallback, and what it would go on with where money runs short."""
    own = model_of(catalogue, scene.service, scene.model)
    if own is None:
        raise ValueError(f"{scene.label}: the storyboard was checked against other services")
    found = [(_choice(film, scene, own, "own"), own)]
    fallback = fallback_of(catalogue, scene.fallback) if scene.fallback else None
    if fallback is not None:
        found.append((_choice(film, scene, fallback, "fallback"), fallback))
    cheaper = fallback_of(catalogue, own.cheaper) if own.cheaper and film.on_budget == "cheaper" else None
    if cheaper is not None:
        found.append((_choice(film, scene, cheaper, "cheaper"), cheaper))
    return tuple(found)


def _choice(
    film: Storyboard, scene: SceneSpec, able: Capabilities, role: Literal["own", "fallback", "cheaper"]
) -> Choice:
    seconds = bought(film, scene, able)
    cost = clips_of(film, able, seconds, scene.candidates)
    worst = max(cost, clips_of(film, able, seconds, min(scene.candidates, able.max_candidates)) * scene.max_takes)
    if scene.max_cost is not None:
        worst = min(worst, scene.max_cost)
    return Choice(role, able.service, able.model, seconds, cost, worst)


def bought(film: Storyboard, scene: SceneSpec, able: Capabilities) -> float:
    """Seconds of each clip that `able` would be asked for: what it can do that is nearest, or what references force."""
    duration = scene.duration if able.can_last(scene.duration) else able.nearest_duration(scene.duration)
    return able.bought_seconds(duration, references=takes_references(film, scene, able))


def clips_of(film: Storyboard, able: Capabilities, seconds: float, clips: int) -> Decimal:
    """US dollars for `clips` clips of `seconds` each in the film's size, or in what the model can do instead."""
    width, height = able.nearest_size(film.width, film.height)
    return Price(able.per_second(width, height, audio=film.audio)).of(seconds, clips)


def drawn_frames(scene: SceneSpec, able: Capabilities) -> dict[Literal["first", "last"], FrameSpec]:
    """The key frames that are drawn for a scene: those that its model takes."""
    frames: dict[Literal["first", "last"], FrameSpec | None] = {
        "first": scene.first_frame if able.first_frame else None,
        "last": scene.last_frame if able.last_frame else None,
    }
    return {which: frame for which, frame in frames.items() if frame is not None and frame.source == "drawn"}


def _drawn(film: Storyboard, scene: SceneSpec, able: Capabilities, painters: Painters) -> tuple[DrawnFrame, ...]:
    """Each in the film's size, or the nearest that its model draws."""
    found = []
    for which, frame in drawn_frames(scene, able).items():
        model = painters[frame.service].models[frame.model]
        cost = model.price(nearest(model, film.width, film.height)[1])
        found.append(DrawnFrame(which, frame.service, frame.model, cost, cost * MOST_DRAWINGS))
    return tuple(found)


def _scene(
    film: Storyboard,
    scene: SceneSpec,
    found: tuple[tuple[Choice, Capabilities], ...],
    painters: Painters,
) -> SceneEstimate:
    own, facts = found[0]
    drawn = _drawn(film, scene, facts, painters)
    dearest = max(clips_of(film, able, one.seconds, min(scene.candidates, able.max_candidates)) for one, able in found)
    worst = max(own.cost, dearest * scene.max_takes) + sum((frame.worst for frame in drawn), NOTHING)
    if scene.max_cost is not None:
        worst = min(worst, scene.max_cost)
    return SceneEstimate(
        label=scene.label,
        service=facts.service,
        model=facts.model,
        candidates=scene.candidates,
        operations=1 if scene.service == FOOTAGE else facts.operations(scene.candidates),
        seconds=own.seconds,
        cost=own.cost + sum((frame.cost for frame in drawn), NOTHING),
        worst=worst,
        drawn=drawn,
        choices=tuple(one for one, _ in found),
    )
