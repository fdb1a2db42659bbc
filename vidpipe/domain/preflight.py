"""What a person should know before a film starts: what a model can't do, would change, or won't do for long.

None of this stops a film; what would is refused when the storyboard is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from vidpipe.domain.catalogue import FOOTAGE, Capabilities, Catalogue, fallback_of, model_of, read_catalogue
from vidpipe.domain.pricing import estimate, takes_references
from vidpipe.domain.storyboard.model import SceneSpec, Storyboard
from vidpipe.domain.storyboard.text import listed, quote, seconds

SOON = timedelta(days=60)


@dataclass(frozen=True)
class Note:
    """One thing to know. `label` is the scene's, or empty where it is about the whole film."""

    label: str
    kind: Literal["cannot", "changes", "retires", "money", "candidates"]
    text: str


def preflight(storyboard: Storyboard, services: Mapping[str, Any], *, today: date) -> tuple[Note, ...]:
    """Notes on the film, then on its scenes in order; SetupError where `services` can't be read."""
    catalogue = read_catalogue(services)
    notes = [*_film(storyboard, services), *_retiring(storyboard, catalogue, today)]
    for scene in storyboard.scenes:
        facts = model_of(catalogue, scene.service, scene.model)
        if facts is not None and scene.service != FOOTAGE:
            notes += _scene(storyboard, scene, facts)
        fallback = fallback_of(catalogue, scene.fallback) if scene.fallback else None
        if fallback is not None:
            notes += _fallback(storyboard, scene, fallback)
    return tuple(notes)


def _film(film: Storyboard, services: Mapping[str, Any]) -> Iterator[Note]:
    most = max((scene.candidates for scene in film.scenes), default=1)
    if film.candidate_count > 1 and not film.quality_mode:
        yield Note(
            "",
            "candidates",
            f"{film.candidate_count} candidates are asked for, but quality_mode is off: one each",
        )
    if film.quality_mode and most == 1:
        yield Note("", "candidates", "quality_mode is on with one candidate a scene: there is nothing to choose from")
    costs = estimate(film, services)
    if film.budget is not None and costs.total > film.budget:
        yield Note("", "money", f"the estimate of ${costs.total:.2f} is above the budget of ${film.budget:.2f}")
    if film.budget is None and costs.paying:
        yield Note("", "money", f"the film pays (${costs.total:.2f}, at worst ${costs.worst:.2f}) and has no budget")


def _retiring(film: Storyboard, catalogue: Catalogue, today: date) -> Iterator[Note]:
    """Once a model, with the first scene that uses it."""
    told: set[tuple[str, str]] = set()
    for scene in film.scenes:
        own = model_of(catalogue, scene.service, scene.model)
        for facts in (own, fallback_of(catalogue, scene.fallback) if scene.fallback else None):
            if facts is None or facts.retires is None or (facts.service, facts.model) in told:
                continue
            if facts.retires - today > SOON:
                continue
            told.add((facts.service, facts.model))
            left = (facts.retires - today).days
            when = f"retires on {facts.retires} (in {left} days)" if left >= 0 else f"was retired on {facts.retires}"
            instead = f"; {facts.replacement} takes its place" if facts.replacement else ""
            yield Note(scene.label, "retires", f"{facts.model} {when}{instead}")


def _scene(film: Storyboard, scene: SceneSpec, facts: Capabilities) -> Iterator[Note]:
    yield from _abilities(film, scene, facts, facts.model)
    if scene.seed is not None and not facts.seed:
        yield Note(scene.label, "cannot", f"{facts.model} takes no seed: another run gives other pictures")
    bare = _without_images(film, scene.references)
    if bare:
        yield Note(scene.label, "cannot", f"{listed(bare, last='and')} can't be a reference without images")
    bought = facts.bought_seconds(scene.duration, references=takes_references(film, scene, facts))
    if bought != scene.duration:
        what = f"references make {facts.model} give {seconds(bought)}, for a scene of {seconds(scene.duration)}"
        yield Note(scene.label, "changes", what)
    operations = facts.operations(scene.candidates)
    if operations > 1:
        each = f"{facts.model} brings {facts.max_candidates} at a time"
        what = f"{each}: {scene.candidates} candidates are {operations} operations"
        yield Note(scene.label, "candidates", what)


def _abilities(film: Storyboard, scene: SceneSpec, facts: Capabilities, name: str) -> Iterator[Note]:
    """What holds for a scene's own model and for its fallback alike."""
    if film.audio and not facts.audio:
        yield Note(scene.label, "cannot", f"{name} makes no sound: the clip will be silent")
    if scene.first_frame is not None and not facts.first_frame:
        yield Note(scene.label, "cannot", f"{name} takes no first frame: the clip begins as it likes")
    if scene.last_frame is not None and not facts.last_frame:
        yield Note(scene.label, "cannot", f"{name} takes no last frame: the clip ends as it likes")
    wanted = scene.references or scene.cast
    pictured = [tag for tag in wanted if tag not in _without_images(film, wanted)]
    if pictured and not facts.max_references:
        yield Note(scene.label, "cannot", f"{name} takes no references: {listed(pictured, last='and')} in words only")
    elif len(scene.references) > facts.max_references > 0:
        named = listed(scene.references, last="and")
        what = f"{name} takes {facts.max_references} references: not all of {named} can go"
        yield Note(scene.label, "changes", what)


def _without_images(film: Storyboard, tags: tuple[str, ...]) -> list[str]:
    assets = {asset.tag: asset for asset in film.manifest.assets} if film.manifest else {}
    return [tag for tag in tags if tag in assets and not assets[tag].images]


def _fallback(film: Storyboard, scene: SceneSpec, facts: Capabilities) -> Iterator[Note]:
    name = f"the fallback {facts.model}"
    if not facts.can_last(scene.duration):
        near = seconds(facts.nearest_duration(scene.duration))
        what = f"{name} makes {facts.lasts()}, not {seconds(scene.duration)}: it would be {near}"
        yield Note(scene.label, "changes", what)
    if not facts.can_size(film.width, film.height):
        what = f"{name} makes {facts.sizes_in_words()}: its clip would be scaled to {film.width}x{film.height}"
        yield Note(scene.label, "changes", what)
    if not facts.can_rate(film.fps):
        rates = listed(facts.frame_rates)
        what = f"{name} makes {rates} frames a second: its clip would be converted to {film.fps}"
        yield Note(scene.label, "changes", what)
    if not scene.prompt:
        yield Note(scene.label, "cannot", f"{name} has no prompt to go by in {quote(scene.label)}")
    yield from _abilities(film, scene, facts, name)
