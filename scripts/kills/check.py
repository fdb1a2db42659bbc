"""What must be true of a film when it is done, whatever was killed meanwhile: complete, and nothing bought twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.kills.films import HEIGHT, SECONDS, WIDTH, Shape
from scripts.kills.house import House
from vidpipe.db import projects, scenes
from vidpipe.db.models import Attempt, Cut, LedgerEntry, Purchase, Scene, Take, Transition, Workable
from vidpipe.domain.states import STATES, CandidateState, CutState, Entity, ProjectState, SceneState, TakeState, after
from vidpipe.media.probe import probe

_SLACK = 0.02  # seconds a shot may differ from what was asked, on average (half a frame at 24 a second)


@dataclass(frozen=True)
class Billed:
    """One operation on the service's own bill."""

    operation: str
    token: str
    clips: int
    amount: Decimal  # US dollars that are charged


@dataclass(frozen=True)
class Found:
    """One film, as the database and the service's bill have it."""

    bought: int  # takes of which an operation's name was written down
    billed: int  # operations on the bill
    twice: int  # slots (scene, version, round, slot) with more than one operation
    in_doubt: int  # takes whose fate somebody else than the one who bought them had to find out
    lost: int  # attempts that were found not to have bought, and were made again
    uncertain: int  # takes that are uncertain still
    violations: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """One take with its attempts, and what the service billed for them."""

    scene: Scene
    take: Take
    attempts: Sequence[Attempt]
    billed: Sequence[Billed]

    @property
    def slot(self) -> str:
        return f"{self.scene.label} v{self.take.version} round {self.take.round} slot {self.take.slot}"


def bill(home: Path) -> dict[str, list[Billed]]:
    """The service's bill, by token: read from its own books, not from vidpipe's database."""
    books = f"file:{home / 'procedural' / 'service.sqlite3'}?mode=ro"
    found: dict[str, list[Billed]] = {}
    with closing(sqlite3.connect(books, uri=True)) as connection:
        rows = connection.execute("select operation, token, clip, amount, given_back from bill order by id").fetchall()
    by_operation: dict[str, list[tuple[str, str, int, str, float | None]]] = {}
    for row in rows:
        by_operation.setdefault(row[0], []).append(row)
    for operation, clips in by_operation.items():
        charged = sum((Decimal(clip[3]) for clip in clips if clip[4] is None), Decimal(0))
        found.setdefault(clips[0][1], []).append(Billed(operation, clips[0][1], len(clips), charged))
    return found


def check(house: House, project_id: UUID, shape: Shape, billed: dict[str, list[Billed]] | None = None) -> Found:
    """Everything that can be said about a film that has come to rest; `billed` in place of the service's bill."""
    billed = bill(house.home) if billed is None else billed
    return house.deps.db.run(lambda session: _check(session, house, project_id, shape, billed))


def _check(session: Session, house: House, project_id: UUID, shape: Shape, billed: dict[str, list[Billed]]) -> Found:
    rows = _rows(session, project_id, billed)
    trail = session.execute(select(Transition).where(Transition.project_id == project_id).order_by(Transition.id))
    moves = list(trail.scalars())
    wrong = [
        *_film(session, project_id, shape),
        *_money(session, project_id, rows),
        *_unknown(session, billed),
        *_legal(session, project_id, moves),
        *_nobodys(session, project_id),
    ]
    return Found(
        bought=sum(row.take.operation is not None for row in rows),
        billed=sum(len(row.billed) for row in rows),
        twice=sum(len(row.billed) > 1 for row in rows),
        in_doubt=_in_doubt(moves),
        lost=sum(attempt.outcome == "lost" for row in rows for attempt in row.attempts),
        uncertain=sum(row.take.state == TakeState.UNCERTAIN for row in rows),
        violations=tuple(wrong),
    )


