"""One door: every service below its own name, and what the emulator tells of itself.

/NAME/...                       a service, as its vendor speaks
GET  /emulator/services         {NAME: base URL path}
GET  /emulator/bill             ?token=T&service=NAME; {"rows", "total"}
GET  /emulator/stats            {"posts": {token: how many}, "in_flight"}
GET  /emulator/posts            ?token=T; every order that came, with what it met: the log of faults
PUT  /emulator/scenario         a scenario's YAML, from now on; 422 with its problems
GET  /emulator/health           {"ok", "pid", "renderers"}
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from vidpipe.domain.catalogue import Catalogue
from vidpipe.domain.side_services import SideService
from vidpipe.emulator.core import Emulator
from vidpipe.emulator.ledger import total
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.registry import ENDPOINTS, PROTOCOLS
from vidpipe.emulator.scenario import ScenarioInvalid, read
from vidpipe.emulator.strict import read_body
from vidpipe.emulator.troubles import HangUp, Refusal
from vidpipe.services.procedural.replies import Dropped, given_up

MOST_SCENARIO = 1024 * 1024  # bytes


def emulated(catalogue: Catalogue, sides: Mapping[str, SideService[Any]]) -> dict[str, type[Protocol]]:
    """The services that can be emulated, those that draw and write too, and their protocols."""
    every = {name: facts.adapter for name, facts in catalogue.items()}
    every |= {name: facts.adapter for name, facts in sides.items()}
    return {name: PROTOCOLS[adapter] for name, adapter in every.items() if adapter in PROTOCOLS}


class Desk:
    """What the emulator tells of itself."""

    def __init__(self, core: Emulator, paths: dict[str, str]) -> None:
        self.core, self.paths = core, paths

    def routes(self) -> list[Route]:
        """Below /emulator."""
        return [
            Route("/services", self.services),
            Route("/bill", self.bill),
            Route("/stats", self.stats),
            Route("/posts", self.posts),
            Route("/scenario", self.scenario, methods=["PUT"]),
            Route("/health", self.health),
        ]

    async def services(self, _request: Request) -> Response:
        """Where each service is."""
        return JSONResponse(self.paths)

    async def bill(self, request: Request) -> Response:
        """What was bought, and what of it is charged."""
        query = request.query_params
        rows = self.core.ledger.bill(token=query.get("token"), service=query.get("service"))
        return JSONResponse({"rows": rows, "total": str(total(rows))})

    async def stats(self, _request: Request) -> Response:
        """How many posts came under each token."""
        ledger = self.core.ledger
        return JSONResponse({"posts": ledger.posts_by_token(), "in_flight": ledger.books.in_flight()})

    async def posts(self, request: Request) -> Response:
        """Every order that came."""
        return JSONResponse({"posts": self.core.ledger.posts(token=request.query_params.get("token"))})

    async def scenario(self, request: Request) -> Response:
        """Follow another scenario."""
        try:
            text = (await read_body(request, MOST_SCENARIO)).decode()
            played = str(self.core.ledger.store.count_up("scenarios"))
            self.core.scenario = read(text, services=self.paths, endpoints=ENDPOINTS, played=played)
        except (ScenarioInvalid, UnicodeDecodeError, Refusal) as error:
            return JSONResponse({"error": str(error)}, status_code=422)
        return JSONResponse({"rules": len(self.core.scenario.rules)})

    async def health(self, _request: Request) -> Response:
        """Whether it works."""
        renderers = self.core.renderers
        state = {"ok": not renderers.broken, "pid": os.getpid(), "renderers": renderers.pids}
        return JSONResponse({**state, "problem": renderers.broken}, status_code=500 if renderers.broken else 200)


def make_app(core: Emulator) -> Starlette:
    """The application of one emulator."""
    spoken = {
        name: protocol(core, name) for name, protocol in emulated(core.options.catalogue, core.options.sides).items()
    }
    desk = Desk(core, {name: f"/{name}{protocol.path}" for name, protocol in spoken.items()})

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with core.running():
            yield

    routes = [Mount("/emulator", routes=desk.routes())]
    routes += [Mount(f"/{name}", app=_service(protocol)) for name, protocol in spoken.items()]
    return Starlette(routes=routes, lifespan=lifespan)


def _service(protocol: Protocol) -> Starlette:
    """One service, whose every no is in its vendor's words."""

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return protocol.worded(error)

    async def hung_up(request: Request, error: Exception) -> Response:
        if isinstance(error, HangUp) and error.waits:
            await given_up(request)
        return Dropped()

    async def unknown(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = "method" if error.status_code == 405 else "not-found"
        return protocol.worded(Refusal(kind, f"{error.detail}."))

    handlers = {Refusal: refused, HangUp: hung_up, HTTPException: unknown}
    return Starlette(routes=protocol.routes(), exception_handlers=handlers)
