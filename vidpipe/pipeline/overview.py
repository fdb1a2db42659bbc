"""How a film stands, in words and figures: what the command line shows and the web page will.

A handful of short queries in one transaction, cheap enough to be asked twice a second. All times are taken by
the database's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, aliased

from vidpipe.db import money
from vidpipe.db.engine import Database
from vidpipe.db.models import (
    ClusterSign,
    Cut,
    GenerationCandidate,
    Project,
    Scene,
    SceneDependency,
    ServiceLane,
    Take,
)
from vidpipe.db.models import Sequence as SequenceRow
from vidpipe.domain.eta import SceneWork, remaining
from vidpipe.domain.forecast import STITCH_PER_SECOND
from vidpipe.domain.states import (
    CANDIDATE_USABLE,
    PROJECT_ENDED,
    PROJECT_RUNS,
    SCENE_ENDED,
    SCENE_LETS_GO,
    TAKE_LIVE,
    ProjectState,
    SceneState,
)
from vidpipe.errors import UserError
from vidpipe.pipeline.words import Seen, TakeSeen, doing, progress

TICK_GONE = 15.0  # seconds without a sign of the tick after which nobody moves anything; it signs every 2 s
_STITCH_SHARE = 0.04  # of the film's progress


@dataclass(frozen=True)
class SceneStatus:
    """One scene."""

    label: str
    sequence: str
    state: str
    doing: str  # 'at procedural, 40 %', 'scoring 2 of 4', 'waits for Shot 1A'
    progress: float  # 0 to 1
    takes: int  # bought for its present version
    usable: int  # candidates
    candidates: int  # delivered so far
    wanted: int
    live: int  # takes that something is still to come of
    seconds: float | None  # since it was started, or how long it took
    quality: float | None  # composite of the chosen candidate


@dataclass(frozen=True)
class CutStatus:
    """The newest cut."""

    number: int
    state: str
    duration: float | None  # seconds
    key: str | None


@dataclass(frozen=True)
class FilmStatus:
    """A film as it stands."""

    id: UUID
    title: str
    state: str
    note: str  # why it waits or failed
    scenes: tuple[SceneStatus, ...]
    done: int  # scenes that are done or left out
    total: int
    progress: float  # 0 to 1
    eta: float | None  # seconds; None until there is something to average
    seconds: float | None  # since it was enqueued, or how long it took
    settled: Decimal  # US dollars
    reserved: Decimal  # US dollars
    cut: CutStatus | None
    tick_seen: float | None  # seconds since the tick was last here; None: never
    others: int = field(default=0)  # other films that are being made

    @property
    def ticking(self) -> bool:
        """Whether somebody moves films here."""
        return self.tick_seen is not None and self.tick_seen < TICK_GONE

    @property
    def live(self) -> int:
        """Takes that something is still to come of."""
        return sum(scene.live for scene in self.scenes)

    @property
    def ended(self) -> bool:
        """Nothing more will happen unless a person does something."""
        held = self.state == ProjectState.PAUSED and not self.live
        return held or self.state == ProjectState.WAITING or self.state in PROJECT_ENDED


@dataclass(frozen=True)
class FilmLine:
    """One line of the list of films."""

    id: UUID
    title: str
    state: str
    note: str
    done: int
    total: int
    created_at: datetime


def overview(db: Database, project_id: UUID, *, patience: float = 30.0) -> FilmStatus:
    """How the film stands; raises UserError where there is none. `patience` as for `Database.run`."""
    return db.run(lambda session: _overview(session, project_id), patience=patience)


def films(db: Database) -> tuple[FilmLine, ...]:
    """Every film, newest first."""
    return db.run(_films)


def tick_seen(db: Database, *, patience: float = 30.0) -> float | None:
    """Seconds since the tick was last here; None: never. `patience` as for `Database.run`."""
    age: Any = db.run(lambda session: session.execute(select(_tick_age())).scalar_one(), patience=patience)
    return None if age is None else float(age)


def _tick_age() -> Any:
    age = func.extract("epoch", func.clock_timestamp() - ClusterSign.seen_at)
    return select(func.greatest(age, 0)).where(ClusterSign.name == "tick").scalar_subquery()


def _films(session: Session) -> tuple[FilmLine, ...]:
    lets_go = [str(state) for state in SCENE_LETS_GO]
    rows = session.execute(
        select(
            Project.id, Project.title, Project.state, func.coalesce(Project.note, ""),
            func.count(Scene.id).filter(Scene.state.in_(lets_go)), func.count(Scene.id), Project.created_at,
        )
        .outerjoin(Scene, Scene.project_id == Project.id)
        .group_by(Project.id)
        .order_by(Project.created_at.desc())
    )  # fmt: skip
    return tuple(FilmLine(*row) for row in rows)


def _overview(session: Session, project_id: UUID) -> FilmStatus:
    film = _film(session, project_id)
    spent = money.spent(session, project_id)
    rows = _scenes(session, project_id)
    seen = _seen(session, project_id, rows, film)
    scenes = tuple(_scene(row, seen[row.id], film) for row in rows)
    cut = _cut(session, project_id)
    eta = _eta(film, rows, scenes)
    return FilmStatus(
        id=film.id, title=film.title, state=film.state, note=film.note or film.last_error or "", scenes=scenes,
        done=sum(scene.state in SCENE_LETS_GO for scene in scenes), total=len(scenes),
        progress=_progress(film.state, scenes), eta=eta, seconds=_span(film.started_at, film.finished_at, film.now),
        settled=spent.settled, reserved=spent.open, cut=cut,
        tick_seen=None if film.tick is None else float(film.tick), others=film.others,
    )  # fmt: skip


def _film(session: Session, project_id: UUID) -> Row[Any]:
    running = [str(state) for state in PROJECT_RUNS]
    broker = select(ClusterSign.changed_at).where(ClusterSign.name == "broker").scalar_subquery()
    other = aliased(Project)
    others = select(func.count()).where(other.id != project_id, other.state.in_(running))
    found = session.execute(
        select(
            Project.id, Project.title, Project.state, Project.note, Project.last_error, Project.started_at,
            Project.finished_at, Project.moved_at, func.clock_timestamp().label("now"), broker.label("broker"),
            _tick_age().label("tick"), others.scalar_subquery().label("others"),
        ).where(Project.id == project_id)
    ).one_or_none()  # fmt: skip
    if found is None:
        raise UserError(f"there is no film {project_id}", remedy="`vidpipe status` lists them.")
    return found


def _scenes(session: Session, project_id: UUID) -> Sequence[Row[Any]]:
    needs = (
        select(func.array_agg(SceneDependency.needs_id))
        .where(SceneDependency.scene_id == Scene.id)
        .correlate(Scene)
        .scalar_subquery()
    )
    found: Sequence[Any] = session.execute(
        select(
            Scene.id, Scene.label, Scene.state, Scene.note, Scene.last_error, Scene.service, Scene.duration,
            Scene.candidates, Scene.started_at, Scene.finished_at, SequenceRow.title.label("sequence"),
            needs.label("needs"),
        )
        .join(SequenceRow, SequenceRow.id == Scene.sequence_id)
        .where(Scene.project_id == project_id)
        .order_by(Scene.position)
    ).all()  # fmt: skip
    return found


def _seen(session: Session, project_id: UUID, rows: Sequence[Row[Any]], film: Row[Any]) -> dict[UUID, Seen]:
    """What is known of every scene's takes and candidates, as `words` wants it."""
    takes: dict[UUID, list[TakeSeen]] = {row.id: [] for row in rows}
    for row in session.execute(
        select(Take.scene_id, Take.state, Take.service, Take.progress, Take.last_error, Take.due_at)
        .join(Scene, (Scene.id == Take.scene_id) & (Scene.version == Take.version))
        .where(Take.project_id == project_id)
        .order_by(Take.round, Take.slot)
    ):
        takes[row.scene_id].append(TakeSeen(row.state, row.service, row.progress, row.last_error, row.due_at))
    clips: dict[UUID, dict[str, int]] = {row.id: {} for row in rows}
    quality: dict[UUID, float | None] = {}
    for scene_id, state, count, composite in session.execute(
        select(
            GenerationCandidate.scene_id, GenerationCandidate.state, func.count(),
            func.max(GenerationCandidate.composite).filter(GenerationCandidate.is_selected),
        )
        .join(Scene, (Scene.id == GenerationCandidate.scene_id) & (Scene.version == GenerationCandidate.version))
        .where(GenerationCandidate.project_id == project_id)
        .group_by(GenerationCandidate.scene_id, GenerationCandidate.state)
    ):  # fmt: skip
        clips[scene_id][state] = count
        if composite is not None:
            quality[scene_id] = composite
    lanes = _paused_lanes(session, film.now)
    labels = {row.id: row.label for row in rows if row.state not in SCENE_LETS_GO}
    return {
        row.id: Seen(
            state=SceneState(row.state), note=row.note or row.last_error or "", wanted=row.candidates,
            takes=tuple(takes[row.id]), clips=clips[row.id], quality=quality.get(row.id),
            waits_for=tuple(label for need, label in labels.items() if need in (row.needs or ())),
            held=film.state not in PROJECT_RUNS, now=film.now, lanes=lanes,
        )
        for row in rows
    }  # fmt: skip


