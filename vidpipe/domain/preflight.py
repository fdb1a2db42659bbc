"""What a person should know before a film starts: what a model can't do, would change, or won't do for long.

None of this stops a film; what would is refused when the storyboard is read. `vidpipe plan` tells both together, by
scene and line (`as_problems`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from vidpipe.domain.catalogue import FOOTAGE, Capabilities, Catalogue, fallback_of, model_of, read_catalogue
from vidpipe.domain.pricing import bought, clips_of, estimate
from vidpipe.domain.storyboard.lines import field_name
from vidpipe.domain.storyboard.model import SceneSpec, Storyboard
from vidpipe.domain.storyboard.places import Places
from vidpipe.domain.storyboard.text import listed, quote, seconds
from vidpipe.errors import Problem

SOON = timedelta(days=60)
IMPOSSIBLE = ("cannot", "retires", "setup")  # kinds of notes that say what can't be had


@dataclass(frozen=True)
class Note:
    """One thing to know. `label` is the scene's, or empty where it is about the whole film."""

    label: str
    kind: Literal["cannot", "changes", "retires", "money", "candidates", "setup"]
    text: str
    about: tuple[str, ...] = ()  # keys of the storyboard, the nearest of which this is about
    line: int = 0  # of the storyboard's file, from 1; 0: not known


def preflight(
    storyboard: Storyboard,
    services: Mapping[str, Any],
    *,
    today: date,
    lacking: Mapping[str, tuple[str, ...]] | None = None,
    places: Places | None = None,
) -> tuple[Note, ...]:
    """Notes on the film, then on its scenes in order; SetupError where `services` can't be read.

    `lacking` are the services that are not set up, with the variables they want; `places` gives the notes their lines.
    """
    catalogue = read_catalogue(services)
    notes = _notes(storyboard, services, catalogue, today, lacking or {})
    if places is None:
        return tuple(notes)
    return tuple(replace(note, line=places.line(note.label, *note.about)) for note in notes)


def as_problems(notes: tuple[Note, ...], places: Places, file: str) -> list[Problem]:
    """Those notes that say what can't be had, in the form of what is wrong with a file."""
    return [
        Problem(what=note.text, file=file, line=note.line, field=field_name(places.where(note.label, *note.about)))
        for note in notes
        if note.kind in IMPOSSIBLE
    ]


def _notes(
    storyboard: Storyboard,
    services: Mapping[str, Any],
    catalogue: Catalogue,
    today: date,
    lacking: Mapping[str, tuple[str, ...]],
) -> list[Note]:
    notes = [*_film(storyboard, services), *_retiring(storyboard, catalogue, today), *_not_set_up(storyboard, lacking)]
    notes += _cast_in_words(storyboard, catalogue)
    for scene in storyboard.scenes:
        facts = model_of(catalogue, scene.service, scene.model)
        if facts is not None and scene.service != FOOTAGE:
            notes += _scene(storyboard, scene, facts)
        fallback = fallback_of(catalogue, scene.fallback) if scene.fallback else None
        if fallback is not None:
            notes += _fallback(storyboard, scene, fallback)
    return notes


def _film(film: Storyboard, services: Mapping[str, Any]) -> Iterator[Note]:
    most = max((scene.candidates for scene in film.scenes), default=1)
    if film.candidate_count > 1 and not film.quality_mode:
        yield Note(
            "",
            "candidates",
            f"{film.candidate_count} candidates are asked for, but quality_mode is off: one each",
            ("candidates", "candidate_count"),
        )
    if film.quality_mode and most == 1:
        what = "quality_mode is on with one candidate a scene: there is nothing to choose from"
        yield Note("", "candidates", what, ("quality_mode",))
    costs = estimate(film, services)
    if film.budget is not None and costs.total > film.budget:
        what = f"the estimate of ${costs.total:.2f} is above the budget of ${film.budget:.2f}"
        yield Note("", "money", what, ("budget",))
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
            about = ("model", "service") if facts is own else ("fallback",)
            yield Note(scene.label, "retires", f"{facts.model} {when}{instead}", about)


def _not_set_up(film: Storyboard, lacking: Mapping[str, tuple[str, ...]]) -> Iterator[Note]:
    """Once a service, with the first scene that uses it."""
    told: set[str] = set()
    for scene in film.scenes:
        wanted = [(scene.service, "service"), (scene.fallback.partition("/")[0], "fallback")]
        frames = (("first_frame", scene.first_frame), ("last_frame", scene.last_frame))
        wanted += [(frame.service, about) for about, frame in frames if frame is not None]
        for service, about in wanted:
            if service in lacking and service not in told:
                told.add(service)
                unset = listed(lacking[service], last="and")
                are = "is" if len(lacking[service]) == 1 else "are"
                yield Note(scene.label, "setup", f"{service} can't be used from here: {unset} {are} not set", (about,))


def _cast_in_words(film: Storyboard, catalogue: Catalogue) -> Iterator[Note]:
    """Once a film, with the first scene whose cast has pictures that its model would take, were they named."""
    for scene in film.scenes:
        facts = model_of(catalogue, scene.service, scene.model)
        bare = _without_images(film, scene.cast)
        pictured = [tag for tag in scene.cast if film.manifest is not None and tag not in bare]
        if pictured and not scene.references and facts is not None and facts.max_references:
            named = listed(pictured, last="and")
            what = f"the pictures of {named} are not sent: a scene sends those that its `references` name"
            yield Note(scene.label, "changes", what, ("cast",))
            return


