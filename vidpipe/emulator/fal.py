"""fal's queue with Pika's models behind it, its uploads, and its list of requests.

    POST /fal-ai/pika/MODEL/text-to-video     {"prompt", "aspect_ratio", "resolution", ...}; {"request_id", ...}
    POST /fal-ai/pika/MODEL/image-to-video    {"prompt", "image_url", "resolution", "duration", ...}
    GET  /fal-ai/pika/requests/ID/status      202 IN_QUEUE, IN_PROGRESS; 200 COMPLETED (with error_type)
    GET  /fal-ai/pika/requests/ID             the result: {"video": {"url", ...}}, or the model's error with its status
    PUT  /fal-ai/pika/requests/ID/cancel      202 CANCELLATION_REQUESTED; 400 ALREADY_COMPLETED; 404 NOT_FOUND
    POST /storage/upload/initiate             {"file_name", "content_type"}; {"upload_url", "file_url"}, then a PUT
    GET  /v1/models/requests/by-endpoint      ?endpoint_id=E&expand=payloads&start=T&limit=N&cursor=C
    GET  /files/ID.mp4                        a result's file; no key

Shapes: fal-client 1.0.3, client.py; fal's pages `Queue`, `Model errors`, `Request errors`, `List requests by endpoint`
and those of the two endpoints, as stored. The queue takes any JSON object: what the model finds wrong with an order is
its result, {"detail": [{"loc", "msg", "type"}]}, and nothing is charged for it; a scenario's `policy` and `invalid`
likewise. Other errors are {"detail": WORDS, "error_type"}. An order that runs is not stopped by a cancellation: fal
leaves that to the model.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidpipe.domain.capabilities import Capabilities, aspect
from vidpipe.emulator import strict
from vidpipe.emulator.core import Clips, Standing
from vidpipe.emulator.ledger import Job
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.scenario import Call
from vidpipe.emulator.strict import Field
from vidpipe.emulator.troubles import Fate, Refusal

APP = "/fal-ai/pika"
ENDPOINTS = ("text-to-video", "image-to-video")
FPS = 24
BEGUN = 0.1  # of an order's time: until then it is in the queue
MOST_IMAGE = 10 * 1024 * 1024  # bytes
PAGE, MOST_PAGE = 50, 100  # requests
DAY = 86_400.0  # seconds that a list goes back where it is not told
DATA_URI = re.compile(r"data:image/(?:png|jpe?g|webp);base64,")
# kind of a refusal: status, error_type of the queue
WORDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "bad_request"),
    "unknown-field": (422, ""),
    "missing": (422, ""),
    "wrong-type": (422, ""),
    "bad-value": (422, ""),
    "too-large": (413, ""),
    "unauthorised": (401, ""),
    "no-model": (404, ""),
    "retired": (404, ""),
    "not-found": (404, ""),
    "not-ready": (400, ""),
    "expired": (404, ""),
    "method": (405, ""),
    "429": (429, ""),
    "quota": (403, ""),
    "500": (500, "internal_error"),
    "502": (502, "internal_error"),
    "503": (503, "internal_error"),
}
# kind of what a model finds wrong: type of its error
TYPES = {
    "unknown-field": "extra_forbidden", "missing": "missing", "wrong-type": "type_error", "bad-value": "literal_error",
    "too-large": "file_too_large", "bad-image": "image_load_error", "policy": "content_policy_violation",
    "invalid": "value_error",
}  # fmt: skip
LISTED = {name: Field(str) for name in ("start", "end", "cursor", "request_id")} | {
    "endpoint_id": Field(str, needed=True), "limit": Field(str), "expand": Field(str, choices=("payloads",)),
    "status": Field(str, choices=("success", "error", "user_error")),
    "sort_by": Field(str, choices=("ended_at", "duration")),
}  # fmt: skip


class Fal(Protocol):
    """The queue."""

    endpoints = ENDPOINTS

    def routes(self) -> list[Route]:
        """All calls."""
        one = f"{APP}/requests/{{name}}"
        return [
            self.route("GET", f"{one}/status", self.status),
            self.route("GET", one, self.result),
            self.route("PUT", f"{one}/cancel", self.cancel),
            self.route("POST", f"{APP}/{{model}}/{{endpoint}}", self.create),
            self.route("POST", "/storage/upload/initiate", self.initiate),
            self.route("PUT", "/storage/files/{name}", self.upload),
            self.route("GET", "/v1/models/requests/by-endpoint", self.listing),
            self.route("GET", "/files/{name}.mp4", self.file),
        ]

    def worded(self, refusal: Refusal) -> Response:
        """In the queue's shape."""
        status, kind = WORDS[refusal.kind]
        told = {"detail": refusal.message} | ({"error_type": kind} if kind else {})
        headers = {"x-fal-error-type": kind} if kind else {}
        if refusal.retry_after is not None:
            headers["retry-after"] = f"{refusal.retry_after:g}"
        return JSONResponse(told, status, headers)

    def _admitted(self, request: Request) -> None:
        strict.bearer(request, self.core.options.key, scheme="Key ")

    async def create(self, request: Request) -> Response:
        """Take an order: what is wrong with it is its result."""
        self._admitted(request)
        endpoint, name = request.path_params["endpoint"], request.path_params["model"]
        model = self.core.model(self.service, name)
        if endpoint not in ENDPOINTS:
            raise Refusal("not-found", f"Path /{endpoint[:80]} not found.")
        body = await strict.read_json(request)
        if not isinstance(body, dict):
            raise Refusal("malformed", "The body is no JSON object.")
        prompt = body["prompt"] if isinstance(body.get("prompt"), str) else ""
        call = Call(self.service, endpoint, name, prompt, request.headers.get("x-client-request-id", ""))
        memo: dict[str, Any] = {"endpoint": f"{APP[1:]}/{name}/{endpoint}", "asked": body}
        try:
            fate = await self.core.receive(request, call, queues=True)
            clips = self._clips(endpoint, body, model)
        except Refusal as refusal:
            if refusal.kind not in TYPES:
                raise
            fate, clips = Fate({"filtered": -1.0}), Clips(1.0, *model.sizes[0])
            where = [part for part in re.split(r"[.\[\]]+", refusal.param) if part]
            memo["errors"] = [{"loc": ["body", *where], "msg": refusal.message, "type": TYPES[refusal.kind]}]
        job = self.core.accept(call, fate, clips, name=str(uuid.uuid4()), memo=memo)
        told = JSONResponse({"status": "IN_QUEUE", "queue_position": 0, **self._links(request, job)})
        return await self.core.answer(request, fate, told)

    def _clips(self, endpoint: str, body: dict[str, Any], model: Capabilities) -> Clips:
        """What is to be made; raises Refusal for what the model finds wrong."""
        pictured = endpoint == "image-to-video"
        asked = strict.checked(body, _shape(model, pictured=pictured))
        if not asked["prompt"].strip():
            raise Refusal("bad-value", "A prompt is needed.", param="prompt")
        image = self._image(asked["image_url"]) if pictured else None
        lines = asked.get("resolution", f"{min(model.sizes[0])}p")
        shape = asked.get("aspect_ratio", "16:9")
        if image is not None:
            found = strict.picture(image, "image_url", most_bytes=MOST_IMAGE)
            shape = _nearest(found.width / found.height, model)
        size = next((one for one in model.sizes if (aspect(*one), f"{min(one)}p") == (shape, lines)), None)
        if size is None:
            raise Refusal("bad-value", f"{shape} is not made at {lines}.", param="resolution")
        return Clips(
            seconds=float(asked.get("duration", model.durations[0])), width=size[0], height=size[1], fps=FPS,
            seed=asked.get("seed"), audio=False, negative_prompt=asked.get("negative_prompt", ""),
            images={} if image is None else {"first": image},
        )  # fmt: skip

    def _image(self, url: str) -> bytes:
        """An uploaded picture, or one in a data URI; there is no way to fetch another from here."""
        head = DATA_URI.match(url)
        try:
            if head is not None:
                return base64.b64decode(url[head.end() :], validate=True)
            return self._kept(url.rpartition("/storage/files/")[2]).read_bytes()
        except (OSError, binascii.Error, ValueError, Refusal) as error:
            raise Refusal("bad-image", "The image could not be fetched.", param="image_url") from error

    def _links(self, request: Request, job: Job) -> dict[str, Any]:
        home = f"{str(request.url).partition(APP)[0]}{APP}/requests/{job.name}"
        urls = {"response_url": home, "status_url": f"{home}/status", "cancel_url": f"{home}/cancel"}
        return {"request_id": job.name, **urls}

    async def status(self, request: Request) -> Response:
        """How an order is doing."""
        self._admitted(request)
        strict.checked(dict(request.query_params), {"logs": Field(str)})
        job = self.core.job(self.service, request.path_params["name"])
        told, links = _state(self.core.ask(job)), self._links(request, job)
        if told == "COMPLETED" and self.core.standing(job).state == "cancelled":
            links |= {"error": "The request was cancelled.", "error_type": "client_cancelled"}
        more: dict[str, Any] = {"metrics": {"inference_time": 1.0}} if told == "COMPLETED" else {}
        more |= {"queue_position": 0} if told == "IN_QUEUE" else {"logs": None}
        return JSONResponse({"status": told, **links, **more}, 200 if told == "COMPLETED" else 202)

    async def result(self, request: Request) -> Response:
        """What came of an order."""
        self._admitted(request)
        job = self.core.job(self.service, request.path_params["name"])
        found = self.core.standing(job)
        if _state(found) != "COMPLETED":
            raise Refusal("not-ready", "Request is still in progress")
        if found.state == "done":
            home = str(request.url).partition(APP)[0]
            video = {"url": f"{home}/files/{job.name}.mp4", "content_type": "video/mp4", "file_name": "output.mp4"}
            return JSONResponse({"video": video})
        if found.state == "cancelled":
            told = {"detail": "The request was cancelled.", "error_type": "client_cancelled"}
            return JSONResponse(told, 499, {"x-fal-error-type": "client_cancelled"})
        status, kind = (500, "internal_server_error") if found.state == "failed" else (422, TYPES["policy"])
        usual = [{"loc": ["body"], "msg": found.reason, "type": kind}]
        return JSONResponse({"detail": job.memo.get("errors", usual)}, status)

    async def cancel(self, request: Request) -> Response:
        """Take an order out of the queue; one that runs is told, and goes on."""
        self._admitted(request)
        try:
            job = self.core.job(self.service, request.path_params["name"])
        except Refusal:
            return JSONResponse({"status": "NOT_FOUND"}, 404)
        told = _state(self.core.standing(job))
        if told == "COMPLETED":
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        if told == "IN_QUEUE":
            self.core.cancel(job)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    async def file(self, request: Request) -> Response:
        """A result's file."""
        return self.core.clip(self.core.job(self.service, request.path_params["name"]), 1)

    async def initiate(self, request: Request) -> Response:
        """Where to put a picture."""
        self._admitted(request)
        strict.checked(dict(request.query_params), {"storage_type": Field(str, needed=True, choices=("gcs",))})
        asked = await strict.read_json(request)
        strict.checked(asked, {"file_name": Field(str, needed=True), "content_type": Field(str, needed=True)})
        url = f"{str(request.url).partition('/storage/')[0]}/storage/files/{uuid.uuid4().hex}"
        return JSONResponse({"upload_url": url, "file_url": url})

    async def upload(self, request: Request) -> Response:
        """Keep a picture."""
        path = self._kept(request.path_params["name"])
        data = await strict.read_body(request, MOST_IMAGE)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return Response()

    def _kept(self, name: str) -> Path:
        if not re.fullmatch("[0-9a-f]{32}", name):
            raise Refusal("not-found", "There is no such file.")
        return self.core.options.folder / "uploads" / name

    async def listing(self, request: Request) -> Response:
        """A page of requests, the newest first, in the shape of fal's platform."""
        try:
            self._admitted(request)
            return JSONResponse(self._page(dict(request.query_params)))
        except Refusal as refusal:
            status = WORDS[refusal.kind][0]
            kind = "authorization_error" if status == 401 else "validation_error"
            return JSONResponse({"error": {"type": kind, "message": refusal.message}}, status)

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        strict.checked(query, LISTED)
        limit = query.get("limit", str(PAGE))
        if not limit.isdecimal() or not 1 <= int(limit) <= MOST_PAGE:
            raise Refusal("bad-value", f"limit is from 1 to {MOST_PAGE}.", param="limit")
        try:
            page = int(base64.b64decode(query.get("cursor", "MQ=="), validate=True))
            since = _seconds(query["start"]) if "start" in query else time.time() - DAY
            until = _seconds(query["end"]) if "end" in query else time.time()
        except ValueError as error:
            raise Refusal("bad-value", "start and end are times in ISO 8601, cursor is a page's.") from error
        every = [job for job in self.core.jobs(self.service)[::-1] if job.memo["endpoint"] == query["endpoint_id"]]
        found = [job for job in every if since <= job.accepted <= until]
        first = (page - 1) * int(limit)
        more = first + int(limit) < len(found)
        return {
            "items": [self._item(job, "expand" in query) for job in found[first : first + int(limit)]],
            "next_cursor": base64.b64encode(str(page + 1).encode()).decode() if more else None,
            "has_more": more,
        }

    def _item(self, job: Job, expanded: bool) -> dict[str, Any]:
        found = self.core.standing(job)
        item = {"request_id": job.name, "endpoint_id": job.memo["endpoint"], "sent_at": _iso(job.accepted)}
        if _state(found) == "COMPLETED":
            item |= {
                "ended_at": _iso(found.ended or job.accepted),
                "status_code": 200 if found.state == "done" else 422,
            }
        return item | ({"json_input": job.memo["asked"]} if expanded else {})


def _state(found: Standing) -> str:
    if found.state in ("queued", "running"):
        return "IN_PROGRESS" if found.state == "running" and found.progress >= BEGUN else "IN_QUEUE"
    return "COMPLETED"


def _shape(model: Capabilities, *, pictured: bool) -> Mapping[str, Field]:
    """What an order for this model may hold."""
    shape = {
        "prompt": Field(str, needed=True), "seed": Field(int), "negative_prompt": Field(str),
        "resolution": Field(str, choices=tuple(sorted({f"{min(size)}p" for size in model.sizes}))),
        "duration": Field(int, choices=tuple(int(one) for one in model.durations)),
    }  # fmt: skip
    if pictured:
        return shape | {"image_url": Field(str, needed=True)}
    return shape | {"aspect_ratio": Field(str, choices=tuple(sorted({aspect(*size) for size in model.sizes})))}


def _nearest(ratio: float, model: Capabilities) -> str:
    """The shape that a picture is brought to."""
    return aspect(*min(model.sizes, key=lambda size: abs(size[0] / size[1] - ratio)))


def _seconds(told: str) -> float:
    found = datetime.fromisoformat(told.replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
