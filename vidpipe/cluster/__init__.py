"""The embedded cluster: the real servers and workers on one machine, from wheels, with or without root.

    options.py     what a person may choose
    layout.py      folders, sockets and addresses
    processes.py   the command line of every process, and how each is known to be ready and is stopped
    postgres.py valkey.py migration.py    what those three need besides a command line
    supervisor.py  the process that starts, watches, restarts and stops all others (child.py: one of them)
    reaper.py      the process that ends them all should the supervisor be killed (reaping.py: its other end)
    lock.py note.py logs.py readiness.py  the folder's lock, cluster.json, log files, ready checks
    embedded.py    start and stop, as the command line and Python see them; status.py what runs
    flower.py      Flower's command line

Workers are started by their command line, never imported: vidpipe knows no Celery.
"""

from __future__ import annotations

from vidpipe.cluster.embedded import Handle, start, stop
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.status import ClusterStatus, ProcessStatus, alive

__all__ = ["ClusterOptions", "ClusterStatus", "Handle", "ProcessStatus", "alive", "start", "stop"]
