"""Rows for tests: a film with its scenes, takes, candidates, money and trail, as the pipeline would leave them.

Each `make_*` flushes and returns its row; what isn't given is something plain. `trail` writes a row's transitions
by the table of states, at times the test chooses, so that reports and routes see a history that can happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from vidpipe.db.models import (
    Attempt,
    Cut,
    GenerationCandidate,
    LedgerEntry,
    Project,
    Purchase,
    Scene,
    Take,
    Transition,
    VideoClip,
    Workable,
)
from vidpipe.db.models import Sequence as SequenceRow
from vidpipe.domain.scoring import DIMENSIONS
from vidpipe.domain.states import (
    STATES,
    CandidateState,
    CutState,
    ProjectState,
    SceneState,
    State,
    TakeState,
    after,
)

START = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """The moment `seconds` after the films of these factories start."""
    return START + timedelta(seconds=seconds)


def make_film(session: Session, *, title: str = "The Keeper's Light", **values: Any) -> Project:
    """A film; `active` unless told otherwise."""
    plain: dict[str, Any] = {
        "fingerprint": uuid4().hex, "storyboard": {"title": title}, "width": 640, "height": 360, "fps": 24,
        "audio": True, "quality_mode": False, "candidate_count": 1, "seed": 7, "select_mode": "greedy", "weights": {},
        "on_budget": "finish", "on_uncertain": "wait", "state": str(ProjectState.ACTIVE), "created_at": at(-1),
        "started_at": at(0), "moved_at": at(0),
    }  # fmt: skip
    project = Project(title=title, **{**plain, **values})
    session.add(project)
    session.flush()
    return project


def make_scene(
    session: Session, project: Project, label: str = "Shot 1A", *, sequence: str = "", **values: Any
) -> Scene:
    """The film's next scene, in the sequence of that title (made where there is none)."""
    position = len(session.execute(select(Scene.id).where(Scene.project_id == project.id)).all())
    plain: dict[str, Any] = {
        "position": position, "prompt": f"A lighthouse at dusk, {label}.", "spec": {"cast": []},
        "service": "procedural", "model": "procedural-1", "fallback": "", "duration": 4.0, "candidates": 1,
        "critical": True, "max_takes": 12, "transition_kind": "cut", "transition_seconds": 0.0, "root_id": uuid4(),
        "round": 1, "state": str(SceneState.WAITING),
    }  # fmt: skip
    scene = Scene(
        project_id=project.id, sequence_id=_sequence(session, project, sequence).id, label=label, **{**plain, **values}
    )
    session.add(scene)
    session.flush()
    return scene


def _sequence(session: Session, project: Project, title: str) -> SequenceRow:
    already = session.execute(select(SequenceRow).where(SequenceRow.project_id == project.id)).scalars().all()
    for row in already:
        if row.title == title:
            return row
    row = SequenceRow(project_id=project.id, position=len(already), title=title)
    session.add(row)
    session.flush()
    return row


def make_take(session: Session, scene: Scene, *, round: int = 1, slot: int = 1, **values: Any) -> Take:
    """A take of the scene's version; `settled` unless told otherwise."""
    plain: dict[str, Any] = {
        "version": scene.version, "service": scene.service, "model": scene.model, "count": 1, "seed": 41,
        "prompt": scene.prompt, "request": {"duration": scene.duration}, "state": str(TakeState.SETTLED),
        "model_version": f"{scene.model}.2", "operation": f"operations/{scene.position}-{round}-{slot}",
    }  # fmt: skip
    take = Take(project_id=scene.project_id, scene_id=scene.id, round=round, slot=slot, **{**plain, **values})
    session.add(take)
    session.flush()
    return take


def readings(score: float | None = 0.74, *, measures: Mapping[str, tuple[float, str]] | None = None) -> list[Any]:
    """What `score` writes where only the technical measurer is there."""
    found = measures or {"sharpness": (0.42, "std of Laplacian / contrast"), "motion": (3.1, "levels of 255 a frame")}
    told = [
        {"name": name, "value": value, "unit": unit, "score": score, "note": ""}
        for name, (value, unit) in found.items()
    ]
    return [
        {"dimension": name, "status": "measured", "score": score, "weight": 1.0, "reason": "", "measures": told}
        if name == "visual_quality" and score is not None
        else {
            "dimension": name, "status": "unmeasured", "score": None, "weight": 0.0,
            "reason": "nothing here measures it", "measures": [],
        }
        for name in DIMENSIONS
    ]  # fmt: skip


def media_facts(*, duration: float = 4.0, size: int = 1000, sound: bool = True) -> dict[str, Any]:
    """A probed file, as kept on rows."""
    video = {
        "codec": "h264", "width": 640, "height": 360, "frame_rate": 24.0, "duration": duration,
        "pixel_format": "yuv420p", "frames": round(duration * 24),
    }  # fmt: skip
    audio = {"codec": "aac", "sample_rate": 48000, "channels": 2, "duration": duration} if sound else None
    return {"container": "mov,mp4", "size": size, "duration": duration, "video": video, "audio": audio}