def film_file(house: House, project_id: UUID, shape: Shape) -> list[str]:
    """What is wrong with the film's file; nothing where it is as it should be. Probes it: no transaction is open."""
    cut = house.deps.db.run(lambda session: projects.latest_cut(session, project_id))
    if cut is None or cut.key is None:
        return ["the film has no file"]
    with house.deps.storage.open_local(cut.key) as path:
        info = probe(path)
    wanted = shape.scenes * SECONDS
    problems = []
    if info.video is None or (info.video.width, info.video.height) != (WIDTH, HEIGHT):
        problems.append(f"the film's picture is {info.video}")
    if info.audio is None:
        problems.append("the film has no sound")
    if abs(info.duration - wanted) > max(0.15, _SLACK * shape.scenes):
        problems.append(f"the film lasts {info.duration:.2f} s, not {wanted:g} s")
    return problems


def _rows(session: Session, project_id: UUID, billed: dict[str, list[Billed]]) -> list[_Row]:
    found = session.execute(
        select(Scene, Take).join(Take, Take.scene_id == Scene.id).where(Scene.project_id == project_id)
    ).all()
    attempts: dict[UUID | None, list[Attempt]] = {}
    made = select(Purchase.take_id, Attempt).join(Attempt, Attempt.purchase_id == Purchase.id)
    for take_id, attempt in session.execute(made.where(Purchase.project_id == project_id).order_by(Attempt.number)):
        attempts.setdefault(take_id, []).append(attempt)
    return [
        _Row(
            scene, take, attempts.get(take.id, []),
            [one for attempt in attempts.get(take.id, []) for one in billed.get(str(attempt.token), [])],
        )
        for scene, take in found
    ]  # fmt: skip


def _film(session: Session, project_id: UUID, shape: Shape) -> Iterator[str]:
    """The film is complete: every scene has its clip, every candidate and take is at its end, one cut is ready."""
    project = projects.get(session, project_id)
    if project.state != ProjectState.DONE:
        yield f"the film is {project.state}: {project.note or project.last_error}"
    for scene in projects.scenes(session, project_id):
        if scene.state != SceneState.DONE or scene.last_error:
            yield f"{scene.label} is {scene.state}: {scene.note or scene.last_error}"
        states = sorted(candidate.state for candidate, _ in scenes.candidates(session, scene))
        wanted = [*[CandidateState.PASSED] * (shape.candidates - 1), CandidateState.SELECTED]
        if states != wanted:
            yield f"{scene.label} has candidates {states}, not {[str(state) for state in wanted]}"
        if scenes.clip(session, scene) is None:
            yield f"{scene.label} has no clip"
    for take in projects.takes(session, project_id):
        if take.state not in (TakeState.SETTLED, TakeState.UNCERTAIN):
            yield f"take {take.round}.{take.slot} of scene {take.scene_id} is {take.state}: {take.last_error}"
    cuts = session.execute(select(Cut).where(Cut.project_id == project_id)).scalars().all()
    if [cut.state for cut in cuts] != [CutState.READY]:
        yield f"the film's cuts are {[cut.state for cut in cuts]}"
    chapters = [len(cut.chapters or ()) for cut in cuts]
    if chapters != [shape.scenes]:
        yield f"the film has {chapters} chapters, not {shape.scenes}"


def _money(session: Session, project_id: UUID, rows: Sequence[_Row]) -> Iterator[str]:
    """No slot was bought twice, no scene again, and the ledger says what the bill says."""
    for row in rows:
        operations = [one.operation for one in row.billed]
        if len(operations) > 1:
            yield f"{row.slot} was bought {len(operations)} times: {operations}"
        if row.take.operation is not None and operations != [row.take.operation]:
            yield f"{row.slot} has the operation {row.take.operation}, the bill says {operations}"
        if row.take.operation is None and operations and row.take.state != TakeState.UNCERTAIN:
            yield f"{row.slot} is {row.take.state} and was billed: {operations}"
    for label, count in Counter(row.scene.label for row in rows).items():
        if count > 1:
            reasons = [row.take.last_error for row in rows if row.scene.label == label]
            yield f"{label} was ordered {count} times, though nothing was wrong with it: {reasons}"
    charged = sum((one.amount for row in rows for one in row.billed), Decimal(0))
    entries = session.execute(select(LedgerEntry).where(LedgerEntry.project_id == project_id)).scalars().all()
    settled = sum((entry.amount for entry in entries if entry.kind == "settle"), Decimal(0))
    if settled != charged:
        yield f"the ledger has settled {settled}, the bill says {charged}"
    kinds: dict[UUID, list[str]] = {}
    for entry in entries:
        kinds.setdefault(entry.attempt_id, []).append(entry.kind)
    for attempt_id, found in kinds.items():
        # The third: given up as not accepted, and then the answer came that it was.
        if sorted(found) not in (["release", "reserve"], ["reserve", "settle"], ["release", "reserve", "settle"]):
            yield f"the attempt {attempt_id} has the ledger entries {sorted(found)}"


