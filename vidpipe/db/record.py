"""The trail of transitions, read in commit order.

A serial id is drawn before the commit, so a reader that remembers the last id it saw misses rows that commit
late. Rows are therefore numbered after they were committed, by whoever holds an advisory lock: the tick, and
every reader just before it reads, so that a follower sees a row at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from vidpipe.db.models import Transition

_NUMBERER = 0x76697001  # the advisory lock of the one who numbers

_NUMBER = text(
    """
    WITH fresh AS (SELECT id FROM transitions WHERE seq IS NULL ORDER BY id FOR UPDATE),
         last AS (SELECT coalesce(max(seq), 0) AS seq FROM transitions),
         numbered AS (SELECT id, (SELECT seq FROM last) + row_number() OVER (ORDER BY id) AS seq FROM fresh)
    UPDATE transitions SET seq = numbered.seq FROM numbered WHERE transitions.id = numbered.id
    """
)


def number(session: Session) -> None:
    """Give every committed transition its number; returns at once where somebody else is doing it."""
    if session.execute(select(func.pg_try_advisory_xact_lock(_NUMBERER))).scalar_one():
        session.execute(_NUMBER)


def since(session: Session, project_id: UUID, seq: int, *, most: int = 1000) -> Sequence[Transition]:
    """The numbered transitions of a film after `seq`, oldest first."""
    found = (
        select(Transition)
        .where(Transition.project_id == project_id, Transition.seq > seq)
        .order_by(Transition.seq)
        .limit(most)
    )
    return session.execute(found).scalars().all()


def of_scene(session: Session, scene_id: UUID) -> Sequence[Transition]:
    """Everything that happened to a scene, its takes and its candidates, oldest first."""
    found = select(Transition).where(Transition.scene_id == scene_id).order_by(Transition.at, Transition.id)
    return session.execute(found).scalars().all()