def _paused_lanes(session: Session, now: datetime) -> dict[str, str]:
    """Why each service that takes nothing now takes nothing, and when it is tried again."""
    lanes: dict[str, str] = {}
    for lane in session.execute(select(ServiceLane).where(ServiceLane.strikes > 0)).scalars():
        left = (lane.paused_until - now).total_seconds() if lane.paused_until else 0.0
        again = f"tried again in {left:.0f} s" if left > 0 else "being tried again"
        lanes[lane.service] = f"{lane.reason or 'it takes nothing now'}; {again}"
    return lanes


def _scene(row: Row[Any], seen: Seen, film: Row[Any]) -> SceneStatus:
    end = row.finished_at or (film.finished_at if film.state in PROJECT_ENDED else None)
    return SceneStatus(
        label=row.label, sequence=row.sequence, state=row.state, doing=doing(seen), progress=progress(seen),
        takes=len(seen.takes), usable=sum(seen.clips.get(state, 0) for state in CANDIDATE_USABLE),
        candidates=sum(seen.clips.values()), wanted=row.candidates,
        live=sum(take.state in TAKE_LIVE for take in seen.takes), seconds=_span(row.started_at, end, film.now),
        quality=seen.quality,
    )  # fmt: skip


def _span(start: datetime | None, end: datetime | None, now: datetime) -> float | None:
    return None if start is None else max(((end or now) - start).total_seconds(), 0.0)


