"""The database's server: whether it answers, is of this schema, may be written, has room, and keeps the same time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy import Connection, NullPool, create_engine, text

from vidpipe.db import migrate
from vidpipe.doctor.asking import Unanswered
from vidpipe.doctor.finding import Finding, Severity, sentence
from vidpipe.doctor.site import Site
from vidpipe.errors import SetupError
from vidpipe.report.words import duration

CONNECT = 3  # seconds
SLOW, VERY_SLOW = 0.1, 1.0  # seconds a question that costs nothing may take
APART, FAR_APART = 5.0, 60.0  # seconds between two clocks
NEARLY_FULL = 0.9  # of the connections

_SERVER = text(
    "SELECT clock_timestamp() AS now, pg_postmaster_start_time() AS started, pg_is_in_recovery() AS standby,"
    " current_setting('default_transaction_read_only') = 'on' AS read_only,"
    " current_setting('max_connections')::int AS most,"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,"
    " current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off' AS durable,"
    " current_setting('server_version') AS version, pg_database_size(current_database()) AS size"
)
_FULL = re.compile(r"too many clients|too many connections|remaining connection slots|no more connections", re.I)
_REFUSED = re.compile(r"password|authentication|pg_hba|permission denied|(?:role|database) .* does not exist", re.I)
_SOON = re.compile(r"starting up|shutting down|in recovery mode|not yet accepting", re.I)
_MEANWHILE = "Until it is back nothing is bought, judged or shown; what was paid for is kept, and films then go on."


@dataclass(frozen=True)
class Server:
    """A server that answered. `ahead`: seconds by which its clock is before this machine's, negative if behind."""

    round_trip: float  # seconds
    version: str
    schema: str | None
    unfit: tuple[str, str] | None  # why its schema is not this version's, and what to do
    ahead: float
    started: datetime
    standby: bool
    read_only: bool
    durable: bool
    connections: int
    most_connections: int
    size: int  # bytes


