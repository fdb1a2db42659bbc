"""`vidpipe services`: who can make clips, pictures and text, what their models can do, and what they cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.text import Text

from vidpipe.cli import codes, service_page, show
from vidpipe.cli.service_page import Model, Service, cost, lines, retires
from vidpipe.cli.terminal import console, table
from vidpipe.domain.capabilities import Capabilities
from vidpipe.domain.catalogue import guess, kind_of, read_catalogue
from vidpipe.domain.side_services import ImageModel, TextModel, read_image_services, read_text_services
from vidpipe.errors import SetupError
from vidpipe.settings import Settings, load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "model", nargs="?", default="", metavar="MODEL",
        help="everything about one: a service, a model, or service/model; with where each figure is from",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the registry, or all about one part of it; raises SetupError with a guess where there is no such part."""
    settings = load(home=args.home)
    registry = read_registry(settings.services)
    picked = list(_picked(registry, args.model))
    if args.json:
        show.document(_document(settings, picked))
    elif args.model:
        for service, model in picked:
            service_page.print_page(service, model, settings.lacking.get(service.name, ()))
    else:
        _print(settings, registry)
    return codes.DONE


def read_registry(services: Mapping[str, Any]) -> dict[str, Service]:
    """Every service of the settings, whatever it makes, in their order; raises SetupError."""
    found: dict[str, Service] = {
        **read_catalogue(services), **read_image_services(services), **read_text_services(services)
    }  # fmt: skip
    return {name: found[name] for name in services}


def _picked(registry: Mapping[str, Service], word: str) -> Iterator[tuple[Service, Model]]:
    """The models that `word` names: all of them, a service's, or one."""
    every = [(service, model) for service in registry.values() for model in service.models.values()]
    found = [
        (service, model)
        for service, model in every
        if word in ("", service.name, model.model, f"{service.name}/{model.model}")
    ]
    if not found:
        names = [*registry, *(model.model for _, model in every)]
        raise SetupError(f"there is no service and no model {word[:60]!r}.", remedy=guess(word, names))
    yield from found


def _print(settings: Settings, registry: Mapping[str, Service]) -> None:
    out = console()
    for service in registry.values():
        out.print(_head(settings, service))
        rows = table(
            "  Model", "Length", "Sizes", "A call", "References", "Frames", "Sound", "Price", "Retires",
            right=("A call", "References"),
        )  # fmt: skip
        for model in service.models.values():
            name = f"  {model.model}" + (" *" if model.model == service.default_model else "")
            rows.add_row(*(Text(show.clean(cell)) for cell in (name, *_cells(model))))
        out.print(rows)
        out.print()
    out.print(
        Text("*  where a storyboard names only the service. `vidpipe services MODEL` tells all, with its sources.")
    )


def _head(settings: Settings, service: Service) -> Text:
    """A service's name, what it is, and whether it can be used from here."""
    default = " (used where a storyboard names none)" if service.name == settings.default_service else ""
    made = kind_of(service.name, settings.services[service.name])
    what = "" if made == "video" else f" ({made}s)"
    unset = settings.lacking.get(service.name, ())
    needs = bool(settings.services[service.name].get("keys"))
    state = f"not set up: {', '.join(unset)}" if unset else "its keys are set" if needs else "needs no key"
    return Text.assemble(
        (service.name, "bold"), f"  {show.clean(service.title)}{what}{default}  ",
        (show.clean(state), "yellow" if unset else "green"),
    )  # fmt: skip


def _cells(model: Model) -> tuple[str, ...]:
    ends = retires(model)
    match model:
        case Capabilities():
            frames = [name for name, has in (("first", model.first_frame), ("last", model.last_frame)) if has]
            return (
                model.lasts(), lines(model), str(model.max_candidates), str(model.max_references or "-"),
                " ".join(frames) or "-", "yes" if model.audio else "-", cost(model), ends,
            )  # fmt: skip
        case ImageModel():
            return (
                "-", " ".join(model.resolutions), "1", str(model.max_references or "-"), "-", "-", cost(model), ends
            )  # fmt: skip
        case TextModel():
            return ("-", "-", "1", "pictures" if model.images else "-", "-", "-", cost(model), ends)


def _document(settings: Settings, picked: list[tuple[Service, Model]]) -> dict[str, object]:
    services: dict[str, dict[str, Any]] = {}
    for service, model in picked:
        entry = services.setdefault(service.name, _entry(settings, service))
        entry["models"].append(_figures(model))
    return {"default": settings.default_service, "services": list(services.values())}


def _entry(settings: Settings, service: Service) -> dict[str, Any]:
    found = settings.services[service.name]
    return {
        "name": service.name, "kind": kind_of(service.name, found), "title": service.title,
        "adapter": service.adapter, "default_model": service.default_model, "operations": service.operations,
        "requests_per_minute": service.requests_per_minute, "at_once": getattr(service, "at_once", None),
        "keys": found.get("keys") or [], "ready": service.name not in settings.lacking,
        "lacking": settings.lacking.get(service.name, ()), "sources": _sources(service), "models": [],
    }  # fmt: skip


def _figures(model: Model) -> dict[str, Any]:
    """All that is known of a model, its prices by size and sound as well as their range."""
    figures = {**asdict(model), "sources": _sources(model)}
    del figures["told"]
    if isinstance(model, Capabilities):
        del figures["tariff"]
        figures |= {
            "price_per_second": model.price_per_second, "least_per_second": model.tariff.least,
            "prices": [asdict(rate) for rate in model.tariff.rates],
        }  # fmt: skip
    if isinstance(model, ImageModel):
        figures["price_per_image"] = dict(model.price_per_image)
    return figures


def _sources(told: Service | Model) -> dict[str, Any]:
    found = told.told
    kinds = {kind: {"from": source.text, "read": source.read} for kind, source in found.by_kind}
    return {**kinds, "own": dict(found.own)} if found.own else dict(kinds)
