"""What must be true when a run is over, whatever was done meanwhile. Every finding is an accusation in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.orm import Session

from scripts.chaos_runs import terms
from scripts.chaos_runs.books import NOTHING, Billed, Entered, bills, ledger
from scripts.chaos_runs.films import HEIGHT, SECONDS, WIDTH
from scripts.chaos_runs.house import BACK, House, wait_for
from scripts.chaos_runs.run import Run
from scripts.chaos_runs.scales import unbilled, uncovered
from vidpipe.db import money, projects, scenes
from vidpipe.db.models import Attempt, Cut, GenerationCandidate, Project, Purchase, Scene, Take, Transition, Workable
from vidpipe.domain.states import STATES, CandidateState, Entity, ProjectState, SceneState, TakeState, after
from vidpipe.media.probe import probe
from vidpipe.pipeline import journal, orphans
from vidpipe.pipeline.journal import Entry
from vidpipe.pipeline.orphans import StoreCheck
from vidpipe.pipeline.step import DIED
from vidpipe.pipeline.sweep import KINDS

# Faults of a service that make a clip unusable.
_SPOILS = {"black", "frozen", "silent", "short", "truncated", "rubbish", "wrong-size", "expired", "cut-off", "vanish"}

# A row that nobody has touched for so long is nobody's: the sweep sends again sooner.
_OLD = timedelta(seconds=terms.TIMING["resend_most"] + 2)


@dataclass(frozen=True)
class Found:
    """What was found, as a table's rows: each a list of accusations, and the figures beside them."""

    scenes: int
    done: int
    orders: int  # operations on the bills
    settled: Decimal  # US dollars
    billed: Decimal
    open: Decimal  # still reserved
    unknown: Mapping[str, int]  # takes that were of unknown fate for a while, by service
    wrong: Mapping[str, Sequence[str]]  # by what it is about, each thing in words; empty where nothing is wrong

    @property
    def good(self) -> bool:
        """Whether there is no accusation."""
        return not any(self.wrong.values())


def check(run: Run, billed: Mapping[str, list[Billed]] | None = None) -> Found:
    """Look at everything, while the cluster still runs; `billed` in place of the services' bills.

    Of a run that was broken off, what is under way is neither unpaid nor nobody's: the scales have weighed it.
    """
    billed = bills(run.house.home) if billed is None else billed
    written = ((str(token), journal.read(run.house.deps, key)) for token, key in journal.tokens(run.house.deps))
    orders = {token: entry for token, entry in written if isinstance(entry, Entry)}  # no picture is ordered here
    store = orphans.check(run.house.deps, deep=True, grace=0.0)
    looked = _Looked(_files(run), run.hand.outlived(), _away(run.house), store)
    return run.house.deps.db.run(lambda session: _check(session, run, billed, orders, looked))


@dataclass(frozen=True)
class _Looked:
    """What was seen without the database."""

    files: list[str]  # what is wrong with the films' files
    outlived: list[str]  # processes that should have ended
    away: list[str]  # processes that should run
    store: StoreCheck


def _check(
    session: Session, run: Run, billed: Mapping[str, list[Billed]], orders: Mapping[str, Entry], looked: _Looked
) -> Found:
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))  # one look, should anything still move
    entered = ledger(session)
    lost = list(_lost(session, run.films))
    return Found(
        scenes=sum(run.films.values()),
        done=sum(run.films.values()) - len(lost),
        orders=sum(len(found) for found in billed.values()),
        settled=sum((one.settled for one in entered.values()), NOTHING),
        billed=sum((one.charged for found in billed.values() for one in found), NOTHING),
        open=sum((one.open for one in entered.values()), NOTHING),
        unknown=_unknown(session),
        wrong={
            "lost": [*lost, *looked.files],
            "twice": list(_twice(session, billed, orders)),
            "money": [*(() if run.problems else _money(session, billed, entered)), *run.scales.wrong],
            "waits": [f"{one.scene}: {one.what}" for one in run.person.waited if not one.reason],
            "wasted": list(_wasted(session, billed)),
            "nobody's": list(_nobodys(session)),
            "trail": list(_trail(session)),
            "missing": [f"{one.key} ({one.where}): {one.what}" for one in looked.store.faults],
            "orphans": [f"{one.key}, {one.size} bytes" for one in looked.store.orphans if not run.problems],
            "left": [*run.hand.wrong, *looked.outlived],
            "away": looked.away,
            "run": run.problems,
        },
    )


