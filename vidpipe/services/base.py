"""The contract of a video service. A new adapter joins the suite in tests/contract/test_video_services.py.

`submit`, `fetch`, `find` and `cancel` are plain functions; `poll` is async because the wave asks many
operations at once. Vendor exceptions end inside the adapter and become ours (vidpipe.errors):

    submit   Transient | Refused | Uncertain         never retries by itself: it buys
    poll     Transient | Refused | Broken | Expired  Refused: everything was filtered
    fetch    Transient | Expired | Broken            writes the whole file or nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol, runtime_checkable

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest


@dataclass(frozen=True)
class Capabilities:
    """What one model of a service can do; read from config/services.yaml."""

    model: str
    durations: tuple[float, ...] = ()  # seconds; empty: any from min_duration to max_duration
    min_duration: float = 0.5
    max_duration: float = 60.0
    sizes: tuple[tuple[int, int], ...] = ()  # (width, height) pixels; empty: any even size up to max_pixels
    max_pixels: int = 3840 * 2160
    frame_rates: tuple[int, ...] = ()  # frames a second; empty: any from 1 to 60
    max_candidates: int = 1  # clips one operation can bring
    audio: bool = False
    seed: bool = False
    first_frame: bool = False
    last_frame: bool = False
    max_references: int = 0
    durations_with_references: tuple[float, ...] = ()
    price_per_second: Decimal = Decimal(0)  # US dollars a second of one clip
    poll_seconds: float = 10.0  # how long to wait between two questions
    timeout_seconds: float = 900.0  # after which an operation is given up
    settling_seconds: float = 120.0  # how long a lost submit may still turn up at the service


class VideoService(Protocol):
    """One service; made once a process by `registry.open_service`, safe to use from many threads."""

    name: str

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy. Exactly one request leaves the process."""
        ...

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once how `operation` is doing."""
        ...

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Write `clip` to `dest` (which must not exist yet) as one whole file."""
        ...


@runtime_checkable
class Findable(Protocol):
    """A service that can be asked whether it ever accepted an attempt's token."""

    def find(self, token: str) -> Accepted | None:
        """The operation that was accepted under `token`, or None if there is none as of now."""
        ...


@runtime_checkable
class Cancellable(Protocol):
    """A service whose operations can be stopped."""

    def cancel(self, operation: str) -> bool:
        """Stop `operation`; False where it was too late, so that it will be delivered and billed."""
        ...
