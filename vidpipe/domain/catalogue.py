"""Which video services there are, what their models can do and what they cost, typed, from config/services/.

The storyboard's checks, the preflight, the prices, the choice and the forecast all read it through this module; the
services that make pictures and text stand beside it (domain/side_services).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import InvalidOperation
from typing import Any

from vidpipe.domain.capabilities import SAME, Capabilities
from vidpipe.domain.figures import figure, limit
from vidpipe.domain.sources import UNTOLD, Told, read_sources
from vidpipe.errors import SetupError

FOOTAGE = "footage"  # the service of scenes that people filmed
AUTO = "auto"  # no service: what scenes name that leave the choice to the rules (domain/choosing)
VIDEO, IMAGE, TEXT = "video", "image", "text"
KINDS = (VIDEO, IMAGE, TEXT)
BESIDE = ("sources", "stated_in")  # what stands in a model's entry beside its figures
SEE = "See config/services for its shape."

__all__ = [
    "AUTO",
    "FOOTAGE",
    "SAME",
    "Capabilities",
    "Catalogue",
    "ServiceFacts",
    "adapter_of",
    "described",
    "fallback_of",
    "guess",
    "kind_of",
    "model_of",
    "options_of",
    "read_catalogue",
    "read_service",
]


@dataclass(frozen=True)
class ServiceFacts:
    """One video service and its models; a limit of None is none."""

    name: str
    title: str
    default_model: str
    models: Mapping[str, Capabilities] = field(default_factory=dict)
    adapter: str = ""  # which adapter speaks to it
    operations: int | None = 4  # in flight at once, at most
    requests_per_minute: int | None = None  # submits in any 60 seconds, at most
    at_once: int | None = None  # of the operations in flight, how many are worked on; the others stand in its line
    told: Told = UNTOLD  # where its limits are from


Catalogue = Mapping[str, ServiceFacts]


def read_catalogue(services: Mapping[str, Any]) -> dict[str, ServiceFacts]:
    """The video services of a `services` mapping (Settings.services), typed.

    Raises SetupError that names the entry which cannot be used; keys that only adapters know are left alone.
    """
    if AUTO in services:
        raise SetupError(
            f"a service cannot be called {AUTO!r}: it leaves the choice to the rules.", remedy="Rename it."
        )
    catalogue = {name: read_service(name, found) for name, found in services.items() if kind_of(name, found) == VIDEO}
    for facts in catalogue.values():
        for model in facts.models.values():
            _check_cheaper(catalogue, model)
    return catalogue


def kind_of(name: str, found: Any) -> str:
    """What a service makes: `video` (also where nothing is said), `image` or `text`; raises SetupError."""
    kind = found.get("kind", VIDEO) if isinstance(found, Mapping) else VIDEO
    if kind not in KINDS:
        raise SetupError(f"services.{name}.kind is {kind!r}.", remedy=guess(str(kind), KINDS))
    return str(kind)


def adapter_of(name: str, found: Mapping[str, Any]) -> str:
    """Which adapter speaks to a service: the one its entry names, else the one that has the service's own name."""
    return str(found.get("adapter") or name)


