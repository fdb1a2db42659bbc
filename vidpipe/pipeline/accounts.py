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
from vidpipe.db.models import Attempt, GenerationCandidate, LedgerEntry, Purchase, Scene, Take
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
    """One take."""

    name: str  # '1.2': round and slot
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
    takes: tuple[TakeAccount, ...]


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
    of_take, of_scene = defaultdict(list), defaultdict(list)
    for line in lines:
        of_take[line.take_id].append(line)
        of_scene[line.scene_id].append(line)
    clips: dict[UUID, list[GenerationCandidate]] = defaultdict(list)
    found = select(GenerationCandidate).where(GenerationCandidate.project_id == project_id)
    for clip in session.execute(found.order_by(GenerationCandidate.number)).scalars():
        clips[clip.take_id].append(clip)
    takes: dict[UUID, list[TakeAccount]] = defaultdict(list)
    orders = _orders(session, project_id)
    for take in projects.takes(session, project_id):
        takes[take.scene_id].append(_take(take, of_take[take.id], clips[take.id], orders.get(take.id)))
    scenes = tuple(
        SceneAccount(scene.label, _sum(of_scene[scene.id]), tuple(takes[scene.id]))
        for scene in projects.scenes(session, project_id)
    )
    return FilmAccount(
        project.id, project.title, project.state, project.estimate, project.budget, _sum(lines), scenes,
        _corrections(session, project_id),
    )  # fmt: skip


def _orders(session: Session, project_id: UUID) -> dict[UUID, UUID]:
    """The token by which a take's order is known, by the take's id."""
    rows = session.execute(
        select(Take.id, Attempt.token)
        .ext(distinct_on(Take.id))
        .join(Purchase, Purchase.take_id == Take.id)
        .join(Attempt, Attempt.purchase_id == Purchase.id)
        .where(Take.project_id == project_id)
        .order_by(Take.id, (Attempt.operation == Take.operation).desc().nulls_last(), Attempt.number.desc())
    )
    return {row[0]: row[1] for row in rows}


def _corrections(session: Session, project_id: UUID) -> tuple[Correction, ...]:
    rows = session.execute(
        select(Attempt.token, Scene.label, Take, LedgerEntry)
        .join(Attempt, Attempt.id == LedgerEntry.attempt_id)
        .join(Purchase, Purchase.id == LedgerEntry.purchase_id)
        .join(Take, Take.id == Purchase.take_id)
        .join(Scene, Scene.id == Take.scene_id)
        .where(LedgerEntry.project_id == project_id, LedgerEntry.kind == "adjust")
        .order_by(LedgerEntry.created_at, LedgerEntry.id)
    )
    return tuple(
        Correction(token, label, f"{take.round}.{take.slot}", entry.amount, entry.why or "", entry.created_at)
        for token, label, take, entry in rows
    )


def _take(take: Take, lines: Iterable[Line], clips: Iterable[GenerationCandidate], order: UUID | None) -> TakeAccount:
    return TakeAccount(
        f"{take.round}.{take.slot}", take.version, take.service, take.model, take.state,
        _sum(lines),
        tuple(CandidateAccount(clip.number, clip.state, clip.cost or Decimal(0)) for clip in clips), order,
    )  # fmt: skip


def _sum(lines: Iterable[Line]) -> Balance:
    total = Balance()
    for line in lines:
        total = Balance(total.settled + line.balance.settled, total.open + line.balance.open)
    return total
