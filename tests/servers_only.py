"""The embedded cluster without its workers: the real broker, database and procedural service, for tests."""

from __future__ import annotations

import sys
from dataclasses import replace

from vidpipe.cluster import processes, supervisor
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import Plan


def servers_plan(layout: Layout, options: ClusterOptions) -> Plan:
    """All servers and the migration, no workers."""
    whole = processes.plan(layout, options)
    return replace(whole, workers=())


if __name__ == "__main__":
    sys.exit(supervisor.main(make_plan=servers_plan))