def _unknown(session: Session, billed: dict[str, list[Billed]]) -> Iterator[str]:
    """Nothing is on the bill that the database knows nothing of, whichever film it was for."""
    known = {str(token) for token in session.execute(select(Attempt.token)).scalars()}
    for token in billed.keys() - known:
        yield f"the bill has {[one.operation for one in billed[token]]} under the token {token}, which nobody knows"


def _legal(session: Session, project_id: UUID, moves: Sequence[Transition]) -> Iterator[str]:
    """Every row's moves follow one another, are in the table, and end in the state it has."""
    last: dict[tuple[str, UUID], str] = {}
    for move in moves:
        key, entity = (move.entity, move.entity_id), Entity(move.entity)
        before = last.get(key, "")
        if move.from_state != before:
            yield f"{move.entity} {move.entity_id} moved from {move.from_state!r} when it was {before!r} ({move.event})"
        if move.event != "made":
            state: Any = STATES[entity](move.from_state)
            if after(entity, state, move.event) != move.to_state:
                yield f"{move.entity}: {move.event} led from {move.from_state} to {move.to_state}"
        last[key] = move.to_state
    for row in _all_rows(session, project_id):
        if last.get((str(row.entity), row.id)) != row.state:
            yield f"{row.entity} {row.id} is {row.state}, its trail ends with {last.get((str(row.entity), row.id))}"


def _nobodys(session: Session, project_id: UUID) -> Iterator[str]:
    """Nobody holds a row of a film that is done."""
    for row in _all_rows(session, project_id):
        if row.lease_token is not None:
            yield f"{row.entity} {row.id} ({row.state}) is leased by {row.lease_by} until {row.lease_until}"


def _all_rows(session: Session, project_id: UUID) -> list[Workable]:
    rows: list[Workable] = [projects.get(session, project_id), *projects.takes(session, project_id)]
    for scene in projects.scenes(session, project_id):
        rows += [scene, *(candidate for candidate, _ in scenes.candidates(session, scene))]
    return rows


def _in_doubt(moves: Sequence[Transition]) -> int:
    """Takes whose call ended otherwise than in the hands of the task that began it."""
    began: dict[UUID, str | None] = {}
    doubted: set[UUID] = set()
    for move in moves:
        if move.entity != Entity.TAKE:
            continue
        if move.event == "submit_began":
            began[move.entity_id] = move.task_id
        elif move.event == "unclear" or (
            move.from_state in (TakeState.SUBMITTING, TakeState.UNCERTAIN) and move.task_id != began.get(move.entity_id)
        ):
            doubted.add(move.entity_id)
    return len(doubted)


def trail(house: House, project_id: UUID, scene_id: UUID | None = None) -> str:
    """The moves of a film, or of one of its scenes, one a line: to understand what went wrong."""
    wanted = select(Transition).where(Transition.project_id == project_id).order_by(Transition.at, Transition.id)
    if scene_id is not None:
        wanted = wanted.where(Transition.scene_id == scene_id)
    moves = house.deps.db.run(lambda session: list(session.execute(wanted).scalars()))
    return "\n".join(
        f"{move.at:%H:%M:%S.%f} {move.entity:<9} {str(move.entity_id)[:8]} {move.from_state or '-'} > {move.to_state}"
        f" by {move.event} (task {(move.task_id or '-')[:8]}) {move.reason or ''}"
        for move in moves
    )


def unfinished(house: House, project_id: UUID) -> list[UUID]:
    """The scenes of a film that are not done."""
    wanted = select(Scene.id).where(Scene.project_id == project_id, Scene.state != str(SceneState.DONE))
    return house.deps.db.run(lambda session: list(session.execute(wanted).scalars()))
