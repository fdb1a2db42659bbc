"""`vidpipe worker QUEUE`: becomes one Celery worker, or beat, of a cluster of many machines.

The settings say where the servers are (VIDPIPE_DATABASE_URL, VIDPIPE_BROKER_URL, storage). Celery is never
imported here: this process becomes another one.
"""

from __future__ import annotations

import argparse
import os

from vidpipe.cli import show
from vidpipe.cluster import ClusterOptions
from vidpipe.cluster.processes import celery, python_environment
from vidpipe.db import migrate
from vidpipe.errors import SetupError
from vidpipe.settings import Settings, child_environment, load

_QUIET = ("--without-gossip", "--without-mingle")


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The queue and the worker's size."""
    parser.add_argument(
        "queue", choices=("io", "gpu", "tick", "beat"),
        help="io talks to services and stores, gpu looks at pictures, tick keeps the time, beat (one of it) ticks",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, metavar="N", help="how many tasks at once")
    parser.add_argument("--name", metavar="NAME", help="the worker's name (default: QUEUE-PID@HOST)")
    parser.add_argument("--loglevel", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")


def run(args: argparse.Namespace) -> int:
    """Become the worker; raises SetupError where what it needs is missing."""
    settings = load(home=args.home)
    _check(settings)
    words = command(args.queue, threads=args.threads, name=args.name, loglevel=args.loglevel)
    if args.json:
        show.line({"argv": words, "pid": os.getpid()})
    env = child_environment({**python_environment(), "VIDPIPE_HOME": str(settings.home)})
    os.execve(words[0], words, env)


def command(queue: str, *, threads: int | None, name: str | None, loglevel: str) -> tuple[str, ...]:
    """The command line; raises SetupError where it would make no sense."""
    if queue == "beat":
        return celery("beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", loglevel, app="tasks.beat")
    defaults = ClusterOptions()
    count = {"io": defaults.io, "gpu": defaults.gpu, "tick": defaults.tick}[queue] if threads is None else threads
    ClusterOptions(io=count)  # the same bounds, told in the same words
    # The tick sends no events, so that Flower isn't flooded.
    more = (*_QUIET, "--without-heartbeat") if queue == "tick" else (*_QUIET, "-E")
    node = name or f"{queue}-{os.getpid()}@%h"
    return celery("worker", "-n", node, "-Q", queue, "-P", "threads", "-c", str(count), "-l", loglevel, *more)


def _check(settings: Settings) -> None:
    for what, url in (("database", settings.database_url), ("broker", settings.broker_url)):
        if not url:
            raise SetupError(
                f"this worker does not know its {what}",
                remedy=f"Set VIDPIPE_{what.upper()}_URL, or start a cluster on this machine: `vidpipe cluster start`.",
            )
    migrate.check(settings.database_url)
