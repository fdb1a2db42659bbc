"""Beat ends when it is told to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vidpipe.cluster.embedded import Handle
from vidpipe.cluster.processes import python_environment
from vidpipe.settings import child_environment

# Beat, with a scheduler that sends nothing and is told to end once, where Python loses what a handler raises.
TOLD = """
import os, signal, sys
from celery.beat import Scheduler
from tasks.beat import app

class Told:
    def __del__(self):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        sum(range(1000))

class Silent(Scheduler):
    told = False
    def tick(self):
        if not self.told:
            self.told = True
            Told()
        return 0.05

app.Beat(scheduler_cls=Silent, pidfile=None).run()
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_beat_ends_though_the_exit_that_its_handler_raises_is_lost(
    servers: Handle, tmp_path: Path, number: str
) -> None:
    settings = {f"VIDPIPE_{name.upper()}": str(servers.settings[name]) for name in ("database_url", "broker_url")}
    env = child_environment({**settings, **python_environment(), "VIDPIPE_HOME": str(tmp_path)}, without=("VIDPIPE_",))
    done = subprocess.run(
        [sys.executable, "-c", TOLD, number], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert "SystemExit" in done.stderr, "the exit was lost, as it should be here"
    assert done.returncode == 0, done.stderr
