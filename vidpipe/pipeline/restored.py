"""Whether this database may buy: one that was restored from a backup does not know what was bought since.

Every database knows who it is: which server holds it, on which timeline, under which number, and when that server
was started. The tick writes that down as the sign `buying` once it has looked at the journal of orders; a database
that was restored, copied, or whose server was only started anew, is somebody else, and nothing is bought until
the tick has looked again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from vidpipe.db import money, scenes
from vidpipe.db.models import Attempt, ClusterSign, Drawing, Project, Scene, Take
from vidpipe.db.transitions import NOW, advance_many, born
from vidpipe.domain.states import DrawingState, Entity, TakeState
from vidpipe.pipeline import journal
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.journal import DrawingEntry, Entry

log = logging.getLogger(__name__)

SIGN = "buying"
FORGOTTEN = "forgotten"  # the sign that counts orders of films that this database does not know at all
WAITS = "the database was started or restored; nothing is bought until the journal of orders was looked at"
_REASON = "the database does not know this order, the journal does: it was restored from a backup"
_IDENTITY = text(
    "SELECT concat_ws(':', s.system_identifier, c.timeline_id, d.oid, 'attempts'::regclass::oid,"
    " extract(epoch FROM pg_postmaster_start_time()))"
    " FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()"
)


def identity(session: Session) -> str:
    """Who this database is, until its server is started anew."""
    return str(session.execute(_IDENTITY).scalar_one())


def look(deps: Deps) -> int:
    """Compare this database with the journal of orders, if it has not been done; how many it had forgotten.

    What it had forgotten becomes uncertain, and is then reconciled as any order of unknown fate. Raises
    StorageError where the journal cannot be read now: then nothing is bought.
    """
    me = deps.db.run(identity)
    if deps.db.run(may_buy):
        return 0
    known = deps.db.run(lambda session: set(session.execute(select(Attempt.token)).scalars()))
    missing = {token: key for token, key in journal.tokens(deps) if token not in known}
    unknown = _remember_all(deps, missing)
    deps.db.run(lambda session: _sign(session, me, unknown))
    return len(missing)


def _remember_all(deps: Deps, missing: Mapping[UUID, str]) -> int:
    unknown = 0
    for token, key in missing.items():
        entry = journal.read(deps, key)
        if not deps.db.run(lambda session, e=entry, t=token: remember(session, e, t)):  # type: ignore[misc]
            log.warning("order %s was given for film %s, which this database does not know", token, entry.project_id)
            unknown += 1
    return unknown


def _sign(session: Session, me: str, unknown: int) -> None:
    now = func.clock_timestamp()
    for name, value in ((SIGN, me), (FORGOTTEN, str(unknown))):
        fresh = insert(ClusterSign).values(name=name, value=value, changed_at=now, seen_at=now)
        session.execute(
            fresh.on_conflict_do_update(
                index_elements=["name"], set_={"value": value, "changed_at": now, "seen_at": now}
            )
        )


def remember(session: Session, entry: Entry | DrawingEntry, token: UUID) -> bool:
    """Write down an order that was forgotten, as one of unknown fate; False where its scene is not known either."""
    if session.get(Project, UUID(entry.project_id)) is None or session.get(Scene, UUID(entry.scene_id)) is None:
        return False
    scenes.lock(session, UUID(entry.scene_id))
    if session.execute(select(Attempt.id).where(Attempt.token == token)).scalar_one_or_none() is not None:
        return True
    row = _take(session, entry) if isinstance(entry, Entry) else _drawing(session, entry)
    attempt = money.begin_attempt(session, money.order_of(row, Decimal(entry.price)), 0.0, token=token)
    money.end_attempt(session, attempt.id, "unclear", detail=_REASON)
    # A take's service is asked; a picture is gone, and only a person can know.
    due: dict[str, Any] = {"due_at": NOW} if isinstance(row, Take) else {}
    for state, event in _FORGOTTEN[row.entity]:
        if row.state == state:
            advance_many(
                session, row.entity, [row.id], event, states=[state], reason=_REASON, last_error=_REASON,
                sent=False, **due,
            )  # fmt: skip
    return True


_FORGOTTEN: dict[Entity, tuple[tuple[str, str], ...]] = {
    Entity.TAKE: ((TakeState.QUEUED, "forgotten"), (TakeState.SUBMITTING, "unclear")),
    Entity.DRAWING: ((DrawingState.QUEUED, "forgotten"), (DrawingState.DRAWING, "unclear")),
}


def _drawing(session: Session, entry: DrawingEntry) -> Drawing:
    """The drawing that the order was for: it, or the one that stands in its place, or else it is made again."""
    place = (
        (Drawing.scene_id == UUID(entry.scene_id))
        & (Drawing.version == entry.version)
        & (Drawing.which == entry.which)
        & (Drawing.round == entry.round)
        & (Drawing.number == entry.number)
    )
    mine = Drawing.id == UUID(entry.drawing_id)
    found = session.execute(select(Drawing).where(or_(mine, place)).order_by(~mine).limit(1)).scalar_one_or_none()
    if found is not None:
        return found
    drawing = Drawing(
        id=UUID(entry.drawing_id), project_id=UUID(entry.project_id), scene_id=UUID(entry.scene_id),
        version=entry.version, which=entry.which, round=entry.round, number=entry.number, service=entry.service,
        model=entry.model, seed=entry.seed, prompt=entry.prompt, policy_level=entry.policy_level,
        request=entry.request, state=str(DrawingState.UNCERTAIN), last_error=_REASON,
    )  # fmt: skip
    session.add(drawing)
    session.flush()
    born(session, drawing, _REASON)
    return drawing


def _take(session: Session, entry: Entry) -> Take:
    """The take that the order was for: it, or the one that stands in its place, or else it is made again."""
    place = (
        (Take.scene_id == UUID(entry.scene_id))
        & (Take.version == entry.version)
        & (Take.round == entry.round)
        & (Take.slot == entry.slot)
    )
    there = select(Take).where(or_(Take.id == UUID(entry.take_id), place)).order_by(Take.id != UUID(entry.take_id))
    found = session.execute(there.limit(1)).scalar_one_or_none()
    if found is not None:
        return found
    take = Take(
        id=UUID(entry.take_id), project_id=UUID(entry.project_id), scene_id=UUID(entry.scene_id),
        version=entry.version, round=entry.round, slot=entry.slot, service=entry.service, model=entry.model,
        count=entry.count, seed=entry.seed, prompt=entry.prompt, policy_level=entry.policy_level,
        request=entry.request, state=str(TakeState.UNCERTAIN), last_error=_REASON, due_at=func.clock_timestamp(),
    )  # fmt: skip
    session.add(take)
    session.flush()
    born(session, take, _REASON)
    return take


def may_buy(session: Session) -> bool:
    """Whether the tick has found that this very database knows of every order."""
    signed = select(ClusterSign.value).where(ClusterSign.name == SIGN)
    return session.execute(signed).scalar_one_or_none() == identity(session)