def _scene(film: Storyboard, scene: SceneSpec, facts: Capabilities) -> Iterator[Note]:
    yield from _abilities(film, scene, facts, facts.model)
    if scene.seed is not None and not facts.seed:
        what = f"{facts.model} takes no seed: another run gives other pictures"
        yield Note(scene.label, "cannot", what, ("seed",))
    bare = _without_images(film, scene.references)
    if bare:
        what = f"{listed(bare, last='and')} can't be a reference without images"
        yield Note(scene.label, "cannot", what, ("references",))
    length = bought(film, scene, facts)
    if length != scene.duration and facts.can_last(scene.duration):
        what = f"references make {facts.model} give {seconds(length)}, for a scene of {seconds(scene.duration)}"
        yield Note(scene.label, "changes", what, ("references",))
    take = clips_of(film, facts, length, min(scene.candidates, facts.max_candidates))
    if scene.max_cost is not None and take > scene.max_cost:
        what = f"one take of {facts.model} costs ${take:.2f}, more than the scene's max_cost of ${scene.max_cost:.2f}"
        yield Note(scene.label, "cannot", what, ("max_cost",))
    operations = facts.operations(scene.candidates)
    if operations > 1:
        each = f"{facts.model} brings {facts.max_candidates} at a time"
        what = f"{each}: {scene.candidates} candidates are {operations} operations"
        yield Note(scene.label, "candidates", what, ("candidates", "candidate_count"))


def _abilities(film: Storyboard, scene: SceneSpec, facts: Capabilities, name: str) -> Iterator[Note]:
    """What holds for a scene's own model and for its fallback alike."""
    if film.audio and not facts.audio:
        yield Note(scene.label, "cannot", f"{name} makes no sound: the clip will be silent", ("model", "service"))
    yield from _of_frames(film, scene, facts, name)
    yield from _of_words(scene, facts, name)
    yield from _of_references(film, scene, facts, name)


def _of_frames(film: Storyboard, scene: SceneSpec, facts: Capabilities, name: str) -> Iterator[Note]:
    if scene.first_frame is not None and not facts.first_frame:
        what = f"{name} takes no first frame: the clip begins as it likes"
        yield Note(scene.label, "cannot", what, ("first_frame",))
    if scene.last_frame is not None and not facts.last_frame:
        yield Note(scene.label, "cannot", f"{name} takes no last frame: the clip ends as it likes", ("last_frame",))
    if scene.first_frame is not None:
        return
    if facts.needs_first_frame:
        what = f"{name} makes nothing without a first frame, and this scene has none"
        yield Note(scene.label, "cannot", what, ("model", "service"))
    elif facts.can_size(film.width, film.height) and not facts.can_size(film.width, film.height, from_text=True):
        what = f"{name} makes {film.width}x{film.height} only from a first frame, and this scene has none"
        yield Note(scene.label, "cannot", what, ("model", "service"))


def _of_words(scene: SceneSpec, facts: Capabilities, name: str) -> Iterator[Note]:
    if scene.negative_prompt and not facts.negative_prompt:
        yield Note(scene.label, "cannot", f"{name} takes no negative prompt: it is left out", ("negative_prompt",))
    units = len(scene.prompt.encode("utf-16-le")) // 2
    if facts.longest_prompt and units > facts.longest_prompt:
        what = f"{name} takes prompts of up to {facts.longest_prompt:,} characters; this one has {units:,}"
        yield Note(scene.label, "cannot", what, ("prompt",))


def _of_references(film: Storyboard, scene: SceneSpec, facts: Capabilities, name: str) -> Iterator[Note]:
    about = ("references",)
    pictured = [tag for tag in scene.references if tag not in _without_images(film, scene.references)]
    if not pictured:
        return
    words = f"{listed(pictured, last='and')} in words only"
    if not facts.max_references:
        yield Note(scene.label, "cannot", f"{name} takes no references: {words}", about)
    elif not facts.takes_shape_with_references(film.width, film.height):
        shapes = listed(facts.aspects_with_references)
        what = f"{name} takes references in {shapes} only, not in {film.width}x{film.height}: {words}"
        yield Note(scene.label, "cannot", what, about)
    elif (scene.first_frame or scene.last_frame) and not facts.references_with_frames:
        yield Note(scene.label, "cannot", f"{name} takes no references beside a first or last frame: {words}", about)
    elif len(scene.references) > facts.max_references:
        named = listed(scene.references, last="and")
        what = f"{name} takes {facts.max_references} references: not all of {named} can go"
        yield Note(scene.label, "changes", what, about)


def _without_images(film: Storyboard, tags: tuple[str, ...]) -> list[str]:
    assets = {asset.tag: asset for asset in film.manifest.assets} if film.manifest else {}
    return [tag for tag in tags if tag in assets and not assets[tag].images]


def _fallback(film: Storyboard, scene: SceneSpec, facts: Capabilities) -> Iterator[Note]:
    name = f"the fallback {facts.model}"
    if not facts.can_last(scene.duration):
        near = seconds(facts.nearest_duration(scene.duration))
        what = f"{name} makes {facts.lasts()}, not {seconds(scene.duration)}: it would be {near}"
        yield Note(scene.label, "changes", what, ("fallback",))
    if not facts.can_size(film.width, film.height):
        what = f"{name} makes {facts.sizes_in_words()}: its clip would be scaled to {film.width}x{film.height}"
        yield Note(scene.label, "changes", what, ("fallback",))
    if not facts.can_rate(film.fps):
        rates = listed(facts.frame_rates)
        what = f"{name} makes {rates} frames a second: its clip would be converted to {film.fps}"
        yield Note(scene.label, "changes", what, ("fallback",))
    if not scene.prompt:
        what = f"{name} has no prompt to go by in {quote(scene.label)}"
        yield Note(scene.label, "cannot", what, ("fallback",))
    for note in _abilities(film, scene, facts, name):
        yield replace(note, about=("fallback",))
