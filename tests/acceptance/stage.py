"""vidpipe as a person runs it: the command line, in a home folder of its own."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.waiting import until
from vidpipe.settings import child_environment

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Stage:
    """A home folder, and the commands that are run with it."""

    home: Path
    out: Path

    def environment(self) -> dict[str, str]:
        """As small as a stranger's: no HOME to speak of, nothing of vidpipe's but its home folder."""
        return child_environment(
            {"VIDPIPE_HOME": str(self.home), "PYTHONPATH": str(ROOT), "HOME": str(self.home)},
            without=("VIDPIPE_", "VIDEO_", "LC_", "LANG"),
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`vidpipe WORDS`, running, its output to be read."""
        return subprocess.Popen(
            [sys.executable, "-m", "vidpipe", *words], cwd=self.home.parent, env=self.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *words: str, seconds: float = 150) -> subprocess.CompletedProcess[str]:
        """`vidpipe WORDS` to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def film(self, storyboard: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """`vidpipe run STORYBOARD --out OUT WORDS` to its end."""
        return self.run("run", str(storyboard), "--out", str(self.out), *words)

    def operations(self) -> list[tuple[str, str]]:
        """What the local service accepted: (name, token), from its own books."""
        books = self.home / "procedural" / "service.sqlite3"
        if not books.is_file():
            return []
        try:
            with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as connection:
                return list(connection.execute("SELECT name, token FROM operations"))
        except sqlite3.OperationalError:
            return []  # the service is just making its books

    def bought_twice(self) -> list[str]:
        """Tokens that the service accepted more than once."""
        return [token for token, times in Counter(token for _, token in self.operations()).items() if times > 1]

    def left_behind(self) -> list[str]:
        """Processes that still belong to this home folder."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "environ"]):
            mine = (process.info["environ"] or {}).get("VIDPIPE_HOME") == str(self.home)
            if mine and process.pid != psutil.Process().pid:
                found.append(" ".join(process.info["cmdline"] or [str(process.pid)]))
        return found


def interrupt(process: subprocess.Popen[str], seconds: float = 60) -> tuple[int, str]:
    """Ctrl-C; the exit code, and what it said on stderr."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=seconds)
    return process.returncode, err


@contextmanager
def cluster(stage: Stage, *words: str) -> Iterator[None]:
    """`vidpipe cluster start` ... `vidpipe cluster stop`."""
    started = stage.run("cluster", "start", *words)
    assert started.returncode == 0, started.stderr
    try:
        yield
    finally:
        stopped = stage.run("cluster", "stop")
        assert stopped.returncode == 0, stopped.stderr
        until(lambda: not stage.left_behind(), seconds=30, what="every process to be gone")


def events(text: str) -> list[dict[str, Any]]:
    """The JSON lines of `--json`."""
    return [json.loads(line) for line in text.splitlines()]


def write_story(path: Path, scenes: Sequence[dict[str, Any]], **film: Any) -> Path:
    """A storyboard file (JSON, which is YAML too)."""
    whole = {"title": "A test", "size": "320x180", "fps": 12, "duration": 1, "scenes": list(scenes), **film}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path
