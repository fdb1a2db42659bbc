"""What is this file? Asked in a child process with limits, before anything else touches a file from outside.

The child (`vidpipe/media/prober.py`, which says what it may not do) is started at the first question and
stays: a start costs 0.15 s, a question 3 ms. It is replaced after a crash, after it took too long, and after
`ProbeLimits.files` files. One child a process; questions from several threads are asked one after the other.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidpipe.boundary import slow
from vidpipe.errors import MediaError
from vidpipe.media.info import AudioStream, MediaInfo, VideoStream

_PROBER = Path(__file__).with_name("prober.py")
_LONGEST_ANSWER = 64 * 1024  # bytes

WORDS = {
    "missing": "is not there",
    "unreadable": "cannot be read",
    "not_file": "is not an ordinary file",
    "empty": "is empty",
    "too_large": "is too large",
    "playlist": "is a playlist that points at other files, not a video",
    "not_video": "is not a video",
    "truncated": "is cut off or damaged",
    "undecodable": "holds a picture that cannot be decoded",
    "damaged": "is damaged",
    "pixels": "has pictures that are too large",
    "memory": "needs more memory than a video of its kind should",
    "crashed": "made the reader crash, so it is taken for damaged or hostile",
    "too_long": "took too long to read",
}


@dataclass(frozen=True)
class ProbeLimits:
    """What a file may cost to look at."""

    size: int = 8 * 2**30  # bytes
    seconds: float = 10.0  # on the wall, a file
    cpu: float = 5.0  # CPU seconds, a file
    memory: int = 2**30  # bytes of address space
    pixels: int = 8192 * 4352  # of one picture
    files: int = 500  # after which the child is replaced


LIMITS = ProbeLimits()


class ProbeRefused(MediaError):
    """A file cannot be taken for a video; `code` is one of the keys of WORDS."""

    def __init__(self, path: Path, code: str, detail: str = "") -> None:
        super().__init__(f"{path.name} {WORDS.get(code, WORDS['damaged'])}{f' ({detail})' if detail else ''}.")
        self.code = code


class Prober:
    """The standing child and the questions to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._memory = 0

    def ask(self, path: Path, limits: ProbeLimits) -> dict[str, Any]:
        """The child's answer about `path`; raises ProbeRefused."""
        with self._lock:
            child = self._ready(limits)
            self._asked += 1
            request = {
                "path": str(path),
                "seconds": limits.seconds + 1,
                "cpu": limits.cpu,
                "pixels": limits.pixels,
            }
            line = self._exchange(child, json.dumps(request).encode() + b"\n", limits.seconds)
            if line is None:
                self._end()
                raise ProbeRefused(path, "too_long", f"more than {limits.seconds:g} s")
            if not line.endswith(b"\n"):
                self._end()
                raise ProbeRefused(path, "crashed")
            answer: dict[str, Any] = json.loads(line)
        if "fault" in answer:
            raise ProbeRefused(path, answer["fault"], answer["detail"])
        info: dict[str, Any] = answer["info"]
        return info

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._child.pid if self._child else None

    def close(self) -> None:
        """End the child; the next question starts another."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """After a fork: the child belongs to the parent process; let go of its pipes, or it would never end."""
        self._lock = threading.Lock()
        child, self._child = self._child, None
        if child is not None and child.stdin is not None and child.stdout is not None:
            child.stdin.close()
            child.stdout.close()
            child.returncode = 0  # not ours to wait for

    def _ready(self, limits: ProbeLimits) -> subprocess.Popen[bytes]:
        child = self._child
        gone = child is not None and child.poll() is not None
        if gone or self._asked >= limits.files or self._memory != limits.memory:
            self._end()
        if self._child is None:
            self._asked, self._memory = 0, limits.memory
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(_PROBER), str(limits.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # a Ctrl-C at the terminal is for the parent to handle
            )
        return self._child

    def _exchange(self, child: subprocess.Popen[bytes], request: bytes, seconds: float) -> bytes | None:
        """One line back: without its end where the child died, None where `seconds` passed."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(request)
        except BrokenPipeError:
            return b""
        end = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n") and len(line) < _LONGEST_ANSWER:
            left = end - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                return None
            part = child.stdout.read(_LONGEST_ANSWER)
            if not part:
                return line
            line += part
        return line

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


_prober = Prober()
os.register_at_fork(after_in_child=_prober.forget)
atexit.register(_prober.close)


def close() -> None:
    """End this process's prober; the next probe starts another. It also ends by itself with this process."""
    _prober.close()


@slow("probing a media file")
def probe(path: Path, limits: ProbeLimits = LIMITS) -> MediaInfo:
    """What `path` holds, without decoding more than its first picture.

    Raises ProbeRefused (a MediaError) with a message for a person and a `code`, one of the keys of WORDS.
    """
    path = path.absolute()
    size = _size(path, limits)
    found = _prober.ask(path, limits)
    return MediaInfo(
        container=str(found["container"]),
        size=size,
        duration=float(found["duration"]),
        video=VideoStream(**found["video"]) if found["video"] else None,
        audio=AudioStream(**found["audio"]) if found["audio"] else None,
    )


def _size(path: Path, limits: ProbeLimits) -> int:
    """Bytes; refuses what need not be opened at all (opening a pipe would wait for ever)."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise ProbeRefused(path, "missing") from error
    except OSError as error:
        raise ProbeRefused(path, "unreadable", error.strerror or "") from error
    if not stat.S_ISREG(found.st_mode):
        raise ProbeRefused(path, "not_file")
    if not os.access(path, os.R_OK):
        raise ProbeRefused(path, "unreadable", "no permission")
    if found.st_size == 0:
        raise ProbeRefused(path, "empty")
    if found.st_size > limits.size:
        raise ProbeRefused(path, "too_large", f"{found.st_size} bytes, at most {limits.size}")
    return found.st_size
