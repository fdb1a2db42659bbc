"""Every process of the embedded cluster: its command line, how it is known to be ready, how it is stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vidpipe.cluster import local, postgres, seaweed, valkey
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.local import LocalService
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.readiness import (
    LogSays,
    PortAnswers,
    PostgresAnswers,
    ReadyCheck,
    SocketAnswers,
    StoreAnswers,
    ValkeyAnswers,
)
from vidpipe.settings import REHEARSAL

# What a stray setting of this machine could change in a server or in a worker. (Four workers that compile every
# module at each start cost seconds.)
LEFT_OUT = (
    *("PG", "CELERY_", "FLOWER_", "PROMETHEUS_", "LC_", "LANG", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME"),
    *("VIDPIPE_DATABASE_URL", "VIDPIPE_BROKER_URL"),
)

# Where media lie, if it is not the folder of a home.
_OF_THE_STORE = {
    "VIDPIPE_STORAGE": "storage_kind",
    "VIDPIPE_S3_ENDPOINT": "s3_endpoint",
    "VIDPIPE_S3_BUCKET": "s3_bucket",
    "VIDPIPE_S3_REGION": "s3_region",
    "VIDPIPE_S3_SECURE": "s3_secure",
    "VIDPIPE_S3_CREDENTIALS": "s3_credentials",
}

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
    services: tuple[LocalService, ...] = ()  # that are among the servers


def plan(layout: Layout, options: ClusterOptions) -> Plan:
    """The whole cluster; raises SetupError where a wheel is missing or PostgreSQL cannot be run."""
    identity = postgres.choose_identity(layout)
    url = layout.settings()["database_url"]
    services = local.local_services(layout, options)
    stores = (_valkey(layout), *((_s3(layout),) if layout.s3_ports else ()))
    return Plan(
        servers=(
            *stores,
            *(_procedural(one, options) for one in services),
            *_emulator(layout, options),
            _postgres(layout, identity),
        ),
        workers=_workers(options),
        migration=(sys.executable, "-m", "vidpipe.cluster.migration", url),
        services=services,
    )


def environment(layout: Layout, options: ClusterOptions, services: tuple[LocalService, ...] = ()) -> dict[str, str]:
    """What every process of the cluster finds in its environment, besides what this one has."""
    urls = layout.settings()
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "VIDPIPE_HOME": str(layout.home),
        "VIDPIPE_DATABASE_URL": urls["database_url"],
        "VIDPIPE_BROKER_URL": urls["broker_url"],
        "VIDPIPE_PROCEDURAL_URL": urls["procedural_url"],
        **{name: urls[option] for name, option in _OF_THE_STORE.items() if option in urls},
        **local.environment(services),
        **dict.fromkeys(threads, "1"),  # many small tasks side by side: one thread each
        "MALLOC_ARENA_MAX": "2",  # glibc keeps one arena a thread otherwise, and a worker's memory grows
        "LC_ALL": "C",
        **({REHEARSAL: "1"} if layout.emulator_port else {}),
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


def _s3(layout: Layout) -> ProcessSpec:
    return ProcessSpec(
        "s3",
        seaweed.argv(layout),
        StoreAnswers(layout),
        env=seaweed.environment(layout),
        stage=DATABASE,  # nobody writes any more
        grace=8.0,  # it needs 1 to 4 s, and loses nothing where it is killed
        needed_first=True,
        before=partial(seaweed.prepare, layout),
    )


def _procedural(service: LocalService, options: ClusterOptions) -> ProcessSpec:
    return ProcessSpec(
        service.process,
        service.argv(options),
        SocketAnswers(service.socket),
        stage=SERVICES,
        before=service.prepare,
    )


def _emulator(layout: Layout, options: ClusterOptions) -> Iterator[ProcessSpec]:
    """What stands in for the paid services while a film is rehearsed."""
    if not layout.emulator_port:
        return
    words = ["--dir", str(layout.emulator), "--port", str(layout.emulator_port)]
    if options.scenario:
        words += ["--scenario", options.scenario]
    if options.latency is not None:
        words += ["--latency", f"{options.latency:g}"]
    yield ProcessSpec(
        "emulator",
        (sys.executable, "-m", "vidpipe", "emulate", *words),
        PortAnswers(layout.emulator_port),
        stage=SERVICES,
        needed_first=True,  # it writes down where its services are, and workers read that when they start
    )


def _workers(options: ClusterOptions) -> tuple[ProcessSpec, ...]:
    """In the order in which they are asked to stop: what sends work first."""
    # Gossip and mingle (a second of waiting at start) let workers know each other; ours need not.
    quiet = ("--without-gossip", "--without-mingle")
    # No file that could go stale, and an app that need not know the tasks.
    beat = celery("beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", "INFO", app="tasks.beat")
    return (
        ProcessSpec("beat", beat, LogSays("beat: Starting"), grace=3.0),
        *_several("tick", options.tick_workers, options.tick, (*quiet, "--without-heartbeat"), grace=12.0),
        *_several("gpu", options.gpu_workers, options.gpu, (*quiet, "-E"), grace=20.0),
        # Longer than an outside call may take (Timing.call_timeout): a submit cut off may have bought.
        *_several("io", options.io_workers, options.io, (*quiet, "-E"), grace=35.0),
    )


def _several(queue: str, processes: int, threads: int, more: tuple[str, ...], grace: float) -> Iterator[ProcessSpec]:
    """The workers of one queue: io, io2, io3 ..., each a process by itself."""
    for number in range(1, processes + 1):
        yield _worker(queue if number == 1 else f"{queue}{number}", queue, threads, more, grace)


def _worker(name: str, queue: str, threads: int, more: tuple[str, ...], grace: float) -> ProcessSpec:
    return ProcessSpec(
        name,
        celery("worker", "-n", f"{name}@%h", "-Q", queue, "-P", "threads", "-c", str(threads), "-l", "INFO", *more),
        LogSays(" ready."),
        grace=grace,
        holds_messages=True,
    )
