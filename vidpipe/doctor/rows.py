"""Rows that should have moved and did not: each with its film and scene, grouped by what holds it.

    abandoned   its worker died, its lease has run out, and no sweep has sent it again
    unclaimed   it was sent, and nobody has taken it
    waiting     there was no place to store its media
    deadly      workers died while they held it
    failing     a step failed and is tried again

Asked of the rows that the sweep would send (pipeline/sweep.py), and of the takes at services; never of a film that is
paused or at its end, but for rows that killed workers and were given up for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from vidpipe.db.models import Drawing, GenerationCandidate, Project, Scene, Take, Workable
from vidpipe.doctor.finding import MOST_PLACES, Finding, Place, Severity, are, form, listed, sentence
from vidpipe.domain.states import PROJECT_ENDED, SCENE_LETS_GO, TAKE_AT_SERVICE, Entity, TakeState
from vidpipe.pipeline.gauges import GPU
from vidpipe.pipeline.step import DEATHS, DIED
from vidpipe.pipeline.sweep import KINDS
from vidpipe.report.words import count

UNSWEPT = 10.0  # seconds after a lease has run out; the sweep comes every second
UNCLAIMED = 60.0  # seconds for which a row may wait for a worker
SENT = 3  # times that a row was sent without being taken
UNASKED = 30.0  # seconds by which a question to a service may be late
_MOST = 500  # rows of a kind


@dataclass(frozen=True)
class Row:
    """One row in trouble. Ages are seconds, by the database's clock."""

    entity: Entity
    id: UUID
    state: str
    place: Place
    service: str
    age: float  # since its next step could have been done
    moved: float  # since it came to the state it is in
    sends: int
    tries: int
    waits: int
    deaths: int
    error: str
    expired: float | None  # since its lease ran out
    by: str  # who held it
    due: bool
    held: bool

    @property
    def queue(self) -> str:
        """Where its next step is sent."""
        return "gpu" if (self.entity, self.state) in GPU else "io"


@dataclass(frozen=True)
class Late:
    """Operations of a service that have not been asked about when they should have been."""

    service: str
    count: int
    age: float  # seconds, of the oldest


@dataclass(frozen=True)
class Troubled:
    """What was found of all rows."""

    rows: tuple[Row, ...]  # free to be worked on, or in trouble
    given_up: tuple[Row, ...]  # on which workers died, until they were given up
    late: tuple[Late, ...]


def look(session: Session) -> Troubled:
    """Ask the rows; raises SQLAlchemyError where they cannot be asked."""
    found = (row for model, which in _kinds() for row in _rows(session, model, which, _in_trouble(model)))
    rows = {row.id: row for row in found}
    models: tuple[type[Workable], ...] = (Scene, Take, Drawing, GenerationCandidate, Project)
    died = f"% {DIED} %"
    dead = (
        row
        for model in models
        for row in _rows(session, model, model.last_error.like(died), _of_a_film(model), _of_a_scene(model))
    )
    given_up = tuple(row for row in dead if row.id not in rows)
    return Troubled(tuple(rows.values()), given_up, tuple(_late(session)))


def _kinds() -> Iterator[tuple[type[Workable], ColumnElement[bool]]]:
    for model, which in KINDS:
        yield model, which()
    watched = [str(state) for state in TAKE_AT_SERVICE | {TakeState.QUEUED}]
    let_go = and_(Take.state == str(TakeState.QUEUED), Take.admitted_at.is_not(None))
    yield Take, and_(Take.state.in_(watched), ~let_go, Take.tries > 0, _of_a_film(Take))


def _of_a_film(model: type[Workable]) -> ColumnElement[bool]:
    """SQL: the row's film has not ended."""
    film = aliased(Project)
    own: Any = model
    return exists().where(
        film.id == (own.id if model is Project else own.project_id),
        film.state.not_in([str(state) for state in PROJECT_ENDED]),
    )


def _of_a_scene(model: type[Workable]) -> ColumnElement[bool]:
    """SQL: the row's scene, where it has one, is not made yet."""
    if model is Project:
        return true()
    scene = aliased(Scene)
    own: Any = model
    return exists().where(
        scene.id == (own.id if model is Scene else own.scene_id),
        scene.state.not_in([str(state) for state in SCENE_LETS_GO]),
    )


def _due(model: Any) -> ColumnElement[bool]:
    return or_(model.due_at.is_(None), model.due_at <= func.now())


def _in_trouble(model: type[Workable]) -> ColumnElement[bool]:
    free = or_(model.lease_until.is_(None), model.lease_until < func.now())
    return or_(and_(free, _due(model)), model.waits > 0, model.deaths > 0, model.tries > 0)


def _rows(session: Session, model: type[Workable], *which: ColumnElement[bool]) -> list[Row]:
    """At most so many rows of a model that `which` picks, those that moved longest ago first."""
    picked = select(model.id).where(*which).order_by(model.moved_at).limit(_MOST).cte("picked")
    row: Any = aliased(model)
    statement = _named(model, row).where(row.id.in_(select(picked.c.id))).order_by(row.moved_at)
    return [_row(model.entity, found) for found in session.execute(statement)]


