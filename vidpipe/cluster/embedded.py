"""Start and stop an embedded cluster: what `vidpipe run`, `vidpipe cluster` and tests use.

`with start(home) as cluster:` stops it when the block, or this process, ends, however it ends;
`start(home, detached=True)` lets it live on until `stop(home)`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from vidpipe.cluster import lock, logs, note, reaper
from vidpipe.cluster.events import DETACH
from vidpipe.cluster.layout import failure_path, prepare_home
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import python_environment
from vidpipe.errors import SetupError
from vidpipe.settings import child_environment

START_SECONDS = 300.0  # more than all limits of the supervisor's own for a start
STOP_SECONDS = 90.0  # more than all graces together
KILLED_SECONDS = 30.0  # for a reaper to end its work
SUPERVISOR = "vidpipe.cluster.supervisor"


@dataclass
class Handle:
    """A cluster that this process has started; `settings` are the addresses by which it is reached."""

    home: Path
    settings: Mapping[str, Any]
    detached: bool
    _process: subprocess.Popen[bytes] = field(repr=False)
    _owner_fd: int | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise SetupError, with the reason, if the cluster has ended by itself."""
        code = self._process.poll()
        if code is None:
            return
        found = note.read(failure_path(self.home))
        what = found.get("message") or f"its supervisor {logs.ended(code)}"
        remedy = found.get("remedy") or f"See {self.home / 'logs'}, then start it again."
        raise SetupError(f"the cluster has stopped: {what}", remedy=str(remedy))

    def stop(self) -> None:
        """Stop the cluster and wait until nothing of it is left; interrupted meanwhile, kill what works."""
        try:
            self._end()
        except KeyboardInterrupt:
            self._process.send_signal(signal.SIGTERM)
            self._end()
            raise

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        _wait_for_end(self.home, self._process)
        if self._owner_fd is not None:
            os.close(self._owner_fd)
            self._owner_fd = None

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.detached:
            self.stop()


def start(
    home: Path,
    *,
    detached: bool = False,
    options: ClusterOptions | None = None,
    on_progress: Callable[[str], None] | None = None,
    supervisor: str = SUPERVISOR,
) -> Handle:
    """Start a cluster in `home` and return when it is ready.

    Not `detached`, it stops by itself when this process ends. `on_progress` is told each step in words.
    `supervisor` is the module that runs it (tests have a smaller one). Raises SetupError where it cannot be
    started: in words, with the end of the log of the process that failed.
    """
    home = home.absolute()
    prepare_home(home)
    report, report_in = os.pipe()
    owner_out, owner = os.pipe()
    try:
        process = _spawn(home, options or ClusterOptions(), supervisor, report_in, owner_out)
    except BaseException:
        os.close(owner)
        os.close(report)
        raise
    finally:
        os.close(report_in)
        os.close(owner_out)
    try:
        settings = _follow(process, home, report, on_progress or (lambda words: None))
    except BaseException:
        if process.poll() is None:
            process.terminate()
        _wait_for_end(home, process)
        os.close(owner)
        raise
    finally:
        os.close(report)
    if detached:
        os.write(owner, DETACH)
        os.close(owner)
    return Handle(home, settings, detached, process, None if detached else owner)


def stop(home: Path) -> bool:
    """Stop the cluster of `home` and wait until nothing of it is left; False if there was none.

    Raises SetupError where it may not be stopped by this user, or does not end.
    """
    home = home.absolute()
    if not lock.is_held(home):
        return False
    pid = lock.holder(home)
    if pid is not None and reaper.read_process(pid):
        try:
            os.kill(pid, signal.SIGTERM)
        except PermissionError as error:
            raise SetupError(
                f"the cluster of {home} (process {pid}) belongs to another user",
                remedy="Stop it as that user.",
            ) from error
    _wait_for_end(home, None, pid)
    return True


def _spawn(
    home: Path, options: ClusterOptions, supervisor: str, report_fd: int, owner_fd: int
) -> subprocess.Popen[bytes]:
    marker = uuid.uuid4().hex
    argv = [sys.executable, "-m", supervisor, "--home", str(home), "--options", options.to_json()]
    argv += ["--marker", marker, "--report-fd", str(report_fd), "--owner-fd", str(owner_fd)]
    python = python_environment(options.extra_env)
    extra = {**options.extra_env, **python, reaper.MARKER_NAME: marker}
    env = child_environment(extra, without=("PYTHONDONTWRITEBYTECODE", "PYTHONHOME"))
    try:
        with logs.open_log(home / "logs" / "supervisor.log") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=home,
                start_new_session=True,  # Ctrl-C in a terminal reaches the owner only, which then stops it
                pass_fds=(report_fd, owner_fd),
            )
    except OSError as error:
        raise SetupError(f"the cluster cannot be started: {error.strerror}", remedy="Free memory.") from error


def _follow(
    process: subprocess.Popen[bytes], home: Path, report: int, on_progress: Callable[[str], None]
) -> dict[str, Any]:
    """Hear the supervisor out; the settings it ends with."""
    log = home / "logs" / "supervisor.log"
    for line in _lines(report, time.monotonic() + START_SECONDS):
        said = json.loads(line)
        if "progress" in said:
            on_progress(said["progress"])
        elif "error" in said:
            raise SetupError(said["error"], remedy=said["remedy"])
        else:
            settings: dict[str, Any] = said["ready"]
            return settings
    if process.poll() is None:
        raise SetupError(f"the cluster was not ready within {START_SECONDS:g} s", remedy=f"See {log.parent}.")
    tail = logs.tail(log)
    raise SetupError(
        f"the cluster could not be started: its supervisor {logs.ended(process.returncode)}; {log} says:\n{tail}",
        remedy=logs.meaning(tail),
    )


def _lines(fd: int, end: float) -> Iterator[bytes]:
    """Lines from a pipe, until it ends or the monotonic time `end` comes."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            if not selector.select(left):
                return
            part = os.read(fd, 65536)
            if not part:
                return
            *whole, rest = (rest + part).split(b"\n")
            yield from whole


def _wait_for_end(home: Path, process: subprocess.Popen[bytes] | None, pid: int | None = None) -> None:
    """Wait until the supervisor and its reaper are gone, kill the supervisor where it takes too long."""
    pause = threading.Event()
    began = time.monotonic()
    killed = False
    number = process.pid if process else pid
    # Another cluster may hold the lock of a home: it is not the one that is waited for.
    while (process and process.poll() is None) or (lock.is_held(home) and lock.holder(home) == number):
        waited = time.monotonic() - began
        if waited > STOP_SECONDS + KILLED_SECONDS:
            raise SetupError(f"the cluster of {home} does not stop", remedy=f"See {home / 'logs'}; end it by hand.")
        if waited > STOP_SECONDS and not killed and number:
            killed = reaper.send(number, signal.SIGKILL)
        pause.wait(0.02)
