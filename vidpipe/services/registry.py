"""The one place that knows which services there are: opens them, and reads what their models can do and cost."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from vidpipe.boundary import slow
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import SetupError
from vidpipe.services.base import Cancellable, Capabilities, Findable, VideoService
from vidpipe.services.footage import FootageService
from vidpipe.services.procedural.adapter import ProceduralService
from vidpipe.settings import Settings

START = "Start the cluster (vidpipe cluster start), or set VIDPIPE_PROCEDURAL_URL."


def open_service(name: str, settings: Settings) -> VideoService:
    """The adapter of one service, guarded; raises SetupError where it is unknown or lacks a setting."""
    _described(name, settings)
    match name:
        case "procedural":
            if not settings.procedural_url:
                raise SetupError("the procedural service's address is not set.", remedy=START)
            return guarded(
                ProceduralService(
                    settings.procedural_url,
                    call_timeout=settings.timing.call_timeout,
                    poll_timeout=settings.timing.poll_timeout,
                )
            )
        case "footage":
            return guarded(FootageService(settings.work / "footage"))
        case _:
            raise SetupError(
                f"the service {name} is described in the configuration, but there is no adapter for it.",
                remedy="Remove it from the configuration's services.",
            )


def names(settings: Settings) -> tuple[str, ...]:
    """The services that the configuration describes."""
    return tuple(settings.services)


def default_model(name: str, settings: Settings) -> str:
    """The model of a service that is used where none was named."""
    return str(_described(name, settings).get("default_model", ""))


def capabilities(name: str, model: str, settings: Settings) -> Capabilities:
    """What `model` of the service `name` can do; raises SetupError, with a guess, where either is unknown."""
    models = _described(name, settings).get("models")
    if not isinstance(models, Mapping) or model not in models:
        known = models if isinstance(models, Mapping) else ()
        raise SetupError(f"the service {name} has no model {model!r}.", remedy=_guess(model, known))
    found = models[model] or {}
    where = f"services.{name}.models.{model}"
    allowed = {part.name for part in fields(Capabilities)} - {"model"}
    for key in found:
        if key not in allowed:
            raise SetupError(f"{where} has a key that nothing reads: {key!r}.", remedy=_guess(str(key), allowed))
    try:
        return Capabilities(model=model, **{key: _value(key, value) for key, value in found.items()})
    except (TypeError, ValueError, InvalidOperation) as error:
        raise SetupError(f"{where} cannot be used: {error}", remedy="See config/services.yaml for its shape.") from error


def _described(name: str, settings: Settings) -> Mapping[str, Any]:
    found = settings.services.get(name)
    if not isinstance(found, Mapping):
        raise SetupError(f"there is no service {name!r}.", remedy=_guess(name, settings.services))
    return found


def _guess(word: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, 1, 0.6)
    return f"Did you mean {near[0]}?" if near else f"There is: {', '.join(choices) or 'nothing'}."


def _value(key: str, value: Any) -> Any:
    """One figure of config/services.yaml in the type that Capabilities has; a wrong one raises."""
    if key == "price_per_second":
        price = Decimal(str(value))
        if not price.is_finite() or price < 0:
            raise ValueError(f"{key} should be 0 or more, not {value!r}")
        return price
    if key == "sizes":
        return tuple((int(width), int(height)) for width, height in value)
    if key == "frame_rates":
        return tuple(int(rate) for rate in value)
    if key in ("durations", "durations_with_references"):
        return tuple(float(seconds) for seconds in value)
    if key in ("audio", "seed", "first_frame", "last_frame"):
        if not isinstance(value, bool):
            raise ValueError(f"{key} should be true or false, not {value!r}")
        return value
    return int(value) if key in ("max_pixels", "max_candidates", "max_references") else float(value)


class Guarded:
    """A service whose calls are slow work: none may be begun inside a transaction."""

    def __init__(self, inner: VideoService) -> None:
        self.inner = inner
        self.name = inner.name

    def submit(self, request: VideoRequest) -> Accepted:
        """See base.VideoService."""
        slow(f"a submit to {self.name}")
        return self.inner.submit(request)

    async def poll(self, operation: str) -> Pending | Delivered:
        """See base.VideoService."""
        slow(f"a poll of {self.name}")
        return await self.inner.poll(operation)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService."""
        slow(f"a fetch from {self.name}")
        self.inner.fetch(operation, clip, dest)


class GuardedFindable(Guarded):
    """One that can also be asked for a token."""

    def __init__(self, inner: VideoService, findable: Findable) -> None:
        super().__init__(inner)
        self._findable = findable

    def find(self, token: str) -> Accepted | None:
        """See base.Findable."""
        slow(f"a search at {self.name}")
        return self._findable.find(token)


class GuardedCancellable(Guarded):
    """One whose operations can also be stopped."""

    def __init__(self, inner: VideoService, cancellable: Cancellable) -> None:
        super().__init__(inner)
        self._cancellable = cancellable

    def cancel(self, operation: str) -> bool:
        """See base.Cancellable."""
        slow(f"a cancellation at {self.name}")
        return self._cancellable.cancel(operation)


class GuardedBoth(GuardedFindable):
    """One that can do both."""

    def __init__(self, inner: VideoService, findable: Findable, cancellable: Cancellable) -> None:
        super().__init__(inner, findable)
        self._cancellable = cancellable

    def cancel(self, operation: str) -> bool:
        """See base.Cancellable."""
        slow(f"a cancellation at {self.name}")
        return self._cancellable.cancel(operation)


def guarded(inner: VideoService) -> VideoService:
    """`inner` guarded, with `find` and `cancel` exactly where it has them."""
    if isinstance(inner, Findable):
        return GuardedBoth(inner, inner, inner) if isinstance(inner, Cancellable) else GuardedFindable(inner, inner)
    return GuardedCancellable(inner, inner) if isinstance(inner, Cancellable) else Guarded(inner)