def _named(model: type[Workable], row: Any) -> Any:
    """`row`, an alias of a model, with its film, scene and take."""
    film = row if model is Project else aliased(Project)
    own = (
        row.id, row.state, func.extract("epoch", func.now() - func.greatest(row.moved_at, row.due_at)).label("age"),
        func.extract("epoch", func.now() - row.moved_at).label("moved"),
        row.sends, row.tries, row.waits, row.deaths, row.last_error, row.lease_by, _due(row).label("due"),
        func.extract("epoch", func.now() - row.lease_until).label("expired"),
        film.id.label("project_id"), film.title,
    )  # fmt: skip
    if model is Project:
        return select(*own)
    if model is Scene:
        return select(*own, row.label, row.service).join(film, film.id == row.project_id)
    if model is Drawing:
        scene = aliased(Scene)
        drawn = select(*own, scene.label, row.service, row.which)
        return drawn.join(scene, scene.id == row.scene_id).join(film, film.id == row.project_id)
    scene, take = aliased(Scene), row if model is Take else aliased(Take)
    named = (scene.label, take.service, take.round, take.slot)
    if model is Take:
        return select(*own, *named).join(scene, scene.id == row.scene_id).join(film, film.id == row.project_id)
    return (
        select(*own, *named, row.number)
        .join(take, take.id == row.take_id)
        .join(scene, scene.id == row.scene_id)
        .join(film, film.id == row.project_id)
    )


def _row(entity: Entity, found: Any) -> Row:
    parts = found._mapping
    words = [parts["label"]] if "label" in parts else []
    words += [f"{parts['which']} frame"] if "which" in parts else []
    words += [f"take {parts['round']}.{parts['slot']}"] if "round" in parts else []
    words += [f"candidate {parts['number']}"] if "number" in parts else []
    expired = None if found.expired is None else float(found.expired)
    return Row(
        entity=entity, id=found.id, state=found.state, place=Place(found.project_id, found.title, ", ".join(words)),
        service=parts.get("service", ""), age=max(float(found.age), 0.0), moved=float(found.moved), sends=found.sends,
        tries=found.tries, waits=found.waits, deaths=found.deaths, error=found.last_error or "",
        expired=expired if expired is not None and expired > 0 else None, by=found.lease_by or "", due=found.due,
        held=expired is not None and expired <= 0,
    )  # fmt: skip


def _late(session: Session) -> list[Late]:
    due = Take.due_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, UNASKED)
    free = or_(Take.lease_until.is_(None), Take.lease_until < func.now())
    oldest = func.extract("epoch", func.now() - func.min(Take.due_at))
    found = (
        select(Take.service, func.count(), oldest)
        .where(Take.state.in_([str(state) for state in TAKE_AT_SERVICE]), due, free)
        .group_by(Take.service)
        .order_by(Take.service)
    )
    return [Late(service, number, float(age)) for service, number, age in session.execute(found)]


def free(found: Troubled, queue: str) -> list[Row]:
    """Rows of a queue that could be worked on now, and that nobody holds."""
    return [row for row in found.rows if row.due and not row.held and row.queue == queue]


def _unclaimed(found: Troubled, queue: str) -> list[Row]:
    """Those of them that nobody takes, though they have waited for long."""
    return [row for row in free(found, queue) if _kind(row) == "unclaimed"]


def abandoned(found: Troubled) -> list[Row]:
    """Rows whose worker died, and that nobody has sent again."""
    return [row for row in found.rows if _kind(row) == "abandoned"]


def _kind(row: Row) -> str:
    """What holds a row; the first that applies."""
    if row.expired is not None and row.expired > UNSWEPT:
        return "abandoned"
    if row.waits and row.error:
        return "waiting"
    if not row.held and row.due and (row.age > UNCLAIMED or row.sends >= SENT):
        return "unclaimed"
    if row.deaths:
        return "deadly"
    return "failing" if row.tries else ""


