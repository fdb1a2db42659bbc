"""stitch: the chosen clips become the film (project stitching -> done | failed)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.orm import Session

from vidpipe.db import projects, scenes
from vidpipe.db.models import Cut, Project, Scene, VideoClip
from vidpipe.db.transitions import NOW, advance, born
from vidpipe.domain import keys
from vidpipe.domain.states import CutState, ProjectState
from vidpipe.errors import VidpipeError
from vidpipe.media.info import from_facts
from vidpipe.media.stitch import Segment, Stitched, stitch
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Refs, Step

Parts = Sequence[tuple[Scene, VideoClip]]


def _work(deps: Deps, project: Project, lease: UUID) -> Refs:
    parts = deps.db.run(lambda session: scenes.clips(session, project.id))
    content = _content(project, parts)
    cut, fresh = deps.db.run(lambda session: _cut(session, project, content))
    if not fresh:  # this very film was stitched before
        deps.db.run(lambda session: _finish(session, project, lease))
        return ()
    began = time.monotonic()
    dest = deps.folder("stitch") / f"{uuid4().hex}.mp4"
    try:
        made = _stitch(deps, project, parts, dest)
        stored = deps.storage.put(keys.film(project.id, uuid4()), dest, {"title": project.title, "content": content})
    except VidpipeError as error:
        reason = error.message
        deps.db.run(lambda session: advance(session, cut, "stitch_failed", reason=reason, last_error=reason))
        raise
    finally:
        dest.unlink(missing_ok=True)
    seconds = time.monotonic() - began

    def record(session: Session) -> None:
        projects.lock(session, project.id)
        advance(
            session, cut, "stitched", key=stored.key, duration=made.duration, facts=asdict(made.info),
            chapters=[asdict(chapter) for chapter in made.chapters], seconds=seconds,
        )  # fmt: skip
        _finish(session, project, lease)

    deps.db.run(record)
    return ()


def _finish(session: Session, project: Project, lease: UUID) -> None:
    advance(session, project, "stitched", lease=lease, note=None, finished_at=NOW)


def _stitch(deps: Deps, project: Project, parts: Parts, dest: Path) -> Stitched:
    with ExitStack() as media:
        segments = [
            Segment(
                path=media.enter_context(deps.storage.open_local(clip.key)), info=from_facts(clip.facts),
                title=scene.label, transition="crossfade" if index and scene.transition_kind == "crossfade" else "cut",
                seconds=scene.transition_seconds if index else 0.0,
            )
            for index, (scene, clip) in enumerate(parts)
        ]  # fmt: skip
        return stitch(segments, dest, title=project.title, work=deps.folder("stitch"))


def _content(project: Project, parts: Parts) -> str:
    """What the film is made of, so that the same film is never stitched twice."""
    made_of: list[Any] = [project.title]
    made_of += [(clip.key, scene.label, scene.transition_kind, scene.transition_seconds) for scene, clip in parts]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _cut(session: Session, project: Project, content: str) -> tuple[Cut, bool]:
    """The cut to be made, and whether it is still to be made."""
    latest = projects.latest_cut(session, project.id)
    if latest is not None and latest.content == content and latest.state != CutState.FAILED:
        return latest, latest.state != CutState.READY
    cut = Cut(
        project_id=project.id, number=latest.number + 1 if latest else 1, content=content,
        state=str(CutState.STITCHING), sent_at=func.clock_timestamp(),
    )  # fmt: skip
    session.add(cut)
    session.flush()
    born(session, cut)
    return cut, True


STITCH = Step(
    name="stitch",
    model=Project,
    states=frozenset({ProjectState.STITCHING}),
    work=_work,
    gave_up="stitch_failed",
    after_giving_up=lambda project: (),
)
