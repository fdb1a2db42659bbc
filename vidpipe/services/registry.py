"""The one place that knows which services there are: opens them, and reads what their models can do and cost."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from vidpipe.boundary import slow
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.services.adapters import Adapters, opened
from vidpipe.services.base import Cancellable, Connected, Findable, VideoService
from vidpipe.services.opening import OpenMedia
from vidpipe.settings import Settings

ADAPTERS: Adapters = {
    "procedural": ("vidpipe.services.procedural.adapter", ""),
    "footage": ("vidpipe.services.footage", ""),
    "openai_videos": ("vidpipe.services.openai_videos", "openai"),
    "veo": ("vidpipe.services.google.veo", "google"),
    "runway": ("vidpipe.services.runway", "runway"),
    "pika": ("vidpipe.services.pika", "fal"),
    "gemini": ("vidpipe.services.google.gemini", "google"),
}


def open_service(name: str, settings: Settings, media: OpenMedia) -> VideoService:
    """The adapter of one service, guarded; `media` opens files of the media store by key.

    Raises SetupError where the service is unknown or lacks a setting.
    """
    made: VideoService = opened(name, settings, media, ADAPTERS)
    return guarded(made)


class Guarded:
    """A service whose calls are slow work: none may be begun inside a transaction."""

    def __init__(self, inner: VideoService) -> None:
        self.inner = inner
        self.name = inner.name

    def submit(self, request: VideoRequest) -> Accepted:
        """See base.VideoService."""
        with slow(f"a submit to {self.name}"):
            return self.inner.submit(request)

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected; a service that has nothing to hold holds nothing."""
        return self.inner.connection() if isinstance(self.inner, Connected) else nullcontext()

    def poll(self, operation: str) -> Coroutine[Any, Any, Pending | Delivered]:
        """See base.VideoService."""
        return self._poll(operation, slow(f"a poll of {self.name}"))

    async def _poll(self, operation: str, line: slow) -> Pending | Delivered:
        with line:
            return await self.inner.poll(operation)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService."""
        with slow(f"a fetch from {self.name}"):
            self.inner.fetch(operation, clip, dest)


class GuardedFindable(Guarded):
    """One that can also be asked for a token."""

    def __init__(self, inner: VideoService, findable: Findable) -> None:
        super().__init__(inner)
        self._findable = findable

    def find(self, token: str) -> Accepted | None:
        """See base.Findable."""
        with slow(f"a search at {self.name}"):
            return self._findable.find(token)


class GuardedCancellable(Guarded):
    """One whose operations can also be stopped."""

    def __init__(self, inner: VideoService, cancellable: Cancellable) -> None:
        super().__init__(inner)
        self._cancellable = cancellable

    def cancel(self, operation: str) -> bool:
        """See base.Cancellable."""
        with slow(f"a cancellation at {self.name}"):
            return self._cancellable.cancel(operation)


class GuardedBoth(GuardedFindable):
    """One that can do both."""

    def __init__(self, inner: VideoService, findable: Findable, cancellable: Cancellable) -> None:
        super().__init__(inner, findable)
        self._cancellable = cancellable

    def cancel(self, operation: str) -> bool:
        """See base.Cancellable."""
        with slow(f"a cancellation at {self.name}"):
            return self._cancellable.cancel(operation)


def guarded(inner: VideoService) -> VideoService:
    """`inner` guarded, with `find` and `cancel` exactly where it has them."""
    if isinstance(inner, Findable):
        return GuardedBoth(inner, inner, inner) if isinstance(inner, Cancellable) else GuardedFindable(inner, inner)
    return GuardedCancellable(inner, inner) if isinstance(inner, Cancellable) else Guarded(inner)