def _progress(state: str, scenes: Sequence[SceneStatus]) -> float:
    if state == ProjectState.DONE:
        return 1.0
    return (1 - _STITCH_SHARE) * sum(scene.progress for scene in scenes) / max(len(scenes), 1)


def _cut(session: Session, project_id: UUID) -> CutStatus | None:
    found = select(Cut.number, Cut.state, Cut.duration, Cut.key).where(Cut.project_id == project_id)
    row = session.execute(found.order_by(Cut.number.desc()).limit(1)).one_or_none()
    return None if row is None else CutStatus(row.number, row.state, row.duration, row.key)


def _eta(film: Row[Any], rows: Sequence[Row[Any]], scenes: Sequence[SceneStatus]) -> float | None:
    """Counted since the film went on or the broker began, so that a night between two runs is no work."""
    stitch: float = STITCH_PER_SECOND * sum(row.duration for row in rows)
    since: float = (film.now - film.moved_at).total_seconds()
    if film.state == ProjectState.STITCHING:
        return max(stitch - since, 0.0)
    if film.state != ProjectState.ACTIVE:
        return None
    began: datetime = max(film.moved_at, film.broker or film.moved_at)
    left = remaining(_works(rows, scenes, began, film.now), (film.now - began).total_seconds())
    return None if left is None else left + stitch


def _works(rows: Sequence[Row[Any]], scenes: Sequence[SceneStatus], began: datetime, now: datetime) -> list[SceneWork]:
    position: Mapping[UUID, int] = {row.id: number for number, row in enumerate(rows)}
    works: list[SceneWork] = []
    for row, scene in zip(rows, scenes, strict=True):
        start = max(row.started_at, began) if row.started_at else None
        done = row.state == SceneState.DONE and row.finished_at is not None
        within = done and row.finished_at > began and start is not None
        works.append(
            SceneWork(
                progress=scene.progress, open=row.state not in SCENE_ENDED,
                before=row.state in SCENE_ENDED and not within,
                took=_span(start, row.finished_at, now) if within else None,
                running=_span(start, None, now) if row.state not in SCENE_ENDED else None,
                needs=tuple(position[need] for need in row.needs or ()),
            )
        )  # fmt: skip
    return works
