"""The one place that knows which services there are: opens them, and reads what their models can do and cost."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from vidpipe.boundary import slow
from vidpipe.domain.catalogue import adapter_of, guess, options_of
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import SetupError
from vidpipe.services.base import Cancellable, Connected, Findable, VideoService
from vidpipe.services.footage import FootageService, OpenMedia
from vidpipe.services.procedural.adapter import open_procedural
from vidpipe.settings import Settings

START = "Start the cluster (vidpipe cluster start), or set VIDPIPE_PROCEDURAL_URL."
URL = "Start the cluster again (vidpipe cluster stop, start), or give the service an `url` among its options."


def open_service(name: str, settings: Settings, media: OpenMedia) -> VideoService:
    """The adapter of one service, guarded; `media` opens files of the media store by key.

    Raises SetupError where the service is unknown or lacks a setting.
    """
    described = _described(name, settings)
    match adapter_of(name, described):
        case "procedural":
            return guarded(_procedural(name, options_of(name, described), settings))
        case "footage":
            return guarded(FootageService(media))
        case adapter:
            raise SetupError(
                f"the service {name} is described in the configuration, but there is no adapter for it: {adapter}.",
                remedy="Remove it from the configuration's services, or name its `adapter`: procedural or footage.",
            )


def _procedural(name: str, options: Mapping[str, Any], settings: Settings) -> VideoService:
    """An instance of the procedural service: url, askable and cancellable are its options."""
    known = ("url", "askable", "cancellable")
    for key, value in options.items():
        if key not in known:
            raise SetupError(
                f"services.{name}.options has a key that nothing reads: {key!r}.", remedy=guess(key, known)
            )
        if key != "url" and not isinstance(value, bool):
            raise SetupError(f"services.{name}.options.{key} should be true or false, not {value!r}.")
    first = settings.procedural_url if name == "procedural" else ""
    url = str(options.get("url") or settings.service_urls.get(name) or first)
    if not url:
        raise SetupError(
            f"the address of the service {name} is not set.", remedy=START if name == "procedural" else URL
        )
    return open_procedural(
        url,
        name=name,
        askable=options.get("askable", True),
        cancellable=options.get("cancellable", True),
        call_timeout=settings.timing.call_timeout,
        poll_timeout=settings.timing.poll_timeout,
    )


def _described(name: str, settings: Settings) -> Mapping[str, Any]:
    found = settings.services.get(name)
    if not isinstance(found, Mapping):
        raise SetupError(f"there is no service {name!r}.", remedy=guess(name, settings.services))
    return found


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
