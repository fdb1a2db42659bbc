"""One process of the cluster as its supervisor holds it: started, watched, asked to stop, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from vidpipe.cluster import logs, reaper
from vidpipe.cluster.processes import ProcessSpec
from vidpipe.errors import SetupError

MOST_QUICK_DEATHS = 5
SETTLED_SECONDS = 1.0  # a process that lives this long once it was ready has not died quickly
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)  # before the next start, by the number of quick deaths so far


class Child:
    """A process that is to run, through all its restarts."""

    def __init__(self, spec: ProcessSpec, log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self.spec = spec
        self.log = log
        self.restarts = 0
        self.quick_deaths = 0
        self.ready_at: float | None = None
        self.next_start = 0.0  # monotonic; when a dead one is to be started again
        self.since = ""
        self.start_ticks = ""
        self._env = {**env, **spec.env}
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._log_began = 0
        self._started = 0.0
        self._stop_sent: float | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 while it does not run."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it was started and its end was not seen yet."""
        return self._process is not None

    def start(self) -> None:
        """Prepare and start it; raises SetupError where that cannot be done."""
        if self.spec.before:
            self.spec.before()
        try:
            with logs.open_log(self.log) as log:
                self._log_began = self.log.stat().st_size
                self._process = subprocess.Popen(
                    self.spec.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise SetupError(
                f"{self.spec.name} cannot be started: {error.filename or self.spec.argv[0]}: {error.strerror}",
                remedy=logs.meaning(str(error.strerror)) or "Install vidpipe again: pip install 'vidpipe[embedded]'.",
            ) from error
        self._started = time.monotonic()
        self.since = datetime.now(UTC).isoformat(timespec="seconds")
        self.start_ticks = reaper.start_of(self.pid)
        self.ready_at = None

    def ask_ready(self) -> bool:
        """Whether it is ready, asking it if that is not known yet."""
        if self.ready_at is None and self.running and self.spec.ready(self.log, self._log_began):
            if self.spec.once_ready:
                self.spec.once_ready()
            self.ready_at = time.monotonic()
        return self.ready_at is not None

    @property
    def overdue(self) -> bool:
        """Whether it should have been ready by now."""
        late = time.monotonic() - self._started > self.spec.start_timeout
        return self.running and self.ready_at is None and late

    def see_end(self) -> int | None:
        """Its return code if it has ended, once; its process group is killed before its number is free."""
        if self._process is None:
            return None
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self._kill_group()
        code = self._process.wait()
        self._process = None
        return code

    def plan_restart(self) -> bool:
        """Set when it is to be started again; False if it has died at once too often."""
        now = time.monotonic()
        settled = self.ready_at is not None and now - self.ready_at > SETTLED_SECONDS
        self.ready_at = None
        self.quick_deaths = 0 if settled else self.quick_deaths + 1
        self.restarts += 1
        self.next_start = now + PAUSES[min(self.quick_deaths, len(PAUSES) - 1)]
        return self.quick_deaths < MOST_QUICK_DEATHS

    def last_words(self) -> str:
        """The end of what it has logged since its last start."""
        return logs.tail(self.log, self._log_began)

    def failure(self, what: str) -> SetupError:
        """An error that says what happened to it and what its log says."""
        words = self.last_words()
        said = f"; {self.log} says:\n{words}" if words else f"; its log is {self.log}"
        return SetupError(f"{self.spec.name} {what}{said}", remedy=logs.meaning(words))

    def ask_to_stop(self) -> None:
        """Send the stop signal, to the process alone: it ends what it has begun."""
        if self._process is not None and self._stop_sent is None:
            self._stop_sent = time.monotonic()
            self._process.send_signal(self.spec.stop_signal)

    def kill_if_overdue(self, *, hurry: bool = False) -> bool:
        """Kill it if its grace is over (half a second in a hurry, save for the database); whether so."""
        if self._process is None or self._stop_sent is None:
            return False
        hurried = hurry and self.spec.stop_signal == signal.SIGTERM
        if time.monotonic() - self._stop_sent < (0.5 if hurried else self.spec.grace):
            return False
        self._kill_group()
        return True

    def kill(self) -> None:
        """Kill it at once."""
        if self._process is not None:
            self._kill_group()

    def _kill_group(self) -> None:
        """Kill the process and what it started in its group; gone already is fine."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
