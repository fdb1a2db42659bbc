"""Runway's API: video from a picture or from text alone.

    POST   /v1/image_to_video    {"model", "promptImage", "promptText", "ratio", "duration", ...}; {"id", ...}
    POST   /v1/text_to_video     the same without pictures
    GET    /v1/tasks/ID          PENDING, THROTTLED, RUNNING, SUCCEEDED (output: URLs), FAILED (failureCode), CANCELLED
    DELETE /v1/tasks/ID          stops a task (its credits come back unless it is RUNNING), or forgets one
    GET    /artifacts/ID.mp4     the file, by a signed link that expires; no key

Shapes: runwayml 5.24.0, types/*_create_params.py, task_retrieve_response.py, resources/tasks.py. Every call needs
`X-Runway-Version: 2024-11-06` (_client.py). Errors are {"error": WORDS}, those of a body with
{"issues": [{"code", "path", "message"}], "docUrl"}, as users met them. Moderation is part of a task: an order that a
scenario refuses by policy is accepted, fails with SAFETY.INPUT.TEXT, and is given back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidpipe.domain.catalogue import Capabilities
from vidpipe.emulator import strict
from vidpipe.emulator.core import Clips, Standing
from vidpipe.emulator.ledger import Job
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.scenario import Call
from vidpipe.emulator.strict import Field
from vidpipe.emulator.troubles import Fate, Refusal

VERSION = "2024-11-06"
KEPT = 86_400  # seconds that a link is good
LONGEST_PROMPT = 1000  # UTF-16 code units
MOST_URI = 5 * 1024 * 1024  # characters of a data URI, less one
MOST_SEED = 2**32 - 1
BEGUN = 0.1  # of an operation's time: until then it is PENDING
DATA_URI = re.compile(r"data:image/(png|jpe?g|webp);base64,")
FPS = 24
# kind of a refusal: status, the code of an issue of the body
WORDS: dict[str, tuple[int, str]] = {
    "malformed": (400, ""),
    "unknown-field": (400, "unrecognized_keys"),
    "missing": (400, "invalid_type"),
    "wrong-type": (400, "invalid_type"),
    "bad-value": (400, "invalid_value"),
    "bad-image": (400, "custom"),
    "too-large": (400, "too_big"),
    "no-model": (400, "invalid_union"),
    "retired": (400, "invalid_union"),
    "invalid": (400, "invalid_value"),
    "unauthorised": (401, ""),
    "not-found": (404, ""),
    "not-ready": (404, ""),
    "expired": (403, ""),
    "method": (405, ""),
    "429": (429, ""),
    "quota": (429, ""),
    "500": (500, ""),
    "502": (502, ""),
    "503": (503, ""),
}


class Runway(Protocol):
    """The service."""

    endpoints = ("image_to_video", "text_to_video")

    def routes(self) -> list[Route]:
        """The five calls."""
        one = "/v1/tasks/{name}"
        return [
            *(self.route("POST", f"/v1/{endpoint}", self.create) for endpoint in self.endpoints),
            self.route("GET", one, self.retrieve),
            self.route("DELETE", one, self.delete),
            self.route("GET", "/artifacts/{name}.mp4", self.artifact),
        ]

    def worded(self, refusal: Refusal) -> Response:
        """In Runway's shape."""
        status, code = WORDS[refusal.kind]
        told: dict[str, Any] = {"error": refusal.message}
        if code:
            path = [int(part) if part.isdecimal() else part for part in re.split(r"[.\[\]]+", refusal.param) if part]
            issue = {"code": code, "path": path, "message": refusal.message}
            told = {"error": "Validation of body failed", "issues": [issue]}
        headers = {} if refusal.retry_after is None else {"retry-after": f"{refusal.retry_after:g}"}
        return JSONResponse({**told, "docUrl": "https://docs.dev.runwayml.com/api"}, status, headers)

    def _admitted(self, request: Request) -> None:
        strict.bearer(request, self.core.options.key)
        if request.headers.get("x-runway-version") != VERSION:
            raise Refusal("malformed", f"The X-Runway-Version header should be {VERSION}.")

    async def create(self, request: Request) -> Response:
        """Check, receive, accept, answer."""
        self._admitted(request)
        endpoint = request.url.path.rpartition("/")[2]
        asked, images = self._checked(endpoint, await strict.read_json(request))
        prompt = asked.get("promptText", "")
        call = Call(self.service, endpoint, asked["model"], prompt, request.headers.get("x-client-request-id", ""))
        memo: dict[str, Any] = {}
        try:
            fate = await self.core.receive(request, call, queues=True)
        except Refusal as refusal:
            if refusal.kind != "policy":
                raise
            fate, memo = Fate({"filtered": -1.0}), {"failureCode": "SAFETY.INPUT.TEXT"}
        width, height = (int(side) for side in asked["ratio"].split(":"))
        clips = Clips(
            seconds=float(asked["duration"]), width=width, height=height, fps=FPS, seed=asked.get("seed"),
            audio=asked.get("audio", True), negative_prompt=asked.get("negativePrompt", ""), images=images,
        )  # fmt: skip
        job = self.core.accept(call, fate, clips, name=str(uuid.uuid4()), memo=memo)
        told = JSONResponse({"id": job.name, "estimatedCost": self._credits(job)})
        return await self.core.answer(request, fate, told)

    def _checked(self, endpoint: str, body: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The fields, and the pictures by the renderer's names; raises Refusal."""
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            raise Refusal("no-model", "Invalid input", param="model")
        model = self.core.model(self.service, body["model"])
        pictured = endpoint == "image_to_video"
        if (pictured and not model.first_frame) or (not pictured and model.needs_first_frame):
            raise Refusal("no-model", "Invalid input", param="model")
        asked = strict.checked(body, _shape(model, pictured=pictured))
        units = len(str(asked.get("promptText", " ")).encode("utf-16-le", "surrogatepass")) // 2
        if not 1 <= units <= (model.longest_prompt or LONGEST_PROMPT):
            raise Refusal("bad-value", "The prompt is empty or too long", param="promptText")
        return asked, _images(asked["promptImage"]) if pictured else {}

    async def retrieve(self, request: Request) -> Response:
        """One task."""
        self._admitted(request)
        job = self.core.job(self.service, request.path_params["name"])
        return JSONResponse(self._task(request, job, self.core.ask(job)))

    async def delete(self, request: Request) -> Response:
        """Stop a task, or forget it."""
        self._admitted(request)
        job = self.core.job(self.service, request.path_params["name"])
        found = self.core.standing(job)
        if not self.core.cancel(job, charged=self._status(found) == "RUNNING"):
            self.core.remove(job)
        return Response(status_code=204)

    async def artifact(self, request: Request) -> Response:
        """The file, as long as its link is good."""
        name, token = request.path_params["name"], request.query_params.get("_jwt", "")
        expires = token.partition(".")[0]
        if not hmac.compare_digest(token, self._signed(name, expires)) or float(expires) < time.time():
            raise Refusal("expired", "Access denied.")
        return self.core.clip(self.core.job(self.service, name), 1)

    def _signed(self, name: str, expires: str) -> str:
        digest = hmac.new(self.core.options.key.encode(), f"{name}|{expires}".encode(), hashlib.sha256).hexdigest()
        return f"{expires}.{digest}"

    def _status(self, found: Standing) -> str:
        begun = found.state == "running" and found.progress >= BEGUN
        if found.throttled:
            return "THROTTLED"
        if found.state in ("queued", "running") and not begun:
            most = self.core.limits(self.service).operations
            return "PENDING" if most is None or self.core.ledger.in_flight(self.service) <= most else "THROTTLED"
        return {"running": "RUNNING", "done": "SUCCEEDED", "cancelled": "CANCELLED"}.get(found.state, "FAILED")

    def _task(self, request: Request, job: Job, found: Standing) -> dict[str, Any]:
        status = self._status(found)
        created = datetime.fromtimestamp(job.accepted, UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {"id": job.name, "createdAt": created.replace("+00:00", "Z"), "status": status}
        ended = status in ("SUCCEEDED", "FAILED", "CANCELLED")
        told["cost" if ended else "estimatedCost"] = self._credits(job)
        if status == "RUNNING":
            told["progress"] = round(found.progress, 3)
        elif status == "SUCCEEDED":
            link = self._signed(job.name, str(int(time.time()) + KEPT))
            home = str(request.url).partition("/v1/tasks/")[0]
            told["output"] = [f"{home}/artifacts/{job.name}.mp4?_jwt={link}"]
        elif status == "FAILED":
            usual = "SAFETY.OUTPUT.VIDEO" if found.state == "filtered" else "INTERNAL.BAD_OUTPUT.CODE01"
            told |= {"failure": found.reason, "failureCode": job.memo.get("failureCode", usual)}
        return told

    def _credits(self, job: Job) -> Mapping[str, float]:
        credits = self.core.ledger.books.charged(job.name) * Decimal(100)
        return {"credits": int(credits) if credits == int(credits) else float(credits)}


def _shape(model: Capabilities, *, pictured: bool) -> dict[str, Field]:
    """What an order for this model may hold."""
    sizes = (model.sizes if pictured else model.sizes_from_text) or model.sizes
    shape = {
        "model": Field(str, needed=True),
        "promptText": Field(str, needed=not pictured),
        "ratio": Field(str, needed=True, choices=tuple(f"{width}:{height}" for width, height in sizes)),
        "duration": Field(int, needed=True, choices=tuple(int(one) for one in model.durations)),
        "seed": Field(int, within=(0, MOST_SEED)),
    }
    if pictured:
        shape["promptImage"] = Field((str, list), needed=True, each=Field(dict, fields=_picture(model)))
    if model.audio:
        shape["audio"] = Field(bool)
    if model.negative_prompt:
        shape["negativePrompt"] = Field(str)
    return shape


def _picture(model: Capabilities) -> dict[str, Field]:
    positions = ("first", "last") if model.last_frame else ("first",)
    return {"uri": Field(str, needed=True), "position": Field(str, needed=True, choices=positions)}


def _images(found: str | list[dict[str, str]]) -> dict[str, bytes]:
    """Pictures by position; exactly one is the first, and each position has one."""
    pictures = [{"uri": found, "position": "first"}] if isinstance(found, str) else found
    positions = [one["position"] for one in pictures]
    if positions.count("first") != 1 or len(set(positions)) != len(positions):
        raise Refusal("bad-value", "Give one first frame, and at most one last frame.", param="promptImage")
    return {one["position"]: _decoded(one["uri"], f"promptImage[{n}].uri") for n, one in enumerate(pictures)}


def _decoded(uri: str, name: str) -> bytes:
    """A data URI's picture; there is no way to fetch another from here."""
    head = DATA_URI.match(uri)
    if head is None:
        raise Refusal("bad-image", "Unsupported asset type, or an address that cannot be reached.", param=name)
    if len(uri) >= MOST_URI:
        raise Refusal("too-large", f"A data URI has fewer than {MOST_URI} characters.", param=name)
    try:
        data = base64.b64decode(uri[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("bad-image", "Invalid data URI.", param=name) from error
    found = strict.picture(data, name, most_bytes=MOST_URI)
    if found.mime.removeprefix("image/") != head.group(1).replace("jpg", "jpeg"):
        raise Refusal("bad-image", "The data URI's type is not that of its picture.", param=name)
    return data
