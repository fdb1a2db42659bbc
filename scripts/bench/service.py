"""The bench's video service: an order takes a moment, its operation a while, and every clip is the same small file.

It has no process and no state: an operation's name says how many clips it brings and when it will be done, so that
every contender of `scripts/bench/film --against` meets the same service, whatever it is built on.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Expired
from vidpipe.media.ffmpeg import binary

NAME = "bench"
MODEL = "bench-1"
WIDTH, HEIGHT, FPS, SECONDS = 128, 72, 12, 0.5  # of every clip


@dataclass(frozen=True)
class Order:
    """What an operation's name says."""

    clips: int
    ready_at: float  # seconds since 1970

    @classmethod
    def accepted(cls, clips: int, operation_seconds: float) -> Order:
        """One that was accepted now."""
        return cls(clips, time.time() + operation_seconds)

    @classmethod
    def of(cls, operation: str) -> Order:
        """The one with this name; raises Expired where it is none."""
        try:
            clips, ready_at, _ = operation.split("-")
            return cls(int(clips), float(ready_at))
        except ValueError as error:
            raise Expired(f"{operation[:80]!r} is no operation of the bench's service") from error

    def name(self) -> str:
        """The operation's name."""
        return f"{self.clips}-{self.ready_at:.6f}-{uuid4().hex[:12]}"

    @property
    def is_done(self) -> bool:
        """Whether its clips can be fetched."""
        return time.time() >= self.ready_at


class BenchService:
    """A video service (`vidpipe.services.base`); safe in many threads. `submit` and `operation` are seconds."""

    name = NAME

    def __init__(self, clip: Path, *, submit: float, operation: float) -> None:
        self._clip, self._submit, self._operation = clip, submit, operation

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy."""
        time.sleep(self._submit)
        return Accepted(Order.accepted(request.count, self._operation).name())

    async def poll(self, operation: str) -> Pending | Delivered:
        """Done when its time has come; it does not tell when that will be."""
        order = Order.of(operation)
        return Delivered(tuple(RemoteClip(n + 1) for n in range(order.clips))) if order.is_done else Pending()

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Write a clip."""
        shutil.copyfile(self._clip, dest)


def described(poll_seconds: float = 0.5) -> dict[str, Any]:
    """The service as a configuration file describes it; it is paid, so that its money is written down."""
    model = {
        "min_duration": 0.1, "max_duration": 30, "max_candidates": 4, "audio": False, "seed": True,
        "price_per_second": "0.01", "poll_seconds": poll_seconds, "timeout_seconds": 3600, "settling_seconds": 35,
    }  # fmt: skip
    return {NAME: {"title": "The bench's own", "default_model": MODEL, "operations": 100_000, "models": {MODEL: model}}}


def make_clip(path: Path) -> Path:
    """The clip that the service delivers: a test picture that moves, H.264, no sound."""
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}:duration={SECONDS}"
    words = ("-v", "error", "-y", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path))
    subprocess.run([binary(), *words], check=True, timeout=60)
    return path
