"""The same film made by vidpipe, in plain asyncio and in DBOS, beside the best that could be done.

    submit 20 ms | operation 3 s | 4 x (fetch, score 30 ms) | choose | analyze 50 ms        45 scenes side by side

Scoring and analyzing use one GPU, one at a time (they sleep while they hold it). `ideal` is the schedule of this
graph at no cost at all. Every contender asks about an operation every half second, and none makes a film of the
scenes. vidpipe is what it always is: PostgreSQL, Valkey, four worker processes, leases, the ledger, chords, the
audit trail, probed files in a store with checksums, stills of every candidate. The others do none of that, and
say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from scripts.bench import films, stopwatch, usage
from scripts.bench.house import House, Work, open_house
from scripts.bench.shape import Shape, ideal
from scripts.bench.slot import Slot

WARM_UPS = 2  # films of one scene: the workers import and open what they need
LONGEST = 600.0  # seconds for one film


@dataclass(frozen=True)
class Figure:
    """One film by one contender."""

    seconds: float
    cpu: float  # seconds, of all its processes and servers
    processes: dict[str, float] = field(default_factory=dict)  # CPU-seconds by process
    before_gpu: float = 0.0  # seconds until the GPU was first used
    gpu_idle: float = 0.0  # seconds between its first use and its last in which nobody used it
    after_gpu: float = 0.0  # seconds from its last use to the film's end


def vidpipe(shape: Shape, folder: Path, *, gpu: int, watch: bool = False) -> Figure:
    """The film on a fresh embedded cluster."""
    with _house(shape, folder, gpu=gpu, watch=watch) as house:
        for _ in range(WARM_UPS):
            films.make(house.deps, 1, shape.candidates, stitched=True)
        before = usage.cpu(house.home, house.pid)
        made = films.make(house.deps, shape.scenes, shape.candidates)
        spent = usage.spent(before, usage.cpu(house.home, house.pid))
        uses = Slot(folder).occupations(since=made.asked_at)
    busy = sum(end - begin for begin, end in uses)
    first, last = uses[0][0], max(end for _, end in uses)
    return Figure(
        made.seconds, sum(spent.values()), spent, before_gpu=first - made.asked_at, gpu_idle=last - first - busy,
        after_gpu=made.ended_at - last,
    )  # fmt: skip


@contextmanager
def _house(shape: Shape, folder: Path, *, gpu: int, watch: bool) -> Iterator[House]:
    work = Work(
        submit=shape.submit, operation=shape.operation, score=shape.score, analyze=shape.analyze, stopwatch=watch
    )
    with open_house(folder, work, gpu=gpu, poll_seconds=shape.poll) as house:
        yield house


def plain(shape: Shape, folder: Path) -> Figure:
    """The film in plain asyncio."""
    found = _contender("plain", shape, {})
    return Figure(found["seconds"], found["cpu"])


def durable(shape: Shape, folder: Path) -> Figure:
    """The film in DBOS, on a fresh PostgreSQL of its own."""
    with open_house(folder, Work(), parts="valkey postgres") as house:
        before = usage.cpu(house.home, house.pid)
        found = _contender("durable", shape, {"DATABASE_URL": house.deps.settings.database_url})
        server = usage.spent(before, usage.cpu(house.home, house.pid))["postgres"]
    return Figure(found["seconds"], found["cpu"] + server, {"dbos": found["cpu"], "postgres": server})


def _contender(module: str, shape: Shape, env: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", f"scripts.bench.{module}", shape.to_json()]
    done = subprocess.run(
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, timeout=LONGEST, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{module} ended with code {done.returncode}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(folder: Path, shape: Shape, rounds: int, gpu: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every contender, `rounds` times in turn, and one film of vidpipe's with the clock on its parts."""
    contenders: dict[str, Callable[[Path], Figure]] = {
        "vidpipe": lambda place: vidpipe(shape, place, gpu=gpu),
        "asyncio": lambda place: plain(shape, place),
        "DBOS": lambda place: durable(shape, place),
    }
    figures: dict[str, list[Figure]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contend in contenders.items():
            figures[name].append(contend(folder / f"{name}-{number}"))
            say(f"round {number + 1}, {name}: {figures[name][-1].seconds:.2f} s")
    watched = vidpipe(shape, folder / "watched", gpu=gpu, watch=True)
    return {
        "shape": asdict(shape), "ideal": ideal(shape), "gpu_threads": gpu, "watched_seconds": watched.seconds,
        "figures": {name: [asdict(figure) for figure in found] for name, found in figures.items()},
        "parts": parts(folder / "watched"),
    }  # fmt: skip


def parts(folder: Path) -> list[dict[str, Any]]:
    """Milliseconds a task of `score` and `analyze` by part; what the main thread does is shared out evenly."""
    sums = stopwatch.read(folder)
    rows = []
    for task in ("score", "analyze"):
        tasks = sums[task, "Celery's own"][0]
        for (owner, part), (count, wall, cpu) in sums.items():
            if owner == task:
                rows.append(
                    {"task": task, "part": part, "times": count / tasks, "ms": wall / tasks * 1e3,
                     "cpu_ms": cpu / tasks * 1e3}
                )  # fmt: skip
    return sorted(rows, key=lambda row: (row["task"] != "score", -row["ms"]))


def say_all(found: dict[str, Any]) -> None:
    """The figures for people: medians of all rounds."""
    shape, best = found["shape"], found["ideal"]
    print(f"{shape['scenes']} scenes of {shape['candidates']} candidates; ideal {best:.2f} s\n")
    print("             seconds   ratio   (all rounds)              CPU s")
    for name, figures in found["figures"].items():
        middle = median(figure["seconds"] for figure in figures)
        rounds = " ".join(f"{figure['seconds'] / best:.2f}" for figure in figures)
        print(
            f"{name:<10} {middle:9.2f} {middle / best:7.2f}   ({rounds}){'':<{max(1, 24 - len(rounds))}}"
            f"{median(figure['cpu'] for figure in figures):6.2f}"
        )
    ours = found["figures"]["vidpipe"]
    lost = {name: median(figure[name] for figure in ours) for name in ("before_gpu", "gpu_idle", "after_gpu")}
    print("\nWhere vidpipe's seconds beyond the ideal go")
    print(f"  before the GPU is first used   {lost['before_gpu'] - shape['submit'] - shape['operation']:6.2f}")
    print(f"  the GPU idle in between        {lost['gpu_idle']:6.2f}")
    print(f"  after its last use             {lost['after_gpu']:6.2f}")
    names = ours[0]["processes"]
    told = "  ".join(f"{name} {median(figure['processes'][name] for figure in ours):.1f}" for name in names)
    print(f"CPU s: {told}")
    print(f"\nms a task, with the clocks on ({found['gpu_threads']} threads; that film took "
          f"{found['watched_seconds']:.2f} s)")  # fmt: skip
    for row in found["parts"]:
        print(
            f"  {row['task']:<8} {row['part']:<32} {row['times']:5.1f} x {row['ms']:8.2f} ms {row['cpu_ms']:7.2f} CPU"
        )


def main(args: Any) -> int:
    """What `scripts/bench/film --against` does."""
    shape = Shape(scenes=args.scenes)
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        say = (lambda words: None) if args.json else (lambda words: print(words, file=sys.stderr))
        found = run(Path(folder), shape, args.rounds, args.gpu, say)
    print(json.dumps(found, indent=1)) if args.json else say_all(found)
    return 0
