"""The one door for every change of state.

`advance` is one guarded UPDATE and one INSERT into the audit trail, in one statement of the caller's
transaction. It raises `Stale` where the row has moved on or the lease is another's; the step that meets this
returns quietly, since somebody else has done the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Insert,
    Interval,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from vidpipe.db.models import Cut, Drawing, GenerationCandidate, Project, Scene, Take, Transition, Workable
from vidpipe.domain.states import Entity, State, sources
from vidpipe.errors import Stale

NOW = timedelta(0)  # as a value of `advance`

# The task that is at work, for the audit trail; set by whoever runs a step.
acting: ContextVar[str | None] = ContextVar("acting", default=None)

_MODELS: dict[Entity, type[Workable]] = {
    Entity.PROJECT: Project,
    Entity.SCENE: Scene,
    Entity.TAKE: Take,
    Entity.CANDIDATE: GenerationCandidate,
    Entity.DRAWING: Drawing,
    Entity.CUT: Cut,
}


def advance(
    session: Session,
    row: Workable,
    event: str,
    *,
    lease: UUID | None = None,
    reason: str | None = None,
    sent: bool = True,
    **values: Any,
) -> None:
    """Move `row` by `event` and write `values` with it; raises Stale where it is not there any more.

    A value that is a timedelta is a time, so much later than now by the database's clock (`NOW`: at once).
    The row's lease ends with the move. `sent` tells that the caller sends what comes next itself; False
    leaves that to the tick.
    """
    moved = advance_many(
        session, row.entity, [row.id], event, states=[row.state], lease=lease, reason=reason, sent=sent, **values
    )
    if not moved:
        raise Stale(f"{row.entity} {row.id} is no longer {row.state} under this lease ({event})")


def advance_many(
    session: Session,
    entity: Entity,
    ids: Iterable[UUID],
    event: str,
    *,
    states: Iterable[str] | None = None,
    lease: UUID | None = None,
    reason: str | None = None,
    sent: bool = True,
    **values: Any,
) -> list[UUID]:
    """Move every row of `ids` that `event` can move (from `states`, if given); the ids that were moved.

    Raises ValueError where the table of transitions has no such event.
    """
    moves = {
        state: to
        for state, to in sources(entity, event).items()
        if states is None or str(state) in {str(wanted) for wanted in states}
    }
    if not moves:
        raise ValueError(f"no transition of a {entity} by {event!r} from {list(states or ['any state'])}")
    moved: list[UUID] = []
    for state, to in moves.items():
        moved += _move(session, entity, list(ids), state, to, event, lease, reason, sent, values)
    return moved


def _move(
    session: Session,
    entity: Entity,
    ids: list[UUID],
    state: State,
    to: State,
    event: str,
    lease: UUID | None,
    reason: str | None,
    sent: bool,
    values: dict[str, Any],
) -> list[UUID]:
    by_clock = frozenset(name for name, value in values.items() if isinstance(value, timedelta))
    statement = _statement(entity, state, to, event, lease is not None, sent, tuple(sorted(values)), by_clock)
    given = {
        "ids": ids,
        "reason": reason,
        "task": acting.get(),
        **{f"to_{name}": found for name, found in values.items()},
    }
    if lease is not None:
        given["lease"] = lease
    return list(session.execute(statement, given).scalars())


# Building a statement costs several times what sending it does, and there are a few dozen kinds of moves.
@cache
def _statement(
    entity: Entity,
    state: State,
    to: State,
    event: str,
    leased: bool,
    sent: bool,
    names: tuple[str, ...],
    by_clock: frozenset[str],
) -> Insert:
    """The move and its line of the audit trail, with a place for each value: `to_` and its column's name."""
    table: Any = _MODELS[entity].__table__
    now = func.clock_timestamp()
    fresh: dict[str, Any] = {
        "state": str(to), "moved_at": now, "due_at": None, "tries": 0, "waits": 0, "deaths": 0, "last_error": None,
        "lease_token": None, "lease_until": None, "lease_by": None, "sent_at": now if sent else None, "sends": 0,
    }  # fmt: skip
    for name in names:
        later = now + bindparam(f"to_{name}", type_=Interval)
        fresh[name] = later if name in by_clock else bindparam(f"to_{name}", type_=table.c[name].type)
    where = [table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))), table.c.state == str(state)]
    if leased:
        where.append(table.c.lease_token == bindparam("lease"))
    moved = update(table).where(*where).values(fresh).returning(*_owners(entity)).cte("moved")
    audit: Any = Transition.__table__
    return (
        insert(audit)
        .from_select(
            ["entity", "entity_id", "project_id", "scene_id", "from_state", "to_state", "event", "reason", "task_id"],
            select(
                literal(str(entity)), moved.c.id, moved.c.project_id, moved.c.scene_id,
                literal(str(state)), literal(str(to)), literal(event), bindparam("reason", type_=Text),
                bindparam("task", type_=Text),
            ),
        )
        .returning(audit.c.entity_id)
    )  # fmt: skip


def _owners(entity: Entity) -> list[Any]:
    table: Any = _MODELS[entity].__table__
    if entity == Entity.PROJECT:
        return [table.c.id, table.c.id.label("project_id"), cast(null(), Uuid).label("scene_id")]
    if entity == Entity.SCENE:
        return [table.c.id, table.c.project_id, table.c.id.label("scene_id")]
    if entity == Entity.CUT:
        return [table.c.id, table.c.project_id, cast(null(), Uuid).label("scene_id")]
    return [table.c.id, table.c.project_id, table.c.scene_id]


class Born(NamedTuple):
    """A row that was made, and whose it is."""

    id: UUID
    project_id: UUID
    scene_id: UUID


def born_many(session: Session, entity: Entity, state: str, made: Sequence[Born]) -> None:
    """Record that rows of one kind were made in `state`, all in one statement."""
    rows = [
        {
            "entity": str(entity), "entity_id": one.id, "project_id": one.project_id, "scene_id": one.scene_id,
            "from_state": "", "to_state": state, "event": "made", "task_id": acting.get(),
        }
        for one in made
    ]  # fmt: skip
    if rows:
        session.execute(insert(Transition), rows)


def born(session: Session, row: Workable, reason: str | None = None) -> None:
    """Record that `row` was made, in the state it was made in; call it after the row was flushed."""
    owner: Any = row
    project_id = row.id if isinstance(row, Project) else owner.project_id
    scene_id = row.id if isinstance(row, Scene) else getattr(row, "scene_id", None)
    session.add(
        Transition(
            entity=str(row.entity), entity_id=row.id, project_id=project_id, scene_id=scene_id, from_state="",
            to_state=row.state, event="made", reason=reason, task_id=acting.get(),
        )
    )  # fmt: skip
