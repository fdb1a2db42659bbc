"""Machines of workers on one database, one broker and one media store, and whoever looks at all of it from outside.

Every machine has a home folder of its own, as machines have. Servers and services are real ones, without workers.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.waiting import until
from vidpipe.cluster.embedded import Handle, start
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import LEFT_OUT, celery, python_environment
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import child_environment, load

_QUIET = ("-P", "threads", "-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat")
GRACE = 20.0  # seconds a worker may take to end


@dataclass
class Machine:
    """An io and gpu worker, a tick worker and a beat, in a folder of their own."""

    name: str
    home: Path
    variables: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Start them; each says what it does in a log in the home folder."""
        self.home.mkdir(parents=True, exist_ok=True)
        env = child_environment({**self.variables, **python_environment()}, without=LEFT_OUT) | dict(self.variables)
        commands = {
            "work": celery("worker", "-n", f"work@{self.name}", "-Q", "io,gpu", "-c", "5", *_QUIET),
            "tick": celery("worker", "-n", f"tick@{self.name}", "-Q", "tick", "-c", "2", *_QUIET),
            "beat": celery("beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", "INFO", app="tasks.beat"),
        }
        for what, argv in commands.items():
            with (self.home / f"{what}.log").open("ab") as log:
                self.processes[what] = subprocess.Popen(argv, cwd=self.home, env=env, stdout=log, stderr=log)

    def stop(self) -> dict[str, int]:
        """SIGTERM for all of them; how each ended (0: by itself). Whoever takes longer than its grace is killed."""
        for process in self.processes.values():
            process.terminate()
        ended = {what: _end_of(process) for what, process in self.processes.items()}
        self.processes.clear()
        return ended

    @property
    def has_ordered(self) -> bool:
        """Whether an order was written down for the journal here."""
        return any((self.home / "work").glob("*/journal"))


def _end_of(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(GRACE)


@dataclass
class World:
    """The servers, the services and the media, and `deps` with which a test looks at all of it."""

    folder: Path
    handle: Handle
    config: Path
    deps: Deps
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def media(self) -> Path:
        """Where the media lie."""
        return self.folder / "media"

    def machine(self, name: str) -> Machine:
        """The machine of that name; nothing runs on it before it is started."""
        if name not in self.machines:
            self.machines[name] = Machine(name, self.folder / name, self.environment(name))
        return self.machines[name]

    def environment(self, name: str) -> dict[str, str]:
        """What a process on the machine `name` needs to reach everything."""
        return _environment(self.folder, name, self.handle.settings, self.config)

    def look_again(self) -> None:
        """Let go of a database that was put in another's place, and look at the one that is there now."""
        self.deps.close()
        self.deps = _deps(self.environment("outside"))

    def books(self, service: str = "procedural") -> dict[str, int]:
        """What the service itself counted: its peaks, and whom it turned away."""
        return dict(self._ask(service, "SELECT name, value FROM counters"))

    def tokens(self, service: str = "procedural") -> list[str]:
        """The token of every order that the service has accepted, oldest first."""
        return [token for (token,) in self._ask(service, "SELECT token FROM operations ORDER BY accepted")]

    def billed(self, service: str = "procedural") -> Decimal:
        """What the service charges, US dollars."""
        rows = self._ask(service, "SELECT amount FROM bill WHERE given_back IS NULL")
        return sum((Decimal(amount) for (amount,) in rows), Decimal(0))

    def _ask(self, service: str, words: str) -> Sequence[tuple[Any, ...]]:
        books = self.folder / "servers" / service / "service.sqlite3"
        with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as db:
            return db.execute(words).fetchall()


def _environment(folder: Path, name: str, settings: Mapping[str, Any], config: Path) -> dict[str, str]:
    return {
        "VIDPIPE_HOME": str(folder / name), "VIDPIPE_CONFIG": str(config),
        "VIDPIPE_STORAGE_ROOT": str(folder / "media"),
        "VIDPIPE_DATABASE_URL": settings["database_url"], "VIDPIPE_BROKER_URL": settings["broker_url"],
        "VIDPIPE_PROCEDURAL_URL": settings["procedural_url"],
        "VIDPIPE_SERVICE_URLS": json.dumps(settings["service_urls"]),
        "VIDPIPE_SERVICES": json.dumps(settings["services"]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def _deps(environment: Mapping[str, str]) -> Deps:
    return open_deps(load(environment), worker="outside", pool_size=3)


@contextmanager
def world(folder: Path, configuration: Mapping[str, Any], options: ClusterOptions) -> Iterator[World]:
    """Broker, database, services and an empty media store, configured so; every machine is stopped at the end."""
    config = folder / "config.yaml"
    config.write_text(json.dumps(configuration), encoding="utf-8")
    told = replace(options, extra_env={**options.extra_env, "VIDPIPE_CONFIG": str(config)})
    with start(folder / "servers", supervisor="tests.servers_only", options=told) as handle:
        found = World(folder, handle, config, _deps(_environment(folder, "outside", handle.settings, config)))
        found.deps.storage.prepare()
        try:
            yield found
        finally:
            for machine in found.machines.values():
                machine.stop()
            found.deps.close()


def seen(machine: Machine, *, seconds: float = 60.0) -> None:
    """Wait until the machine's workers take messages."""
    for what in ("work", "tick"):
        log = machine.home / f"{what}.log"
        until(lambda: "ready." in log.read_text(), seconds=seconds, what=f"{what} of {machine.name}", every=0.1)  # noqa: B023
