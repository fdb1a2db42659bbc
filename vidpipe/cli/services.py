"""`vidpipe services`: who can make clips, what their models can do, and what they cost."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.text import Text

from vidpipe.cli import codes, show
from vidpipe.cli.terminal import console, table
from vidpipe.domain.catalogue import Capabilities, read_catalogue
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """None of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    settings = load(home=args.home)
    catalogue = read_catalogue(settings.services)
    if args.json:
        services = [{**asdict(service), "models": list(service.models.values())} for service in catalogue.values()]
        show.document({"default": settings.default_service, "services": services})
        return codes.DONE
    out = console()
    for service in catalogue.values():
        default = "  (used where a storyboard names none)" if service.name == settings.default_service else ""
        out.print(Text.assemble((service.name, "bold"), f"  {show.clean(service.title)}{default}"))
        rows = table("  Model", "Length", "Clips at once", "Can", "A second", right=("Clips at once", "A second"))
        for model in service.models.values():
            name = f"  {model.model}" + (" *" if model.model == service.default_model else "")
            price = show.money(model.price_per_second) if model.price_per_second else "free"
            cells = (name, model.lasts(), str(model.max_candidates), _can(model), price)
            rows.add_row(*(Text(show.clean(cell)) for cell in cells))
        out.print(rows)
    return codes.DONE


def _can(model: Capabilities) -> str:
    able = {
        "sound": model.audio,
        "seed": model.seed,
        "first frame": model.first_frame,
        "last frame": model.last_frame,
        f"{model.max_references} references": bool(model.max_references),
        f"retires {model.retires}": model.retires is not None,
    }
    return ", ".join(what for what, has in able.items() if has)
