"""OpenAI's videos, as servers of that shape speak them.

    POST   /v1/videos               multipart: prompt, model, seconds, size, input_reference (a file); a video
    GET    /v1/videos               ?after=ID&limit=N&order=asc|desc; {"object": "list", "data", "has_more", ...}
    GET    /v1/videos/ID            a video: queued, in_progress, completed, failed (error{code, message})
    GET    /v1/videos/ID/content    the MP4
    DELETE /v1/videos/ID            {"id", "object": "video.deleted", "deleted"}; completed or failed ones only

Shapes: openai 3.52.0, types/video*.py and resources/videos.py. Errors are {"error": {"message", "type", "param",
"code"}}; the wording about input_reference as users met it at the service (`Inpaint image must match the requested
width and height`, code null; `invalid_type` where it was no file).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidpipe.emulator import strict
from vidpipe.emulator.core import Clips, Standing
from vidpipe.emulator.ledger import Job
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.scenario import Call
from vidpipe.emulator.troubles import Refusal

MOST_IMAGE = 20 * 1024 * 1024  # bytes
KEPT = 86_400  # seconds that a file can be fetched
PAGE, MOST_PAGE = 20, 100  # videos
FPS = 24
LONGEST_PROMPT = 32_000  # characters
FIELDS = ("prompt", "model", "seconds", "size", "input_reference")
DEFAULTS = {"model": "sora-2", "seconds": "4", "size": "720x1280"}
INVALID = "invalid_request_error"
# kind of a refusal: status, type, code
WORDS: dict[str, tuple[int, str, str | None]] = {
    "malformed": (400, INVALID, None),
    "unknown-field": (400, INVALID, "unknown_parameter"),
    "missing": (400, INVALID, "missing_required_parameter"),
    "wrong-type": (400, INVALID, "invalid_type"),
    "bad-value": (400, INVALID, "invalid_value"),
    "bad-image": (400, INVALID, "invalid_image"),
    "size-mismatch": (400, INVALID, None),
    "not-ended": (400, INVALID, None),
    "too-large": (413, INVALID, None),
    "method": (405, INVALID, "method_not_supported"),
    "unauthorised": (401, INVALID, "invalid_api_key"),
    "no-model": (404, INVALID, "model_not_found"),
    "retired": (404, INVALID, "model_not_found"),
    "not-found": (404, INVALID, "not_found"),
    "not-ready": (404, INVALID, "not_found"),
    "expired": (404, INVALID, "expired"),
    "invalid": (400, INVALID, "invalid_value"),
    "policy": (400, INVALID, "moderation_blocked"),
    "429": (429, "requests", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "500": (500, "server_error", None),
    "502": (502, "server_error", None),
    "503": (503, "server_error", None),
}
STATUS = {"queued": "queued", "running": "in_progress", "done": "completed"}


class OpenAIVideos(Protocol):
    """One server of that shape."""

    path = "/v1"
    endpoints = ("videos",)

    def routes(self) -> list[Route]:
        """The five calls."""
        one = "/v1/videos/{name}"
        return [
            self.route("POST", "/v1/videos", self.create),
            self.route("GET", "/v1/videos", self.listing),
            self.route("GET", one, self.retrieve),
            self.route("DELETE", one, self.delete),
            self.route("GET", one + "/content", self.content),
        ]

    def worded(self, refusal: Refusal) -> Response:
        """In OpenAI's shape."""
        status, kind, code = WORDS[refusal.kind]
        told = {"message": refusal.message, "type": kind, "param": refusal.param or None, "code": code}
        headers = {} if refusal.retry_after is None else {"retry-after": f"{refusal.retry_after:g}"}
        return JSONResponse({"error": told}, status_code=status, headers=headers)

    async def create(self, request: Request) -> Response:
        """Check, receive, accept, answer."""
        strict.bearer(request, self.core.options.key)
        parts = await strict.read_form(request)
        asked, image = self._checked(parts)
        call = Call(
            self.service, "videos", asked["model"], asked["prompt"], request.headers.get("x-client-request-id", "")
        )
        fate = await self.core.receive(request, call)
        width, height = (int(side) for side in asked["size"].split("x"))
        clips = Clips(
            seconds=float(asked["seconds"]), width=width, height=height, fps=FPS,
            images={} if image is None else {"first": image},
        )  # fmt: skip
        job = self.core.accept(call, fate, clips, name=self.core.new_name("video_"), memo=asked)
        return await self.core.answer(request, fate, JSONResponse(self._video(job, Standing("queued", 0.0))))

    def _checked(self, parts: dict[str, bytes]) -> tuple[dict[str, str], bytes | None]:
        """The fields as texts, defaults filled in, and the image; raises Refusal."""
        image = parts.pop("input_reference", None)
        strict.checked(dict.fromkeys(parts, ""), {name: strict.Field(str) for name in FIELDS})
        asked = DEFAULTS | {name: strict.text(parts, name) or "" for name in parts}
        if not asked.get("prompt", "").strip():
            raise Refusal("missing", "Missing required parameter: 'prompt'.", param="prompt")
        model = self.core.model(self.service, asked["model"])
        sizes = tuple(f"{width}x{height}" for width, height in model.sizes)
        seconds = tuple(f"{one:g}" for one in model.durations)
        shape = {
            "prompt": strict.Field(str, longest=LONGEST_PROMPT), "model": strict.Field(str),
            "seconds": strict.Field(str, choices=seconds), "size": strict.Field(str, choices=sizes),
        }  # fmt: skip
        strict.checked(asked, shape)
        if image is not None:
            found = strict.picture(image, "input_reference", most_bytes=MOST_IMAGE)
            if f"{found.width}x{found.height}" != asked["size"]:
                raise Refusal("size-mismatch", "Inpaint image must match the requested width and height")
        return asked, image

    async def retrieve(self, request: Request) -> Response:
        """One video."""
        strict.bearer(request, self.core.options.key)
        job = self.core.job(self.service, request.path_params["name"])
        return JSONResponse(self._video(job, self.core.ask(job)))

    async def listing(self, request: Request) -> Response:
        """A page of videos, the newest first unless asked otherwise."""
        strict.bearer(request, self.core.options.key)
        query = dict(request.query_params)
        strict.checked(query, {"after": strict.Field(str), "limit": strict.Field(str), "order": strict.Field(str)})
        limit, order = query.get("limit", str(PAGE)), query.get("order", "desc")
        if not limit.isdecimal() or not 1 <= int(limit) <= MOST_PAGE:
            raise Refusal("bad-value", f"'limit' is from 1 to {MOST_PAGE}.", param="limit")
        if order not in ("asc", "desc"):
            raise Refusal("bad-value", "'order' is 'asc' or 'desc'.", param="order")
        jobs = self.core.jobs(self.service)
        jobs = jobs if order == "asc" else jobs[::-1]
        if "after" in query:
            names = [job.name for job in jobs]
            if query["after"] not in names:
                raise Refusal("not-found", f"'{query['after'][:80]}' was not found.", param="after")
            jobs = jobs[names.index(query["after"]) + 1 :]
        page = jobs[: int(limit)]
        return JSONResponse(
            {
                "object": "list",
                "data": [self._video(job, self.core.standing(job)) for job in page],
                "first_id": page[0].name if page else None,
                "last_id": page[-1].name if page else None,
                "has_more": len(jobs) > len(page),
            }
        )

    async def content(self, request: Request) -> Response:
        """The file."""
        strict.bearer(request, self.core.options.key)
        strict.checked(dict(request.query_params), {"variant": strict.Field(str, choices=("video",))})
        return self.core.clip(self.core.job(self.service, request.path_params["name"]), 1)

    async def delete(self, request: Request) -> Response:
        """Forget a video that has ended."""
        strict.bearer(request, self.core.options.key)
        job = self.core.job(self.service, request.path_params["name"])
        if self.core.standing(job).state in ("queued", "running"):
            raise Refusal("not-ended", "Video is still being processed and cannot be deleted.")
        self.core.remove(job)
        return JSONResponse({"id": job.name, "object": "video.deleted", "deleted": True})

    def _video(self, job: Job, standing: Standing) -> dict[str, Any]:
        ended = standing.state not in ("queued", "running")
        done = standing.state == "done"
        error = None
        if ended and not done:
            code = "moderation_blocked" if standing.state == "filtered" else "video_generation_failed"
            error = {"code": code, "message": standing.reason}
        return {
            "id": job.name,
            "object": "video",
            "created_at": int(job.accepted),
            "completed_at": int(standing.ended or job.accepted) if done else None,
            "expires_at": int(standing.ended or job.accepted) + KEPT if done else None,
            "status": STATUS.get(standing.state, "failed"),
            "model": job.model,
            "progress": round(standing.progress * 100),
            "prompt": job.memo["prompt"],
            "seconds": job.memo["seconds"],
            "size": job.memo["size"],
            "remixed_from_video_id": None,
            "error": error,
        }
