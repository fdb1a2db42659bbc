"""The logs of the cluster's processes: opened, kept small, put into words when something went wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import IO

MOST_BYTES = 5_000_000
TAIL_LINES = 8
_TAIL_BYTES = 6_000

# What the servers write, and what it means to a person; the first that fits counts.
_MEANINGS = (
    (r"No space left on device|Disk quota exceeded|MISCONF.*disk", "The disk is full: free some space."),
    (r"Cannot allocate memory|could not map anonymous shared memory|MemoryError|Out Of Memory|std::bad_alloc",
     "Memory ran out: close other programs, or give the cluster fewer threads."),
    (r"could not create shared memory segment|could not create semaphores",
     "The system gives no more shared memory or semaphores: close other programs."),
    (r"Address already in use|already in use by another", "Its socket is taken by another process."),
    (r"Read-only file system", "The disk is read-only: set VIDPIPE_HOME to a folder that can be written."),
    (r"database files are incompatible", "Its data are another version's: set VIDPIPE_HOME to a new folder."),
    (r"Too many open files", "Too many files are open: raise the limit (ulimit -n)."),
    (r"No module named '?(\w+)", "A Python package is missing: pip install 'vidpipe[embedded]'."),
    (r"Permission denied", "A file or folder may not be used by this user: mend its permissions."),
)  # fmt: skip


def open_log(path: Path) -> IO[bytes]:
    """Open `path` for appending, after moving it aside where it has grown large."""
    keep_small(path)
    return path.open("ab", buffering=0)


def keep_small(path: Path, most: int = MOST_BYTES) -> bool:
    """Copy a log above `most` bytes to NAME.log.1 and empty it; whether that was done.

    Emptied in place, since its process holds it open; it appends, so it goes on at the beginning.
    """
    if not path.exists() or path.stat().st_size <= most:
        return False
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    with path.open("r+b") as file:
        file.truncate(0)
    return True


def tail(path: Path, since: int = 0, lines: int = TAIL_LINES) -> str:
    """The last lines of `path` from byte `since`, without control characters; empty where there are none."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(since if since <= size else 0, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    printable = re.sub(r"\x1b\[[0-9;]*m|[^\S\n]+$|[\x00-\x08\x0b-\x1f\x7f]", "", text, flags=re.MULTILINE)
    return "\n".join([line[:300] for line in printable.splitlines() if line.strip()][-lines:])


def meaning(text: str) -> str:
    """What to do about what a log's tail says; empty where it is not known."""
    return next((words for pattern, words in _MEANINGS if re.search(pattern, text, re.IGNORECASE)), "")


def ended(code: int) -> str:
    """A process's end in words, from its return code as subprocess gives it."""
    if code == -9:
        return "was killed (by someone, or by the system for want of memory)"
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
