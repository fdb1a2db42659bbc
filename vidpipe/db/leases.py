"""Claims: a row is worked on by whoever holds its lease; the database's clock decides what has run out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Uuid, bindparam, func, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from vidpipe.db.engine import Database
from vidpipe.db.models import Workable
from vidpipe.domain.states import TakeState
from vidpipe.settings import Timing

Row = TypeVar("Row", bound=Workable)
Condition = Callable[[], Iterable[ColumnElement[bool]]]
log = logging.getLogger(__name__)


def claim(
    session: Session,
    model: type[Row],
    row_id: UUID,
    states: Iterable[str],
    *,
    token: UUID,
    seconds: float,
    by: str,
    only_if: Condition = tuple,
) -> Row | None:
    """Take the row for `seconds` if it is in one of `states`, due, and nobody else's; None otherwise.

    `only_if` gives further conditions. Claiming again with one's own token succeeds: the answer to the first commit may
    have been lost.
    """
    statement = _claim(model, frozenset(str(state) for state in states), only_if)
    given = {"row": row_id, "token": token, "by": by, "seconds": timedelta(seconds=seconds)}
    return session.execute(statement, given).scalar_one_or_none()


# Building the statement costs several times what sending it does, and there is one a step.
@cache
def _claim(model: type[Row], states: frozenset[str], only_if: Condition) -> Any:
    now = func.clock_timestamp()
    token = bindparam("token", type_=Uuid)
    return (
        update(model)
        .where(
            model.id == bindparam("row"),
            model.state.in_(sorted(states)),
            or_(model.due_at.is_(None), model.due_at <= now),
            or_(model.lease_until.is_(None), model.lease_until < now, model.lease_token == token),
            *only_if(),
        )
        .values(lease_token=token, lease_until=now + bindparam("seconds", type_=Interval), lease_by=bindparam("by"))
        .returning(model)
        .execution_options(synchronize_session=False)
    )


def park(
    session: Session,
    row: Workable,
    lease: UUID,
    seconds: float,
    *,
    error: str | None = None,
    tried: bool = True,
    **values: Any,
) -> bool:
    """Give the row back, to be done in `seconds`; `tried` counts a try. False where the lease was lost.

    A parked row has no message on its way: the tick sends one when it is due.
    """
    model = type(row)
    now = func.clock_timestamp()
    changes: dict[str, Any] = {
        "due_at": now + timedelta(seconds=seconds), "lease_token": None, "lease_until": None, "lease_by": None,
        "sent_at": None, "sends": 0, **values,
    }  # fmt: skip
    if error is not None:
        changes["last_error"] = error
    if tried:
        changes["tries"] = model.tries + 1
    statement = update(model).where(model.id == row.id, model.state == row.state, model.lease_token == lease)
    parked = session.execute(
        statement.values(**changes).returning(model.id).execution_options(synchronize_session=False)
    )
    return parked.scalar_one_or_none() is not None


def release(session: Session, model: type[Workable], row_id: UUID, lease: UUID) -> None:
    """End a lease without a word on the row."""
    session.execute(
        update(model)
        .where(model.id == row_id, model.lease_token == lease)
        .values(lease_token=None, lease_until=None, lease_by=None)
        .execution_options(synchronize_session=False)
    )


def _end(session: Session, model: type[Workable], leases: list[UUID]) -> int:
    ended = session.execute(
        update(model)
        .where(model.lease_token.in_(leases), model.state != str(TakeState.SUBMITTING))
        .values(lease_token=None, lease_until=None, lease_by=None, sent_at=None, sends=0)
        .returning(model.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


class LeaseKeeper:
    """Renews the leases of what this process is working on; one thread, asleep while nothing runs long."""

    def __init__(self, db: Database, timing: Timing) -> None:
        self._db = db
        self._timing = timing
        self._held: dict[UUID, type[Workable]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, model: type[Workable], lease: UUID) -> Iterator[None]:
        """Keep `lease` alive while the block runs."""
        with self._lock:
            self._held[lease] = model
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="lease-keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(lease, None)

    def stop(self) -> None:
        """End the thread; leases then run out by themselves."""
        self._stop.set()

    def hand_back(self) -> int:
        """End every lease that is held here, for this process will not finish in time; how many rows that were.

        Their next step is sent at once by the sweep. What is being bought is not handed back: whoever takes over
        could only ask about it, and the answer is on its way here.
        """
        self.stop()
        with self._lock:
            held = dict(self._held)
        count = 0
        for model in set(held.values()):
            leases = [lease for lease, owner in held.items() if owner is model]
            count += self._db.run(lambda session, m=model, ids=leases: _end(session, m, ids))  # type: ignore[misc]
        return count

    def _beat(self) -> None:
        while not self._stop.wait(self._timing.heartbeat):
            with self._lock:
                held = dict(self._held)
            for model in set(held.values()):
                self._renew(model, [lease for lease, owner in held.items() if owner is model])

    def _renew(self, model: type[Workable], leases: list[UUID]) -> None:
        until = func.clock_timestamp() + timedelta(seconds=self._timing.lease)

        def work(session: Session) -> None:
            # A row that somebody is writing is renewed the next time: waiting for it, with others locked already,
            # was seen to end in a deadlock with a wave that wrote the same rows.
            held = select(model.id).where(model.lease_token.in_(leases))
            free = held.with_for_update(skip_locked=True, key_share=True)
            session.execute(
                update(model)
                .where(model.id.in_(free.scalar_subquery()))
                .values(lease_until=until)
                .execution_options(synchronize_session=False)
            )

        try:
            self._db.run(work, patience=self._timing.lease)
        except DBAPIError as error:
            log.warning("leases could not be renewed: %s", error.orig)