def _unknown(session: Session) -> dict[str, int]:
    uncertain = Transition.to_state == str(TakeState.UNCERTAIN)
    rows = session.execute(
        select(Take.service, func.count(Take.id.distinct()))
        .join(Transition, Transition.entity_id == Take.id)
        .where(Transition.entity == str(Entity.TAKE), uncertain)
        .group_by(Take.service)
    )
    return {service: int(count) for service, count in rows}


def _lost(session: Session, films: Mapping[UUID, int]) -> Iterator[str]:
    """A scene that is not done, or has no clip, or whose film was not made with it."""
    for project_id, wanted in films.items():
        project = projects.get(session, project_id)
        found = projects.scenes(session, project_id)
        if len(found) != wanted:
            yield f"{project.title} has {len(found)} scenes, not {wanted}"
        for scene in found:
            if scene.state != SceneState.DONE:
                yield f"{project.title}, {scene.label} is {scene.state}: {scene.note or scene.last_error or ''}"
            elif scenes.clip(session, scene) is None:
                yield f"{project.title}, {scene.label} has no clip"


def _away(house: House) -> list[str]:
    with suppress(AssertionError):
        wait_for(lambda: not house.missing(), BACK, "every process to run again")
    return [f"{name} does not run {BACK:g} s after everything" for name in house.missing()]


def _files(run: Run) -> list[str]:
    return [words for project_id, wanted in run.films.items() for words in _film(run.house, project_id, wanted)]


def _film(house: House, project_id: UUID, wanted: int) -> Iterator[str]:
    """A film is done, and its file holds every scene. Probes it: no transaction is open."""
    project, cut = house.deps.db.run(
        lambda session: (projects.get(session, project_id), projects.latest_cut(session, project_id))
    )
    if project.state != ProjectState.DONE or cut is None or cut.key is None:
        yield f"{project.title} is {project.state}, without a file: {project.note or project.last_error or ''}"
        return
    with house.deps.storage.open_local(cut.key) as path:
        info = probe(path)
    if info.video is None or (info.video.width, info.video.height) != (WIDTH, HEIGHT):
        yield f"{project.title}: its picture is {info.video}"
    if len(cut.chapters or ()) != wanted:
        yield f"{project.title} has {len(cut.chapters or ())} chapters, not {wanted}"
    if abs(info.duration - wanted * SECONDS) > max(0.15, wanted / house.cast.fps / 2):
        yield f"{project.title} lasts {info.duration:.2f} s, not {wanted * SECONDS:g} s"


def _twice(session: Session, billed: Mapping[str, list[Billed]], orders: Mapping[str, Entry]) -> Iterator[str]:
    """Slots with two charged operations. Nobody in a run says that something be ordered again at the risk of paying
    twice, so there is no excuse. Which slot an order was for, the journal says: the database may have moved it."""
    known = {str(token) for token in session.execute(select(Attempt.token)).scalars()}
    slots: dict[tuple[str, int, int, int], list[Billed]] = {}
    for token, found in billed.items():
        charged = [one for one in found if one.charged]
        if token not in known:
            yield f"{[one.operation for one in found]} at {found[0].service} was bought for nobody: token {token}"
        elif token in orders:
            order = orders[token]
            slots.setdefault((order.scene_id, order.version, order.round, order.slot), []).extend(charged)
        elif charged:
            yield f"{[one.operation for one in found]} was bought without a note in the journal: token {token}"
    for (scene_id, version, round_, slot), charged in slots.items():
        if len(charged) > 1:
            names = ", ".join(f"{one.operation} ({one.token})" for one in charged)
            yield f"scene {scene_id} ({charged[0].label}) v{version} round {round_} slot {slot} was bought as {names}"


