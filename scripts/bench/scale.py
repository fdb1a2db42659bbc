"""What a scene costs as films grow: CPU-seconds a scene, memory, and the statements that grow.

One film a size, each on a fresh embedded cluster, one candidate a scene, of a service whose operations are done at
once and whose clips are tiny; clips are really probed, decoded and measured. CPU is that of every process of
vidpipe (workers and what they start, tick, beat, PostgreSQL, Valkey, the supervisor), from enqueuing to the last
scene, without the stitch. It should be the same for every size.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.bench import films, statements, usage
from scripts.bench.house import Work, open_house

WARM_UP = 8  # scenes: the workers import and open what they need
SHOWN = 14  # statements


@dataclass(frozen=True)
class Size:
    """One film."""

    scenes: int
    seconds: float
    cpu: dict[str, float]  # CPU-seconds by process
    peak_mb: dict[str, float]  # PSS by process, with what it started
    enroll_ms: float  # CPU of the process that enqueued it, milliseconds a scene
    statements: dict[str, tuple[int, float, int]]  # by text: how often, seconds, rows; where they were counted

    @property
    def a_scene(self) -> float:
        """CPU-milliseconds a scene."""
        return sum(self.cpu.values()) / self.scenes * 1e3


def measure(folder: Path, scenes: int, *, counted: bool) -> Size:
    """Make one film of this size."""
    with open_house(folder, Work(statements=counted)) as house:
        films.make(house.deps, WARM_UP, 1, stitched=True)
        told, began = statements.read(folder, settled=counted), sum(os.times()[:2])
        before = usage.cpu(house.home, house.pid)
        with usage.watched(house.home) as peaks:
            made = films.make(house.deps, scenes, 1)
        spent = usage.spent(before, usage.cpu(house.home, house.pid))
        own = sum(os.times()[:2]) - began
        found = statements.since(told, statements.read(folder, settled=counted))
    rows = {text: (one.count, one.seconds, one.rows) for text, one in found.items()}
    return Size(scenes, made.seconds, spent, peaks, own / scenes * 1e3, rows)


def spread(sizes: Sequence[Size]) -> float:
    """By how much the dearest scene costs more than the cheapest: 0.15 for 15 percent."""
    costs = [size.a_scene for size in sizes]
    return max(costs) / min(costs) - 1


def say(sizes: Sequence[Size], *, counted: bool) -> None:
    """The figures for people."""
    names = list(sizes[0].cpu)
    print("CPU, ms a scene")
    print(f"{'scenes':>8} {'seconds':>9} {'all':>8}" + "".join(f"{name:>12}" for name in names))
    for size in sizes:
        each = "".join(f"{size.cpu[name] / size.scenes * 1e3:12.2f}" for name in names)
        print(f"{size.scenes:>8} {size.seconds:9.1f} {size.a_scene:8.2f}{each}")
    print(f"spread: {spread(sizes):.0%}\n\npeak memory, PSS in MB")
    print(f"{'scenes':>8}" + "".join(f"{name:>12}" for name in sizes[0].peak_mb))
    for size in sizes:
        print(f"{size.scenes:>8}" + "".join(f"{mb:12.0f}" for mb in size.peak_mb.values()))
    if counted:
        _say_statements(sizes)


def _say_statements(sizes: Sequence[Size]) -> None:
    """Those that take the most, by their time a scene in the largest film."""
    last = sizes[-1]
    dearest = sorted(last.statements, key=lambda text: -last.statements[text][1])[:SHOWN]
    print("\nstatements: ms a scene (times a scene, rows each), " + " | ".join(f"{size.scenes}" for size in sizes))
    for text in dearest:
        cells = []
        for size in sizes:
            times, seconds, rows = size.statements.get(text, (0, 0.0, 0))
            cells.append(
                f"{seconds / size.scenes * 1e3:7.2f} ({times / size.scenes:5.2f} x {rows / max(times, 1):6.1f})"
            )
        print("  " + " | ".join(cells) + f"  {text[:150]}")
    for size in sizes:
        total = sum(seconds for _, seconds, _ in size.statements.values())
        print(f"  all statements at {size.scenes}: {total / size.scenes * 1e3:.2f} ms a scene")


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, nargs="+", default=[100, 1000], metavar="N", help="sizes of films")
    parser.add_argument("--statements", action="store_true", help="count SQL statements too (costs a little)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sizes = []
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        for scenes in args.scenes:
            sizes.append(measure(Path(folder) / str(scenes), scenes, counted=args.statements))
            if not args.json:
                print(f"{scenes} scenes: {sizes[-1].a_scene:.1f} ms of CPU a scene", file=sys.stderr, flush=True)
    found: dict[str, Any] = {"sizes": [{**asdict(size), "a_scene_ms": size.a_scene} for size in sizes]}
    print(json.dumps({**found, "spread": spread(sizes)}, indent=1)) if args.json else say(
        sizes, counted=args.statements
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
