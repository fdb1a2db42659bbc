"""Questions about films."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, Uuid, bindparam, cast, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from vidpipe.db.models import Cut, Project, Scene, Take
from vidpipe.db.models import Sequence as SequenceRow
from vidpipe.domain.states import PROJECT_RUNS, ProjectState
from vidpipe.errors import UserError


def runs(project_id: ColumnElement[UUID] | InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """SQL: the film of a row is being worked on (not paused, cancelled or ended)."""
    states = [str(state) for state in PROJECT_RUNS]
    return exists(select(Project.id).where(Project.id == project_id, Project.state.in_(states)))


def keep(session: Session, project_id: UUID) -> Project:
    """The film; no order of a person changes it before this transaction ends."""
    found: Project = session.execute(_keep(), {"film": project_id}).scalar_one()
    return found


@cache
def _keep() -> Any:
    found = select(Project).where(Project.id == bindparam("film", type_=Uuid)).with_for_update(read=True)
    return found.execution_options(populate_existing=True)


def get(session: Session, project_id: UUID) -> Project:
    """The film; raises UserError where there is none."""
    project = session.get(Project, project_id)
    if project is None:
        raise UserError(f"there is no film {project_id}", remedy="`vidpipe status` lists them.")
    return project


def find(session: Session, words: str) -> Project:
    """The film that `words` mean: an id, the beginning of one, or its title (the newest of that title).

    Raises UserError where there is none or where a beginning fits several.
    """
    by_age = select(Project.id).order_by(Project.created_at.desc())
    titled = session.execute(by_age.where(func.lower(Project.title) == words.lower()).limit(1)).scalar_one_or_none()
    if titled is not None:
        return session.get_one(Project, titled)
    text_id = cast(Project.id, String)
    fits = session.execute(by_age.where(text_id.startswith(words.lower(), autoescape=True)).limit(9)).scalars().all()
    if len(fits) == 1 and len(words) >= 3:
        return session.get_one(Project, fits[0])
    if len(fits) > 1:
        raise UserError(f"{words!r} fits several films", remedy="Give more of the id.")
    raise UserError(f"there is no film {words!r}", remedy="`vidpipe status` lists them.")


def newest(session: Session, fingerprint: str) -> Project | None:
    """The newest film made from a storyboard of this fingerprint that wasn't cancelled."""
    gone = (ProjectState.CANCELLED, ProjectState.CANCELLING)
    return session.execute(
        select(Project)
        .where(Project.fingerprint == fingerprint, Project.state.not_in([str(state) for state in gone]))
        .order_by(Project.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def all_of(session: Session) -> Sequence[Project]:
    """Every film, newest first, without its storyboard's text."""
    return session.execute(select(Project).order_by(Project.created_at.desc())).scalars().all()


def scenes(session: Session, project_id: UUID) -> Sequence[Scene]:
    """The scenes in the order of the film."""
    return session.execute(select(Scene).where(Scene.project_id == project_id).order_by(Scene.position)).scalars().all()


def sequences(session: Session, project_id: UUID) -> Sequence[SequenceRow]:
    """The sequences in the order of the film."""
    found = select(SequenceRow).where(SequenceRow.project_id == project_id).order_by(SequenceRow.position)
    return session.execute(found).scalars().all()


def takes(session: Session, project_id: UUID) -> Sequence[Take]:
    """Every take of the film, oldest first."""
    found = (
        select(Take).where(Take.project_id == project_id).order_by(Take.scene_id, Take.version, Take.round, Take.slot)
    )
    return session.execute(found).scalars().all()


def latest_cut(session: Session, project_id: UUID) -> Cut | None:
    """The newest cut of the film, whatever its state."""
    found = select(Cut).where(Cut.project_id == project_id).order_by(Cut.number.desc()).limit(1)
    return session.execute(found).scalar_one_or_none()


def lock(session: Session, project_id: UUID) -> Project:
    """The film, locked against others who settle it; never FOR UPDATE: that would fight the foreign keys."""
    found = select(Project).where(Project.id == project_id).with_for_update(key_share=True)
    return session.execute(found.execution_options(populate_existing=True)).scalar_one()
