"""Which objects of the media store the rows name.

Found by the tables' own shape, so that a table of tomorrow is not forgotten: every column called `key` or
`..._key`, and every string inside a JSON column that reads like a key of a film's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, Text, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.orm import Session

from vidpipe.db.models import Attempt, Base, Drawing, GenerationCandidate, Purchase, Take
from vidpipe.domain import keys
from vidpipe.domain.side_requests import PICTURES
from vidpipe.domain.states import CANDIDATE_ENDED, DRAWING_LIVE, TAKE_ENDED, DrawingState

_PAGE = 5000  # rows fetched at a time
_STRANGERS = frozenset({"handle"})  # what a service's adapter finds a clip by: names at the service, not ours
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LIKE_A_KEY = rf'strict $.** ? (@ like_regex "^{_UUID}/[A-Za-z0-9_./-]+$")'


@dataclass(frozen=True)
class Named:
    """An object that a row names. One that is only to come may be there already, and need not be."""

    key: str
    where: str = ""  # table.column and the row's id
    size: int | None = None  # bytes, where the row knows
    sha256: str | None = None
    to_come: bool = False


def named(session: Session) -> Iterator[Named]:
    """Every name, some of them several times, the best one first; without holding them all."""
    for statement in _statements():
        for key, where, row_id, size, sha256 in session.execute(statement, execution_options={"yield_per": _PAGE}):
            yield Named(str(key), f"{where} {row_id}", size, sha256)
    yield from _to_come(session)


def unended_takes(session: Session) -> set[str]:
    """The takes that something may still come of; whatever lies in their folders is theirs."""
    ended = [str(state) for state in TAKE_ENDED]
    return {str(take_id) for take_id in session.execute(select(Take.id).where(Take.state.not_in(ended))).scalars()}


def films(session: Session) -> set[str]:
    """The ids of all films."""
    projects = Base.metadata.tables["projects"]
    return {str(project_id) for project_id in session.execute(select(projects.c.id)).scalars()}


def _to_come(session: Session) -> Iterator[Named]:
    """A clip is stored before its row says so: where its worker died in between, it is found and not fetched again."""
    open_drawings = (
        select(Drawing.project_id, Drawing.scene_id, Drawing.id, Attempt.token)
        .join(Purchase, Purchase.drawing_id == Drawing.id)
        .join(Attempt, Attempt.purchase_id == Purchase.id)
        .where(Drawing.state.in_([str(state) for state in (*DRAWING_LIVE, DrawingState.UNCERTAIN)]))
    )
    for drawing in session.execute(open_drawings, execution_options={"yield_per": _PAGE}):
        for suffix in PICTURES.values():
            yield Named(keys.drawing(*drawing, suffix), to_come=True)
    candidate = GenerationCandidate
    open_ones = select(candidate.project_id, candidate.scene_id, candidate.take_id, candidate.number).where(
        candidate.state.not_in([str(state) for state in CANDIDATE_ENDED])
    )
    for place in session.execute(open_ones, execution_options={"yield_per": _PAGE}):
        yield Named(keys.candidate(*place), to_come=True)
        for which in ("first", "last", "poster"):
            yield Named(keys.frame(*place, which), to_come=True)


def _statements() -> Iterator[Select[Any]]:
    """Columns that are for it come first, since they tell best whose an object is."""
    columns = [(table, column) for table in Base.metadata.sorted_tables for column in table.columns]
    for table, column in columns:
        if isinstance(column.type, Text) and (column.name == "key" or column.name.endswith("_key")):
            yield _statement(table, column, column).where(column.like("%/%"))
    for table, column in columns:
        if isinstance(column.type, JSONB) and column.name not in _STRANGERS:
            found = func.jsonb_path_query(column, cast(literal(_LIKE_A_KEY), JSONPATH), type_=JSONB)
            yield _statement(table, column, found)


def _statement(table: Table, column: Column[Any], found: ColumnElement[Any]) -> Select[Any]:
    """(key, where, the row's id, size, sha256)"""
    described = column.name == "key" and {"size", "sha256"} <= set(table.columns.keys())
    size, sha256 = (table.c.size, table.c.sha256) if described else (null(), null())
    row_id = cast(table.c.id, Text) if "id" in table.c else literal("")
    return select(found, literal(f"{table.name}.{column.name}"), row_id, size, sha256)
