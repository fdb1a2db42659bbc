"""The key frames of a scene: those there are, and those that have to be drawn first.

A frame is given as an image, is the last frame of the scene before, or is drawn by an image model, which is a purchase
of its own (pipeline/draw.py): the scene waits for it, and its takes are ordered once it is there. What a service's
policy does not let it draw is asked for again with the prefaces of the policy ladder; at a level that says so, an end
frame that was drawn is drawn anew for the next round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from vidpipe.db import drawings, scenes
from vidpipe.db.models import Drawing, Keyframe, Project, Scene
from vidpipe.db.transitions import born
from vidpipe.domain.selection import Fault
from vidpipe.domain.side_requests import nearest
from vidpipe.domain.states import DRAWING_LIVE, DrawingState, Entity
from vidpipe.errors import SetupError
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref

_WHICH = ("first", "last")


@dataclass
class Frames:
    """The key frames of a scene's takes, as far as they are there."""

    keys: dict[str, str] = field(default_factory=dict)  # in the media store, by first and last
    asked: list[Ref] = field(default_factory=list)  # drawings that were just asked for
    waits: bool = False  # for a drawing that is under way
    unclear: str = ""  # why a person has to say something first
    missing: str = ""  # why a frame cannot be had

    @property
    def words(self) -> str:
        """What it waits for, for people."""
        return self.unclear or self.missing or "its key frames are being drawn"

    @property
    def there(self) -> bool:
        """Whether takes can be ordered with them."""
        return not (self.waits or self.unclear or self.missing)


@dataclass(frozen=True)
class _Wanted:
    """One frame that is to be drawn."""

    which: str  # first, last
    spec: Mapping[str, Any]
    round: int  # of takes
    level: int = 0  # of the policy ladder, to begin with


def are_drawn(scene: Scene) -> bool:
    """Whether a key frame of the scene is to be drawn."""
    return any((scene.spec.get(f"{which}_frame") or {}).get("source") == "drawn" for which in _WHICH)


def frames(session: Session, deps: Deps, project: Project, scene: Scene) -> Frames:
    """The scene's key frames for its first round; what has to be drawn is asked for. The scene is locked or leased."""
    asked = {which: wanted for which in _WHICH if (wanted := scene.spec.get(f"{which}_frame"))}
    found = Frames()
    if not asked:
        return found
    already = scenes.keyframes(session, scene)
    able = deps.capabilities(scene.service, scene.model)
    takes = {"first": able.first_frame, "last": able.last_frame}
    for which, wanted in asked.items():
        if which in already:
            found.keys[which] = already[which].key
        elif wanted["source"] != "drawn":
            _given(session, scene, which, wanted, found)
        elif takes[which]:  # what its model could not take is not paid for
            _drawn(session, deps, project, scene, _Wanted(which, wanted, 1), found)
    return found


def redrawn(session: Session, deps: Deps, project: Project, scene: Scene, round_: int, level: int) -> Frames:
    """The scene's key frames with the end frame drawn anew for a round at a level of the policy ladder.

    One that a person gave, or that cannot be drawn, is left away. The scene is locked.
    """
    keys = {which: frame.key for which, frame in scenes.keyframes(session, scene).items()}
    spec = scene.spec.get("last_frame") or {}
    del keys["last"]
    if spec.get("source") != "drawn":
        return Frames(keys)
    found = Frames()
    try:
        _drawn(session, deps, project, scene, _Wanted("last", spec, round_, level), found)
    except SetupError as error:  # who drew it is not set up any more
        found.missing = error.message
    if found.missing:
        return Frames(keys)
    found.keys = {**keys, **found.keys}
    return found


def _given(session: Session, scene: Scene, which: str, wanted: Mapping[str, Any], found: Frames) -> None:
    source, key = _previous(session, scene, wanted) if wanted["source"] == "previous" else (None, wanted["key"])
    if key is not None:  # else the scene before was left out: this one starts freely
        found.keys[which] = key
        _keep(session, scene, which, wanted["source"], key, from_scene_id=source)


def _previous(session: Session, scene: Scene, wanted: Mapping[str, Any]) -> tuple[UUID | None, str | None]:
    before = scenes.by_label(session, scene.project_id, wanted["previous"])
    clip = scenes.clip(session, before) if before is not None else None
    if before is None or clip is None:
        return None, None
    return before.id, clip.last_frame_key


def _keep(session: Session, scene: Scene, which: str, source: str, key: str, **where_from: UUID | None) -> None:
    session.add(Keyframe(scene_id=scene.id, version=scene.version, which=which, source=source, key=key, **where_from))


def _drawn(session: Session, deps: Deps, project: Project, scene: Scene, wanted: _Wanted, found: Frames) -> None:
    """What became of a frame's drawings; the next one is asked for where there is one to ask for."""
    drawn = drawings.of_frame(session, scene, wanted.which, wanted.round)
    if not drawn:
        found.asked.append(_ask(session, deps, project, scene, wanted, wanted.level, 1))
        found.waits = True
        return
    last, words = drawn[-1], f"its {wanted.which} frame"
    if last.state in DRAWING_LIVE:
        found.waits = True
    elif last.state == DrawingState.DRAWN:
        assert last.key is not None
        found.keys[wanted.which] = last.key
        if wanted.round == 1:
            _keep(session, scene, wanted.which, "drawn", last.key, drawing_id=last.id)
    elif last.state == DrawingState.UNCERTAIN:
        found.unclear = f"nobody knows whether {words} was paid for: {last.last_error or 'no answer'}"
    elif last.fault == Fault.POLICY and last.policy_level < deps.ladder().top:
        number = max(one.number for one in drawn) + 1
        found.asked.append(_ask(session, deps, project, scene, wanted, last.policy_level + 1, number))
        found.waits = True
    else:
        found.missing = f"{words} could not be drawn: {last.last_error or last.state}"


def _ask(session: Session, deps: Deps, project: Project, scene: Scene, wanted: _Wanted, level: int, number: int) -> Ref:
    spec = wanted.spec
    model = deps.image_model(spec["service"], spec["model"])
    aspect, resolution = nearest(model, project.width, project.height)
    references: Sequence[Any] = scene.spec.get("reference_images", [])[: model.max_references]
    seed = int(scene.spec.get("seed") or project.seed)
    place = (
        scene.position * 101 + (scene.version - 1) * 31 + wanted.round * 11 + number * 3 + _WHICH.index(wanted.which)
    )
    drawing = Drawing(
        project_id=project.id, scene_id=scene.id, version=scene.version, which=wanted.which, round=wanted.round,
        number=number, service=spec["service"], model=spec["model"], seed=(seed * 6007 + place) % 2**31,
        prompt=deps.ladder().prompt(level, spec["prompt"]), policy_level=level, state=str(DrawingState.QUEUED),
        request={"aspect": aspect, "resolution": resolution, "references": list(references)},
        sent_at=func.clock_timestamp(),
    )  # fmt: skip
    session.add(drawing)
    session.flush()
    born(session, drawing)
    return Ref(Entity.DRAWING, drawing.id)
