"""How the whole cluster stands, in figures asked of the rows: for Prometheus, for health checks, for scaling.

Two sets of questions, each one read-only transaction with one snapshot and a time limit:

    now       what waits, what is under way, what is in trouble. Every question is answered from an index over rows that
              are not at their end, so it costs the same after a thousand films.
    history   sums over everything there ever was (money, films by state, scores). It reads whole tables and is asked
              seldom.

All times are taken by the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select, text
from sqlalchemy.orm import Session

from vidpipe.db import lanes, money
from vidpipe.db.engine import Database
from vidpipe.db.models import (
    ClusterSign,
    Drawing,
    GenerationCandidate,
    Project,
    Scene,
    ServiceLane,
    Take,
    Transition,
    Workable,
)
from vidpipe.domain.states import (
    DRAWING_LIVE,
    STATES,
    TAKE_AT_SERVICE,
    TAKE_ENDED,
    CandidateState,
    DrawingState,
    Entity,
    ProjectState,
    SceneState,
    TakeState,
)
from vidpipe.pipeline import restored
from vidpipe.pipeline.sweep import KINDS

QUEUES = ("io", "gpu")
# Rows whose next step is for eyes; tasks/route.py sends it there.
GPU = frozenset({(Entity.CANDIDATE, CandidateState.STORED), (Entity.SCENE, SceneState.ANALYZING)})
NOW_SECONDS = 2.0  # that one question of `now` may take
HISTORY_SECONDS = 10.0
LATE = timedelta(seconds=5)  # a question about an operation that is later than this counts as late
COMPOSITES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

Count = Mapping[str, int]


@dataclass(frozen=True)
class Backlog:
    """Rows of one queue whose next step could be done now."""

    free: int = 0  # nobody has them
    held: int = 0  # a worker is at them
    oldest: float = 0.0  # seconds for which the oldest free one has been waiting


@dataclass(frozen=True)
class Now:
    """What waits, what is under way, what is in trouble."""

    backlog: Mapping[str, Backlog]  # by queue
    in_flight: Count  # takes that hold a place at their service, by service
    in_line: Count  # takes that wait for such a place
    paused: Mapping[str, float]  # seconds since a lane was paused, by service; 0: it is open
    late: int  # questions about operations that are overdue by more than LATE
    latest: float  # seconds by which the latest is overdue
    troubled: Mapping[tuple[str, str], int]  # rows not at their end with tries, deaths, waits: (entity, which)
    uncertain: Mapping[tuple[str, str], int]  # takes of unknown fate: (service, waits for: service, person)
    waiting: float  # seconds for which the film that has waited longest has been waiting for a person
    unnumbered: int  # transitions
    tick: float | None  # seconds since the tick was here; None: never
    changed: Mapping[str, datetime]  # when the broker, or the database's server, was last found to be another
    buying: bool  # whether this database may buy (pipeline/restored.py)


@dataclass(frozen=True)
class History:
    """Sums over everything there ever was."""

    money: Mapping[str, money.Balance]  # by service
    over_budget: int  # films that cost more than they may
    films: Count  # by state
    scenes: Count
    candidates: Count
    composites: tuple[int, ...]  # candidates up to each of COMPOSITES, cumulative
    composite_sum: float


def now(db: Database, services: Iterable[str] = ()) -> Now:
    """How it stands; `services` are counted even where they have nothing. Raises DBAPIError where it can't be told."""
    return db.run(lambda session: _now(session, tuple(services)), patience=0.0)


def history(db: Database, services: Iterable[str] = ()) -> History:
    """What there was; the arguments and errors of `now`."""
    return db.run(lambda session: _history(session, tuple(services)), patience=0.0)


def _begin(session: Session, seconds: float) -> None:
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    session.execute(select(func.set_config("statement_timeout", f"{round(seconds * 1000)}", True)))


def _now(session: Session, services: tuple[str, ...]) -> Now:
    _begin(session, NOW_SECONDS)
    late, latest = _late_polls(session)
    signs = {sign.name: sign for sign in session.execute(select(ClusterSign)).scalars()}
    ticked = _seconds(func.now() - ClusterSign.seen_at)
    waiting = select(func.coalesce(func.max(_seconds(func.now() - Project.moved_at)), 0)).where(
        Project.state == str(ProjectState.WAITING)
    )
    return Now(
        backlog=_backlog(session),
        in_flight=_by(session, Take.service, lanes.in_flight(), zero=services),
        in_line=_by(
            session, Take.service, Take.state == str(TakeState.QUEUED), Take.admitted_at.is_(None), zero=services
        ),
        paused=_paused(session, services),
        late=late,
        latest=latest,
        troubled=_troubled(session),
        uncertain=_uncertain(session, services),
        waiting=float(session.execute(waiting).scalar_one()),
        unnumbered=_count(session, Transition, Transition.seq.is_(None)),
        tick=_float(session.execute(select(ticked).where(ClusterSign.name == "tick")).scalar_one_or_none()),
        changed={name: signs[name].changed_at for name in ("broker", "database") if name in signs},
        buying=restored.may_buy(session),
    )


def _backlog(session: Session) -> dict[str, Backlog]:
    """By queue, what the sweep would send if nothing had been sent yet, and what of it somebody works on."""
    rows = [row for model, which in KINDS for row in session.execute(_workable(model, which()))]
    return {queue: _together([row for row in rows if row.queue == queue]) for queue in QUEUES}


