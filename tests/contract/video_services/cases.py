"""Every adapter, and how to ask it for something. A new one joins here: one entry of CASES, and for a service that is
emulated one of `tests.emulated.SERVICES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.contract.video_services.stage import Server, order, request_for, shelf
from tests.emulated import Emulated
from vidpipe.domain.requests import FootageCut, VideoRequest
from vidpipe.errors import ServiceError, Uncertain
from vidpipe.services.base import VideoService
from vidpipe.services.footage import FootageService
from vidpipe.services.procedural.adapter import open_procedural
from vidpipe.services.registry import guarded, open_service
from vidpipe.settings import Timing

LASTING = "without an end"  # in a prompt: the emulator never comes to it (conftest, `stage`)


@dataclass(frozen=True)
class Stage:
    """What the adapters speak to."""

    server: Server
    emulator: Emulated
    film_file: Path

    def opened(
        self, name: str, url: str | None = None, *, options: Mapping[str, object] = MappingProxyType({}),
        timing: Timing | None = None, rehearsing: bool = False,
    ) -> VideoService:  # fmt: skip
        """The adapter of a paid service, from the registry; at the emulator where no other `url` is given."""
        base, entry = self.emulator.settings(), self.emulator.services[name]
        described = {**entry, "options": {**entry.get("options", {}), **options}}
        settings = replace(
            base, services={**base.services, name: described}, timing=timing or base.timing,
            service_urls={**base.service_urls, **({} if url is None else {name: url})}, rehearsing=rehearsing,
        )  # fmt: skip
        return open_service(name, settings, shelf())


@dataclass(frozen=True)
class Case:
    """One adapter."""

    service: VideoService
    ask: Callable[..., VideoRequest]
    again: Callable[[], VideoService]  # another one that shares nothing with it, as another process has
    bills: bool = True  # and so remembers what was bought
    askable: bool = True
    cancellable: bool = True
    seeded: bool = True
    silenced: bool = True  # whether a clip without sound can be asked for
    lasting: str = "a road [fault: slow 600]"  # a prompt that takes long, where it is cancellable
    progresses: bool = True  # whether it tells how far it is
    found_when_done: bool = False  # only then, and by another name than its submit told
    bare_503: type[ServiceError] = Uncertain  # what 503 without Retry-After means
    sounds: bool = True  # whether its clips have sound at all
    refuses_later: tuple[str, ...] = ()  # what it accepts, and refuses when it is worked on


def procedural(stage: Stage, *, askable: bool, cancellable: bool) -> Case:
    def opened() -> VideoService:
        made = open_procedural(
            stage.server.url, name="procedural", askable=askable, cancellable=cancellable, call_timeout=10,
            poll_timeout=10,
        )  # fmt: skip
        return guarded(made)

    return Case(opened(), request_for, opened, askable=askable, cancellable=cancellable)


def footage(stage: Stage) -> Case:
    def ask(**changes: Any) -> VideoRequest:
        return request_for(model="footage", footage=FootageCut("film", start=0.5), **changes)

    def opened() -> VideoService:
        return guarded(FootageService(shelf(film=stage.film_file)))

    return Case(opened(), ask, opened, bills=False, cancellable=False)


def emulated(name: str, stage: Stage, **more: Any) -> Case:
    """The adapter of a paid service."""
    opened = partial(stage.opened, name)
    return Case(opened(), order, opened, **{"lasting": f"a road {LASTING}", **more})


CASES: Mapping[str, Callable[[Stage], Case]] = {
    "both": partial(procedural, askable=True, cancellable=True),
    "not cancellable": partial(procedural, askable=True, cancellable=False),
    "not askable": partial(procedural, askable=False, cancellable=True),
    "blind": partial(procedural, askable=False, cancellable=False),
    "footage": footage,
    "openai_videos": partial(emulated, "openai_videos", cancellable=False, seeded=False, silenced=False),
    "openai_deaf": partial(emulated, "openai_deaf", askable=False, cancellable=False, seeded=False, silenced=False),
    "pika": partial(emulated, "pika", progresses=False, sounds=False, refuses_later=("policy", "invalid")),
    "runway": partial(emulated, "runway", askable=False, refuses_later=("policy",)),
    "gemini": partial(emulated, "gemini", askable=False, silenced=False, progresses=False),
    "veo": partial(emulated, "veo", cancellable=False, progresses=False, found_when_done=True),
    "veo_inline": partial(emulated, "veo_inline", askable=False, cancellable=False, progresses=False),
}
# Those that speak to the emulator.
PAID = ("openai_videos", "openai_deaf", "runway", "pika", "gemini", "veo", "veo_inline")
