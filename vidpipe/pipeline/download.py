"""download: fetch one delivered clip, probe it, store it (announced -> stored | unusable)."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.orm import Session

from vidpipe.db.models import GenerationCandidate, Scene, Take
from vidpipe.db.transitions import advance
from vidpipe.domain import keys
from vidpipe.domain.requests import RemoteClip
from vidpipe.domain.states import CandidateState
from vidpipe.errors import MediaError
from vidpipe.media.info import MediaInfo
from vidpipe.media.probe import probe
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Refs, Step
from vidpipe.storage.base import Stored

# It is paid for: a service that is away is waited for, about a quarter of an hour with the usual pauses.
_TRIES = 14


def _work(deps: Deps, candidate: GenerationCandidate, lease: UUID) -> Refs:
    take, label = deps.db.run(lambda session: _context(session, candidate))
    key = keys.candidate(candidate.project_id, candidate.scene_id, candidate.take_id, candidate.number)
    # A worker that died after storing it left it there: what is stored is not fetched again.
    stored = deps.storage.stat(key)
    if stored is None:
        stored, info = _fetch(deps, candidate, take, label, key)
    else:
        with deps.storage.open_local(key) as path:
            info = _probe(path)

    def record(session: Session) -> None:
        advance(
            session, candidate, "stored", lease=lease, key=stored.key, size=stored.size, sha256=stored.sha256,
            duration=info.duration, facts=asdict(info),
        )  # fmt: skip

    deps.db.run(record)
    return ()


def _fetch(deps: Deps, candidate: GenerationCandidate, take: Take, label: str, key: str) -> tuple[Stored, MediaInfo]:
    dest = deps.folder("download") / f"{uuid4().hex}.mp4"
    try:
        clip = RemoteClip(candidate.number, candidate.handle, candidate.seed)
        deps.service(take.service).fetch(take.operation or "", clip, dest)
        info = _probe(dest)
        return deps.storage.put(key, dest, _metadata(candidate, take, label, info)), info
    finally:
        dest.unlink(missing_ok=True)


def _probe(path: Path) -> MediaInfo:
    info = probe(path)
    if info.video is None:
        raise MediaError("the delivered file holds no picture")
    return info


def _context(session: Session, candidate: GenerationCandidate) -> tuple[Take, str]:
    take, label = session.execute(_take_and_label(), {"take": candidate.take_id}).one()
    return take, label


@cache
def _take_and_label() -> Any:
    found = select(Take, Scene.label).join(Scene, Scene.id == Take.scene_id)
    return found.where(Take.id == bindparam("take", type_=Uuid))


def _metadata(candidate: GenerationCandidate, take: Take, label: str, info: MediaInfo) -> dict[str, Any]:
    """What stands beside the file in the store, so that a file found alone can be understood."""
    return {
        "project": str(take.project_id), "scene": str(take.scene_id), "label": label, "version": take.version,
        "take": {"id": str(take.id), "round": take.round, "slot": take.slot}, "candidate": candidate.number,
        "service": take.service, "model": take.model, "model_version": take.model_version,
        "operation": take.operation, "prompt": take.prompt, "seed": candidate.seed,
        "cost": str(candidate.cost), "facts": asdict(info),
    }  # fmt: skip


DOWNLOAD = Step(
    name="download",
    model=GenerationCandidate,
    states=frozenset({CandidateState.ANNOUNCED}),
    work=_work,
    gave_up="spoiled",
    after_giving_up=lambda candidate: (),  # gather follows in the same segment
    tries=_TRIES,
)
