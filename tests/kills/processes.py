"""The processes that kill themselves: a Celery worker, and a person's command. Both are forked from a server that has
done the imports, and read their settings from an environment, as any process of vidpipe does."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from tests.kills.watch import Fate, Watch
from vidpipe import boundary

QUEUES = ("io", "gpu", "tick")


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.kills.warm"])
    return context


def start(
    target: Callable[..., None], environ: Mapping[str, str], log: Path, fate: Fate, *args: Any
) -> ForkServerProcess:
    """A process that runs `target(*args)` with that environment and fate; what it says goes to `log`."""
    process = _context().Process(target=_run, args=(target, dict(environ), log, fate, args), daemon=True)
    process.start()
    return process


def _run(target: Callable[..., None], environ: dict[str, str], log: Path, fate: Fate, args: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    boundary.watch_with(Watch(fate))
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(said, stream)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    target(*args)


def worker() -> None:
    """A Celery worker for every queue, one task at a time."""
    from tasks.app import app  # noqa: PLC0415 - it reads the environment

    app.conf.worker_soft_shutdown_timeout = 0.05
    app.Worker(
        pool="solo", queues=list(QUEUES), quiet=True, loglevel="WARNING", without_gossip=True, without_mingle=True,
        without_heartbeat=True,
    ).start()  # fmt: skip


def person(scenario: str, act: int, folder: Path, again: bool) -> None:
    """One command of a scenario. Where it is given `again`, it may be told that it has been done."""
    from tests.kills import scenarios  # noqa: PLC0415 - for the server that forks this
    from vidpipe.errors import UserError  # noqa: PLC0415
    from vidpipe.pipeline.deps import open_deps  # noqa: PLC0415
    from vidpipe.settings import load  # noqa: PLC0415

    deps = open_deps(load(), worker="a person")
    try:
        scenarios.SCENARIOS[scenario].command(act)(deps, folder)
    except UserError as error:
        if not again:
            raise
        print(error)
