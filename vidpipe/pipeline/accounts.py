"""accounts: what films have cost, by film, scene, take and candidate. Every figure is a question to the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from vidpipe.db import money, projects
from vidpipe.db.models import Attempt, Drawing, GenerationCandidate, LedgerEntry, Purchase, Scene, Take
from vidpipe.db.money import Balance, Line
from vidpipe.pipeline.deps import Deps


@dataclass(frozen=True)
class CandidateAccount:
    """A clip's share of what its take has cost; US dollars."""

    number: int
    state: str
    cost: Decimal


@dataclass(frozen=True)
class TakeAccount:
    """One take, or one picture."""

    name: str  # 'take 1.2': round and slot; 'first frame'
    version: int
    service: str
    model: str
    state: str
    balance: Balance
    candidates: tuple[CandidateAccount, ...]
    order: UUID | None = None  # the token of the one that brought it, else of the latest


@dataclass(frozen=True)
class SceneAccount:
    """One scene, over all its versions."""

    label: str
    balance: Balance
    takes: tuple[TakeAccount, ...]  # its pictures first


@dataclass(frozen=True)
class Correction:
    """What a person has added to what an order cost, or taken off (below 0). US dollars."""

    order: UUID  # its token
    scene: str
    take: str
    amount: Decimal
    why: str
    at: datetime


@dataclass(frozen=True)
class FilmAccount:
    """One film. US dollars."""

    id: UUID
    title: str
    state: str
    estimate: Decimal
    budget: Decimal | None
    balance: Balance
    scenes: tuple[SceneAccount, ...] = ()
    corrections: tuple[Correction, ...] = ()  # oldest first; the balances count them already


def films(deps: Deps) -> Sequence[FilmAccount]:
    """Every film, newest first, without its scenes."""
    return deps.db.run(_films)


def film(deps: Deps, project_id: UUID) -> FilmAccount:
    """One film with everything in it; raises UserError where there is none."""
    return deps.db.run(lambda session: _film(session, project_id))


def _films(session: Session) -> list[FilmAccount]:
    return [
        FilmAccount(
            one.id,
            one.title,
            one.state,
            one.estimate,
            one.budget,
            money.balance(session, Purchase.project_id == one.id),
        )
        for one in projects.all_of(session)
    ]


def _film(session: Session, project_id: UUID) -> FilmAccount:
    project = projects.get(session, project_id)
    lines = money.lines(session, Purchase.project_id == project_id)
    of_row, of_scene = defaultdict(list), defaultdict(list)
    for line in lines:
        of_row[line.take_id or line.drawing_id].append(line)
        of_scene[line.scene_id].append(line)
    clips: dict[UUID, list[GenerationCandidate]] = defaultdict(list)
    found = select(GenerationCandidate).where(GenerationCandidate.project_id == project_id)
    for clip in session.execute(found.order_by(GenerationCandidate.number)).scalars():
        clips[clip.take_id].append(clip)
    takes: dict[UUID, list[TakeAccount]] = defaultdict(list)
    orders = _orders(session, project_id)
    drawn = select(Drawing).where(Drawing.project_id == project_id).order_by(Drawing.created_at, Drawing.id)
    for picture in session.execute(drawn).scalars():
        takes[picture.scene_id].append(_picture(picture, of_row[picture.id], orders.get(picture.id)))
    for take in projects.takes(session, project_id):
        takes[take.scene_id].append(_take(take, of_row[take.id], clips[take.id], orders.get(take.id)))
    scenes = tuple(
        SceneAccount(scene.label, _sum(of_scene[scene.id]), tuple(takes[scene.id]))
        for scene in projects.scenes(session, project_id)
    )
    return FilmAccount(
        project.id, project.title, project.state, project.estimate, project.budget, _sum(lines), scenes,
        _corrections(session, project_id),
    )  # fmt: skip


def _orders(session: Session, project_id: UUID) -> dict[UUID, UUID]:
    """The token by which a take's order, or a picture's, is known, by the id of either."""
    rows = session.execute(
        select(Take.id, Attempt.token)
        .ext(distinct_on(Take.id))
        .join(Purchase, Purchase.take_id == Take.id)
        .join(Attempt, Attempt.purchase_id == Purchase.id)
        .where(Take.project_id == project_id)
        .order_by(Take.id, (Attempt.operation == Take.operation).desc().nulls_last(), Attempt.number.desc())
    )
    pictures = session.execute(
        select(Purchase.drawing_id, Attempt.token)
        .ext(distinct_on(Purchase.drawing_id))
        .join(Attempt, Attempt.purchase_id == Purchase.id)
        .where(Purchase.project_id == project_id, Purchase.drawing_id.is_not(None))
        .order_by(Purchase.drawing_id, Attempt.number.desc())
    )
    return {row[0]: row[1] for row in (*rows, *pictures)}


def _corrections(session: Session, project_id: UUID) -> tuple[Correction, ...]:
    rows = session.execute(
        select(Attempt.token, Scene.label, Take, Drawing, LedgerEntry)
        .join(Attempt, Attempt.id == LedgerEntry.attempt_id)
        .join(Purchase, Purchase.id == LedgerEntry.purchase_id)
        .outerjoin(Take, Take.id == Purchase.take_id)
        .outerjoin(Drawing, Drawing.id == Purchase.drawing_id)
        .join(Scene, Scene.id == Purchase.scene_id)
        .where(LedgerEntry.project_id == project_id, LedgerEntry.kind == "adjust")
        .order_by(LedgerEntry.created_at, LedgerEntry.id)
    )
    return tuple(
        Correction(token, label, name_of(take or drawing), entry.amount, entry.why or "", entry.created_at)
        for token, label, take, drawing, entry in rows
    )


def name_of(row: Take | Drawing) -> str:
    """'take 1.2', 'first frame'."""
    return f"{row.which} frame" if isinstance(row, Drawing) else f"take {row.round}.{row.slot}"


def _picture(drawing: Drawing, lines: Iterable[Line], order: UUID | None) -> TakeAccount:
    return TakeAccount(
        name_of(drawing), drawing.version, drawing.service, drawing.model, drawing.state, _sum(lines), (), order
    )


def _take(take: Take, lines: Iterable[Line], clips: Iterable[GenerationCandidate], order: UUID | None) -> TakeAccount:
    return TakeAccount(
        name_of(take), take.version, take.service, take.model, take.state,
        _sum(lines),
        tuple(CandidateAccount(clip.number, clip.state, clip.cost or Decimal(0)) for clip in clips), order,
    )  # fmt: skip


def _sum(lines: Iterable[Line]) -> Balance:
    total = Balance()
    for line in lines:
        total = Balance(total.settled + line.balance.settled, total.open + line.balance.open)
    return total
