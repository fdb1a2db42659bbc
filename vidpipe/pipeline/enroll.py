"""enroll: a storyboard becomes rows. Enqueuing a film is no more than this; the tick sends what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from vidpipe.db import projects
from vidpipe.db.lanes import NORMAL
from vidpipe.db.models import Asset, Manifest, Project, Scene, SceneDependency
from vidpipe.db.models import Sequence as SequenceRow
from vidpipe.db.transitions import NOW, Born, advance, born, born_many
from vidpipe.domain.pricing import Estimate, estimate
from vidpipe.domain.states import Entity, ProjectState, SceneState
from vidpipe.domain.storyboard.model import FrameSpec, SceneSpec, Storyboard
from vidpipe.errors import Unconfirmed
from vidpipe.pipeline import given
from vidpipe.pipeline.deps import Deps


@dataclass(frozen=True)
class Consent:
    """What a person said about money: that a film may cost its estimate, and how much it may cost at most."""

    confirmed: bool = False
    budget: Decimal | None = None  # US dollars, in place of the storyboard's
    no_budget: bool = False


@dataclass(frozen=True)
class Enrolled:
    """The film, and whether it is new or was found."""

    project_id: UUID
    fresh: bool


def enroll(
    deps: Deps, storyboard: Storyboard, *, again: bool = False, consent: Consent | None = None, priority: int = NORMAL
) -> Enrolled:
    """Write the film down; a storyboard that was enqueued before gives that film, unless `again`.

    Raises StoryboardInvalid where a file it names cannot be used, and Unconfirmed where it would pay and nobody
    agreed; then nothing was written.
    """
    if not again and (found := deps.db.run(lambda session: projects.newest(session, storyboard.fingerprint))):
        return Enrolled(found.id, False)
    said = consent or Consent()
    costs = agreed(deps.settings.services, storyboard, said)
    given.check(storyboard)
    project_id = uuid4()
    stored = given.store(deps.storage, project_id, storyboard)
    paid = _Paid(costs.total, _budget(storyboard, said), priority)
    return deps.db.run(lambda session: _write(session, storyboard, project_id, stored, again, paid))


@dataclass(frozen=True)
class _Paid:
    estimate: Decimal
    budget: Decimal | None
    priority: int


def agreed(services: Mapping[str, Any], storyboard: Storyboard, consent: Consent) -> Estimate:
    """What the film should cost; raises Unconfirmed where that is more than nothing and nobody agreed to it."""
    costs = estimate(storyboard, services)
    if not costs.paying:
        return costs
    paying = sorted({service for scene in costs.paying for service in scene.paid})
    what = (
        f"{storyboard.title} pays {', '.join(paying)}: ${costs.total:.2f} if all goes well, at worst ${costs.worst:.2f}"
    )
    if not consent.confirmed:
        raise Unconfirmed(what, cost=costs.total, worst=costs.worst)
    if _budget(storyboard, consent) is None and not consent.no_budget:
        raise Unconfirmed(f"{what}, and it has no budget", cost=costs.total, worst=costs.worst, lacks_budget=True)
    return costs


def _budget(storyboard: Storyboard, consent: Consent) -> Decimal | None:
    if consent.budget is not None:
        return consent.budget
    return None if consent.no_budget else storyboard.budget


def _write(
    session: Session, storyboard: Storyboard, project_id: UUID, stored: Mapping[Path, str], again: bool, paid: _Paid
) -> Enrolled:
    # Two people who enqueue the same storyboard at the same moment get one film.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(storyboard.fingerprint))))
    if session.get(Project, project_id) is not None:
        return Enrolled(project_id, True)  # written before: only the answer to that commit was lost
    if not again and (found := projects.newest(session, storyboard.fingerprint)):
        return Enrolled(found.id, False)
    project = _project(session, storyboard, project_id, stored, paid)
    rows = _scenes(session, project, storyboard, stored)
    needs = [
        {"scene_id": rows[spec.label], "needs_id": rows[label]}
        for spec in storyboard.scenes
        for label in dict.fromkeys(spec.after)
    ]
    if needs:
        session.execute(insert(SceneDependency), needs)
    made = [Born(scene_id, project.id, scene_id) for scene_id in rows.values()]
    born_many(session, Entity.SCENE, str(SceneState.WAITING), made)
    advance(session, project, "enqueued", sent=False, started_at=NOW)
    return Enrolled(project.id, True)


def _scenes(session: Session, project: Project, storyboard: Storyboard, stored: Mapping[Path, str]) -> dict[str, UUID]:
    """Every sequence and scene, each kind in one statement however many there are; the scenes' ids by label."""
    ids: dict[str, UUID] = {}
    sequences: list[dict[str, Any]] = []
    scenes: list[dict[str, Any]] = []
    for number, sequence in enumerate(storyboard.sequences):
        sequence_id = uuid4()
        row = {"id": sequence_id, "project_id": project.id, "position": number, "title": sequence.title}
        sequences.append(row)
        for spec in sequence.scenes:
            scene = _scene(project, sequence_id, spec, len(ids), storyboard, stored)
            scenes.append(scene)
            ids[spec.label] = scene["id"]
    for model, rows in ((SequenceRow, sequences), (Scene, scenes)):
        if rows:
            session.execute(insert(model), rows)
    return ids


