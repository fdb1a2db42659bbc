"""What each service and model can do and costs, typed, from the data of config/services.yaml.

The storyboard's checks, the preflight, the prices and the forecast all read it through this module.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from vidpipe.errors import SetupError

FOOTAGE = "footage"  # the service of scenes that people filmed
SAME = 1e-3  # seconds; durations nearer than this are the same


@dataclass(frozen=True)
class Capabilities:
    """What one model of a service can do and costs. Seconds, pixels, frames a second, US dollars."""

    service: str
    model: str
    durations: tuple[float, ...] = ()  # empty: any from min_duration to max_duration
    min_duration: float = 0.5
    max_duration: float = 60.0
    sizes: tuple[tuple[int, int], ...] = ()  # (width, height); empty: any even size up to max_pixels
    max_pixels: int = 3840 * 2160
    frame_rates: tuple[int, ...] = ()  # empty: any from 1 to 60
    max_candidates: int = 1  # clips one operation can bring; more of them are more operations
    audio: bool = False
    seed: bool = False
    first_frame: bool = False
    last_frame: bool = False
    max_references: int = 0
    durations_with_references: tuple[float, ...] = ()  # what references force
    price_per_second: Decimal = Decimal(0)  # of one clip
    poll_seconds: float = 10.0  # between two questions about an operation
    timeout_seconds: float = 900.0  # after which an operation is given up
    kept_seconds: float = (
        172_800.0  # how long the service keeps what it made; what ran over its time is watched so long
    )
    settling_seconds: float = 120.0  # how long a submit whose answer was lost may still turn up at the service
    typical_seconds: float = 0.0  # from submit to delivery, whatever the length of the clip
    typical_per_second: float = 0.0  # and this for every second of every clip of the operation
    retires: date | None = None
    replacement: str = ""
    cheaper: str = ""  # `service/model` to go on with where the money runs out; costs no more than this one

    def can_last(self, duration: float) -> bool:
        """Whether a clip of `duration` seconds can be asked for."""
        if self.durations:
            return any(abs(duration - one) < SAME for one in self.durations)
        return self.min_duration - SAME <= duration <= self.max_duration + SAME

    def lasts(self) -> str:
        """The durations in words: `4, 6 or 8 s`, `0.5 to 30 s`."""
        if self.durations:
            words = [f"{one:g}" for one in sorted(self.durations)]
            return (f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]) + " s"
        return f"{self.min_duration:g} to {self.max_duration:g} s"

    def nearest_duration(self, duration: float) -> float:
        """What the model can do that comes nearest to `duration`; the longer of two."""
        if self.durations:
            return min(self.durations, key=lambda one: (abs(one - duration), -one))
        return min(max(duration, self.min_duration), self.max_duration)

    def bought_seconds(self, duration: float, *, references: bool) -> float:
        """The length in seconds of each clip that is bought for a scene of `duration` seconds.

        References can force a longer clip, which is then trimmed.
        """
        forced = self.durations_with_references if references else ()
        if not forced or any(abs(duration - one) < SAME for one in forced):
            return duration
        longer = [one for one in forced if one >= duration]
        return min(longer) if longer else max(forced)

    def can_size(self, width: int, height: int) -> bool:
        """Whether a clip of this size can be asked for."""
        return (width, height) in self.sizes if self.sizes else width * height <= self.max_pixels

    def nearest_size(self, width: int, height: int) -> tuple[int, int]:
        """What can be asked for in place of a size: itself, else the same shape smaller, else the listed size whose
        shape is nearest, and of those the one whose area is."""
        if self.can_size(width, height):
            return width, height
        if not self.sizes:
            scale = math.sqrt(self.max_pixels / (width * height))
            return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
        shape = width / height
        return min(
            self.sizes, key=lambda one: (abs(math.log(one[0] / one[1] / shape)), abs(one[0] * one[1] - width * height))
        )

    def nearest_rate(self, fps: int) -> int:
        """The frames a second that can be asked for in place of `fps`: itself, else the next higher, else the most."""
        if self.can_rate(fps):
            return fps
        higher = [rate for rate in self.frame_rates if rate > fps]
        return min(higher) if higher else max(self.frame_rates, default=min(fps, 60))

    def sizes_in_words(self) -> str:
        """`1280x720 or 1920x1080`, `up to 2,073,600 pixels (about 1920x1080)`."""
        if self.sizes:
            words = [f"{width}x{height}" for width, height in self.sizes]
            return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
        height = int(math.sqrt(self.max_pixels * 9 / 16))
        return f"up to {self.max_pixels:,} pixels (about {height * 16 // 9}x{height})"

    def can_rate(self, fps: int) -> bool:
        """Whether this many frames a second can be asked for."""
        return fps in self.frame_rates if self.frame_rates else 1 <= fps <= 60

    def operations(self, candidates: int) -> int:
        """How many operations bring this many clips."""
        return -(-candidates // self.max_candidates)


@dataclass(frozen=True)
class ServiceFacts:
    """One service and its models; a limit of None is none."""

    name: str
    title: str
    default_model: str
    models: Mapping[str, Capabilities] = field(default_factory=dict)
    adapter: str = ""  # which adapter speaks to it
    operations: int | None = 4  # in flight at once, at most
    requests_per_minute: int | None = None  # submits in any 60 seconds, at most
    at_once: int | None = None  # of the operations in flight, how many are worked on; the others stand in its line


Catalogue = Mapping[str, ServiceFacts]


def read_catalogue(services: Mapping[str, Any]) -> dict[str, ServiceFacts]:
    """The `services` mapping of config/services.yaml, typed.

    Raises SetupError that names the entry which cannot be used; keys that only adapters know are left alone.
    """
    catalogue = {name: read_service(name, found) for name, found in services.items()}
    for facts in catalogue.values():
        for model in facts.models.values():
            _check_cheaper(catalogue, model)
    return catalogue


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
    models = found.get("models") if isinstance(found, Mapping) else None
    if not isinstance(models, Mapping) or not models:
        raise SetupError(f"services.{name} lists no models", remedy="See config/services.yaml for its shape.")
    default = str(found.get("default_model") or next(iter(models)))
    if default not in models:
        raise SetupError(f"services.{name}.default_model is {default}, which is not one of its models")
    try:
        return ServiceFacts(
            name=name,
            title=str(found.get("title", name)),
            default_model=default,
            models={str(model): _model(name, str(model), facts or {}) for model, facts in models.items()},
            adapter=adapter_of(name, found),
            operations=_limit("operations", found.get("operations", 4)),
            requests_per_minute=_limit("requests_per_minute", found.get("requests_per_minute")),
            at_once=_limit("at_once", found.get("at_once")),
        )
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise SetupError(f"services.{name} cannot be used: {error}", remedy="Mend the services file.") from error


def _limit(key: str, value: Any) -> int | None:
    """A limit of a service: a count, or None where there is none."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{key} should be a whole number from 1, or null for no limit, not {value!r}")
    return value


