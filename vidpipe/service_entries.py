"""What the entries of services say besides what their models can do: who states a figure, and which keys they want."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidpipe.errors import SetupError


def stated_in(services: Any, file: str) -> Any:
    """`services` of a user's own file, each figure marked with the file that states it: no vendor's source is its."""
    if not isinstance(services, Mapping):
        return services
    return {name: _marked(entry, file) for name, entry in services.items()}


def _marked(entry: Any, file: str) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    sources = entry.get("sources")
    named = [f"sources.{kind}" for kind in sources] if isinstance(sources, Mapping) else []
    given = [str(key) for key in entry if key not in ("sources", "models", "options")]
    models = entry.get("models")
    if isinstance(models, Mapping):
        entry = {**entry, "models": {name: _marked(one or {}, file) for name, one in models.items()}}
    return {**entry, "stated_in": dict.fromkeys([*given, *named], file)}


def lacking(services: Any, env: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The services whose `keys` are not all set, with the variables that are missing (`A or B` where either does).

    `keys` lists names of variables; one that is a list itself names alternatives. Only names are told. A service whose
    option `url` is empty has to be given one there, or in `urls` (Settings.service_urls).
    """
    missing: dict[str, tuple[str, ...]] = {}
    for name, entry in services.items() if isinstance(services, Mapping) else ():
        keys = entry.get("keys") if isinstance(entry, Mapping) else None
        if keys is not None and not isinstance(keys, list):
            raise SetupError(f"services.{name}.keys should be a list of variables", remedy="Write keys: [MY_KEY].")
        groups = [[key] if isinstance(key, str) else list(key) for key in keys or ()]
        unset = tuple(" or ".join(group) for group in groups if not any(env.get(str(key)) for key in group))
        options = entry.get("options") if isinstance(entry, Mapping) else None
        if isinstance(options, Mapping) and options.get("url") == "" and not urls.get(str(name)):
            unset += ("its option url",)
        if unset:
            missing[str(name)] = unset
    return missing


def hurried(services: Any, most: float) -> Any:
    """`services` for a rehearsal: none is given longer than `most` seconds to show an order whose answer was lost.

    At a vendor an order may turn up as late as when it is done, and the slowest one takes half an hour. The emulator
    lists it when it takes it, or, as a bucket does, once it is done: that is soon. What remains is that the lost call
    itself may last, so that `most` is to be longer than one.
    """
    if not isinstance(services, Mapping):
        return services
    return {name: _hurried(entry, most) for name, entry in services.items()}


def _hurried(entry: Any, most: float) -> Any:
    models = entry.get("models") if isinstance(entry, Mapping) else None
    if not isinstance(models, Mapping):
        return entry
    return {**entry, "models": {name: _at_most("settling_seconds", model, most) for name, model in models.items()}}


def _at_most(key: str, model: Any, most: float) -> Any:
    stated = model.get(key) if isinstance(model, Mapping) else None
    return {**model, key: most} if isinstance(stated, int | float) and stated > most else model


def keys_of(services: Any, env: Mapping[str, str]) -> dict[str, str]:
    """What the variables hold that any service names among its `keys`."""
    return {name: env[name] for name in sorted(key_names(services)) if env.get(name)}


def key_names(services: Any) -> set[str]:
    """The variables that any service names among its `keys` or `optional_keys`."""
    entries = services.values() if isinstance(services, Mapping) else ()
    kinds = ("keys", "optional_keys")
    groups = [entry.get(kind) or () for entry in entries if isinstance(entry, Mapping) for kind in kinds]
    return {str(name) for group in groups for key in group for name in ([key] if isinstance(key, str) else key)}


def is_video(entry: Any) -> bool:
    """Whether an entry is of a service that makes clips; others draw pictures or write texts, each at once."""
    return not isinstance(entry, Mapping) or entry.get("kind", "video") == "video"
