"""An embedded cluster whose processes can be killed and stopped, and that is started again on the same folder."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil
from sqlalchemy.exc import DBAPIError

from scripts.chaos_runs.cast import LOCAL, Cast
from scripts.chaos_runs.left import belonging
from scripts.chaos_runs.traps import Traps
from vidpipe.cluster import ClusterOptions, Handle, lock, note, reaper, start
from vidpipe.cluster.layout import note_path
from vidpipe.cluster.status import status
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import REHEARSAL, emulator_note, load

IO, GPU, TICK, BEAT, VALKEY, POSTGRES, S3 = "io", "gpu", "tick", "beat", "valkey", "postgres", "s3"
WORKERS = ("io", "io2", "gpu", "gpu2", "tick")
SUPERVISOR, REAPER = "supervisor", "reaper"
BACK = 60.0  # seconds in which a killed process must run again
REAPED = 30.0  # seconds in which everything of a killed supervisor must be gone
_LOOK = 0.05  # seconds between two looks
_CALL = 2.0  # seconds one question to a service may take


class _Door(http.client.HTTPConnection):
    """A service's unix socket. httpx leaves a socket open that is refused, of which Python complains."""

    def __init__(self, path: Path) -> None:
        super().__init__("service", timeout=_CALL)
        self._path = path

    def connect(self) -> None:
        """As HTTPConnection's own."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.close()
            raise


class House:
    """A cluster in `home`; `extra_env` is for its processes, `timing` replaces some of terms.TIMING.

    With a `scenario` it is a rehearsal's: the emulator, which plays it, stands in for the services of its cast.
    """

    def __init__(
        self,
        home: Path,
        *,
        cast: Cast = LOCAL,
        scenario: str = "",
        storage: str = "folder",
        latency: float = 0.5,
        timing: Mapping[str, float] | None = None,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.absolute()
        self.storage, self.cast = storage, cast
        told = cast.config()
        told["timing"].update(timing or {})
        config = self.home.parent / f"{self.home.name}.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps(told), encoding="utf-8")
        self.traps = Traps(self.home.parent / f"{self.home.name}.traps")
        played = self.home.parent / f"{self.home.name}.scenario.yaml"
        if scenario:
            played.write_text(scenario, encoding="utf-8")
        named = {"VIDPIPE_CONFIG": str(config)}
        rehearsal = {REHEARSAL: "1"} if scenario else {}
        self._environment = {"VIDPIPE_HOME": str(self.home), **named, **rehearsal}
        self._options = ClusterOptions(
            io=4, gpu=1, tick=4, io_workers=2, gpu_workers=2, latency=latency, renderers=1, faults="prompts",
            storage=storage, rehearse=bool(scenario), scenario=str(played) if scenario else "",
            extra_env={**named, **self.traps.environment(), **(extra_env or {})},
        )  # fmt: skip
        self._handle: Handle | None = None
        self._deps: Deps | None = None

    def __enter__(self) -> House:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the cluster, a first time or again."""
        self._handle = start(self.home, options=self._options)
        self._deps = open_deps(load(self._environment), worker="chaos", pool_size=3)

    def stop(self) -> None:
        """Stop what runs."""
        if self._deps is not None:
            self._deps.close()
            self._deps = None
        if self._handle is not None:
            self._handle.stop()
            self._handle = None

    def check(self) -> None:
        """Raise SetupError, with the reason, if the cluster has given up by itself."""
        assert self._handle is not None, "the cluster was not started"
        self._handle.check()

    @property
    def deps(self) -> Deps:
        """Reaches the cluster's database, as any client does."""
        assert self._deps is not None, "the cluster was not started"
        return self._deps

    @property
    def sockets(self) -> Path:
        """The folder with the cluster's sockets."""
        return Path(note.read(note_path(self.home))["sockets"])

    def pid(self, name: str) -> int | None:
        """The process of that name; None while it does not run."""
        assert self._handle is not None, "the cluster was not started"
        if name == SUPERVISOR:
            return self._handle.pid
        if name == REAPER:
            children = psutil.Process(self._handle.pid).children()
            return next((child.pid for child in children if "reaper.py" in reaper.command_line(child.pid)), None)
        return next((process.pid for process in status(self.home).processes if process.name == name), None)

    def signal(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal to the process of that name; its pid, None while it does not run."""
        pid = self.pid(name)
        return pid if pid is not None and reaper.send(pid, number) else None

    def missing(self) -> list[str]:
        """The processes that do not run, though they belong to the cluster."""
        running = {process.name for process in status(self.home).processes if process.rss}
        wanted = {*WORKERS, BEAT, VALKEY, POSTGRES, *self.cast.names, *([S3] if self.storage == "s3" else [])}
        return sorted(wanted - running) + ([] if self.pid(REAPER) else [REAPER])

    def backends(self) -> list[int]:
        """PostgreSQL's processes that serve clients."""
        pid = self.pid(POSTGRES)
        if pid is None:
            return []
        try:
            below = psutil.Process(pid).children(recursive=True)  # it may be run by another program
        except psutil.NoSuchProcess:
            return []
        return [child.pid for child in below if " vidpipe vidpipe " in reaper.command_line(child.pid)]

    def postmaster(self) -> int | None:
        """PostgreSQL's own first process."""
        lines = (self.home / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def begin_again(self) -> None:
        """Start the cluster again whose supervisor was killed; raises LeftBehindError where that left something."""
        wait_for(lambda: not lock.is_held(self.home), REAPED, "the home of a killed supervisor to be let go")
        left = self.belonging()
        self.stop()
        self.start()
        if left:
            raise LeftBehindError(f"a killed supervisor left behind: {left}")

    def quiet(self) -> None:
        """Nothing goes wrong any more at the services by their own doing."""
        if self.cast.scenario is not None:
            self._asked(self._emulator, "PUT", "/emulator/scenario", {"latency": 0.5})
            return
        for service in self.cast.processes:
            self.ask(service, "DELETE", "/v1/faults")

    def ask(self, service: str, method: str, path: str, told: Any = None) -> Any:
        """Ask a local service's own page for tests and bills; None where it is away."""
        return self._asked(lambda: _Door(self.sockets / f"{service}.sock"), method, path, told)

    @property
    def emulator_port(self) -> int | None:
        """Where the emulator listens, of a rehearsal that was started."""
        return urlsplit(str(emulator_note(self.home).get("url", ""))).port

    def _emulator(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.emulator_port, timeout=_CALL)

    def _asked(self, door: Callable[[], http.client.HTTPConnection], method: str, path: str, told: Any) -> Any:
        body = None if told is None else json.dumps(told).encode()
        try:
            with closing(door()) as asked:
                asked.request(method, path, body, {"Content-Type": "application/json"})
                answer = asked.getresponse()
                found = answer.read()
        except (http.client.HTTPException, OSError, KeyError):
            return None
        return json.loads(found) if answer.status < 300 else None

    def belonging(self) -> dict[int, str]:
        """Every living process of this home, in as many words as fit a line."""
        return {pid: words[:160] for pid, words in belonging(self.home).items()}

    def tails(self, lines: int = 15) -> str:
        """The ends of the cluster's logs."""
        return "\n".join(self._tails(lines))

    def _tails(self, lines: int) -> Iterator[str]:
        for path in sorted((self.home / "logs").glob("*.log")):
            text = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            yield f"--- {path.name}\n" + "\n".join(line[:300] for line in text)


class LeftBehindError(AssertionError):
    """Processes outlived the cluster they belong to."""


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until `condition` held; raises AssertionError after `seconds`. A database that is away is waited for."""
    began = time.monotonic()
    pause = threading.Event()
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except DBAPIError as error:
            if time.monotonic() - began > seconds:
                raise AssertionError(f"waited {seconds:g} s for {what}: {error.orig}") from error
        if time.monotonic() - began > seconds:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        pause.wait(_LOOK)