def judge(found: Troubled, missing: frozenset[str], idle: dict[str, int], known: Iterable[str]) -> Iterator[Finding]:
    """What holds them. `missing`: queues without a worker, or without a tick, which has been told already.

    `idle`: free threads by queue, as far as workers signed; `known`: services whose operations are asked about.
    """
    ticking = "tick" not in missing
    if ticking and (rows := abandoned(found)):
        yield _finding(
            "rows.abandoned", Severity.STUCK, rows, max(row.expired or 0.0 for row in rows),
            f"{are(len(rows), 'row')} held by workers that died, and nothing sends them again.",
            f"{form(len(rows), 'It was', 'They were')} last held by {listed(row.by or 'nobody' for row in rows)}. The"
            f" sweep passes over {form(len(rows), 'it', 'them')}.",
            "See the log of the tick worker: it sweeps every second.",
        )  # fmt: skip
    for queue in ("io", "gpu"):
        if ticking and queue not in missing and (rows := _unclaimed(found, queue)):
            yield _untaken(rows, queue, idle.get(queue, 0))
    if rows := [row for row in found.rows if _kind(row) == "waiting"]:
        yield _finding(
            "rows.waiting", Severity.STUCK, rows, max(row.moved for row in rows),
            f"{count(len(rows), 'row waits', 'rows wait')} for a place to store media.", _reasons(rows),
            "Make room, or mend the media store; they go on by themselves.",
        )  # fmt: skip
    yield from _deadly(found)
    yield from _failing(found)
    if ticking:
        yield from _unasked(found, frozenset(known))


def _untaken(rows: Sequence[Row], queue: str, idle: int) -> Finding:
    oldest, most = max(row.age for row in rows), max(row.sends for row in rows)
    times = f"The one that waits longest was sent {count(most, 'time')}."
    if idle:
        return _finding(
            f"rows.unclaimed.{queue}", Severity.STUCK, rows, oldest,
            f"{count(len(rows), 'row waits', 'rows wait')} for the queue {queue}, and nobody takes them.",
            f"{are(idle, 'thread')} free there. {times}",
            f"See the log of the {queue} workers; starting them anew does no harm.",
        )  # fmt: skip
    return _finding(
        f"rows.behind.{queue}", Severity.NOTE, rows, oldest,
        f"The {queue} workers are behind: {count(len(rows), 'row waits', 'rows wait')} for them.",
        f"All their threads are busy. {times}", f"Start another one: `vidpipe worker {queue}`; or wait.",
    )  # fmt: skip


def _deadly(found: Troubled) -> Iterator[Finding]:
    trying = [row for row in found.rows if row.deaths]
    if trying:
        yield _finding(
            "rows.deadly", Severity.NOTE, trying, max(row.moved for row in trying),
            f"Workers died while they held {count(len(trying), 'row')}; {max(row.deaths for row in trying)} on one of"
            " them.",
            f"Lack of memory is the usual cause. After {DEATHS} deaths a row is given up.",
            "See what ended the workers: their log, or the system's for the out-of-memory killer.",
        )  # fmt: skip
    if found.given_up:
        yield _finding(
            "rows.poison", Severity.STUCK, found.given_up, min(row.moved for row in found.given_up),
            f"{count(len(found.given_up), 'row')} killed {DEATHS} workers {form(len(found.given_up), '', 'each ')}and"
            f" {form(len(found.given_up), 'was', 'were')} given up.",
            _reasons(found.given_up),
            "Something in it ends whoever works on it: lack of memory, or a file that a decoder cannot bear. See the"
            f" workers' logs; {_again(found.given_up)}",
        )  # fmt: skip


def _again(rows: Sequence[Row]) -> str:
    place = rows[0].place
    label = place.what.partition(", ")[0]
    return f"`vidpipe retry {place.short} {label!r}` makes the scene again." if label else "then retry the film."


def _failing(found: Troubled) -> Iterator[Finding]:
    rows = [row for row in found.rows if _kind(row) == "failing"]
    if rows:
        yield _finding(
            "rows.failing", Severity.NOTE, rows, max(row.moved for row in rows),
            f"{count(len(rows), 'step')} failed and {form(len(rows), 'is', 'are')} tried again.", _reasons(rows),
            "They are tried a bounded number of times; then their scenes decide what comes next.",
        )  # fmt: skip


def _unasked(found: Troubled, known: frozenset[str]) -> Iterator[Finding]:
    for late in found.late:
        if late.service in known:
            yield Finding(
                "rows.unasked", Severity.STUCK,
                f"{count(late.count, 'operation')} of {late.service} {form(late.count, 'has', 'have')} not been"
                " asked about for too long.",
                "The tick is there, but its question to this service does not end, or does not begin.",
                "See the log of the tick worker; give it more threads if services are slow to answer.",
                age=late.age, figures={"service": late.service, "operations": late.count},
            )  # fmt: skip


def _reasons(rows: Iterable[Row], most: int = 3) -> str:
    """What their last errors say, the most frequent first."""
    reasons = Counter(row.error for row in rows if row.error)
    told = [f"{reason}{f' ({number} times)' if number > 1 else ''}" for reason, number in reasons.most_common(most)]
    more = f" There are {len(reasons) - most} other reasons." if len(reasons) > most else ""
    return " ".join(sentence(one) for one in told) + more


def _finding(
    code: str, severity: Severity, rows: Sequence[Row], age: float, what: str, why: str, remedy: str
) -> Finding:
    return Finding(
        code, severity, what, why, remedy, age=age, places=tuple(row.place for row in rows[:MOST_PLACES]),
        total=len(rows), figures={"rows": len(rows)},
    )  # fmt: skip
