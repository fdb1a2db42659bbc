"""Opens the adapter of one service from a family's table: the module is imported when it is first wanted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from vidpipe.domain.catalogue import adapter_of, guess
from vidpipe.errors import SetupError
from vidpipe.services.opening import Opening, OpenMedia
from vidpipe.settings import Settings

# Adapter: the module whose `open_service(Opening)` makes it, and the extra that brings its library.
Adapters = Mapping[str, tuple[str, str]]


def opened(name: str, settings: Settings, media: OpenMedia, adapters: Adapters) -> Any:
    """What the adapter's `open_service` makes; raises SetupError where the service is unknown or lacks something."""
    described = _described(name, settings)
    adapter = adapter_of(name, described)
    if adapter not in adapters:
        raise SetupError(
            f"the service {name} is described in the configuration, but there is no adapter for it: {adapter}.",
            remedy=f"Remove it from the configuration's services, or name its `adapter`: {', '.join(adapters)}.",
        )
    module, extra = adapters[adapter]
    try:
        return import_module(module).open_service(Opening(name, described, settings, media))
    except ModuleNotFoundError as error:
        if str(error.name).startswith("vidpipe"):
            raise
        raise SetupError(
            f"the service {name} needs a library that is not installed: {error.name}.",
            remedy=f"pip install 'vidpipe[{extra}]'" if extra else "Install vidpipe again.",
        ) from error


def _described(name: str, settings: Settings) -> Mapping[str, Any]:
    found = settings.services.get(name)
    if not isinstance(found, Mapping):
        raise SetupError(f"there is no service {name!r}.", remedy=guess(name, settings.services))
    return found