def options_of(name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an entry tells its adapter; raises SetupError where that is no mapping."""
    options = found.get("options") or {}
    if not isinstance(options, Mapping):
        raise SetupError(f"services.{name}.options should be a mapping.", remedy="See config/services.yaml.")
    return options


def described(catalogue: Catalogue, service: str, model: str) -> Capabilities:
    """What `model` of `service` can do; raises SetupError, with a guess, where either is unknown."""
    if service not in catalogue:
        raise SetupError(f"there is no service {service!r}.", remedy=guess(service, catalogue))
    models = catalogue[service].models
    if model not in models:
        raise SetupError(f"the service {service} has no model {model!r}.", remedy=guess(model, models))
    return models[model]


def _check_cheaper(catalogue: Catalogue, model: Capabilities) -> None:
    if not model.cheaper:
        return
    key = f"services.{model.service}.models.{model.model}.cheaper"
    found = fallback_of(catalogue, model.cheaper)
    if found is None:
        every = [f"{facts.name}/{one}" for facts in catalogue.values() for one in facts.models]
        raise SetupError(f"{key} names a model that there is not: {model.cheaper}.", remedy=guess(model.cheaper, every))
    if (found.service, found.model) == (model.service, model.model):
        raise SetupError(f"{key} names the model itself.", remedy="Name another one, or leave it out.")
    if found.price_per_second > model.price_per_second:
        raise SetupError(
            f"{key} is {model.cheaper}, which costs more: ${found.price_per_second} instead of"
            f" ${model.price_per_second} a second.",
            remedy="Name a model that costs no more, or leave it out.",
        )


def read_service(name: str, found: Any) -> ServiceFacts:
    """One entry of the `services` mapping, by itself; raises as `read_catalogue`."""
    models, default = models_of(name, found)
    try:
        told = read_sources("sources", found.get("sources"), found.get("stated_in"), UNTOLD)
        return ServiceFacts(
            name=name,
            title=str(found.get("title", name)),
            default_model=default,
            models={model: _model(name, model, facts, told) for model, facts in models.items()},
            adapter=adapter_of(name, found),
            operations=limit("operations", found.get("operations", 4)),
            requests_per_minute=limit("requests_per_minute", found.get("requests_per_minute")),
            at_once=limit("at_once", found.get("at_once")),
            told=told,
        )
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise SetupError(f"services.{name} cannot be used: {error}", remedy="Mend the services file.") from error


def models_of(name: str, found: Any) -> tuple[dict[str, Mapping[str, Any]], str]:
    """The entries of a service's models, and the name of the default one; raises SetupError where there is none."""
    models = found.get("models") if isinstance(found, Mapping) else None
    if not isinstance(models, Mapping) or not models:
        raise SetupError(f"services.{name} lists no models", remedy=SEE)
    default = str(found.get("default_model") or next(iter(models)))
    if default not in models:
        raise SetupError(f"services.{name}.default_model is {default}, which is not one of its models")
    return {str(model): facts or {} for model, facts in models.items()}, default


def _model(service: str, model: str, found: Mapping[str, Any], told: Told) -> Capabilities:
    known = {part.name for part in fields(Capabilities)} - {"service", "model", "told", "tariff"} | {"price_per_second"}
    values = read_figures(f"services.{service}.models.{model}", found, known)
    if "price_per_second" in values:
        values["tariff"] = values.pop("price_per_second")
    return Capabilities(service, model, **values, told=told_of(found, told))


def read_figures(key: str, found: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The figures of a model's entry in their types; raises SetupError with a guess for one that nothing reads."""
    figures = set(known)
    for name in found:
        if name not in figures and name not in BESIDE:
            raise SetupError(f"{key} has a key that nothing reads: {name!r}.", remedy=guess(str(name), figures))
    return {name: figure(name, value) for name, value in found.items() if name in figures}


def told_of(found: Mapping[str, Any], service: Told) -> Told:
    """Where a model's figures are from, its service's sources going for what it does not say itself."""
    return read_sources("sources", found.get("sources"), found.get("stated_in"), service)


def guess(word: str, known: Iterable[str]) -> str:
    """What a misspelt name may have meant, as a remedy."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, 1, 0.6)
    return f"Did you mean {near[0]}?" if near else f"There is: {', '.join(choices) or 'nothing'}."


def model_of(catalogue: Catalogue, service: str, model: str = "") -> Capabilities | None:
    """The facts of a model (of the service's default one without a name), or None where there is none."""
    found = catalogue.get(service)
    return None if found is None else found.models.get(model or found.default_model)


def fallback_of(catalogue: Catalogue, fallback: str) -> Capabilities | None:
    """The facts behind `service` or `service/model`."""
    service, _, model = fallback.partition("/")
    return model_of(catalogue, service, model)