def make_candidate(
    session: Session, take: Take, *, number: int = 1, composite: float | None = 0.74, **values: Any
) -> GenerationCandidate:
    """A delivered clip of the take; `scored` with `composite` unless told otherwise."""
    plain: dict[str, Any] = {
        "handle": {}, "seed": (take.seed or 0) + number, "state": str(CandidateState.SCORED), "duration": 4.0,
        "facts": media_facts(), "composite": composite, "visual_quality": composite, "cost": Decimal(0),
        "readings": readings(composite),
    }  # fmt: skip
    candidate = GenerationCandidate(
        project_id=take.project_id, scene_id=take.scene_id, take_id=take.id, version=take.version, number=number,
        **{**plain, **values},
    )  # fmt: skip
    session.add(candidate)
    session.flush()
    return candidate


def choose(session: Session, candidate: GenerationCandidate, *, by: str = "auto") -> VideoClip:
    """The candidate becomes the scene's clip."""
    candidate.is_selected, candidate.selected_by = True, by
    candidate.state = str(CandidateState.SELECTED)
    clip = VideoClip(
        project_id=candidate.project_id, scene_id=candidate.scene_id, version=candidate.version,
        candidate_id=candidate.id, key=candidate.key or f"{candidate.id}.mp4", duration=candidate.duration or 0.0,
        facts=candidate.facts or {},
    )  # fmt: skip
    session.add(clip)
    session.flush()
    return clip


def buy(session: Session, take: Take, price: str, *, outcome: str = "accepted", entries: Iterable[str] = ()) -> Attempt:
    """One attempt at buying the take for `price` US dollars; `entries` are ledger kinds after the reservation."""
    purchase = session.execute(select(Purchase).where(Purchase.take_id == take.id)).scalar_one_or_none()
    if purchase is None:
        purchase = Purchase(
            project_id=take.project_id, scene_id=take.scene_id, take_id=take.id, kind="take", service=take.service,
            model=take.model, price=Decimal(price),
        )  # fmt: skip
        session.add(purchase)
        session.flush()
    earlier = session.execute(select(Attempt.id).where(Attempt.purchase_id == purchase.id)).all()
    attempt = Attempt(
        purchase_id=purchase.id,
        service=take.service,
        number=len(earlier) + 1,
        token=uuid4(),
        deadline_at=at(5),
        outcome=outcome,
    )
    session.add(attempt)
    session.flush()
    if "settle" in entries:
        take.cost = Decimal(price)
    for kind in ("reserve", *entries):
        session.add(
            LedgerEntry(
                project_id=take.project_id, scene_id=take.scene_id, purchase_id=purchase.id, attempt_id=attempt.id,
                kind=kind, amount=Decimal(price),
            )
        )  # fmt: skip
    session.flush()
    return attempt


def make_cut(session: Session, project: Project, *, key: str | None = None, **values: Any) -> Cut:
    """A stitched film."""
    plain: dict[str, Any] = {
        "number": 1, "content": uuid4().hex, "state": str(CutState.READY), "duration": 4.0, "chapters": [],
        "facts": media_facts(), "seconds": 0.6,
    }  # fmt: skip
    cut = Cut(project_id=project.id, key=key or f"{project.id}/film/{uuid4()}.mp4", **{**plain, **values})
    session.add(cut)
    session.flush()
    return cut


Move = tuple[float, str] | tuple[float, str, str]


def trail(session: Session, row: Workable, first: State, made: float, *moves: Move) -> None:
    """The row's transitions: made in state `first` at `made` seconds, then each (seconds, event[, reason]).

    Every move must be one that the table allows, and the last must lead to the state that the row is in.
    """
    owner: Any = row
    of_film = isinstance(row, Project)
    here: State = first
    written = [("", first, "made", "", made)]
    for seconds, event, *reason in moves:
        to = after(row.entity, here, event)
        assert to is not None, f"a {row.entity} that is {here} cannot {event}"
        written.append((str(here), to, event, "".join(reason), seconds))
        here = to
    assert here == STATES[row.entity](row.state), f"the trail ends in {here}, the row is {row.state}"
    for from_state, to, event, why, seconds in written:
        session.add(
            Transition(
                entity=str(row.entity), entity_id=row.id, project_id=row.id if of_film else owner.project_id,
                scene_id=row.id if isinstance(row, Scene) else getattr(owner, "scene_id", None),
                from_state=from_state, to_state=str(to), event=event, reason=why or None, at=at(seconds),
            )
        )  # fmt: skip
    session.flush()