def _workable(model: type[Workable], which: ColumnElement[bool]) -> Any:
    held = func.coalesce(model.lease_until > func.now(), False)
    since = func.greatest(model.moved_at, model.due_at)  # of which NULL is left out
    gpu = [str(state) for entity, state in GPU if entity == model.entity]
    queue = case((model.state.in_(gpu), "gpu"), else_="io") if gpu else literal("io")
    return (
        select(
            queue.label("queue"),
            func.count().filter(~held).label("free"),
            func.count().filter(held).label("held"),
            func.max(_seconds(func.now() - since)).filter(~held).label("oldest"),
        )
        .where(which, or_(model.due_at.is_(None), model.due_at <= func.now()))
        .group_by(text("1"))
    )


def _together(rows: Iterable[Any]) -> Backlog:
    found = list(rows)
    return Backlog(
        free=sum(row.free for row in found),
        held=sum(row.held for row in found),
        oldest=max((float(row.oldest or 0) for row in found), default=0.0),
    )


def _late_polls(session: Session) -> tuple[int, float]:
    now = func.now()
    late = select(
        func.count().filter(Take.due_at < now - LATE), func.coalesce(_seconds(now - func.min(Take.due_at)), 0)
    ).where(
        Take.state.in_([str(state) for state in sorted(TAKE_AT_SERVICE)]),
        Take.due_at <= now,
        or_(Take.lease_until.is_(None), Take.lease_until < now),
    )
    count, seconds = session.execute(late).one()
    return count, float(seconds)


def _paused(session: Session, services: tuple[str, ...]) -> dict[str, float]:
    since = func.coalesce(_seconds(func.now() - ServiceLane.paused_since), 0)
    found = select(ServiceLane.service, case((ServiceLane.strikes > 0, since), else_=0))
    return {**dict.fromkeys(services, 0.0), **{name: float(seconds) for name, seconds in session.execute(found)}}


_UNENDED: tuple[tuple[type[Workable], ColumnElement[bool]], ...] = (
    (Scene, Scene.state.not_in([str(s) for s in (SceneState.DONE, SceneState.SKIPPED, SceneState.CANCELLED)])),
    (Take, Take.state.not_in([str(state) for state in sorted(TAKE_ENDED)])),
    (GenerationCandidate, GenerationCandidate.state.in_([CandidateState.ANNOUNCED, CandidateState.STORED])),
    (Drawing, Drawing.state.in_([str(state) for state in sorted(DRAWING_LIVE)])),
    (Project, Project.state.in_([str(s) for s in (ProjectState.ACTIVE, ProjectState.STITCHING)])),
)


def _troubled(session: Session) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for model, unended in _UNENDED:
        marks = {"tries": model.tries, "deaths": model.deaths, "waits": model.waits}
        counts = (func.count().filter(column > 0) for column in marks.values())
        row = session.execute(select(*counts).where(unended)).one()
        found |= {(str(model.entity), which): count for which, count in zip(marks, row, strict=True)}
    return found


def _uncertain(session: Session, services: tuple[str, ...]) -> dict[tuple[str, str], int]:
    who = case((Take.due_at.is_(None), "person"), else_="service")
    found = select(Take.service, who, func.count()).where(Take.state == str(TakeState.UNCERTAIN))
    pictures = select(Drawing.service, literal("person"), func.count()).where(
        Drawing.state == str(DrawingState.UNCERTAIN)
    )
    none = {(service, for_whom): 0 for service in services for for_whom in ("person", "service")}
    rows = [row for one in (found, pictures) for row in session.execute(one.group_by(text("1, 2")))]
    return none | {(name, for_whom): count for name, for_whom, count in rows}


def _history(session: Session, services: tuple[str, ...]) -> History:
    _begin(session, HISTORY_SECONDS)
    scored = GenerationCandidate.composite.is_not(None)
    up_to = (func.count().filter(GenerationCandidate.composite <= bound) for bound in COMPOSITES)
    total = func.coalesce(func.sum(GenerationCandidate.composite), 0)
    *composites, composite_sum = session.execute(select(*up_to, total).where(scored)).one()
    return History(
        money={**dict.fromkeys(services, money.Balance()), **money.by_service(session)},
        over_budget=money.over_budget(session),
        films=_by(session, Project.state, zero=STATES[Entity.PROJECT]),
        scenes=_by(session, Scene.state, zero=STATES[Entity.SCENE]),
        candidates=_by(session, GenerationCandidate.state, zero=STATES[Entity.CANDIDATE]),
        composites=tuple(composites),
        composite_sum=float(composite_sum),
    )


def _by(session: Session, column: Any, *which: ColumnElement[bool], zero: Iterable[str]) -> dict[str, int]:
    """Rows by what stands in `column`, with 0 for each of `zero` that has none."""
    found = session.execute(select(column, func.count()).where(*which).group_by(column))
    return {**dict.fromkeys(map(str, zero), 0), **{row[0]: row[1] for row in found}}


def _count(session: Session, model: Any, *which: ColumnElement[bool]) -> int:
    return int(session.execute(select(func.count()).select_from(model).where(*which)).scalar_one())


def _seconds(span: Any) -> ColumnElement[Any]:
    return func.extract("epoch", span)


def _float(value: Any) -> float | None:
    return None if value is None else max(float(value), 0.0)
