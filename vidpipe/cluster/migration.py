"""Brings the database's tables up to date, in a process of its own: the supervisor stays small.

    python -m vidpipe.cluster.migration DATABASE_URL

It imports what it needs at once and begins when a line comes on standard input, so that importing and the
server's start go side by side. What went wrong is one line of JSON on standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from vidpipe.cluster import logs
from vidpipe.errors import SetupError, UserError

SECONDS = 120.0


class Migration:
    """The running migration, from the supervisor's side."""

    def __init__(self, argv: tuple[str, ...], log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self._log = log
        self._since = log.stat().st_size if log.exists() else 0
        with logs.open_log(log) as file:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def begin(self) -> None:
        """The database is ready."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("begin\n")
            self._process.stdin.close()
        except BrokenPipeError:
            return  # it has died; `finished` tells why

    def finished(self) -> bool:
        """Whether it is done; raises SetupError with its words where it failed."""
        code = self._process.poll()
        if code is None:
            return False
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        self._process.stdout.close()
        if code == 0:
            return True
        try:
            words = json.loads(said)
            raise SetupError(words["message"], remedy=words["remedy"])
        except (ValueError, KeyError) as error:
            tail = logs.tail(self._log, self._since)
            raise SetupError(
                f"the database's tables could not be brought up to date; {self._log} says:\n{tail}",
                remedy=logs.meaning(tail),
            ) from error

    def end(self) -> None:
        """Stop it if it runs; a migration is one transaction, so nothing is left half done."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def main(argv: list[str]) -> int:
    """Wait for the word, then migrate."""
    from vidpipe.db import migrate  # noqa: PLC0415 - heavy; only this process pays for it

    if not sys.stdin.readline():
        return 1  # the supervisor is gone
    try:
        migrate.upgrade(argv[0])
    except UserError as error:
        sys.stdout.write(json.dumps({"message": error.message, "remedy": error.remedy}) + "\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