def _model(service: str, model: str, found: Mapping[str, Any]) -> Capabilities:
    known = {part.name for part in fields(Capabilities)} - {"service", "model"}
    for key in found:
        if key not in known:
            raise SetupError(
                f"services.{service}.models.{model} has a key that nothing reads: {key!r}.",
                remedy=guess(str(key), known),
            )
    return Capabilities(service, model, **{key: _value(key, value) for key, value in found.items()})


def _value(key: str, value: Any) -> Any:
    """One figure of config/services.yaml in the type that Capabilities has; a wrong one raises."""
    match key:
        case "price_per_second":
            price = Decimal(str(value))
            if not price.is_finite() or price < 0:
                raise ValueError(f"{key} should be 0 or more, not {value!r}")
            return price
        case "sizes":
            return tuple((int(width), int(height)) for width, height in value)
        case "frame_rates":
            return tuple(int(rate) for rate in value)
        case "durations" | "durations_with_references":
            return tuple(float(seconds) for seconds in value)
        case "audio" | "seed" | "first_frame" | "last_frame":
            if not isinstance(value, bool):
                raise ValueError(f"{key} should be true or false, not {value!r}")
            return value
        case "retires":
            return value if isinstance(value, date) or value is None else date.fromisoformat(value)
        case "replacement" | "cheaper":
            return str(value or "")
        case "max_pixels" | "max_candidates" | "max_references":
            return int(value)
        case _:
            return float(value)


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
