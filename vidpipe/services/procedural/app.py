"""The service's HTTP protocol.

    POST   /v1/operations               multipart: `request` (JSON, see wire) and images; 202 {"name"}
    GET    /v1/operations?token=T       {"operations": [names]}
    GET    /v1/operations/NAME          {"state": queued|running|done|failed|refused|cancelled,
                                         "progress", "clips", "filtered", "charged", ...}
    DELETE /v1/operations/NAME          {"cancelled": true|false}
    GET    /v1/operations/NAME/clips/N  the MP4; ranges can be asked for
    GET    /v1/bill[?token=T]           {"rows": [{"token", "operation", "clip", "model", "amount", "given_back", ...}],
                                         "total"}
    GET    /v1/stats                    {"in_flight", "most_in_flight", "most_in_a_minute", "rejected", "limits"}
    POST   /v1/faults                   {"fault": "500-after", "next": 3}: for the next 3 orders; 403 without --faults
    DELETE /v1/faults                   nothing more is injected of what waits
    GET    /v1/faults                   {"log": [{"token", "operation", "fault", "figure", "injection", "at"}],
                                         "waiting"}
    GET    /healthz                     {"ok", "pid", "renderers"}

Errors are {"error": {"message", "code"}}. An operation is done when it is rendered and its latency has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from vidpipe.services.procedural.bill import Books, Operation
from vidpipe.services.procedural.faults import COUNTED, REFUSALS, Faults, read_faults
from vidpipe.services.procedural.injections import Injection, Injections
from vidpipe.services.procedural.inputs import keep_inputs
from vidpipe.services.procedural.limits import Limits
from vidpipe.services.procedural.renderers import Renderers, clip_path
from vidpipe.services.procedural.replies import Dropped, error, given_up, status_of
from vidpipe.services.procedural.store import Store
from vidpipe.services.procedural.wire import (
    MODELS,
    MOST_BODY,
    Malformed,
    Order,
    Unable,
    read_images,
    read_order,
    split_multipart,
)  # fmt: skip

RETRY_AFTER = 1  # seconds, told with 429 and 503
KEEP = 2 * 86_400.0  # seconds that clips are held, as at other services; then they have expired
TIDY_EVERY = 3_600.0  # seconds


@dataclass(frozen=True)
class Options:
    """How one server behaves."""

    folder: Path
    name: str = "procedural"
    latency: float = 0.0  # seconds from acceptance until an operation may be done
    renderers: int = 2
    prices: Mapping[str, Decimal] = field(default_factory=lambda: dict.fromkeys(MODELS, Decimal(0)))
    most_operations: int | None = None  # in flight at once
    requests_per_minute: int | None = None
    prompt_faults: bool = False  # heed words in prompts, and take injections
    always: tuple[str, ...] = ()  # faults of every request


class Desk:
    """The routes and what they share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.store = Store(options.folder / "service.sqlite3")
        self.books = Books(self.store, options.prices)
        self.injections = Injections(self.store)
        self.limits = Limits(
            self.store, self.books, operations=options.most_operations, requests=options.requests_per_minute
        )
        self.renderers = Renderers(self.books, options.folder, options.renderers)
        self._tidied = 0.0

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Start the renderers; stop them at the end."""
        self._tidy()
        self.renderers.start()
        yield
        await self.renderers.stop()
        self.store.close()

    def _tidy(self) -> None:
        """Remove the files of what was never accepted, and of what is no longer kept."""
        self._tidied = time.time()
        kept = self.books.kept(self._tidied - KEEP)
        for folder in ("inputs", "clips"):
            for left in (self.options.folder / folder).glob("*"):
                if left.name not in kept:
                    shutil.rmtree(left)

    async def accept(self, request: Request) -> Response:
        """Check, write down, answer."""
        body = await _body(request)
        pause = self.limits.too_fast()
        if pause is not None:
            return error(429, "too many requests within a minute", code="requests", retry_after=pause)
        order, images = _read(body, request.headers.get("content-type", ""))
        pause = self.limits.too_many()
        if pause is not None:
            return error(429, "too many operations in flight", code="operations", retry_after=pause)
        faults = read_faults(order.prompt, self.options.always, from_prompt=self.options.prompt_faults)
        injection = self.injections.due() if self.options.prompt_faults else None
        if injection is not None:
            faults = injection.into(faults)
        refused = self._refusal(order, faults, injection)
        if refused is not None:
            return refused
        return await self._answer(request, self._take(order, images, faults, injection), faults)

    async def _answer(self, request: Request, name: str, faults: Faults) -> Response:
        """Tell the name of what was accepted, unless a fault keeps it back."""
        if "lost-answer" in faults:
            return Dropped()
        if "timeout-after" in faults:
            await given_up(request)
            return Dropped()
        if "500-after" in faults:
            return error(500, "something went wrong, as was asked for")
        if "stall" in faults:
            await asyncio.sleep(faults.figure("stall"))
        return JSONResponse({"name": name, "ready_in": self.options.latency}, status_code=202)

    def _refusal(self, order: Order, faults: Faults, injection: Injection | None) -> Response | None:
        for name, (status, code, message, later) in REFUSALS.items():
            if name not in faults:
                continue
            injected = injection is not None and injection.name == name
            if name in COUNTED and not injected:
                counter = f"{name}|{order.label}|{order.prompt}"
                if not self.store.count_down(counter, int(faults.figure(name))):
                    continue
            self.injections.met(order, {name: faults.figure(name)}, injection, operation=None)
            return error(status, message, code=code, retry_after=RETRY_AFTER if later else None)
        return None

    def _take(self, order: Order, images: dict[str, bytes], faults: Faults, injection: Injection | None) -> str:
        """Accept: images, then operation, bill and log of faults are on the disk when this returns."""
        if time.time() > self._tidied + TIDY_EVERY:
            self._tidy()
        name = f"op-{secrets.token_hex(8)}"
        clip_path(self.options.folder, name, 1).parent.mkdir(parents=True)
        keep_inputs(self.options.folder, name, images)
        ready_at = time.time() + self.options.latency + faults.delay
        filtered = min(order.count, int(faults.figure("filtered")))
        with self.store.transaction():
            self.books.accept(name, order, faults.once_accepted, ready_at=ready_at, filtered=filtered)
            self.injections.met(order, faults.once_accepted, injection, operation=name)
            self.limits.keep_peaks()
        self.renderers.wake()
        return name

    async def find(self, request: Request) -> Response:
        """What was accepted under a token."""
        token = request.query_params.get("token", "")
        return JSONResponse({"operations": self.books.by_token(token) if token else []})

    async def poll(self, request: Request) -> Response:
        """How an operation is doing."""
        operation = self._operation(request)
        faults = Faults(operation.faults)
        if "poll-503" in faults and self.store.count_down(f"poll|{operation.name}", int(faults.figure("poll-503"))):
            return error(503, "not now, as was asked for", retry_after=RETRY_AFTER)
        answer = status_of(self._settle(operation), time.time())
        return JSONResponse({**answer, "charged": str(self.books.charged(operation.name))})

    def _settle(self, operation: Operation) -> Operation:
        """End an operation whose time has come and which was meant to fail, or has nothing to deliver."""
        if operation.state != "working" or time.time() < operation.ready_at:
            return operation
        if "fail" in operation.faults:
            self.books.end(operation.name, "failed", "the model failed, as was asked for")
        elif "refuse-late" in operation.faults:
            self.books.end(operation.name, "refused", "the result was refused by the safety policy")
        elif all(clip.state == "failed" for clip in operation.clips):
            self.books.end(operation.name, "failed", operation.clips[0].reason)
        else:
            return operation
        return self.books.operation(operation.name) or operation

    async def cancel(self, request: Request) -> Response:
        """Stop an operation; false where it has ended or its clips are rendered."""
        operation = self._operation(request)
        early = status_of(self._settle(operation), time.time())["state"] in ("queued", "running")
        return JSONResponse(
            {"cancelled": early and self.books.end(operation.name, "cancelled", "cancelled by the client")}
        )

    async def fetch(self, request: Request) -> Response:
        """A finished clip's file."""
        operation = self._operation(request)
        number = request.path_params["number"]
        ready = status_of(operation, time.time())["state"] == "done"
        if not ready or not any(clip.number == number and clip.state == "done" for clip in operation.clips):
            raise HTTPException(404, f"{operation.name} holds no clip {number} now")
        path = clip_path(self.options.folder, operation.name, number)
        if "expired" in operation.faults or not path.is_file():
            raise HTTPException(410, f"clip {number} of {operation.name} is no longer held")
        cut = int(operation.faults.get("cut-off", 0))
        if cut and self.store.count_down(f"cut|{operation.name}|{number}", cut):
            data = path.read_bytes()
            return Dropped(data[: len(data) // 2], len(data))
        return FileResponse(path, media_type="video/mp4")

    async def bill(self, request: Request) -> Response:
        """What was bought, and what of it is charged."""
        rows = self.books.bill(request.query_params.get("token"))
        total = sum((Decimal(row["amount"]) for row in rows if row["given_back"] is None), Decimal(0))
        return JSONResponse({"rows": rows, "total": str(total)})

    async def stats(self, _request: Request) -> Response:
        """How much is and was in flight, and what was rejected."""
        return JSONResponse(self.limits.stats())

    async def faults(self, request: Request) -> Response:
        """Inject a fault, withdraw what waits, or show the log."""
        if request.method not in ("GET", "HEAD") and not self.options.prompt_faults:
            raise HTTPException(403, "this server was started without --faults")
        match request.method:
            case "POST":
                try:
                    asked = json.loads(await _body(request))
                except (ValueError, RecursionError) as problem:
                    raise Malformed(f"the injection is not JSON: {problem}") from problem
                return JSONResponse(self.injections.ask(asked), status_code=201)
            case "DELETE":
                self.injections.withdraw()
        return JSONResponse(self.injections.log())

    async def health(self, _request: Request) -> Response:
        """Whether it works."""
        broken = self.renderers.broken
        state = {"ok": not broken, "name": self.options.name, "pid": os.getpid(), "renderers": self.renderers.pids}
        return JSONResponse({**state, "problem": broken}, status_code=500 if broken else 200)

    def _operation(self, request: Request) -> Operation:
        operation = self.books.operation(request.path_params["name"])
        if operation is None:
            raise HTTPException(404, "there is no such operation")
        return operation


def _read(body: bytes, content_type: str) -> tuple[Order, dict[str, bytes]]:
    """An order and its images; raises Malformed or Unable."""
    parts = split_multipart(body, content_type)
    try:
        asked = json.loads(parts.pop("request"))
    except KeyError as problem:
        raise Malformed("the part named request is missing") from problem
    except (ValueError, RecursionError) as problem:
        raise Malformed(f"the request is not JSON: {problem}") from problem
    order = read_order(asked)
    return order, read_images(parts, order)


async def _body(request: Request) -> bytes:
    """The request's body, refused once it is larger than any request may be."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BODY:
            raise HTTPException(413, f"the request has more than {MOST_BODY} bytes")
        pieces.append(piece)
    return b"".join(pieces)


async def _malformed(_request: Request, found: Exception) -> Response:
    return error(400, str(found))


async def _unable(_request: Request, found: Exception) -> Response:
    return error(422, str(found))


async def _http_error(_request: Request, found: Exception) -> Response:
    assert isinstance(found, HTTPException)
    return error(found.status_code, found.detail)


def make_app(options: Options) -> Starlette:
    """The application of one server; its folder exists and belongs to it alone."""
    desk = Desk(options)
    operation = "/v1/operations/{name:str}"
    routes = [
        Route("/v1/operations", desk.accept, methods=["POST"]),
        Route("/v1/operations", desk.find, methods=["GET"]),
        Route(operation, desk.poll, methods=["GET"]),
        Route(operation, desk.cancel, methods=["DELETE"]),
        Route(operation + "/clips/{number:int}", desk.fetch, methods=["GET"]),
        Route("/v1/bill", desk.bill, methods=["GET"]),
        Route("/v1/stats", desk.stats, methods=["GET"]),
        Route("/v1/faults", desk.faults, methods=["GET", "POST", "DELETE"]),
        Route("/healthz", desk.health, methods=["GET"]),
    ]
    errors: dict[Any, Any] = {Malformed: _malformed, Unable: _unable, HTTPException: _http_error}
    return Starlette(routes=routes, lifespan=desk.lifespan, exception_handlers=errors)
