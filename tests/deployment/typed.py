"""What docker/README.md tells an operator to type, done to processes of this machine.

The lines are taken from the page as they stand; only what an engine would do is done here in its place. A program in
PostgreSQL's container is the one that the embedded server's wheel brings, `stop` is SIGTERM for the workers, `up` is
`migrate` and their start. A line that stands for nothing here fails the test, so that the page can't change alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import make_url

from tests.deployment.composed import COMPOSE, DOCKER
from tests.machines import Machine, World
from vidpipe.cluster.postgres import binaries
from vidpipe.cluster.processes import python_environment
from vidpipe.settings import child_environment

_PAGE = (DOCKER / "README.md").read_text(encoding="utf-8")
_ENGINE = "docker compose -f docker/compose.yaml "
UP = f"{_ENGINE}up --detach"
_SERVICES = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
# Whoever is connected to the database and stays.
STAYING = {name for name, one in _SERVICES.items() if "database" in (one.get("networks") or ())} - {
    "postgres", "migrate", "cli"
}  # fmt: skip


def block(heading: str) -> list[str]:
    """The lines of the first block of commands under a heading of the page."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", _PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"the page has no {heading!r}"
    found = re.search(r"^```\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert found, f"the page shows no commands under {heading!r}"
    return found[1].splitlines()


@dataclass(frozen=True)
class Operator:
    """Types in a folder of its own, and rules over one machine of workers."""

    world: World
    machine: Machine
    folder: Path

    def type(self, line: str) -> None:
        """One line of the page."""
        if line.startswith("git pull && docker compose") and line.endswith(" build"):
            return  # the new version is the one that is tested
        assert line.startswith(_ENGINE), f"nobody knows what to do for {line!r}"
        words = line.removeprefix(_ENGINE)
        if inside := re.fullmatch(r"exec (?:-T )?postgres (.+)", words):
            self.program(inside[1])
        elif words.startswith("stop "):
            assert set(words.split()[1:]) == STAYING, f"{line!r} leaves somebody connected"
            assert set(self.machine.stop().values()) <= {0}
        elif words == "run --rm migrate":
            self._migrate()
        elif words == "up --detach":
            self._migrate()  # what the workers wait for
            self.machine.start()
        else:
            raise AssertionError(f"nobody knows what to do for {line!r}")

    def program(self, words: str) -> str:
        """A command line in the container of PostgreSQL; what it printed."""
        place = make_url(self.world.handle.settings["database_url"])
        path = os.pathsep.join((str(binaries()), "/usr/bin", "/bin"))
        return self._run(
            ["sh", "-c", words],
            {"PATH": path, "PGHOST": str(place.query["host"]), "PGPORT": str(place.query["port"])},
        )

    def _migrate(self) -> None:
        environment = {**self.world.environment("migrate"), **python_environment()}
        self._run([sys.executable, "-m", "vidpipe", *_SERVICES["migrate"]["command"]], environment)

    def _run(self, command: list[str], environment: Mapping[str, str]) -> str:
        env = child_environment(environment, without=("VIDPIPE_", "PG")) | dict(environment)
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout
