"""How many operations one tick process can keep asking about, and what a question costs.

Real take rows in a real database, a server of operations in a process of its own, beat and ONE tick worker as in
every cluster, and nothing else running. Lateness is the server's: how much later than `--every` seconds after the
last question the next one came. The client's own share of the CPU is measured by asking the same server the same
questions with the bare adapter.
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
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from scripts.bench import flight, usage
from scripts.bench.house import House, Work, open_house
from scripts.bench.polled import PolledService
from scripts.bench.shape import cpu

AT_ONCE = 32  # questions in flight of the bare client, as in a wave
BARE = 1000  # questions it asks
GOAL_LATE = 1.0  # seconds, 95 of 100 questions
GOAL_CPU = 0.1  # milliseconds a question, besides the client's own


@dataclass(frozen=True)
class Level:
    """So many takes in flight. Seconds; milliseconds of CPU a question."""

    takes: int
    asked: int  # questions in the time that was measured
    seconds: float
    p50: float
    p95: float
    p99: float
    worst: float
    tick_ms: float  # everything the tick process does
    client_ms: float  # of it, the HTTP client's own share
    resting_ms: float  # of it, what it does (waves that find nothing, sweeps) while nothing is due
    database_ms: float
    tick_busy: float  # share of a core
    database_busy: float
    server_busy: float

    @property
    def own_ms(self) -> float:
        """What the wave takes besides the client."""
        return self.tick_ms - self.client_ms - self.resting_ms

    @property
    def in_time(self) -> bool:
        """Whether the goal for lateness is met, and the pace was kept at all."""
        return self.p95 <= GOAL_LATE


@contextmanager
def operations(every: float, latency: float) -> Iterator[str]:
    """A server of operations; its address."""
    command = [sys.executable, "-m", "scripts.bench.operations", "--every", str(every), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


def bare_client(url: str) -> float:
    """Milliseconds of this process's CPU a question, asked by the adapter alone."""
    service = PolledService(url)

    async def ask() -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await service.poll(f"bare-{number}")

        async with service.connection():
            await asyncio.gather(*(one(number) for number in range(BARE)))

    asyncio.run(ask())  # once to warm up
    began = cpu()
    asyncio.run(ask())
    return (cpu() - began) / BARE * 1e3


def level(folder: Path, takes: int, every: float, seconds: float, latency: float) -> Level:
    """Measure one number of takes."""
    with operations(every, latency) as url:
        client_ms = bare_client(url)
        work = Work(url=url)
        with open_house(folder, work, parts="valkey postgres", poll_seconds=every) as house:
            resting = max(10.0, every)
            _figures(url)  # those of the bare client do not count
            flight.launch(house.deps, takes, spread=every, begin=resting + 8.0)
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
        takes, asked, took, cuts[49], cuts[94], cuts[98], max(late),
        tick_ms=spent["tick"] / asked * 1e3, client_ms=client_ms, resting_ms=resting * took / asked * 1e3,
        database_ms=spent["postgres"] / asked * 1e3, tick_busy=spent["tick"] / took,
        database_busy=spent["postgres"] / took, server_busy=(figures["cpu"] - first["cpu"]) / took,
    )  # fmt: skip


def _figures(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/figures", trust_env=False).json()
    return found


def say(levels: Sequence[Level], every: float) -> None:
    """The figures for people."""
    print(f"asked about every {every:g} s by one tick process; lateness in s; CPU in ms a question\n")
    print("   takes  asked/s     p50     p95     p99   worst |   tick  client  resting  its own   database |"
          " busy: tick  database  server")  # fmt: skip
    for one in levels:
        print(
            f"{one.takes:8} {one.asked / one.seconds:8.0f} {one.p50:7.2f} {one.p95:7.2f} {one.p99:7.2f} "
            f"{one.worst:7.2f} | {one.tick_ms:6.2f} {one.client_ms:7.2f} {one.resting_ms:8.2f} {one.own_ms:8.2f} "
            f"{one.database_ms:10.2f} | {one.tick_busy:10.0%} {one.database_busy:9.0%} {one.server_busy:7.0%}"
        )
    kept = [one.takes for one in levels if one.in_time]
    print(f"\nmost takes with p95 <= {GOAL_LATE:g} s: {max(kept) if kept else 'none of these'}; "
          f"goal for its own CPU: {GOAL_CPU:g} ms")  # fmt: skip


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, nargs="+", default=[1000, 2500, 5000, 7500, 10000, 15000], metavar="N")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two questions about one operation")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until the service answers a question")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long each number is measured")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    levels = []
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        for takes in args.takes:
            levels.append(level(Path(folder) / str(takes), takes, args.every, args.seconds, args.latency))
            if not args.json:
                print(f"{takes} takes: p95 {levels[-1].p95:.2f} s late", file=sys.stderr, flush=True)
            if levels[-1].p95 > 2 * args.every:
                break  # more of them would say no more
    print(json.dumps([asdict(one) for one in levels], indent=1)) if args.json else say(levels, args.every)
    return 0


if __name__ == "__main__":
    sys.exit(main())
