"""Where a row stands: its state, whose it is, and how to speak of it. What a route is found from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select
from sqlalchemy.orm import Session

from vidpipe.db.models import Drawing, GenerationCandidate, Project, Scene, Take
from vidpipe.domain.states import Entity, TakeState


@dataclass(frozen=True)
class Standing:
    """One row as its route needs it."""

    entity: Entity
    id: UUID
    state: str
    root_id: UUID
    words: str  # 'Lighthouse, Shot 1A, take 1.1'
    scene_words: str = ""  # 'Lighthouse, Shot 1A'
    scene_id: UUID | None = None
    candidates: tuple[tuple[UUID, int], ...] = ()  # of a delivered take: (id, number)


def standings(session: Session, wanted: Sequence[tuple[Entity, UUID]]) -> list[Standing]:
    """The standing of every row that is still there, in the order asked for."""
    found: dict[UUID, Standing] = {}
    for entity, load in _LOADERS.items():
        ids = [row_id for kind, row_id in wanted if kind == entity]
        if ids:
            found.update({row.id: row for row in load(session, ids)})
    return [found[row_id] for _, row_id in wanted if row_id in found]


def _projects(session: Session, ids: list[UUID]) -> list[Standing]:
    rows = session.execute(select(Project.id, Project.state, Project.title).where(Project.id.in_(ids)))
    return [Standing(Entity.PROJECT, row_id, state, row_id, title) for row_id, state, title in rows]


def _scenes(session: Session, ids: list[UUID]) -> list[Standing]:
    rows = session.execute(_of_scenes(), {"ids": ids})
    return [
        Standing(Entity.SCENE, row_id, state, root, f"{title}, {label}", f"{title}, {label}", row_id)
        for row_id, state, root, label, title in rows
    ]


@cache
def _of_scenes() -> Any:
    found = select(Scene.id, Scene.state, Scene.root_id, Scene.label, Project.title)
    return found.join(Project, Project.id == Scene.project_id).where(Scene.id == _one_of())


def _one_of() -> Any:
    """SQL: any of the ids given; building a statement takes longer than asking it."""
    return any_(bindparam("ids", type_=ARRAY(Uuid)))


def _takes(session: Session, ids: list[UUID]) -> list[Standing]:
    rows = session.execute(_of_takes(), {"ids": ids}).all()
    delivered = [row.id for row in rows if row.state == TakeState.DELIVERED]
    parts = _parts(session, delivered) if delivered else {}
    return [
        Standing(
            Entity.TAKE, row_id, state, root, f"{title}, {label}, take {round_}.{slot}", f"{title}, {label}",
            scene_id, tuple(parts.get(row_id, ())),
        )
        for row_id, state, round_, slot, scene_id, root, label, title in rows
    ]  # fmt: skip


@cache
def _of_takes() -> Any:
    return (
        select(Take.id, Take.state, Take.round, Take.slot, Scene.id, Scene.root_id, Scene.label, Project.title)
        .join(Scene, Scene.id == Take.scene_id)
        .join(Project, Project.id == Take.project_id)
        .where(Take.id == _one_of())
    )


def _parts(session: Session, takes: list[UUID]) -> dict[UUID, list[tuple[UUID, int]]]:
    """The candidates of each take, by their numbers."""
    parts: dict[UUID, list[tuple[UUID, int]]] = {}
    for take_id, candidate_id, number in session.execute(
        select(GenerationCandidate.take_id, GenerationCandidate.id, GenerationCandidate.number)
        .where(GenerationCandidate.take_id.in_(takes))
        .order_by(GenerationCandidate.number)
    ):
        parts.setdefault(take_id, []).append((candidate_id, number))
    return parts


def _candidates(session: Session, ids: list[UUID]) -> list[Standing]:
    rows = session.execute(
        select(
            GenerationCandidate.id, GenerationCandidate.state, GenerationCandidate.number, Take.round, Take.slot,
            Scene.id, Scene.root_id, Scene.label, Project.title,
        )
        .join(Take, Take.id == GenerationCandidate.take_id)
        .join(Scene, Scene.id == GenerationCandidate.scene_id)
        .join(Project, Project.id == GenerationCandidate.project_id)
        .where(GenerationCandidate.id.in_(ids))
    )  # fmt: skip
    return [
        Standing(
            Entity.CANDIDATE, row_id, state, root, f"{title}, {label}, take {round_}.{slot}, candidate {number}",
            f"{title}, {label}", scene_id,
        )
        for row_id, state, number, round_, slot, scene_id, root, label, title in rows
    ]  # fmt: skip


def _drawings(session: Session, ids: list[UUID]) -> list[Standing]:
    rows = session.execute(
        select(Drawing.id, Drawing.state, Drawing.which, Scene.id, Scene.root_id, Scene.label, Project.title)
        .join(Scene, Scene.id == Drawing.scene_id)
        .join(Project, Project.id == Drawing.project_id)
        .where(Drawing.id.in_(ids))
    )
    return [
        Standing(Entity.DRAWING, row_id, state, root, f"{title}, {label}, {which} frame", f"{title}, {label}", scene_id)
        for row_id, state, which, scene_id, root, label, title in rows
    ]


_LOADERS = {
    Entity.PROJECT: _projects,
    Entity.SCENE: _scenes,
    Entity.TAKE: _takes,
    Entity.CANDIDATE: _candidates,
    Entity.DRAWING: _drawings,
}
