"""Keeps the renderer processes: gives them clips that wait, starts one anew when it dies, gives up a clip in time."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

from vidpipe.services.procedural.bill import Books, Operation
from vidpipe.services.procedural.faults import IN_THE_CLIP

LOG = logging.getLogger(__name__)
MOST_TRIES = 3
LONGEST = 300.0  # seconds a clip may take to render
ANSWER_LIMIT = 64 * 1024  # bytes of one line


class Renderers:
    """A few long-lived child processes, each with a task that feeds it."""

    def __init__(self, books: Books, folder: Path, count: int) -> None:
        self._books, self._folder, self._count = books, folder, count
        self._work = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._children: set[asyncio.subprocess.Process] = set()

    def start(self) -> None:
        """Start the tasks; processes are started by them."""
        self._work.set()
        self._tasks = [asyncio.create_task(self._feed(), name=f"renderer {n + 1}") for n in range(self._count)]

    def wake(self) -> None:
        """Say that there is something to render."""
        self._work.set()

    @property
    def pids(self) -> list[int]:
        """The renderer processes that run."""
        return [child.pid for child in self._children if child.returncode is None]

    @property
    def broken(self) -> str:
        """Why a feeding task ended, or nothing where all run."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        return "; ".join(str(task.exception()) for task in ended)

    async def stop(self) -> None:
        """End tasks and processes; what they were at is begun again by the next server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in self._children:
            if child.returncode is None:
                child.kill()
            await child.wait()

    async def _feed(self) -> None:
        child = await self._spawn()
        while True:
            claimed = self._books.claim()
            if claimed is None:
                self._work.clear()
                await self._work.wait()
                continue
            name, number = claimed
            operation = self._books.operation(name)
            if operation is None:
                continue
            if child.returncode is not None:
                child = await self._spawn()
            answer = await self._ask(child, operation, number)
            self._record(operation, number, answer)

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._children = {child for child in self._children if child.returncode is None}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vidpipe.services.procedural.renderer",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=ANSWER_LIMIT,
        )  # fmt: skip
        self._children.add(child)
        return child

    async def _ask(
        self, child: asyncio.subprocess.Process, operation: Operation, number: int
    ) -> dict[str, object] | None:
        """One job and its answer; None where the process died at it or took too long (it is then killed)."""
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(self._job(operation, number))
            await child.stdin.drain()
            line = await asyncio.wait_for(child.stdout.readline(), LONGEST)
        except (TimeoutError, ConnectionError, ValueError) as error:
            LOG.warning("renderer %d: %s %s", child.pid, type(error).__name__, error)
            line = b""
        if line.endswith(b"\n"):
            answer: dict[str, object] = json.loads(line)
            return answer
        if child.returncode is None:
            child.kill()
        await child.wait()
        LOG.warning("renderer %d ended with %s; %s/%d waits again", child.pid, child.returncode, operation.name, number)
        return None

    def _job(self, operation: Operation, number: int) -> bytes:
        clip = operation.clips[number - 1]
        inputs = self._folder / "inputs" / operation.name
        job = {
            "order": operation.order.as_json(),
            "seed": clip.seed,
            "try": clip.tries,
            "faults": {name: figure for name, figure in operation.faults.items() if name in IN_THE_CLIP},
            "images": {path.name: str(path) for path in sorted(inputs.iterdir())} if inputs.is_dir() else {},
            "dest": str(clip_path(self._folder, operation.name, number)),
        }
        return json.dumps(job).encode() + b"\n"

    def _record(self, operation: Operation, number: int, answer: dict[str, object] | None) -> None:
        if answer is None:
            lost = operation.clips[number - 1].tries >= MOST_TRIES
            reason = f"the renderer died {MOST_TRIES} times at it" if lost else ""
            self._books.finish(operation.name, number, "failed" if lost else "queued", reason)
            self._work.set()
        elif answer["ok"]:
            self._books.finish(operation.name, number, "done")
        else:
            self._books.finish(operation.name, number, "failed", str(answer["reason"]))


def clip_path(folder: Path, operation: str, number: int) -> Path:
    """Where a rendered clip lies; the operation's folder is made when it is accepted."""
    return folder / "clips" / operation / f"{number}.mp4"
