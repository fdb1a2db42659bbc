"""What a worker counts and times, for Prometheus; what rows can tell is asked of the rows (`vidpipe metrics`).

Off until `turn_on`: nothing is then imported or counted. A worker's pool of threads is one process, so its figures
live in one registry, and its own page (`serve`) shows them. A worker that forks (Celery's prefork pool) needs
PROMETHEUS_MULTIPROC_DIR, a folder of its own in which every child writes its figures to a file; the page then adds
the files up. prometheus_client finds that variable by itself.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

STEP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
LATE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

# Why the sweep sent a row: its turn had come; its worker died; broker or database began anew; its message is late.
DUE, DIED, CHANGED, LATE = "due", "died", "changed", "late"
_WHYS = (DUE, DIED, CHANGED, LATE)
_ENTITIES = ("project", "scene", "take", "candidate")


class _Meters:
    """The metrics of this process. A series is looked up by its labels' values alone, which costs least."""

    def __init__(self, forks: Path | None) -> None:
        import prometheus_client as prometheus  # noqa: PLC0415 - 60 ms that only a watched worker pays for

        self.registry = prometheus.CollectorRegistry()
        self.forks = forks
        if forks is None:
            prometheus.ProcessCollector(registry=self.registry)
        steps = ("step", "outcome")
        own: dict[str, Any] = {"registry": self.registry}
        self.step = prometheus.Histogram(
            "vidpipe_step_seconds", "Seconds a task took, by step and by what came of it.", steps,
            buckets=STEP_SECONDS, **own,
        )  # fmt: skip
        self.resent = prometheus.Counter(
            "vidpipe_sweep_resent_total", "Rows that the sweep sent (again), by why.", ("entity", "why"), **own
        )
        self.polls = prometheus.Counter(
            "vidpipe_polls_total", "Questions about operations, by answer.", ("service", "outcome"), **own
        )
        self.late = prometheus.Histogram(
            "vidpipe_poll_late_seconds", "Seconds from the time a question was due to its being asked.", ("service",),
            buckets=LATE_SECONDS, **own,
        )  # fmt: skip
        self.submits = prometheus.Counter(
            "vidpipe_submits_total", "Orders given, by what came of them.", ("service", "outcome"), **own
        )
        self.up = prometheus.Gauge(
            "vidpipe_worker_up", "1: a worker of this queue shows its figures here.", ("queue",),
            multiprocess_mode="max", **own,
        )  # fmt: skip
        for entity in _ENTITIES:  # from 0, so that the first one is seen as an increase
            for why in _WHYS:
                self.resent.labels(entity, why)
        self._known: dict[tuple[Any, ...], Any] = {}

    def of(self, metric: Any, *labels: str) -> Any:
        """The series of `metric` with these labels."""
        key = (metric, *labels)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = metric.labels(*labels)
        return found


_meters: _Meters | None = None
_running: ContextVar[_Running | None] = ContextVar("running", default=None)
_OFF = nullcontext()


def turn_on(forks: Path | None = None) -> None:
    """Count from here on; before a pool forks. `forks` is the folder that PROMETHEUS_MULTIPROC_DIR names.

    What processes that are gone have left in the folder is removed. Raises OSError where it cannot be used.
    """
    global _meters
    if _meters is not None:
        return
    if forks is not None:
        forks.mkdir(parents=True, exist_ok=True)
        for file in forks.glob("*.db"):
            if not Path("/proc", file.stem.rpartition("_")[2]).exists():
                file.unlink(missing_ok=True)
    _meters = _Meters(forks)


def turn_off() -> None:
    """Forget all figures, and count no more."""
    global _meters
    _meters = None


def registry() -> CollectorRegistry | None:
    """What a page is to show: this process's figures, or those of all that fork from it. None: it is off."""
    if _meters is None or _meters.forks is None:
        return None if _meters is None else _meters.registry
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - see above
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    together = CollectorRegistry()
    MultiProcessCollector(together, path=str(_meters.forks))  # type: ignore[no-untyped-call]
    return together


def serve(port: int, host: str) -> int:
    """Show the figures on http://host:port/metrics, from a thread; the port (a free one where 0 was asked for).

    Raises OSError where the port cannot be used.
    """
    from prometheus_client import start_http_server  # noqa: PLC0415 - see above

    shown = registry()
    if shown is None:
        raise RuntimeError("telemetry is off; turn_on() comes first")
    server, _ = start_http_server(port, addr=host, registry=shown)
    return int(server.server_port)


class _Running:
    """A task under way: timed from `with` to its end, counted by the outcome it was given meanwhile."""

    __slots__ = ("_began", "_meters", "_name", "_token", "outcome")

    def __init__(self, meters: _Meters, name: str) -> None:
        self._meters = meters
        self._name = name
        self.outcome = "done"

    def __enter__(self) -> None:
        self._token: Token[_Running | None] = _running.set(self)
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._began
        _running.reset(self._token)
        meters = self._meters
        meters.of(meters.step, self._name, "error" if kind else self.outcome).observe(seconds)


def step(name: str) -> _Running | nullcontext[None]:
    """A context for one run of the step `name`."""
    return _OFF if _meters is None else _Running(_meters, name)


def outcome(word: str) -> None:
    """What came of the step that is running, where it wasn't simply done: nothing, stale, again, waits, gave_up."""
    if _meters is not None and (running := _running.get()) is not None:
        running.outcome = word


def submitted(service: str, word: str) -> None:
    """An order was given, and `word` came of it: accepted, not_accepted, refused, unclear."""
    if _meters is not None:
        _meters.of(_meters.submits, service, word).inc()


def polled(service: str, word: str, late: float | None) -> None:
    """A service was asked about an operation, `late` seconds after that was due, and answered `word`."""
    if _meters is not None:
        _meters.of(_meters.polls, service, word).inc()
        if late is not None:
            _meters.of(_meters.late, service).observe(max(late, 0.0))


def resent(entity: str, why: str, count: int = 1) -> None:
    """The sweep sent `count` rows, because of `why` (DUE, DIED, CHANGED, LATE)."""
    if _meters is not None:
        _meters.of(_meters.resent, entity, why).inc(count)


def worker(queue: str) -> None:
    """This process serves `queue`."""
    if _meters is not None:
        _meters.of(_meters.up, queue).set(1)
