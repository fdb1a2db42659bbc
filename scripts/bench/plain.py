"""The film in plain asyncio: one process, nothing is kept. What is lost when it dies is lost, and was paid for."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from scripts.bench.service import Order, make_clip
from scripts.bench.shape import Shape, cpu, tell


class Film:
    """One run: a folder for its clips and one GPU."""

    def __init__(self, shape: Shape, folder: Path) -> None:
        self._shape = shape
        self._folder = folder
        self._clip = make_clip(folder / "clip.mp4")
        self._gpu = asyncio.Lock()

    async def make(self) -> None:
        """All scenes."""
        await asyncio.gather(*(self._scene(number) for number in range(self._shape.scenes)))

    async def _scene(self, number: int) -> None:
        await asyncio.sleep(self._shape.submit)
        operation = Order.accepted(self._shape.candidates, self._shape.operation).name()
        while not Order.of(operation).is_done:
            await asyncio.sleep(self._shape.poll)
        candidates = range(1, Order.of(operation).clips + 1)
        scores = await asyncio.gather(*(self._candidate(number, candidate) for candidate in candidates))
        assert max(scores) > 0
        await self._on_the_gpu(self._shape.analyze)

    async def _candidate(self, scene: int, candidate: int) -> float:
        await asyncio.to_thread(shutil.copyfile, self._clip, self._folder / f"{scene}-{candidate}.mp4")
        await self._on_the_gpu(self._shape.score)
        return 0.8

    async def _on_the_gpu(self, seconds: float) -> None:
        async with self._gpu:
            await asyncio.sleep(seconds)


def main() -> None:
    """Make it and tell the figures."""
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        film = Film(Shape.from_argv(), Path(folder))
        spent, began = cpu(), time.monotonic()
        asyncio.run(film.make())
        tell(time.monotonic() - began, cpu() - spent)


if __name__ == "__main__":
    main()
