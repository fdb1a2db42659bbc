"""When the database counts as away, and when it was asked nonsense."""

from __future__ import annotations

import psycopg2
import pytest
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, InterfaceError, OperationalError, ProgrammingError

from vidpipe.db.engine import is_away

DIED = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally"


@pytest.mark.parametrize(
    "error",
    [
        # psycopg2 tells a backend that died in the middle of a statement as nothing more special than this
        DatabaseError("UPDATE", {}, psycopg2.DatabaseError(DIED), connection_invalidated=True),
        OperationalError("UPDATE", {}, psycopg2.OperationalError(DIED), connection_invalidated=True),
        OperationalError("", {}, psycopg2.OperationalError("connection refused")),
        InterfaceError("", {}, psycopg2.InterfaceError("connection already closed")),
    ],
)
def test_a_server_that_died_or_cannot_be_reached_is_away(error: DBAPIError) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        ProgrammingError("SELEC", {}, psycopg2.ProgrammingError("syntax error")),
        DataError("SELECT", {}, psycopg2.DataError("invalid input")),
        DatabaseError("SELECT", {}, psycopg2.DatabaseError("no results to fetch")),
    ],
)
def test_nonsense_is_no_absence(error: DBAPIError) -> None:
    assert not is_away(error)
