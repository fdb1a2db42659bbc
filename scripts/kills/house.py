"""An embedded cluster whose processes can be killed, and that is started again on the same folder."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil
from sqlalchemy.exc import DBAPIError

from vidpipe.cluster import ClusterOptions, Handle, lock, note, reaper, start
from vidpipe.cluster.layout import note_path
from vidpipe.cluster.status import status
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import load

PROCESSES = ("io", "gpu", "tick", "beat", "valkey", "postgres", "procedural", "supervisor", "reaper")
PRICE = "0.0371"  # US dollars a second of one clip: odd, so that sums that agree do not agree by chance
EVERY = 0.05  # seconds between two looks
REAPED = 30.0  # seconds in which everything of a killed supervisor must be gone
_PRICES = {"procedural": {"models": {"procedural-1": {"price_per_second": PRICE}}}}


@dataclass(frozen=True)
class Killed:
    """One kill: the process, what it had started, and where the supervisor's log stood."""

    name: str
    pid: int
    at: float  # seconds since 1970
    below: tuple[psutil.Process, ...]
    log_stood_at: int  # bytes


class House:
    """A cluster in `home`; `latency` is how many seconds an operation takes at the service at least.

    `timing` replaces some of the settings of that name (seconds).
    """

    def __init__(
        self, home: Path, *, latency: float, faults: str = "", timing: Mapping[str, float] | None = None
    ) -> None:
        self.home = home.absolute()
        config = self.home.parent / f"{self.home.name}.yaml"
        config.write_text(json.dumps({"services": _PRICES, "timing": dict(timing or {})}), encoding="utf-8")
        self._environment = {"VIDPIPE_HOME": str(self.home), "VIDPIPE_CONFIG": str(config)}
        self._options = ClusterOptions(
            latency=latency, price=PRICE, faults=faults, extra_env={"VIDPIPE_CONFIG": str(config)}
        )
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

    @property
    def deps(self) -> Deps:
        """Reaches the cluster's database, as any client does."""
        assert self._deps is not None, "the cluster was not started"
        return self._deps

    @property
    def sockets(self) -> Path:
        """The folder with the cluster's sockets."""
        return Path(note.read(note_path(self.home))["sockets"])

    @property
    def log(self) -> Path:
        """The supervisor's log."""
        return self.home / "logs" / "supervisor.log"

    def pid(self, name: str) -> int:
        """The process id of one of PROCESSES."""
        assert self._handle is not None, "the cluster was not started"
        if name == "supervisor":
            return self._handle.pid
        if name == "reaper":
            children = psutil.Process(self._handle.pid).children()
            return next(child.pid for child in children if "reaper.py" in reaper.command_line(child.pid))
        return next(process.pid for process in status(self.home).processes if process.name == name)

    def kill(self, name: str) -> Killed:
        """SIGKILL it; of a supervisor, see to it that all else ends, then start the cluster again."""
        pid = self.pid(name)
        below = tuple(psutil.Process(pid).children(recursive=True))
        stood = self.log.stat().st_size
        os.kill(pid, signal.SIGKILL)
        killed = Killed(name, pid, time.time(), below, stood)
        if name == "supervisor":
            self._start_again()
        return killed

    def _start_again(self) -> None:
        wait_for(lambda: not lock.is_held(self.home), REAPED, "the home of a killed supervisor to be let go")
        left = self.belonging()
        if left:
            raise LeftBehindError(f"a killed supervisor left behind: {left}")
        self.stop()
        self.start()

    def is_back(self, killed: Killed) -> bool:
        """Whether the supervisor says that the process is ready again."""
        if killed.name == "supervisor":
            return True
        sign = "another was started" if killed.name == "reaper" else f" {killed.name} is ready"
        with self.log.open("rb") as log:
            log.seek(killed.log_stood_at)
            return sign.encode() in log.read()

    def left_of(self, killed: Killed, seconds: float = 10.0) -> list[str]:
        """What the killed process had started and has outlived it by `seconds`, each in words."""
        if killed.name == "supervisor":  # was looked at before the cluster was started again
            return []
        _, alive = psutil.wait_procs(killed.below, timeout=seconds)
        return [f"{process.pid} {' '.join(reaper.command_line(process.pid).split(chr(0)))[:120]}" for process in alive]

    def belonging(self) -> dict[int, str]:
        """Every living process of this home, by its environment, its title or its arguments."""
        sign = f"VIDPIPE_HOME={self.home}\0".encode()
        sockets = Path(note.read(note_path(self.home)).get("sockets", "/none")).name
        found = {}
        for pid in reaper.all_processes():
            words = reaper.command_line(pid)
            try:
                marked = sign in Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:  # gone, or not ours to look at
                marked = False
            if pid != os.getpid() and (marked or str(self.home) in words or words.startswith(f"postgres: {sockets}:")):
                found[pid] = words.replace("\0", " ")[:160]
        return found

    def tails(self, lines: int = 15) -> str:
        """The ends of the cluster's logs."""
        parts = []
        for path in sorted((self.home / "logs").glob("*.log")):
            text = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            parts.append(f"--- {path.name}\n" + "\n".join(line[:300] for line in text))
        return "\n".join(parts)


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
        pause.wait(EVERY)
