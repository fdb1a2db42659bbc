"""A page of figures about the whole cluster, asked of its rows: for Prometheus, and for whoever asks if all is well.

    /metrics   the figures. Where the database cannot be asked, vidpipe_database_up is 0 and the others are left out:
               old figures would look like good ones.
    /healthz   200 where films can move: the database answers, and the tick was here lately. 503 with the reason
               otherwise. For monitors and for people: starting this process anew mends nothing.
    /livez     200 while this process answers at all: for whoever restarts it.

However many ask, the rows are asked once a second (sums over everything: twice a minute), less often where that takes
long, and by one thread each. Whoever asks while a question hangs is told after a while that there is no answer.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from socketserver import ThreadingMixIn
from typing import Any, Generic, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from vidpipe.db.engine import Database
from vidpipe.pipeline import gauges
from vidpipe.pipeline.gauges import COMPOSITES, History, Now
from vidpipe.pipeline.overview import TICK_GONE, tick_seen
from vidpipe.settings import Settings

T = TypeVar("T")
log = logging.getLogger(__name__)
PATIENCE = 6.0  # seconds anybody who asks is kept waiting; Prometheus gives up after 10
FRESH = 1.0  # seconds for which an answer is given again
SELDOM = 30.0  # and the sums over everything
_REST = 20  # times as long as asking took, nobody asks again: it costs the database a twentieth of its time at most
_REST_AFTER_FAULT = 3  # sooner, since there is nothing to show meanwhile
# A server that vanished without a word is noticed within these many seconds.
_VANISHED = {"keepalives_idle": "5", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000"}


class Shared(Generic[T]):
    """One answer for all who ask while it is fresh, and one question at a time."""

    def __init__(self, ask: Callable[[], T], *, fresh: float) -> None:
        self._ask = ask
        self._fresh = fresh
        self._lock = threading.Lock()
        self._answer: Future[T] | None = None
        self._until = 0.0  # monotonic; when the answer is too old

    def __call__(self) -> Future[T]:
        """The answer, or the promise of one."""
        with self._lock:
            if self._answer is None or (self._answer.done() and time.monotonic() > self._until):
                self._answer = Future()
                threading.Thread(target=self._run, args=(self._answer,), daemon=True).start()
            return self._answer

    def _run(self, answer: Future[T]) -> None:
        began = time.monotonic()
        try:
            found = self._ask()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer is given it
            self._rest(began, min(self._fresh, FRESH), _REST_AFTER_FAULT)
            answer.set_exception(error)
        else:
            self._rest(began, self._fresh, _REST)
            answer.set_result(found)

    def _rest(self, began: float, fresh: float, times: int) -> None:
        now = time.monotonic()
        self._until = now + max(fresh, (now - began) * times)


class Exporter(Collector):
    """The figures of one cluster, as Prometheus has them."""

    def __init__(
        self, settings: Settings, broker: Callable[[], bool], *, version: str, patience: float = PATIENCE
    ) -> None:
        """`broker` says whether the broker answers, `version` is vidpipe's."""
        self._version = version
        url = make_url(settings.database_url).update_query_dict(_VANISHED)
        self._db = db = Database(url.render_as_string(hide_password=False), pool_size=3)
        self._patience = patience
        services = sorted(settings.services)
        self._now = Shared(lambda: gauges.now(db, services), fresh=FRESH)
        self._history = Shared(lambda: gauges.history(db, services), fresh=SELDOM)
        self._tick = Shared(lambda: tick_seen(db, patience=0.0), fresh=FRESH)
        self._broker = Shared(broker, fresh=FRESH)

    def collect(self) -> Iterator[Metric]:
        """Every figure that can be told now."""
        began = time.monotonic()
        answers = self._broker(), self._now(), self._history()
        broker, now, history = self._wait(answers[0]), self._wait(answers[1]), self._wait(answers[2])
        yield _gauge("vidpipe_build_info", "1, with the version.", {self._version: 1}, "version")
        yield _gauge("vidpipe_broker_up", "1: the broker answers.", {"": bool(broker)})
        yield _gauge("vidpipe_database_up", "1: the database tells how the cluster stands.", {"": now is not None})
        yield from () if now is None else _of_now(now)
        yield from () if history is None else _of_history(history)
        seconds = time.monotonic() - began
        yield _gauge("vidpipe_scrape_seconds", "Seconds that finding these figures took.", {"": seconds})

    def health(self) -> tuple[bool, str]:
        """Whether films can move, and why that is thought."""
        try:
            age = self._tick().result(self._patience)
        except (SQLAlchemyError, NotDone) as error:
            return False, f"the database cannot be asked: {_said(error)}"
        if age is None:
            return False, "no tick was ever here: do beat and the tick worker run?"
        return age < TICK_GONE, f"the tick was here {age:.1f} s ago"

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def _wait(self, answer: Future[T]) -> T | None:
        try:
            return answer.result(self._patience)
        except (SQLAlchemyError, NotDone) as error:
            log.warning("no figures: %s", _said(error))
            return None