def look(url: str, clock: Callable[[], float] = time.time) -> Server:
    """Ask the server; raises SQLAlchemyError where it cannot be asked. `clock` is this machine's, in Unix seconds."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT})
    with engine.connect() as connection:
        connection.execute(text(f"SET statement_timeout = {CONNECT * 1000}"))
        round_trip = median(_once(connection) for _ in range(5))
        before = clock()
        row = connection.execute(_SERVER).one()
        here = (before + clock()) / 2
        schema = migrate.current(connection)
    return Server(
        round_trip=round_trip, version=row.version, schema=schema, unfit=_unfit(url, schema),
        ahead=row.now.timestamp() - here, started=row.started, standby=row.standby, read_only=row.read_only,
        durable=row.durable, connections=row.used, most_connections=row.most, size=row.size,
    )  # fmt: skip


def _once(connection: Connection) -> float:
    began = time.perf_counter()
    connection.execute(text("SELECT 1"))
    return time.perf_counter() - began


def _unfit(url: str, schema: str | None) -> tuple[str, str] | None:
    if schema == migrate.head():
        return None
    try:
        migrate.check(url)
    except SetupError as error:
        return error.message, error.remedy
    return None


def judge(site: Site, found: Server | Unanswered) -> Iterator[Finding]:
    """What is wrong with it."""
    if isinstance(found, Unanswered):
        yield _away(site, found)
        return
    if found.unfit is not None:
        message, remedy = found.unfit
        yield Finding(
            "database.schema", Severity.BROKEN, sentence(f"{message[0].upper()}{message[1:]}"),
            why=f"Its schema is {found.schema or 'none'}; this version of vidpipe works with {migrate.head()}."
            " Films are not looked at.",
            remedy=sentence(remedy), figures={"schema": found.schema, "wanted": migrate.head()},
        )  # fmt: skip
    yield from _unwritable(site, found)
    yield from _pace(found)
    yield from _clocks(found)
    if found.connections >= NEARLY_FULL * found.most_connections:
        yield Finding(
            "database.connections", Severity.NOTE,
            f"The database has few connections left: {found.connections} of {found.most_connections} are taken.",
            why="Every thread of a worker keeps one while it works.", remedy=_ROOM,
            figures={"connections": found.connections, "most": found.most_connections},
        )  # fmt: skip


_ROOM = "Raise its max_connections, put a pooler before it, or run fewer workers or threads."


def _away(site: Site, found: Unanswered) -> Finding:
    said = "" if found.timed_out else found.why
    gone = site.gone(site.process("postgres"))
    why = sentence("; ".join(part for part in (gone, found.why) if part))
    if _FULL.search(said):
        return Finding("database.full", Severity.BROKEN, "The database takes no more connections.", why, _ROOM)
    if _REFUSED.search(said):
        return Finding(
            "database.refuses", Severity.BROKEN, f"The database does not let us in ({site.database}).", why,
            "Mend VIDPIPE_DATABASE_URL, or the server's users and databases.",
        )  # fmt: skip
    if _SOON.search(said):
        return Finding(
            "database.starting", Severity.BROKEN, "The database is starting or stopping.", why,
            f"Wait a minute and look again. {_MEANWHILE}",
        )  # fmt: skip
    remedy = site.start("postgres", "Start its server, or mend VIDPIPE_DATABASE_URL.")
    return Finding(
        "database.unreachable", Severity.BROKEN, f"The database does not answer ({site.database}).", why,
        f"{remedy} {_MEANWHILE}",
    )  # fmt: skip


def _unwritable(site: Site, found: Server) -> Iterator[Finding]:
    if found.standby or found.read_only:
        why = (
            "It is a standby, which follows another server."
            if found.standby
            else "Its setting default_transaction_read_only is on."
        )
        remedy = (
            "Point VIDPIPE_DATABASE_URL at the primary server, or promote this one."
            if found.standby
            else "Turn it off: ALTER DATABASE ... RESET default_transaction_read_only, then start the workers anew."
        )
        what = f"The database can only be read ({site.database})."
        yield Finding("database.read_only", Severity.BROKEN, what, why, remedy)
    if not found.durable:
        yield Finding(
            "database.not_durable", Severity.NOTE, "A power cut may make the database forget what was bought.",
            "Its fsync or synchronous_commit is off.", "Turn both on before anything is paid for.",
        )  # fmt: skip


def _pace(found: Server) -> Iterator[Finding]:
    if found.round_trip > SLOW:
        yield Finding(
            "database.slow", Severity.BROKEN if found.round_trip > VERY_SLOW else Severity.NOTE,
            f"The database is slow: it takes {duration(found.round_trip)} to answer a question that costs it nothing.",
            "It is far away, or it or this machine is overloaded.",
            "Every step asks it several times: bring the workers near it, or give it more to run on.",
            figures={"round_trip": found.round_trip},
        )  # fmt: skip


def _clocks(found: Server) -> Iterator[Finding]:
    apart = abs(found.ahead)
    if apart > APART:
        side = "ahead of" if found.ahead > 0 else "behind"
        yield Finding(
            "clock", Severity.BROKEN if apart > FAR_APART else Severity.NOTE,
            f"The database's clock is {duration(apart)} {side} this machine's.",
            "Ticks run out after 120 s by the clock of whoever takes them, and object stores refuse what is signed at"
            " another time; every time shown here is the database's.",
            "Let every machine keep its time by a time server (chrony, systemd-timesyncd).",
            figures={"ahead": found.ahead},
        )  # fmt: skip


def figures(found: Server) -> dict[str, object]:
    """What was looked at."""
    return {
        "round_trip": found.round_trip, "version": found.version, "schema": found.schema, "ahead": found.ahead,
        "connections": found.connections, "most_connections": found.most_connections, "size": found.size,
        "started": found.started,
    }  # fmt: skip
