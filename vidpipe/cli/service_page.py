"""All about one model, for people: every figure, and where it is from."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

from rich.text import Text

from vidpipe.cli import show
from vidpipe.cli.terminal import console, table
from vidpipe.domain.capabilities import Capabilities
from vidpipe.domain.catalogue import ServiceFacts
from vidpipe.domain.side_services import ImageModel, SideService, TextModel
from vidpipe.domain.sources import KIND_OF
from vidpipe.domain.tariff import Rate

Service = ServiceFacts | SideService[ImageModel] | SideService[TextModel]
Model = Capabilities | ImageModel | TextModel
_NAMED = {360: "360p", 480: "480p", 720: "720p", 1080: "1080p", 1440: "2K", 2160: "4K"}
_CENT = Decimal("0.01")
_BESIDE = ("service", "model", "told", "tariff")


def print_page(service: Service, model: Model, unset: tuple[str, ...]) -> None:
    """Print it; `unset` are the variables that the service wants and has not got."""
    out = console()
    out.print(Text.assemble((f"{service.name}/{model.model}", "bold"), f"  {show.clean(service.title)}"))
    if unset:
        out.print(Text(show.clean(f"  not set up: {', '.join(unset)}"), style="yellow"))
    rows = table("  Figure", "", "Where from")
    told: set[str] = set()
    for name, value in _figures(service, model):
        source = _source(service, model, name)
        shown = "as above" if source and source in told else source
        told.add(source)
        rows.add_row(*(Text(show.clean(cell)) for cell in (f"  {name}", _words(value), shown)))
    out.print(rows)
    out.print()


def _figures(service: Service, model: Model) -> list[tuple[str, Any]]:
    """Every figure by its name in the configuration, those of one source together."""
    found: list[tuple[str, Any]] = [("ids", model.model)]
    beside = set(_BESIDE)
    if isinstance(model, Capabilities):
        found.append(("price_per_second", cost(model)))
        beside |= {"min_duration", "max_duration"} if model.durations else {"durations"}
        beside |= {"max_pixels"} if model.sizes else {"sizes"}
    found += [(part.name, getattr(model, part.name)) for part in fields(model) if part.name not in beside]
    limits = ("operations", "requests_per_minute")
    found += [(name, getattr(service, name) or "no limit") for name in limits]
    order = {kind: number for number, kind in enumerate(dict.fromkeys(KIND_OF.values()))}
    return sorted(found, key=lambda one: order.get(KIND_OF.get(one[0], ""), -1))


def _source(service: Service, model: Model, figure: str) -> str:
    told = service.told if figure in ("operations", "requests_per_minute") else model.told
    return told.source(figure)


def _words(value: Any) -> str:
    match value:
        case None | "" | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(_part(one) for one in value)
        case _:
            return str(value)


def _part(value: Any) -> str:
    match value:
        case (int() as width, int() as height):
            return f"{width}x{height}"
        case (str() as name, price):
            return f"{name} {_exact(price)}"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def lines(model: Capabilities) -> str:
    """The sizes in short: `720p 1080p 4K`, `6 sizes up to 1584x672`, `up to 1920x1080`."""
    if not model.sizes:
        return model.sizes_in_words().partition("(about ")[2].rstrip(")") or "any"
    sides = sorted({min(size) for size in model.sizes})
    if all(side in _NAMED for side in sides):
        return " ".join(_NAMED[side] for side in sides)
    width, height = max(model.sizes, key=lambda size: size[0] * size[1])
    return f"{len(model.sizes)} sizes up to {width}x{height}"


def cost(model: Model) -> str:
    """The price in words, with all that it depends on."""
    until = f" until {model.price_until}" if model.price_until else ""
    match model:
        case ImageModel():
            prices = ", ".join(f"{name} {_exact(price)}" for name, price in model.price_per_image)
            return f"{prices} a picture{until}" if prices else "free"
        case TextModel():
            pair = (model.price_per_million_input, model.price_per_million_output)
            return f"{show.money(pair[0])} in, {show.money(pair[1])} out a million{until}"
    if not model.price_per_second:
        return "free"
    if model.tariff.least == model.tariff.most:
        return f"{_exact(model.tariff.most)} a second{until}"
    first = "up to " if len(model.tariff.rates) == 1 else ""
    return f"{first}{', '.join(_rate(rate) for rate in model.tariff.rates)} a second{until}"


def _rate(rate: Rate) -> str:
    name = "" if rate.lines is None else f"{_NAMED.get(rate.lines, f'{rate.lines}p')} "
    both = _exact(rate.sound) if rate.sound == rate.silent else f"{_exact(rate.sound)} (silent {_exact(rate.silent)})"
    return f"{name}{both}"


def _exact(price: Decimal) -> str:
    """US dollars to the last digit that is stated."""
    return f"${price:f}" if price != price.quantize(_CENT) else f"${price:.2f}"


def retires(model: Model) -> str:
    """The date, and what takes its place."""
    if model.retires is None:
        return "-"
    return f"{model.retires}" + (f", then {model.replacement}" if model.replacement else "")
