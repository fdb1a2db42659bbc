"""How many operations one tick process can keep asking about, and what a question costs.

Real take rows in a real database, a server of operations in a process of its own, beat and ONE tick worker as in
every cluster, and nothing else running. Lateness is the server's: how much later than `--every` seconds after the
last question the next one came. What the HTTP client takes is measured by asking the same server the same
questions with the bare adapter; what a wave takes besides, by waves whose adapter answers at once: claiming, the
asyncio tasks, the time limit of each question, the log's names, the metrics, writing the answers down.

With `--service` the operations are a vendor's: the server speaks its protocol, vidpipe's own adapter asks, opened by
the registry, and then the vendor's own asynchronous client in its place, in the same tick process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import ceil
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from scripts.bench import flight, usage
from scripts.bench.house import House, Work, open_house
from scripts.bench.service import NAME
from scripts.bench.shape import cpu
from scripts.bench.vendors import VENDORS, opened, operation
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Refused, Transient
from vidpipe.pipeline.poll import wave
from vidpipe.services.base import Connected
from vidpipe.services.registry import guarded
from vidpipe.settings import Timing, load

AT_ONCE = 64  # questions in flight of the bare client, as in a wave
BARE = 1000  # questions it asks
WAVES = 15  # of which the cost of their own is the median
BUSY = 0.7  # of a core, from which on the processor is what limits
GOAL_LATE = 1.0  # seconds, 95 of 100 questions
GOAL_CPU = 0.1  # milliseconds a question, besides the client's own


@dataclass(frozen=True)
class Level:
    """So many takes in flight. Seconds; milliseconds of CPU a question."""

    way: str  # who asks
    takes: int
    asked: int  # questions in the time that was measured
    seconds: float
    p50: float
    p95: float
    p99: float
    worst: float
    tick_ms: float  # everything the tick process does
    client_ms: float  # of it, what the same questions take the bare adapter, in a loop with nothing else
    resting_ms: float  # of it, what it does (waves that find nothing, sweeps) while nothing is due
    database_ms: float
    tick_busy: float  # share of a core
    database_busy: float
    server_busy: float

    @property
    def in_time(self) -> bool:
        """Whether the goal for lateness is met, and the pace was kept at all."""
        return self.p95 <= GOAL_LATE


@contextmanager
def operations(every: float, latency: float, vendor: str) -> Iterator[str]:
    """A server of operations; its address."""
    command = [sys.executable, "-m", "scripts.bench.operations", "--every", str(every), "--latency", str(latency)]
    command += ["--vendor", vendor] if vendor else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


def bare_client(work: Work, folder: Path, at_a_time: int) -> float:
    """Milliseconds of this process's CPU a question, asked by the adapter alone, so many in a loop as in a wave."""
    settings = load({"VIDPIPE_HOME": str(folder)})
    service = opened(work.vendor, work.way, work.url, settings, lambda key: nullcontext(folder))
    names = [operation(work.vendor) for _ in range(at_a_time)]

    async def ask() -> None:
        line = iter(names)

        async def ask_on() -> None:
            for name in line:
                await service.poll(name)

        assert isinstance(service, Connected)
        async with service.connection():
            await asyncio.gather(*(ask_on() for _ in range(min(AT_ONCE, at_a_time))))

    asyncio.run(ask())  # once to warm up
    began, loops = cpu(), max(1, BARE // at_a_time)
    for _ in range(loops):
        asyncio.run(ask())
    return (cpu() - began) / (loops * at_a_time) * 1e3


class Silent:
    """A service (`vidpipe.services.base`) that answers at once, without asking anybody."""

    name = NAME

    def submit(self, request: VideoRequest) -> Accepted:
        """Nothing can be bought."""
        raise Refused("this service is only asked")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Not yet."""
        return Pending(0.5)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Nothing is ever delivered."""
        raise Transient("nothing was delivered")


def own_cost(folder: Path, at_a_time: int) -> float:
    """Milliseconds of this process's CPU a question that is asked of nobody, in waves of so many."""
    with open_house(folder, Work(url="http://nobody"), parts="valkey postgres", poll_seconds=3600.0) as house:
        deps = replace(house.deps, opener=lambda name, settings, media: guarded(Silent()))
        used = []
        for _ in range(WAVES + 1):  # the first warms up
            flight.launch(deps, at_a_time, spread=0.0, begin=0.0)
            began = cpu()
            wave(deps, NAME)
            used.append(cpu() - began)
    return median(used[1:]) / at_a_time * 1e3


def level(
    folder: Path, takes: int, every: float, seconds: float, latency: float, *, vendor: str = "", way: str = "adapter"
) -> Level:
    """Measure one number of takes."""
    with operations(every, latency, vendor) as url:
        work = Work(url=url, vendor=vendor, way=way)
        client_ms = bare_client(work, folder, max(1, int(takes / every * Timing().wave_every)))
        with open_house(folder, work, parts="valkey postgres", poll_seconds=every) as house:
            resting = max(10.0, every)
            _figures(url)  # those of the bare client do not count
            flight.launch(house.deps, takes, spread=every, begin=resting + 8.0, vendor=vendor)
        with open_house(folder, work, parts="valkey postgres beat tick", poll_seconds=every) as house:
            return _measure(house, url, takes, every, seconds, client_ms)


def _measure(house: House, url: str, takes: int, every: float, seconds: float, client_ms: float) -> Level:
    pause = threading.Event()
    pause.wait(4.0)  # the workers have imported and opened what they need
    before, began = usage.cpu(house.home, house.pid), time.monotonic()
    pause.wait(5.0)
    resting = usage.spent(before, usage.cpu(house.home, house.pid))["tick"] / (time.monotonic() - began)
    left = takes
    while (left := left - _figures(url)["asked"]) > 0:  # everything is asked about once before it counts
        pause.wait(1.0)
    first, before, began = _figures(url), usage.cpu(house.home, house.pid), time.monotonic()
    pause.wait(seconds)
    figures = _figures(url)
    took = time.monotonic() - began
    spent = usage.spent(before, usage.cpu(house.home, house.pid))
    late, asked = figures["late"], figures["asked"]
    cuts = quantiles(late, n=100)
    return Level(
        house.work.way, takes, asked, took, cuts[49], cuts[94], cuts[98], max(late),
        tick_ms=spent["tick"] / asked * 1e3, client_ms=client_ms, resting_ms=resting * took / asked * 1e3,
        database_ms=spent["postgres"] / asked * 1e3, tick_busy=spent["tick"] / took,
        database_busy=spent["postgres"] / took, server_busy=(figures["cpu"] - first["cpu"]) / took,
    )  # fmt: skip


def _figures(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/figures", trust_env=False).json()
    return found


def limited_by(one: Level, every: float, latency: float) -> str:
    """What makes questions late, in words."""
    pace = Timing().wave_every
    answers = ceil(one.takes / every * pace / AT_ONCE) * latency
    if one.tick_busy > BUSY:
        return f"the tick's processor, {one.tick_busy:.0%} busy"
    if answers > pace:
        return f"that {AT_ONCE} are asked at a time: a wave waits {answers:.1f} s for its answers"
    return f"that a wave begins every {pace:g} s, and waits {answers:.1f} s for its answers"


def say(levels: Sequence[Level], every: float, latency: float, own: float, vendor: str) -> None:
    """The figures for people."""
    what = f"operations of {vendor} are " if vendor else ""
    print(f"{what}asked about every {every:g} s by one tick process; lateness in s; CPU in ms a question\n")
    print("asked by   takes  asked/s     p50     p95     p99   worst |   tick  client  resting   database |"
          " busy: tick  database  server")  # fmt: skip
    for one in levels:
        print(
            f"{one.way:<8}{one.takes:8} {one.asked / one.seconds:8.0f} {one.p50:7.2f} {one.p95:7.2f} {one.p99:7.2f} "
            f"{one.worst:7.2f} | {one.tick_ms:6.2f} {one.client_ms:7.2f} {one.resting_ms:8.2f} "
            f"{one.database_ms:10.2f} | {one.tick_busy:10.0%} {one.database_busy:9.0%} {one.server_busy:7.0%}"
        )
    print()
    for one in levels:
        print(f"{one.takes} by the {one.way}: what limits it is {limited_by(one, every, latency)}")
    kept = [one.takes for one in levels if one.in_time and one.way == "adapter"]
    print(f"\nmost takes with p95 <= {GOAL_LATE:g} s: {max(kept) if kept else 'none of these'}\n"
          f"a wave's own CPU besides the client: {own:.3f} ms a question (goal: {GOAL_CPU:g})")  # fmt: skip


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, nargs="+", default=[1000, 2500, 5000, 7500, 10000, 15000], metavar="N")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two questions about one operation")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until the service answers a question")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long each number is measured")
    parser.add_argument(
        "--service", default="", choices=VENDORS, metavar="NAME",
        help="a vendor's operations, asked by its adapter and then by its own client: " + ", ".join(VENDORS),
    )  # fmt: skip
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    ways, levels = ("adapter", "sdk") if args.service else ("adapter",), []
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        own = own_cost(Path(folder) / "own", int(max(args.takes) / args.every * Timing().wave_every))
        for way, takes in product(ways, args.takes):
            if levels and levels[-1].way == way and levels[-1].p95 > 2 * args.every:
                continue  # more of them would say no more
            place = Path(folder) / f"{way}-{takes}"
            found = level(place, takes, args.every, args.seconds, args.latency, vendor=args.service, way=way)
            levels.append(found)
            if not args.json:
                print(f"{takes} takes by the {way}: p95 {found.p95:.2f} s late", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"own_ms": own, "levels": [asdict(one) for one in levels]}, indent=1))
    else:
        say(levels, args.every, args.latency, own, args.service)
    return 0


if __name__ == "__main__":
    sys.exit(main())
