"""A supervisor with the real broker and database, and workers that only wait: quick to start and to kill."""

from __future__ import annotations

import sys

from vidpipe.cluster import processes, supervisor
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import Plan, ProcessSpec
from vidpipe.cluster.readiness import LogSays

# Each has a child in a session of its own, as a worker has that probes a file.
WORKER = """
import signal, subprocess, sys
below = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready.", flush=True)
signal.pause()
"""
DIES = "print('no module for this', flush=True); raise SystemExit(3)"


def small_plan(layout: Layout, options: ClusterOptions) -> Plan:
    """Valkey, PostgreSQL and two workers; one that dies at once if SMALL_CLUSTER says so."""
    whole = processes.plan(layout, options)
    servers = tuple(spec for spec in whole.servers if spec.name != "procedural")
    workers = [_worker("gpu", WORKER), _worker("io", WORKER)]
    if options.extra_env.get("SMALL_CLUSTER") == "dies":
        workers.append(_worker("dies", DIES))
    return Plan(servers, tuple(workers))


def _worker(name: str, code: str) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", code), LogSays("ready."), holds_messages=True)


if __name__ == "__main__":
    sys.exit(supervisor.main(make_plan=small_plan))
