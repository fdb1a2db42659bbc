"""A machine's worth of workers beside others: its own home folder, the same database, broker, services and media."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidpipe.cluster.processes import LEFT_OUT, celery, python_environment
from vidpipe.settings import child_environment

_QUIET = ("-P", "threads", "-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat")
GRACE = 20.0  # seconds a worker may take to end


def environment(home: Path, settings: Mapping[str, Any], config: Path, media: Path) -> dict[str, str]:
    """What a process with that home folder needs to reach everything. `settings` are those of the servers' handle."""
    return {
        "VIDPIPE_HOME": str(home), "VIDPIPE_CONFIG": str(config), "VIDPIPE_STORAGE_ROOT": str(media),
        "VIDPIPE_DATABASE_URL": settings["database_url"], "VIDPIPE_BROKER_URL": settings["broker_url"],
        "VIDPIPE_PROCEDURAL_URL": settings["procedural_url"],
        "VIDPIPE_SERVICE_URLS": json.dumps(settings["service_urls"]),
        "VIDPIPE_SERVICES": json.dumps(settings["services"]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip


@contextmanager
def working(name: str, home: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """An io and gpu worker, a tick worker and a beat on the machine `name`, until the block ends."""
    home.mkdir(parents=True)
    env = child_environment({**variables, **python_environment()}, without=LEFT_OUT) | dict(variables)
    lines = {
        "work": celery("worker", "-n", f"work@{name}", "-Q", "io,gpu", "-c", "5", *_QUIET),
        "tick": celery("worker", "-n", f"tick@{name}", "-Q", "tick", "-c", "2", *_QUIET),
        "beat": celery("beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", "INFO", app="tasks.beat"),
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        for what, argv in lines.items():
            with (home / f"{what}.log").open("wb") as log:
                started.append(subprocess.Popen(argv, cwd=home, env=env, stdout=log, stderr=log))
        yield
    finally:
        _end(started)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(GRACE)
