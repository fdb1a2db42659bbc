"""The lock on a home folder: two clusters never share one.

An flock(2), which the kernel drops when its last holder ends, however it ends. The supervisor hands its
descriptor to the reaper, so the folder stays locked until a killed supervisor's children are gone too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

from vidpipe.errors import SetupError

CLEANING_SECONDS = 20.0  # a reaper needs less; then something is stuck


class HomeLock:
    """A held lock; `fd` may be inherited by a process that is to hold it too."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def release(self) -> None:
        """Let go; others that inherited the descriptor still hold the lock."""
        os.close(self.fd)


def lock_path(home: Path) -> Path:
    """The file that is locked; it holds the supervisor's process id."""
    return home / "lock"


def take(home: Path, *, seconds: float = CLEANING_SECONDS) -> HomeLock:
    """Lock `home` for this process.

    Raises SetupError naming the other process at once if that is alive, or after `seconds` if what a killed
    one left behind is still being ended.
    """
    fd = _open(home)
    end = time.monotonic() + seconds
    pause = threading.Event()
    asked = 0
    while not _try(fd, home):
        asked += 1
        pid = holder(home)
        # Asked thrice: someone who only looks (`is_held`) holds the lock for an instant.
        if (asked > 3 and pid and _exists(pid)) or time.monotonic() > end:
            os.close(fd)
            raise SetupError(
                f"another vidpipe cluster (process {pid or 'unknown'}) uses the folder {home}",
                remedy="Stop it with `vidpipe cluster stop`, or set VIDPIPE_HOME to another folder.",
            )
        pause.wait(0.05)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return HomeLock(fd)


def is_held(home: Path) -> bool:
    """Whether a cluster, or what is left of one, holds the lock of `home`."""
    try:
        fd = os.open(lock_path(home), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try(fd, home)
    finally:
        os.close(fd)


def holder(home: Path) -> int | None:
    """The process id in the lock file, whether it lives or not; None where there is none."""
    try:
        text = lock_path(home).read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() and int(text) > 1 else None


def _open(home: Path) -> int:
    try:
        return os.open(lock_path(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(
            f"the folder {home} cannot be locked: {error.strerror}",
            remedy="Mend its permissions, or set VIDPIPE_HOME to another folder.",
        ) from error


def _try(fd: int, home: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise SetupError(
            f"the folder {home} cannot be locked: {error.strerror}",
            remedy="Set VIDPIPE_HOME to a folder on a local disk; some network file systems have no locks.",
        ) from error
    return True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
