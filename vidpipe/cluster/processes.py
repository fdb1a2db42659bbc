"""Every process of the embedded cluster: its command line, how it is known to be ready, how it is stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vidpipe.cluster import postgres, valkey
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.readiness import LogSays, PostgresAnswers, ReadyCheck, SocketAnswers, ValkeyAnswers

# What a stray setting of this machine could change in a server or in a worker. (Four workers that compile every
# module at each start cost seconds.)
LEFT_OUT = (
    *("PG", "CELERY_", "FLOWER_", "LC_", "LANG", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME"),
    *("VIDPIPE_DATABASE_URL", "VIDPIPE_BROKER_URL"),
)

# Stages of stopping, in this order; what is in one stage ends side by side.
WORKERS, SERVICES, BROKER, DATABASE = range(4)


@dataclass(frozen=True)
class ProcessSpec:
    """One process. Times are seconds."""

    name: str
    argv: tuple[str, ...]
    ready: ReadyCheck
    stage: int = WORKERS
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 5.0  # from the signal to SIGKILL
    start_timeout: float = 60.0
    needed_first: bool = False  # workers are started only once this is ready
    before: Callable[[], None] | None = None  # prepares its data, before every start
    once_ready: Callable[[], None] | None = None
    mend: Callable[[str], bool] | None = None  # given the log's tail of a start that failed: try again?
    holds_messages: bool = False  # its unclean death loses messages, so the sweep must send again


@dataclass(frozen=True)
class Plan:
    """What a cluster is made of: servers are started at once, then migration, then workers."""

    servers: tuple[ProcessSpec, ...]
    workers: tuple[ProcessSpec, ...]
    migration: tuple[str, ...] = ()  # argv; begins its work when told to by a line on standard input


def plan(layout: Layout, options: ClusterOptions) -> Plan:
    """The whole cluster; raises SetupError where a wheel is missing or PostgreSQL cannot be run."""
    identity = postgres.choose_identity(layout)
    url = layout.settings()["database_url"]
    return Plan(
        servers=(_valkey(layout), _procedural(layout, options), _postgres(layout, identity)),
        workers=_workers(options),
        migration=(sys.executable, "-m", "vidpipe.cluster.migration", url),
    )


def environment(layout: Layout, options: ClusterOptions) -> dict[str, str]:
    """What every process of the cluster finds in its environment, besides what this one has."""
    urls = layout.settings()
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "VIDPIPE_HOME": str(layout.home),
        "VIDPIPE_DATABASE_URL": urls["database_url"],
        "VIDPIPE_BROKER_URL": urls["broker_url"],
        "VIDPIPE_PROCEDURAL_URL": urls["procedural_url"],
        **dict.fromkeys(threads, "1"),  # many small tasks side by side: one thread each
        "MALLOC_ARENA_MAX": "2",  # glibc keeps one arena a thread otherwise, and a worker's memory grows
        "LC_ALL": "C",
        **options.extra_env,
        **python_environment(options.extra_env),
    }


def python_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a Python process of vidpipe needs to find vidpipe and to read text alike everywhere.

    A PYTHONPATH in `extra` comes after our own.
    """
    checkout = Path(__file__).resolve().parents[2]
    ours = str(checkout) if (checkout / "setup.cfg").is_file() else ""
    path = os.pathsep.join(part for part in (ours, (extra or {}).get("PYTHONPATH", "")) if part)
    found = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    return found | ({"PYTHONPATH": path} if path else {})


def celery(*words: str, app: str = "tasks.app") -> tuple[str, ...]:
    """A Celery command line on our app; `-m`, since a script's first line breaks on a path with a space."""
    return (sys.executable, "-m", "celery", "-A", app, *words)


def _valkey(layout: Layout) -> ProcessSpec:
    return ProcessSpec(
        "valkey",
        valkey.argv(layout),
        ValkeyAnswers(layout.valkey_socket),
        stage=BROKER,
        needed_first=True,
        before=partial(valkey.prepare, layout),
        mend=partial(valkey.set_aside_unreadable, layout),
        holds_messages=True,
    )


def _postgres(layout: Layout, identity: postgres.Identity) -> ProcessSpec:
    return ProcessSpec(
        "postgres",
        postgres.argv(layout, identity),
        PostgresAnswers(layout.sockets),
        stage=DATABASE,
        stop_signal=signal.SIGINT,  # "fast shutdown": ends connections, writes everything
        grace=15.0,
        start_timeout=180.0,  # recovery after a crash reads up to max_wal_size
        needed_first=True,
        before=partial(postgres.prepare, layout, identity),
        once_ready=partial(postgres.make_database, layout),
    )


def _procedural(layout: Layout, options: ClusterOptions) -> ProcessSpec:
    words = ["--dir", str(layout.procedural), "--uds", str(layout.procedural_socket)]
    if options.latency is not None:
        words += ["--latency", f"{options.latency:g}"]
    if options.renderers is not None:
        words += ["--renderers", str(options.renderers)]
    if options.price:
        words += ["--price", options.price]
    if options.faults:
        words += ["--faults"] if options.faults == "prompts" else ["--fault", options.faults]
    return ProcessSpec(
        "procedural",
        (sys.executable, "-m", "vidpipe.services.procedural.server", *words),
        SocketAnswers(layout.procedural_socket),
        stage=SERVICES,
        before=partial(_clear_procedural, layout),
    )


def _clear_procedural(layout: Layout) -> None:
    layout.procedural.mkdir(mode=0o700, exist_ok=True)
    layout.procedural_socket.unlink(missing_ok=True)  # left by a killed server, which would find it taken


def _workers(options: ClusterOptions) -> tuple[ProcessSpec, ...]:
    """In the order in which they are asked to stop: what sends work first."""
    # Gossip and mingle (a second of waiting at start) let workers know each other; ours need not.
    quiet = ("--without-gossip", "--without-mingle")
    # No file that could go stale, and an app that need not know the tasks.
    beat = celery("beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", "INFO", app="tasks.beat")
    return (
        ProcessSpec("beat", beat, LogSays("beat: Starting"), grace=3.0),
        _worker("tick", options.tick, (*quiet, "--without-heartbeat"), grace=12.0),
        _worker("gpu", options.gpu, (*quiet, "-E"), grace=20.0),
        # Longer than an outside call may take (Timing.call_timeout): a submit cut off may have bought.
        _worker("io", options.io, (*quiet, "-E"), grace=35.0),
    )


def _worker(name: str, threads: int, more: tuple[str, ...], grace: float) -> ProcessSpec:
    return ProcessSpec(
        name,
        celery("worker", "-n", f"{name}@%h", "-Q", name, "-P", "threads", "-c", str(threads), "-l", "INFO", *more),
        LogSays(" ready."),
        grace=grace,
        holds_messages=True,
    )