def _project(
    session: Session, storyboard: Storyboard, project_id: UUID, stored: Mapping[Path, str], paid: _Paid
) -> Project:
    project = Project(
        id=project_id, title=storyboard.title, fingerprint=storyboard.fingerprint, storyboard=_as_read(storyboard),
        width=storyboard.width, height=storyboard.height, fps=storyboard.fps, audio=storyboard.audio,
        quality_mode=storyboard.quality_mode, candidate_count=storyboard.candidate_count, seed=storyboard.seed,
        select_mode=storyboard.select, weights=dict(storyboard.weights), budget=paid.budget,
        estimate=paid.estimate, priority=paid.priority, on_budget=storyboard.on_budget,
        on_uncertain=storyboard.on_uncertain, state=str(ProjectState.DRAFT),
        manifest_id=_manifest(session, storyboard, stored),
    )  # fmt: skip
    session.add(project)
    session.flush()
    born(session, project)
    return project


def _as_read(storyboard: Storyboard) -> dict[str, Any]:
    source = storyboard.source
    if source is None:
        return {"title": storyboard.title}
    return {"title": storyboard.title, "name": source.name, "text": source.read_text(encoding="utf-8")}


def _manifest(session: Session, storyboard: Storyboard, stored: Mapping[Path, str]) -> UUID | None:
    spec = storyboard.manifest
    if spec is None:
        return None
    manifest = Manifest(id=uuid4(), name=spec.name)
    session.add(manifest)
    session.flush()
    session.add_all(
        Asset(
            manifest_id=manifest.id, tag=asset.tag, kind=asset.kind, name=asset.name, description=asset.description,
            source="UPLOAD", image_keys=[stored[path] for path in asset.images],
        )
        for asset in spec.assets
    )  # fmt: skip
    return manifest.id


def _scene(
    project: Project,
    sequence_id: UUID,
    spec: SceneSpec,
    position: int,
    storyboard: Storyboard,
    stored: Mapping[Path, str],
) -> dict[str, Any]:
    return {
        "id": uuid4(), "project_id": project.id, "sequence_id": sequence_id, "position": position,
        "label": spec.label, "prompt": spec.prompt, "spec": _spec(spec, storyboard, stored), "service": spec.service,
        "model": spec.model, "fallback": spec.fallback, "duration": spec.duration, "candidates": spec.candidates,
        "critical": spec.critical, "max_takes": spec.max_takes, "max_cost": spec.max_cost,
        "transition_kind": spec.transition.kind, "transition_seconds": spec.transition.seconds, "root_id": uuid4(),
        "state": str(SceneState.WAITING),
    }  # fmt: skip


def _spec(spec: SceneSpec, storyboard: Storyboard, stored: Mapping[Path, str]) -> dict[str, Any]:
    footage = spec.footage
    return {
        "negative_prompt": spec.negative_prompt, "shot": spec.shot, "camera": spec.camera, "cast": list(spec.cast),
        "after": list(spec.after), "seed": spec.seed, "first_frame": _frame(spec.first_frame, stored),
        "last_frame": _frame(spec.last_frame, stored),
        "footage": None if footage is None else {
            "key": stored[footage.path], "start": footage.start, "end": footage.end, "fit": footage.fit
        },
        "reference_images": _references(spec, storyboard, stored), "chosen": spec.chosen,
    }  # fmt: skip


def _frame(frame: FrameSpec | None, stored: Mapping[Path, str]) -> dict[str, Any] | None:
    if frame is None:
        return None
    if frame.source == "drawn":
        return {"source": "drawn", "prompt": frame.prompt, "service": frame.service, "model": frame.model}
    return {"source": frame.source, "previous": frame.previous, "key": stored[frame.path] if frame.path else None}


def _references(spec: SceneSpec, storyboard: Storyboard, stored: Mapping[Path, str]) -> list[dict[str, str]]:
    assets = {asset.tag: asset for asset in (storyboard.manifest.assets if storyboard.manifest else ())}
    return [
        {"tag": tag, "key": stored[assets[tag].images[0]], "description": assets[tag].description}
        for tag in spec.references
        if tag in assets and assets[tag].images
    ]
