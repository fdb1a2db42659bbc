"""The service's HTTP protocol.

    POST   /v1/operations               multipart: `request` (JSON, see wire) and images; 202 {"name"}
    GET    /v1/operations?token=T       {"operations": [names]}
    GET    /v1/operations/NAME          {"state": queued|running|done|failed|refused|cancelled,
                                         "progress", "clips", "filtered", "charged", ...}
    DELETE /v1/operations/NAME          {"cancelled": true|false}
    GET    /v1/operations/NAME/clips/N  the MP4; ranges can be asked for
    GET    /v1/bill[?token=T]           {"rows": [...], "total"}
    GET    /healthz                     {"ok", "pid", "renderers"}

Errors are {"error": {"message"}}. An operation is done when it is rendered and its latency has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vidpipe.services.procedural.bill import Books, ClipRow, Operation
from vidpipe.services.procedural.faults import Faults, read_faults
from vidpipe.services.procedural.renderers import Renderers, clip_path
from vidpipe.services.procedural.wire import (
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
    price: Decimal = Decimal(0)  # US dollars a second of one clip
    prompt_faults: bool = False
    always: tuple[str, ...] = ()  # faults of every request


class Dropped(Response):
    """Closes the connection, after `sent` bytes of an answer or without any."""

    def __init__(self, sent: bytes = b"", length: int = 0) -> None:
        super().__init__(sent)
        self.sent, self.length = sent, length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the answer where there is one, then hang up."""
        if self.sent:
            head = [(b"content-length", str(self.length).encode()), (b"content-type", b"video/mp4")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": self.sent, "more_body": True})
            await asyncio.sleep(0)
        scope["state"]["transport"].close()


class Desk:
    """The routes and what they share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.books = Books(options.folder / "service.sqlite3", price=options.price)
        self.renderers = Renderers(self.books, options.folder, options.renderers)
        self._tidied = 0.0

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Start the renderers; stop them at the end."""
        self._tidy()
        self.renderers.start()
        yield
        await self.renderers.stop()
        self.books.close()

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
        parts = split_multipart(await _body(request), request.headers.get("content-type", ""))
        try:
            asked = json.loads(parts.pop("request"))
        except KeyError as error:
            raise Malformed("the part named request is missing") from error
        except (ValueError, RecursionError) as error:
            raise Malformed(f"the request is not JSON: {error}") from error
        order = read_order(asked)
        images = read_images(parts, order)
        faults = read_faults(order.prompt, self.options.always, from_prompt=self.options.prompt_faults)
        refused = self._refusal(order, faults)
        if refused is not None:
            return refused
        name = self._take(order, images, faults)
        if "lost-answer" in faults:
            return Dropped()
        if "stall" in faults:
            await asyncio.sleep(faults.figure("stall"))
        return JSONResponse({"name": name}, status_code=202)

    def _refusal(self, order: Order, faults: Faults) -> Response | None:
        if "refuse-policy" in faults:
            return _error(451, "the prompt was refused by the safety policy")
        if "invalid" in faults:
            return _error(422, "the request was found invalid, as was asked for")
        for status in (429, 503, 500):
            counter = f"{status}|{order.label}|{order.prompt}"
            if str(status) in faults and self.books.count_down(counter, int(faults.figure(str(status)))):
                return _error(status, "not now, as was asked for", retry_after=None if status == 500 else RETRY_AFTER)
        return None

    def _take(self, order: Order, images: dict[str, bytes], faults: Faults) -> str:
        """Accept: images, then operation and bill are on the disk when this returns."""
        if time.time() > self._tidied + TIDY_EVERY:
            self._tidy()
        name = f"op-{secrets.token_hex(8)}"
        clip_path(self.options.folder, name, 1).parent.mkdir(parents=True)
        if images:
            inputs = self.options.folder / "inputs" / name
            inputs.mkdir(parents=True)
            for image, data in images.items():
                _write_durably(inputs / image, data)
            _sync_folder(inputs)
            _sync_folder(inputs.parent)
        ready_at = time.time() + self.options.latency + faults.delay
        filtered = min(order.count, int(faults.figure("filtered")))
        self.books.accept(name, order, dict(faults.chosen), ready_at=ready_at, filtered=filtered)
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
        if "poll-503" in faults and self.books.count_down(f"poll|{operation.name}", int(faults.figure("poll-503"))):
            return _error(503, "not now, as was asked for", retry_after=RETRY_AFTER)
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
        if cut and self.books.count_down(f"cut|{operation.name}|{number}", cut):
            data = path.read_bytes()
            return Dropped(data[: len(data) // 2], len(data))
        return FileResponse(path, media_type="video/mp4")

    async def bill(self, request: Request) -> Response:
        """What was bought, and what of it is charged."""
        rows = self.books.bill(request.query_params.get("token"))
        total = sum((Decimal(row["amount"]) for row in rows if row["given_back"] is None), Decimal(0))
        return JSONResponse({"rows": rows, "total": str(total)})

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


def status_of(operation: Operation, now: float) -> dict[str, Any]:
    """What a poll tells of an operation at the time `now` (seconds since 1970)."""
    clips = operation.clips
    ended = [clip for clip in clips if clip.state in ("done", "failed", "filtered")]
    state = operation.state
    if state == "working":
        begun = any(clip.tries for clip in clips)
        rendered = len(ended) == len(clips)
        state = "done" if rendered and now >= operation.ready_at else "running" if begun else "queued"
    whole = max(operation.ready_at - operation.accepted, 1e-6)
    passed = min(1.0, (now - operation.accepted) / whole)
    answer: dict[str, Any] = {
        "name": operation.name,
        "state": state,
        "reason": operation.reason,
        "model": operation.order.model,
    }
    answer["progress"] = 1.0 if state == "done" else round(min(passed, len(ended) / len(clips)) * 0.99, 3)
    if state == "done":
        answer["clips"] = [_clip_answer(clip) for clip in clips if clip.state in ("done", "failed")]
        answer["filtered"] = sum(clip.state == "filtered" for clip in clips)
    elif state in ("queued", "running") and operation.ready_at - now < 3600:
        answer["ready_in"] = round(max(0.0, operation.ready_at - now), 2)
    return answer


def _clip_answer(clip: ClipRow) -> dict[str, Any]:
    return {"number": clip.number, "seed": clip.seed, "state": clip.state, "reason": clip.reason}


async def _body(request: Request) -> bytes:
    """The request's body, refused once it is larger than any request may be."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BODY:
            raise HTTPException(413, f"the request has more than {MOST_BODY} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _error(status: int, message: str, *, retry_after: float | None = None) -> Response:
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return JSONResponse({"error": {"message": message}}, status_code=status, headers=headers)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _malformed(_request: Request, error: Exception) -> Response:
    return _error(400, str(error))


async def _unable(_request: Request, error: Exception) -> Response:
    return _error(422, str(error))


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)


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
        Route("/healthz", desk.health, methods=["GET"]),
    ]
    errors: dict[Any, Any] = {Malformed: _malformed, Unable: _unable, HTTPException: _http_error}
    return Starlette(routes=routes, lifespan=desk.lifespan, exception_handlers=errors)