def _said(error: Exception) -> str:
    words = str(getattr(error, "orig", None) or error).strip()
    return words.splitlines()[0] if words else "it does not answer"


def _gauge(name: str, words: str, values: Mapping[Any, Any], *labels: str) -> Metric:
    """A metric with a value for each label's value, or for each tuple of them; for none, by ""."""
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(key if isinstance(key, tuple) else (key,) if labels else (), float(value))
    return family


def _of_now(now: Now) -> Iterator[Metric]:
    backlog = now.backlog.items()
    for name, words, values, labels in (
        ("workable_rows", "Rows whose next step can be done now, or is being done, by queue.",
         {queue: rows.free + rows.held for queue, rows in backlog}, ("queue",)),
        ("held_rows", "Those of them that are in a worker's hands.",
         {queue: rows.held for queue, rows in backlog}, ("queue",)),
        ("oldest_row_seconds", "Seconds for which the oldest of the others has been waiting for a worker.",
         {queue: rows.oldest for queue, rows in backlog}, ("queue",)),
        ("takes_in_flight", "Takes that hold a place at their service.", now.in_flight, ("service",)),
        ("takes_in_line", "Takes that wait for a place at their service.", now.in_line, ("service",)),
        ("lane_paused_seconds", "Seconds since a service was found to be away; 0: it takes orders.",
         now.paused, ("service",)),
        ("polls_overdue", "Questions about operations that are more than 5 s overdue.", {"": now.late}, ()),
        ("polls_overdue_seconds", "Seconds by which the latest question is overdue.", {"": now.latest}, ()),
        ("troubled_rows", "Rows not at their end that had failed tries, dead workers, or waits for storage.",
         now.troubled, ("entity", "which")),
        ("takes_uncertain", "Takes of which nobody knows whether they were bought.",
         now.uncertain, ("service", "waits_for")),
        ("film_waiting_seconds", "Seconds for which the longest waiting film has been waiting for a person.",
         {"": now.waiting}, ()),
        ("transitions_unnumbered", "Moves that the tick has not numbered yet.", {"": now.unnumbered}, ()),
        ("tick_age_seconds", "Seconds since the tick was here; +Inf: never.",
         {"": float("inf") if now.tick is None else now.tick}, ()),
        ("changed_timestamp_seconds", "When the broker, or the database's server, was last found to be another.",
         {what: at.timestamp() for what, at in now.changed.items()}, ("what",)),
        ("buying_allowed", "1: this database knows of every order; 0: nothing is bought until it does.",
         {"": now.buying}, ()),
    ):  # fmt: skip
        yield _gauge(f"vidpipe_{name}", words, values, *labels)


def _of_history(history: History) -> Iterator[Metric]:
    balances = history.money.items()
    for name, words, values, labels in (
        ("money_settled_dollars", "US dollars paid, by service.",
         {service: balance.settled for service, balance in balances}, ("service",)),
        ("money_reserved_dollars", "US dollars reserved and not settled yet, by service.",
         {service: balance.open for service, balance in balances}, ("service",)),
        ("films_over_budget", "Films that cost more than their budget, reservations counted.",
         {"": history.over_budget}, ()),
        ("films", "Films by state.", history.films, ("state",)),
        ("scenes", "Scenes by state.", history.scenes, ("state",)),
        ("candidates", "Delivered clips by state.", history.candidates, ("state",)),
    ):  # fmt: skip
        yield _gauge(f"vidpipe_{name}", words, values, *labels)
    family = HistogramMetricFamily("vidpipe_candidate_composite", "The composite scores of all clips.")
    bounds = [*(str(bound) for bound in COMPOSITES), "+Inf"]
    counts = [*history.composites, history.composites[-1]]
    family.add_metric((), list(zip(bounds, counts, strict=True)), history.composite_sum)
    yield family


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request; none holds up the end of the process."""

    daemon_threads = True

    def server_bind(self) -> None:
        """As WSGIServer does, without asking DNS for this machine's name."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address = self.socket.getsockname()[:2]
        self.setup_environ()


class _Server6(_Server):
    """The same at an address of IPv6."""

    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    """Quiet, and patient with a slow reader for a while only."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Prometheus asks every few seconds; nobody wants to read that."""


def serve(exporter: Exporter, host: str, port: int) -> WSGIServer:
    """A server that is bound to the port (0: a free one); `serve_forever` serves. Raises OSError where it can't be."""
    registry = CollectorRegistry()
    registry.register(exporter)
    metrics: Any = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                found: Iterable[bytes] = metrics(environ, start)
                return found
            case "/healthz":
                well, words = exporter.health()
            case "/livez":
                well, words = True, "alive"
            case _:
                start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
                return [b"see /metrics, /healthz, /livez\n"]
        start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{words}\n".encode()]

    server_class = _Server6 if ":" in host else _Server
    return make_server(host, port, app, server_class=server_class, handler_class=_Handler)
