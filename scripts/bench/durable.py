"""The film in DBOS on PostgreSQL: a workflow a scene, a step a call; every step's result is kept.

One process. Steps that were done are not done again when it dies; a submit that was cut off is made again, and so
bought twice. DATABASE_URL says where the database is.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig

from scripts.bench.service import Order, make_clip
from scripts.bench.shape import Shape, cpu, tell

gpu = asyncio.Lock()


@DBOS.workflow()
async def film(told: dict[str, Any], folder: str) -> None:
    """All scenes side by side."""
    scenes = [await DBOS.start_workflow_async(scene, told, folder, number) for number in range(told["scenes"])]
    for handle in scenes:
        await handle.get_result()


@DBOS.workflow()
async def scene(told: dict[str, Any], folder: str, number: int) -> int:
    """One scene; the number of the candidate that was chosen."""
    shape = Shape(**told)
    operation = await submit(told)
    while not await is_done(operation):
        await DBOS.sleep_async(shape.poll)
    candidates = range(1, shape.candidates + 1)
    await asyncio.gather(*(fetch(folder, number, candidate) for candidate in candidates))
    scores = await asyncio.gather(*(score(told) for _ in candidates))
    await analyze(told)
    return scores.index(max(scores)) + 1


@DBOS.step()
async def submit(told: dict[str, Any]) -> str:
    """Buy; the operation's name."""
    shape = Shape(**told)
    await asyncio.sleep(shape.submit)
    return Order.accepted(shape.candidates, shape.operation).name()


@DBOS.step()
async def is_done(operation: str) -> bool:
    """Ask once."""
    return Order.of(operation).is_done


@DBOS.step()
async def fetch(folder: str, number: int, candidate: int) -> None:
    """Keep a clip."""
    place = Path(folder)
    await asyncio.to_thread(shutil.copyfile, place / "clip.mp4", place / f"{number}-{candidate}.mp4")


@DBOS.step()
async def score(told: dict[str, Any]) -> float:
    """Look at a candidate, on the GPU."""
    async with gpu:
        await asyncio.sleep(told["score"])
    return 0.8


@DBOS.step()
async def analyze(told: dict[str, Any]) -> None:
    """Look at the chosen clip, on the GPU."""
    async with gpu:
        await asyncio.sleep(told["analyze"])


async def make(shape: Shape, folder: Path) -> tuple[float, float]:
    """Seconds and CPU-seconds of the film, after one scene to warm up with."""
    DBOS.launch()
    await film(asdict(shape.alone()), str(folder))
    spent, began = cpu(), time.monotonic()
    await film(asdict(shape), str(folder))
    return time.monotonic() - began, cpu() - spent


def main() -> None:
    """Make it and tell the figures."""
    config: DBOSConfig = {
        "name": "vidpipe-bench", "system_database_url": os.environ["DATABASE_URL"], "log_level": "WARNING",
        "executor_id": "bench",
    }  # fmt: skip
    DBOS(config=config)
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        make_clip(Path(folder) / "clip.mp4")
        tell(*asyncio.run(make(Shape.from_argv(), Path(folder))))
    DBOS.destroy()


if __name__ == "__main__":
    main()
