"""The services that make pictures and text: what their models can do and cost, from the same data as the video ones.

Theirs is a kind of its own (`kind: image`, `kind: text`), since no clip can be asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

from vidpipe.domain.catalogue import IMAGE, TEXT, adapter_of, guess, kind_of, models_of, read_figures, told_of
from vidpipe.domain.figures import limit
from vidpipe.domain.price import MILLIONTH
from vidpipe.domain.sources import UNTOLD, Told, read_sources
from vidpipe.errors import SetupError

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class ImageModel:
    """What one model that draws can do and costs."""

    service: str
    model: str
    resolutions: tuple[str, ...] = ()  # the vendor's names: 1K, 2K
    aspects: tuple[str, ...] = ()  # 16:9
    max_references: int = 0
    price_per_image: tuple[tuple[str, Decimal], ...] = ()  # US dollars, by resolution
    price_until: date | None = None
    quality: int = 1
    timeout_seconds: float = 120.0
    typical_seconds: float = 0.0
    retires: date | None = None
    replacement: str = ""
    cheaper: str = ""
    told: Told = UNTOLD

    def price(self, resolution: str, count: int = 1) -> Decimal:
        """US dollars for `count` pictures; one whose resolution has no price of its own costs the dearest."""
        prices = dict(self.price_per_image)
        return prices.get(resolution, max(prices.values(), default=Decimal(0))) * count


@dataclass(frozen=True)
class TextModel:
    """What one model that writes can do and costs."""

    service: str
    model: str
    images: bool = False  # whether it looks at pictures
    json: bool = False  # whether its answer can be held to a schema
    max_output_tokens: int = 8192
    price_per_million_input: Decimal = Decimal(0)  # US dollars a million tokens
    price_per_million_output: Decimal = Decimal(0)
    price_until: date | None = None
    quality: int = 1
    timeout_seconds: float = 120.0
    typical_seconds: float = 0.0
    retires: date | None = None
    replacement: str = ""
    cheaper: str = ""
    told: Told = UNTOLD

    def price(self, input_tokens: int, output_tokens: int) -> Decimal:
        """US dollars for one answer."""
        spent = self.price_per_million_input * input_tokens + self.price_per_million_output * output_tokens
        return (spent / MILLION).quantize(MILLIONTH)

    def dearest(self, input_tokens: int) -> Decimal:
        """US dollars that an answer of any length can cost: what is reserved before it is asked for."""
        return self.price(input_tokens, self.max_output_tokens)


Model = TypeVar("Model", ImageModel, TextModel)


@dataclass(frozen=True)
class SideService(Generic[Model]):
    """One service that makes no clips; a limit of None is none."""

    name: str
    kind: str
    title: str
    adapter: str
    default_model: str
    models: Mapping[str, Model]
    operations: int | None = 4
    requests_per_minute: int | None = None
    told: Told = UNTOLD


Painters = Mapping[str, SideService[ImageModel]]  # services that draw, by name


def read_image_services(services: Mapping[str, Any]) -> dict[str, SideService[ImageModel]]:
    """Those of a `services` mapping (Settings.services) that draw; raises SetupError as `catalogue.read_catalogue`."""
    return {name: _read(name, services[name], IMAGE, ImageModel) for name in _of_kind(services, IMAGE)}


def image_model(services: Painters, service: str, model: str) -> ImageModel:
    """What `model` of `service` can do; raises SetupError, with a guess, where either is unknown."""
    if service not in services:
        raise SetupError(f"there is no service {service!r} that draws.", remedy=guess(service, services))
    models = services[service].models
    if model not in models:
        raise SetupError(f"the service {service} has no model {model!r}.", remedy=guess(model, models))
    return models[model]


def read_text_services(services: Mapping[str, Any]) -> dict[str, SideService[TextModel]]:
    """Those that write; raises SetupError."""
    return {name: _read(name, services[name], TEXT, TextModel) for name in _of_kind(services, TEXT)}


def _of_kind(services: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, found in services.items() if kind_of(name, found) == kind]


def _read(name: str, found: Mapping[str, Any], kind: str, make: Callable[..., Model]) -> SideService[Model]:
    entries, default = models_of(name, found)
    known = {part.name for part in fields(ImageModel if kind == IMAGE else TextModel)} - {"service", "model", "told"}
    try:
        told = read_sources("sources", found.get("sources"), found.get("stated_in"), UNTOLD)
        models = {
            model: make(
                name, model, **read_figures(f"services.{name}.models.{model}", entry, known), told=told_of(entry, told)
            )
            for model, entry in entries.items()
        }
        return SideService(
            name=name,
            kind=kind,
            title=str(found.get("title", name)),
            adapter=adapter_of(name, found),
            default_model=default,
            models=models,
            operations=limit("operations", found.get("operations", 4)),
            requests_per_minute=limit("requests_per_minute", found.get("requests_per_minute")),
            told=told,
        )
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise SetupError(f"services.{name} cannot be used: {error}", remedy="Mend the services file.") from error