def _money(session: Session, billed: Mapping[str, list[Billed]], entered: Mapping[str, Entered]) -> Iterator[str]:
    """To the cent, order by order; and nothing is reserved any more."""
    yield from unbilled(entered, billed)
    yield from uncovered(billed, entered).values()
    for token, one in entered.items():
        charged = sum((order.charged for order in billed.get(token, ())), NOTHING)
        if one.open:
            yield f"${one.open} is still reserved for the order {token}, of which ${charged} is charged"
    if over := money.over_budget(session):
        yield f"{over} films cost more than their budget"


def _wasted(session: Session, billed: Mapping[str, list[Billed]]) -> Iterator[str]:
    """Clips that were paid for and thrown away, though their service did nothing wrong to them."""
    spoilt = {token for token, found in billed.items() for one in found if _SPOILS & {*one.faults}}
    thrown = (
        select(GenerationCandidate, Take.operation, Attempt.token)
        .join(Take, Take.id == GenerationCandidate.take_id)
        .join(Purchase, Purchase.take_id == Take.id)
        .join(Attempt, and_(Attempt.purchase_id == Purchase.id, Attempt.operation == Take.operation))
        .where(GenerationCandidate.state == str(CandidateState.UNUSABLE))
    )
    for candidate, operation, token in session.execute(thrown):
        reason = candidate.last_error or "no word"
        if str(token) not in spoilt and DIED not in reason:
            yield f"candidate {candidate.number} of {operation} was thrown away: {reason}"


def _nobodys(session: Session) -> Iterator[str]:
    """Rows that a step could be done on and that nothing will move: no living lease, no time they are due at, and too
    long ago that they were sent; then what is not at its end though its film is."""
    now = func.clock_timestamp()
    for model, which in KINDS:
        alone = select(model).where(
            which(), or_(model.lease_until.is_(None), model.lease_until < now),
            or_(model.due_at.is_(None), model.due_at < now - _OLD), model.moved_at < now - _OLD,
            or_(model.sent_at.is_(None), model.sent_at < now - _OLD),
        )  # fmt: skip
        for row in session.execute(alone).scalars():
            yield f"{_name(row)} stands there and nobody moves it"
    done = select(Project.id).where(Project.state == str(ProjectState.DONE))
    ended = {
        Take: ("settled", "refused", "failed", "cancelled"),
        GenerationCandidate: ("scored", "selected", "passed", "unusable"),
        Cut: ("ready", "failed"),
    }
    for kind, states in ended.items():
        left: Any = kind
        open_ = select(left).where(left.project_id.in_(done), left.state.not_in(states))
        for row in session.execute(open_).scalars():
            yield f"{_name(row)}, though its film is done"


def _name(row: Workable) -> str:
    return f"{row.entity} {row.id} ({row.state}, moved {row.moved_at:%H:%M:%S}, {row.last_error or 'no word'})"


def _trail(session: Session) -> Iterator[str]:
    """Every row's moves follow one another, are in the table of states, and end in the state it has."""
    last: dict[tuple[str, UUID], str] = {}
    for move in session.execute(select(Transition).order_by(Transition.id)).scalars():
        key, entity = (move.entity, move.entity_id), Entity(move.entity)
        before = last.get(key, "")
        if move.from_state != before:
            yield f"{move.entity} {move.entity_id} moved from {move.from_state!r} when it was {before!r} ({move.event})"
        state: Any = STATES[entity](move.from_state) if move.event != "made" else None
        if state is not None and after(entity, state, move.event) != move.to_state:
            yield f"{move.entity}: {move.event} led from {move.from_state} to {move.to_state}"
        last[key] = move.to_state
    models: tuple[type[Workable], ...] = (Project, Scene, Take, GenerationCandidate, Cut)
    for model in models:
        for row_id, state in session.execute(select(model.id, model.state)):
            if last.get((str(model.entity), row_id)) != state:
                yield f"{model.entity} {row_id} is {state}, its trail ends with {last.get((str(model.entity), row_id))}"


def unfinished(home: Path, services: Iterable[str]) -> list[str]:
    """Files that were begun and never ended, in a home whose cluster with these processes of services was stopped."""
    places = [home / "work", home / "media" / ".part"]
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    for process in services:
        found += (home / process).rglob("*.part")
    return [str(path.relative_to(home)) for path in found]
