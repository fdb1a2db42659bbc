"""The embedded cluster with the bench's workers: vidpipe's own processes, whose services and eyes are the bench's.

As a module it is the cluster's supervisor (`vidpipe.cluster.embedded.start(supervisor=...)`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from scripts.bench import service
from vidpipe.cluster import ClusterOptions, processes, start, supervisor
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.processes import Plan, ProcessSpec
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import load

WORK = "VIDPIPE_BENCH_WORK"  # the file that tells the workers what their work is
PARTS = "VIDPIPE_BENCH_PARTS"  # which processes there are, by name; empty: all
APP = "scripts.bench.worker"


@dataclass(frozen=True)
class Work:
    """What an order, an operation and looking at a clip take, in seconds."""

    clip: str = ""  # the file that every operation brings
    folder: str = ""  # where the workers write what they measured
    submit: float = 0.0
    operation: float = 0.0
    score: float | None = None  # on the GPU; None: clips are really decoded and measured
    analyze: float | None = None  # on the GPU; None: only what vidpipe does
    url: str = ""  # of a server of operations (scripts/bench/operations.py); empty: the service has no process
    vendor: str = ""  # whose protocol that server speaks, and whose adapter asks it; empty: the bench's own
    way: str = "adapter"  # or `sdk`: the vendor's own client asks (scripts/bench/vendors.py)
    stopwatch: bool = False  # whether the parts of each task on the queue gpu are timed
    statements: bool = False  # whether SQL statements are counted and timed


@dataclass(frozen=True)
class House:
    """A running cluster of the bench."""

    home: Path
    pid: int  # of its supervisor
    work: Work
    deps: Deps = field(repr=False)  # reaches its database, as any client does


def make_plan(layout: Layout, options: ClusterOptions) -> Plan:
    """The cluster without the procedural service, its workers on the bench's app; or some parts of it."""
    whole = processes.plan(layout, options)
    wanted = options.extra_env.get(PARTS, "").split()

    def is_wanted(spec: ProcessSpec) -> bool:
        return spec.name in wanted if wanted else spec.name != "procedural"

    workers = tuple(replace(spec, argv=_on_our_app(spec.argv)) for spec in whole.workers if is_wanted(spec))
    return Plan(tuple(spec for spec in whole.servers if is_wanted(spec)), workers, whole.migration)


def _on_our_app(argv: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(APP if word == "tasks.app" else word for word in argv)


@contextmanager
def open_house(
    folder: Path, work: Work, *, io: int = 8, gpu: int = 2, parts: str = "", poll_seconds: float = 0.5,
    timing: Mapping[str, float] | None = None,
) -> Iterator[House]:  # fmt: skip
    """A fresh cluster in `folder` that makes films of the bench's service; stopped when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    home, config, told = folder / "home", folder / "config.yaml", folder / "work.json"
    given: dict[str, Any] = {"services": service.described(poll_seconds), "timing": dict(timing or {})}
    config.write_text(json.dumps(given), encoding="utf-8")
    work = replace(work, clip=str(service.make_clip(folder / "clip.mp4")), folder=str(folder))
    told.write_text(json.dumps(asdict(work)), encoding="utf-8")
    extra = {"VIDPIPE_CONFIG": str(config), WORK: str(told), PARTS: parts}
    options = ClusterOptions(io=io, gpu=gpu, extra_env=extra)
    with start(home, options=options, supervisor="scripts.bench.house") as handle:
        settings = load({"VIDPIPE_HOME": str(home), "VIDPIPE_CONFIG": str(config)})
        deps = open_deps(settings, worker="bench", pool_size=3)
        try:
            yield House(home, handle.pid, work, deps)
        finally:
            deps.close()


if __name__ == "__main__":
    sys.exit(supervisor.main(make_plan=make_plan))
