"""score: decode a stored clip once, check it, measure it, keep its stills (stored -> scored | unusable)."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.orm import Session

from vidpipe.db.models import GenerationCandidate, Project, Scene, Take
from vidpipe.db.transitions import advance
from vidpipe.domain import keys
from vidpipe.domain.catalogue import FOOTAGE
from vidpipe.domain.scoring import Composite, compose, weights_of
from vidpipe.domain.states import CandidateState
from vidpipe.errors import MediaError, NotStored
from vidpipe.media.frames import decode, poster, still
from vidpipe.media.info import Asked, DecodedClip, Fault, MediaInfo, from_facts
from vidpipe.media.validate import validate
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Refs, Step
from vidpipe.vision.base import Measurer, Reading, Subject

_POSTER_WIDTH = 640  # pixels


def _work(deps: Deps, candidate: GenerationCandidate, lease: UUID) -> Refs:
    scene, project, take = deps.db.run(lambda session: _context(session, candidate))
    info = from_facts(candidate.facts or {})
    with deps.storage.open_local(candidate.key or "") as path:
        clip = decode(path)
    faults = tuple(fault for fault in validate(info, clip, asked(take)) if _counts(fault, scene))
    stills = _stills(deps, candidate, clip)
    if faults:
        reason = "; ".join(fault.reason for fault in faults)
        deps.db.run(lambda session: _spoil(session, candidate, lease, faults, reason, stills))
        return ()
    readings = _look(deps, clip, project, scene)
    composite = compose(
        ((r.dimension, r.status, r.score, r.reason) for r in readings), weights_of(project.weights or None)
    )
    deps.db.run(lambda session: _record(session, candidate, lease, readings, composite, info, stills))
    return ()


def asked(take: Take) -> Asked:
    """What a clip of this take should be."""
    request = take.request
    return Asked(request["duration"], request["width"], request["height"], request["fps"], request["audio"])


def _counts(fault: Fault, scene: Scene) -> bool:
    """What a service must not deliver may be just what a person filmed: silence, a still title card, a black leader."""
    return scene.service != FOOTAGE or fault.code not in ("black", "frozen", "silent", "no_audio")


def _context(session: Session, candidate: GenerationCandidate) -> tuple[Scene, Project, Take]:
    scene, project, take = session.execute(_of_a_take(), {"take": candidate.take_id}).one()
    return scene, project, take


@cache
def _of_a_take() -> Any:
    return (
        select(Scene, Project, Take)
        .join(Project, Project.id == Scene.project_id)
        .join(Take, Take.scene_id == Scene.id)
        .where(Take.id == bindparam("take", type_=Uuid))
    )


def _look(deps: Deps, clip: DecodedClip, project: Project, scene: Scene) -> list[Reading]:
    spec = scene.spec
    audio = project.audio and scene.service != FOOTAGE
    subject = Subject(scene.prompt, spec.get("shot", ""), spec.get("camera", ""), tuple(spec.get("cast", ())), audio)
    return [looked_at(measurer, clip, subject) for measurer in deps.eyes()]


def looked_at(measurer: Measurer, clip: DecodedClip, subject: Subject) -> Reading:
    """One reading. An eye that fails leaves its dimension out, with the reason on the row; the others still count."""
    try:
        reading = measurer.measure(clip, subject)
        numbers = [reading.score, *(number for m in reading.measures for number in (m.value, m.score))]
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise ArithmeticError("what was measured is no number")
    except (ValueError, ArithmeticError, RuntimeError) as error:
        return Reading(measurer.dimension, "failed", reason=f"{type(error).__name__}: {error}")
    return reading


def _stills(deps: Deps, candidate: GenerationCandidate, clip: DecodedClip) -> dict[str, Any]:
    if not clip.samples:
        raise MediaError("not one frame could be decoded")
    chosen = {"first": clip.samples[0][1], "last": clip.samples[-1][1], "poster": poster(clip)}
    stored: dict[str, Any] = {}
    for which, picture in chosen.items():
        key = keys.frame(candidate.project_id, candidate.scene_id, candidate.take_id, candidate.number, which)
        path = deps.folder("stills") / uuid4().hex
        try:
            path.write_bytes(still(picture, width=_POSTER_WIDTH, quality=85) if which == "poster" else still(picture))
            _keep(deps, key, path)
        finally:
            path.unlink(missing_ok=True)
        stored["poster_key" if which == "poster" else f"{which}_frame_key"] = key
    return stored


def _keep(deps: Deps, key: str, path: Path) -> None:
    """Store a still; one that a worker left there before it died serves as well, though its bytes be others."""
    try:
        deps.storage.put(key, path)
    except NotStored:
        if deps.storage.stat(key) is None:
            raise


def _spoil(
    session: Session,
    candidate: GenerationCandidate,
    lease: UUID,
    faults: tuple[Fault, ...],
    reason: str,
    stills: dict[str, Any],
) -> None:
    found = [asdict(fault) for fault in faults]
    advance(session, candidate, "spoiled", lease=lease, reason=reason, last_error=reason, faults=found, **stills)


def _record(
    session: Session,
    candidate: GenerationCandidate,
    lease: UUID,
    readings: list[Reading],
    composite: Composite,
    info: MediaInfo,
    stills: dict[str, Any],
) -> None:
    scores: dict[str, Any] = {part.dimension: part.score for part in composite.parts}
    told = [
        {**asdict(part), "measures": [asdict(m) for r in readings if r.dimension == part.dimension for m in r.measures]}
        for part in composite.parts
    ]
    reason = "unmeasured" if composite.score is None else f"composite {composite.score:.3f}"
    advance(
        session, candidate, "scored", lease=lease, reason=reason, composite=composite.score, readings=told,
        duration=info.video.duration if info.video else info.duration, **scores, **stills,
    )  # fmt: skip


SCORE = Step(
    name="score",
    model=GenerationCandidate,
    states=frozenset({CandidateState.STORED}),
    work=_work,
    gave_up="spoiled",
    after_giving_up=lambda candidate: (),  # gather follows in the same segment
)
