"""The unit of work: one function, one transaction, tried again where the database asks for it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from vidpipe.boundary import cross, here, transaction_open

T = TypeVar("T")
log = logging.getLogger(__name__)

# PostgreSQL asks for the whole transaction again: serialization failure, deadlock.
_AGAIN = frozenset({"40001", "40P01"})
# It is shutting down, crashed, starting, or out of connections.
_AWAY = frozenset({"57P01", "57P02", "57P03", "53300"})


class Database:
    """A pool of connections and the one way to a transaction."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        # No ping before each use, a round trip each: `run` begins again where a connection turns out to be dead, and
        # that empties the pool of its like.
        self.engine = create_engine(url, pool_size=pool_size, max_overflow=10, connect_args={"connect_timeout": 10})
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end of the block and rolls back if it raises.

        Nothing slow may run inside (`boundary.slow` checks).
        """
        place = here()
        with transaction_open(), self._sessions.begin() as session:
            yield session
            cross(place, "before")
        cross(place, "after")

    def run(self, work: Callable[[Session], T], *, patience: float = 30.0) -> T:
        """`work(session)` in one transaction.

        Deadlocks and serialization failures are tried again at once, a database that is away for up to
        `patience` seconds. A commit whose answer was lost may have happened: every writer is therefore
        guarded by state and lease, so that running it again finds nothing to do.
        """
        end = time.monotonic() + patience
        pause = 0.05
        stale = True  # a connection of before the server's restart is found out once, whatever the patience
        while True:
            try:
                with self.transaction() as session:
                    return work(session)
            except DBAPIError as error:
                again, stale = stale and error.connection_invalidated, False
                if not again and (time.monotonic() >= end or not is_away(error)):
                    raise
                log.warning("database: %s; trying again", str(error.orig).strip().splitlines()[0])
            time.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, 1.0)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def is_away(error: DBAPIError) -> bool:
    """Whether the database could not be reached or asks for the transaction again; not that it was asked nonsense."""
    code = getattr(error.orig, "pgcode", None)
    if code in _AGAIN or code in _AWAY:
        return True
    # A server that dies in the middle of a statement is told by psycopg2 as a plain DatabaseError.
    return error.connection_invalidated or (code is None and isinstance(error, OperationalError | InterfaceError))
