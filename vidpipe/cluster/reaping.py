"""The supervisor's end of the reaper: starts it, tells it of every child, starts it again if killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from vidpipe.cluster import reaper
from vidpipe.cluster.layout import Layout
from vidpipe.errors import SetupError


class Reaper:
    """A running reaper. `lock_fd` is inherited, so the home stays locked until its work is done."""

    def __init__(self, layout: Layout, marker: str, lock_fd: int, env: Mapping[str, str]) -> None:
        self._argv = [
            *(sys.executable, "-I", "-S", str(Path(reaper.__file__).resolve())),
            *(str(layout.sockets), str(layout.note), marker, layout.tag),
        ]
        self._log = layout.log("reaper")
        self._lock_fd = lock_fd
        self._env = dict(env)
        self._known: dict[int, reaper.Known] = {}
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The reaper's own process id."""
        return self._process.pid

    def add(self, pid: int, *, stage: int, stop_signal: int) -> None:
        """Have `pid` ended should this process be killed."""
        self._known[pid] = reaper.Known(reaper.start_of(pid) or "-", stage, stop_signal)
        self._tell(self._line(pid))

    def keep_only(self, pids: set[int]) -> None:
        """All children but `pids` have ended."""
        for pid in self._known.keys() - pids:
            del self._known[pid]
            self._tell(f"del {pid}")

    def check(self) -> bool:
        """Start the reaper again if it has died; whether it had."""
        if self._process.poll() is None:
            return False
        self._process = self._start()
        for pid in self._known:
            self._tell(self._line(pid))
        return True

    def dismiss(self) -> None:
        """Nothing is left to reap: let the reaper go."""
        self._tell("bye")
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[str]:
        try:
            with self._log.open("ab") as log:
                return subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    text=True,
                    env=self._env,
                    start_new_session=True,
                    pass_fds=(self._lock_fd,),
                )
        except OSError as error:
            raise SetupError(
                f"the reaper cannot be started: {error.strerror}", remedy="Free memory, then start again."
            ) from error

    def _line(self, pid: int) -> str:
        child = self._known[pid]
        return f"add {pid} {child.start} {child.stage} {int(child.signal)}"

    def _tell(self, line: str) -> None:
        pipe: IO[str] | None = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(line + "\n")
            pipe.flush()
        except BrokenPipeError:
            # It was killed; `check` starts another, which is told everything.
            return
