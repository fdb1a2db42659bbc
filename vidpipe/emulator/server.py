"""Runs the emulator: one process, this machine alone, until it is told to end; then it tells its bill."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn

from vidpipe.domain.catalogue import read_catalogue
from vidpipe.domain.side_services import SideService, read_image_services, read_text_services
from vidpipe.emulator.app import emulated, make_app
from vidpipe.emulator.core import Emulator, Options
from vidpipe.emulator.ledger import BOOKS, Ledger, total
from vidpipe.emulator.registry import ENDPOINTS
from vidpipe.emulator.scenario import Scenario, read_file
from vidpipe.services.procedural.server import GRACE, Protocol, Server, listen, owned
from vidpipe.settings import Settings


@dataclass(frozen=True)
class Charge:
    """One model's share of the bill."""

    service: str
    model: str
    clips: int  # that are charged
    given_back: int
    amount: Decimal  # US dollars


@dataclass(frozen=True)
class Place:
    """Where it listens: a port (0: a free one) or a unix socket."""

    port: int | None = 0
    uds: Path | None = None


def serve(
    settings: Settings, folder: Path, place: Place, *, scenario: Path | None, latency: float, renderers: int,
    ready: Callable[[str, dict[str, str]], str],
) -> tuple[Charge, ...]:  # fmt: skip
    """Serve until SIGTERM or SIGINT; the bill. `ready` makes the line that is printed once it can be asked.

    Raises SetupError where the folder or the place is taken, ScenarioInvalid where the scenario cannot be used.
    """
    catalogue = read_catalogue(settings.services)
    sides: dict[str, SideService[Any]] = {
        **read_image_services(settings.services),
        **read_text_services(settings.services),
    }
    names = emulated(catalogue, sides)
    played = Scenario() if scenario is None else read_file(scenario, services=names, endpoints=ENDPOINTS)
    with owned(folder):
        made, url = listen(place.uds, place.port)
        core = Emulator(
            Options(folder.absolute(), catalogue, latency=latency, renderers=renderers, sides=sides), played
        )
        config = uvicorn.Config(
            make_app(core), http=Protocol, ws="none", loop="asyncio", log_level="warning", access_log=False,
            timeout_graceful_shutdown=GRACE, server_header=False, timeout_keep_alive=30,
        )  # fmt: skip
        bases = {name: f"{url}/{name}{protocol.path}" for name, protocol in names.items()}
        _note(folder, url, bases)
        # What a scenario cuts off is no error of the server.
        logging.getLogger("uvicorn.error").addFilter(
            lambda said: "ASGI callable returned without" not in said.getMessage()
        )
        Server(config, ready(url, bases)).run(sockets=[made])
        if place.uds is not None:
            place.uds.unlink(missing_ok=True)
        return charges(folder)


def _note(folder: Path, url: str, bases: dict[str, str]) -> None:
    """Where it is, for whoever rehearses beside it (settings.emulator_note); whole or not at all."""
    fresh = folder / ".services.json"
    fresh.write_text(json.dumps({"url": url, "services": bases}), encoding="utf-8")
    fresh.replace(folder / "services.json")


def charges(folder: Path) -> tuple[Charge, ...]:
    """The bill of a folder by service and model."""
    ledger = Ledger(folder / BOOKS)
    rows = ledger.bill()
    ledger.store.close()
    kinds = sorted({(row["service"], row["model"]) for row in rows})
    found = {kind: [row for row in rows if (row["service"], row["model"]) == kind] for kind in kinds}
    return tuple(
        Charge(
            *kind, clips=sum(row["given_back"] is None for row in mine),
            given_back=sum(row["given_back"] is not None for row in mine), amount=total(mine),
        )
        for kind, mine in found.items()
    )  # fmt: skip


def as_json(bill: tuple[Charge, ...]) -> str:
    """One line for scripts."""
    rows = [{**vars(charge), "amount": str(charge.amount)} for charge in bill]
    return json.dumps({"bill": rows, "total": str(sum((charge.amount for charge in bill), Decimal(0)))})
