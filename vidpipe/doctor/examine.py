"""The examination: everything is asked at once, each within seconds, and then judged; causes before what follows.

    at once     database server, broker, store, services; then, where the schema is this version's, the rows
    judged      by one function a group, from what was answered; a group whose question failed says that it did

What follows from a cause that is named is not named again: where the broker is away no worker is called missing, and
where no tick is there no row is called forgotten.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from vidpipe.db.engine import Database
from vidpipe.db.leases import LeaseKeeper
from vidpipe.doctor import broker, database, films, media, orders, record, rows, services, store, workers
from vidpipe.doctor.asking import Question, Rows, Unanswered
from vidpipe.doctor.finding import Diagnosis, Finding, Severity, sentence, worst_first
from vidpipe.doctor.site import Site
from vidpipe.doctor.site import find as find_site
from vidpipe.pipeline import gauges
from vidpipe.pipeline.deps import Deps
from vidpipe.settings import Settings
from vidpipe.storage.base import Storage

T = TypeVar("T")
SERVER = 6.0  # seconds for a server to answer
TABLES = 8.0  # seconds for all questions to the rows
STATEMENT = 3.0  # and for one statement


def examine(settings: Settings, *, with_media: bool = False) -> Diagnosis:
    """Look at the cluster that `settings` mean; raises SetupError where there is none.

    `with_media` compares the store with the rows too, file by file, however long that takes.
    """
    site = find_site(settings)
    at, began = datetime.now(UTC), time.monotonic()
    with _Examination(site) as found:
        findings = tuple(found.findings(with_media=with_media))
        return Diagnosis(at, time.monotonic() - began, worst_first(findings), found.figures())


@dataclass(frozen=True)
class _Tables:
    """What the rows said."""

    record: record.Record | Unanswered
    now: gauges.Now | Unanswered
    rows: rows.Troubled | Unanswered
    demands: services.Demands | Unanswered
    orders: orders.Orders | Unanswered
    films: films.Films | Unanswered


class _Examination:
    """One look at everything. The questions are begun when it is made."""

    def __init__(self, site: Site) -> None:
        self._site = site
        settings = site.settings
        self._db = Database(settings.database_url, pool_size=3)
        self._asked = Rows(self._db, seconds=STATEMENT)
        self._server = Question(lambda: database.look(settings.database_url), seconds=SERVER)
        self._broker = Question(lambda: broker.look(settings.broker_url), seconds=SERVER)
        self._store = Question(lambda: store.look(settings), seconds=SERVER)
        self._services = Question(lambda: services.fitness(settings, self._storage), seconds=SERVER)

    def __enter__(self) -> _Examination:
        return self

    def __exit__(self, *raised: object) -> None:
        self._db.close()

    def _storage(self) -> Storage:
        return store.open_soon(self._site.settings)

    @cached_property
    def _tables(self) -> _Tables | None:
        """The rows; None where they cannot be read, which the server's own findings tell."""
        server = self._server.answer()
        if isinstance(server, Unanswered) or server.unfit is not None:
            return None
        ask = self._asked.ask
        asked = (
            self._begin(lambda: ask(record.look)), self._begin(lambda: gauges.now(self._db)),
            self._begin(lambda: ask(rows.look)), self._begin(lambda: ask(services.look)),
            self._begin(lambda: ask(orders.look)), self._begin(lambda: ask(films.look)),
        )  # fmt: skip
        return _Tables(*(question.answer() for question in asked))  # type: ignore[arg-type]

    def _begin(self, look: Callable[[], T]) -> Question[T]:
        return Question(look, seconds=TABLES)

    def findings(self, *, with_media: bool) -> Iterator[Finding]:
        """Causes first."""
        server, broker_ = self._server.answer(), self._broker.answer()
        tables = self._tables
        known = tables.record if tables and isinstance(tables.record, record.Record) else None
        yield from database.judge(self._site, server)
        yield from broker.judge(self._site, broker_, known.tick if known else None, known.broker if known else "")
        yield from store.judge(self._site, self._store.answer())
        if tables is None:
            yield from self._services_alone()
            return
        yield from _unread(tables)
        yield from self._of_rows(tables)
        if known:
            yield from self._of_store(known)
        if with_media:
            yield from media.judge(self._deps())

    def _services_alone(self) -> Iterator[Finding]:
        """What can be said of the services where the rows cannot be read."""
        yield from services.judge(self._site, services.Demands({}, {}), self._services.answer())

    def _of_rows(self, tables: _Tables) -> Iterator[Finding]:
        staff = self._staff(tables)
        yield from workers.judge(staff)
        if isinstance(tables.record, record.Record):
            yield from record.judge(tables.record, self._journal(tables.record))
        if isinstance(tables.demands, services.Demands):
            yield from services.judge(self._site, tables.demands, self._services.answer())
        if isinstance(tables.orders, orders.Orders):
            yield from orders.judge(tables.orders)
        if isinstance(tables.films, films.Films):
            yield from films.judge(tables.films)
        if isinstance(tables.rows, rows.Troubled):
            idle = {queue: staff.idle(queue) for queue in gauges.QUEUES}
            yield from rows.judge(tables.rows, workers.missing(staff), idle, self._site.settings.services)

    def _of_store(self, known: record.Record) -> Iterator[Finding]:
        if known.newest and isinstance(self._store.answer(), store.Store):
            lost = self._begin(lambda: store.lost(self._storage(), known.newest)).answer()
            yield from store.judge_lost(self._site, lost, known.newest)

    def _journal(self, known: record.Record) -> str | Unanswered | None:
        if not record.stopped(known):
            return None
        return self._begin(lambda: record.unreadable(self._deps(), self._asked.ask(record.known))).answer()

    def _deps(self) -> Deps:
        settings = self._site.settings
        keeper = LeaseKeeper(self._db, settings.timing)
        return Deps(settings, self._db, self._storage(), keeper, f"doctor@{socket.gethostname()}")

    def _staff(self, tables: _Tables) -> workers.Staff:
        broker_ = self._broker.answer()
        return workers.Staff(
            self._site,
            None if isinstance(broker_, Unanswered) else broker_,
            None if isinstance(tables.now, Unanswered) else tables.now,
            None if isinstance(tables.rows, Unanswered) else tables.rows,
        )

    def figures(self) -> dict[str, dict[str, object]]:
        """What was looked at, of what answered."""
        found: dict[str, dict[str, object]] = {}
        server, broker_, store_ = self._server.answer(), self._broker.answer(), self._store.answer()
        if not isinstance(server, Unanswered):
            found["database"] = database.figures(server)
        if not isinstance(broker_, Unanswered):
            found["broker"] = broker.figures(broker_)
        if not isinstance(store_, Unanswered):
            found["store"] = store.figures(store_)
        tables = self._tables
        if tables is None:
            return found
        found["workers"] = workers.figures(self._staff(tables))
        if not isinstance(tables.record, Unanswered):
            found["record"] = record.figures(tables.record)
        if not isinstance(tables.demands, Unanswered):
            found["services"] = services.figures(tables.demands, self._services.answer())
        if not isinstance(tables.orders, Unanswered):
            found["orders"] = orders.figures(tables.orders)
        if not isinstance(tables.films, Unanswered):
            found["films"] = films.figures(tables.films)
        return found


def _unread(tables: _Tables) -> Iterator[Finding]:
    """Questions to the rows that were not answered."""
    asked = {
        "the signs of the tick": tables.record, "the backlog": tables.now, "rows in trouble": tables.rows,
        "the services' takes": tables.demands, "the orders": tables.orders, "the films": tables.films,
    }  # fmt: skip
    failed = {what: answer for what, answer in asked.items() if isinstance(answer, Unanswered)}
    if not failed:
        return
    away = all(answer.timed_out or isinstance(answer.error, OperationalError) for answer in failed.values())
    yield Finding(
        "database.unread", Severity.BROKEN, f"The database did not tell of {', '.join(failed)}.",
        " ".join(dict.fromkeys(sentence(answer.why) for answer in failed.values())),
        "It is overloaded, or something holds its tables: look at pg_stat_activity, then look again." if away
        else "This should not happen: please report it, with these words.",
    )  # fmt: skip
