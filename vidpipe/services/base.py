"""The contract of a video service. A new adapter joins the suite in tests/contract/video_services.

`submit`, `fetch`, `find` and `cancel` are plain functions; `poll` is async because the wave asks many
operations at once. Vendor exceptions end inside the adapter and become ours (vidpipe.errors):

    submit   Transient | Refused | Uncertain         never retries by itself: it buys
    poll     Transient | Refused | Broken | Expired  Refused: everything was filtered
    fetch    Transient | Expired | Broken            writes the whole file or nothing
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

from vidpipe.domain.catalogue import Capabilities
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest

__all__ = ["Cancellable", "Capabilities", "Connected", "Findable", "VideoService"]


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
class Connected(Protocol):
    """A service that can be asked many questions over the same connections."""

    def connection(self) -> AbstractAsyncContextManager[None]:
        """Hold connections open for every `poll` inside."""
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
