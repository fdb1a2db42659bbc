"""Where a task's time goes: the parts of a worker, each wrapped in a clock of its own.

A part's time is without that of the parts inside it. It is written down when the worker ends, one file a process.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Label = Callable[..., str]

# What is wrapped: module, attribute and the name of the part. Celery's and kombu's first, then vidpipe's.
PARTS: tuple[tuple[str, str, str], ...] = (
    ("kombu.transport.redis", "Channel._brpop_read", "fetch"),
    ("kombu.transport.redis", "Channel._brpop_start", "fetch: ask for more"),
    ("kombu.transport.redis", "QoS.append", "fetch: note as unacknowledged"),
    ("celery.events.dispatcher", "EventDispatcher.send", "events for Flower"),
    ("celery.worker.request", "Request.acknowledge", "acknowledge"),
    ("celery.backends.redis", "RedisBackend.store_result", "result"),
    ("celery.backends.redis", "RedisBackend.on_chord_part_return", "chord part"),
    ("celery.app.base", "Celery.send_task", "send what follows"),
    ("sqlalchemy.engine.default", "DefaultDialect.do_commit", "commit"),
    ("sqlalchemy.dialects.postgresql.psycopg2", "PGDialect_psycopg2.do_ping", "ping the database"),
    ("vidpipe.pipeline.score", "_stills", "stills"),
    ("vidpipe.pipeline.score", "validate", "check the clip"),
    ("scripts.bench.slot", "Slot.wait", "wait for the GPU"),
    ("scripts.bench.slot", "Slot.use", "on the GPU"),
)


class Stopwatch:
    """Adds up seconds by (task, part); a part inside another is taken out of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])  # count, wall, CPU
        self._local = threading.local()

    @contextmanager
    def part(self, name: str, task: str | None = None) -> Iterator[None]:
        """Time the block as `name`; `task` begins a task."""
        local = self._local
        if task is not None:
            local.task = task
        stack: list[list[float]] = getattr(local, "stack", None) or []
        local.stack = stack
        stack.append([0.0, 0.0])
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
            inside = stack.pop()
            if stack:
                stack[-1][0] += wall
                stack[-1][1] += cpu
            with self._lock:
                sums = self._sums[getattr(local, "task", "") if stack or task else "", name]
                sums[0] += 1
                sums[1] += wall - inside[0]
                sums[2] += cpu - inside[1]

    def wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """`function`, timed as `name`."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return timed

    def write(self, folder: Path) -> None:
        """Leave everything in a file of this process."""
        with self._lock:
            rows = [[task, name, *sums] for (task, name), sums in self._sums.items()]
        (folder / f"stopwatch-{os.getpid()}.json").write_text(json.dumps(rows), encoding="utf-8")


def install() -> Stopwatch:
    """Wrap every part of this process; call it before a task runs."""
    watch = Stopwatch()
    for module_name, path, name in PARTS:
        owner: Any = importlib.import_module(module_name)
        *above, last = path.split(".")
        for step in above:
            owner = getattr(owner, step)
        setattr(owner, last, watch.wrap(getattr(owner, last), name))
    _install_tasks(watch)
    _install_transactions(watch)
    return watch


def _install_tasks(watch: Stopwatch) -> None:
    """The whole of a task in its thread: everything that no part inside it takes is Celery's own."""
    thread = importlib.import_module("celery.concurrency.thread")
    apply_target = thread.apply_target

    def timed(target: Any, args: tuple[Any, ...] = (), *rest: Any, **kwargs: Any) -> Any:
        with watch.part("Celery's own", task=str(args[0]) if args else ""):
            return apply_target(target, args, *rest, **kwargs)

    vars(thread)["apply_target"] = timed


def _install_transactions(watch: Stopwatch) -> None:
    """Every transaction of vidpipe, named by the function it runs."""
    engine = importlib.import_module("vidpipe.db.engine")
    run = engine.Database.run

    def timed(self: Any, work: Any, **kwargs: Any) -> Any:
        with watch.part(f"transaction {called_by(work)}"):
            return run(self, work, **kwargs)

    engine.Database.run = timed


def called_by(work: Any) -> str:
    """What a transaction's function is about: its own name, or what a lambda calls."""
    function = getattr(work, "func", work)
    code = getattr(function, "__code__", None)
    if code is None or function.__name__ != "<lambda>":
        return str(getattr(function, "__name__", function))
    names = [name for name in code.co_names if name not in ("id", "settings", "timing")]
    return names[0] if names else "?"


def read(folder: Path) -> Mapping[tuple[str, str], tuple[float, float, float]]:
    """(count, wall, CPU) by (task, part), over all processes that wrote one; task '' is a worker's main thread."""
    sums: dict[tuple[str, str], tuple[float, float, float]] = {}
    for path in folder.glob("stopwatch-*.json"):
        for task, name, *found in json.loads(path.read_text(encoding="utf-8")):
            old = sums.get((task, name), (0.0, 0.0, 0.0))
            sums[task, name] = (old[0] + found[0], old[1] + found[1], old[2] + found[2])
    return sums
