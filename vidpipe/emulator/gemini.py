"""Google's video models as the Gemini API speaks: `interactions` and the files that they make.

    POST /v1/interactions                {"model", "input", "background": true, "store", "generation_config",
                                         "response_format"}; an interaction
    GET  /v1/interactions/ID             ?stream=false; an interaction: queued, in_progress, completed with a step
                                         {"type": "model_output", "content": [{"type": "video", ...}]}, failed with
                                         "errors", cancelled
    POST /v1/interactions/ID/cancel      the interaction, cancelled; 400 failed_precondition once it has ended
    GET  /v1/files/FILE:download         ?alt=media; the MP4

Every call takes the key as `x-goog-api-key`; the token of an order is its X-Client-Request-Id. Shapes: google-genai
3.4.0, _gaos/types/interactions/{createmodelinteraction,interaction,videoresponseformat,videoconfig,error}.py. Errors
are {"error": {"code", "message"}} with the codes of Google's page of Interactions API error codes. The files' URIs name
Google's own host, as the real ones do: who fetches them has to know better, as the SDK does. Only what makes a video
from a prompt and images is here: edit, extend and upscale, tools, agents and streams are refused.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
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
from vidpipe.emulator.troubles import Refusal
from vidpipe.services.procedural.renderers import clip_path

FILES = "https://generativelanguage.googleapis.com/v1/files"
PREFIX = "v1_"  # of an interaction's name; what follows is its file's
MOST_IMAGE = 7 * 1024 * 1024  # bytes
MOST_BODY = 20 * 1024 * 1024  # bytes of a request: the API's limit for inline data
LONGEST_PROMPT = 32_000  # characters; no limit is published
FPS = 24
MOST_SEED = 2**31 - 1  # int32
# kind of a refusal: status, code
WORDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "invalid_request"),
    "unknown-field": (400, "parameter_unknown"),
    "missing": (400, "invalid_request"),
    "wrong-type": (400, "invalid_request"),
    "bad-value": (400, "invalid_request"),
    "bad-image": (400, "invalid_request"),
    "too-large": (413, "invalid_request"),
    "ended": (400, "failed_precondition"),
    "unauthorised": (401, "authentication"),
    "no-model": (404, "model_not_found"),
    "retired": (404, "model_not_found"),
    "not-found": (404, "not_found"),
    "not-ready": (404, "not_found"),
    "expired": (404, "not_found"),
    "method": (405, "invalid_request"),
    "invalid": (400, "invalid_request"),
    "policy": (400, "prohibited_content"),
    "429": (429, "rate_limit_exceeded"),
    "quota": (429, "quota_exceeded"),
    "500": (500, "api_error"),
    "502": (502, "api_error"),
    "503": (503, "service_unavailable"),
}
TASKS = {"text_to_video": "no image", "image_to_video": "one image", "reference_to_video": "references"}
SHAPE = {
    "model": Field(str, needed=True),
    "input": Field((str, list), needed=True),
    "background": Field(bool, needed=True, choices=(True,)),
    "store": Field(bool, choices=(True,)),
    "stream": Field(bool, choices=(False,)),
    "labels": Field(dict),
    "generation_config": Field(
        dict,
        fields={
            "seed": Field(int, within=(0, MOST_SEED)),
            "video_config": Field(dict, fields={"task": Field(str, choices=tuple(TASKS))}),
        },
    ),
    "response_format": Field(
        dict, needed=True,
        fields={
            "type": Field(str, needed=True, choices=("video",)), "aspect_ratio": Field(str), "resolution": Field(str),
            "duration": Field(str), "delivery": Field(str, choices=("inline", "uri")),
        },
    ),
}  # fmt: skip
STEP = {"type": Field(str, needed=True, choices=("user_input",)), "content": Field(list, needed=True)}
TEXT = {"type": Field(str, needed=True), "text": Field(str, needed=True, longest=LONGEST_PROMPT)}
IMAGE = {
    "type": Field(str, needed=True),
    "data": Field(str, needed=True),
    "mime_type": Field(str, needed=True, choices=("image/png", "image/jpeg", "image/webp")),
}


class Gemini(Protocol):
    """The part of the Gemini API that makes videos."""

    endpoints = ("interactions",)

    def routes(self) -> list[Route]:
        """The four calls."""
        one = "/v1/interactions/{name}"
        return [
            self.route("POST", "/v1/interactions", self.create),
            self.route("GET", one, self.retrieve),
            self.route("POST", one + "/cancel", self.cancel),
            self.route("GET", "/v1/files/{file}:download", self.download),
        ]

    def worded(self, refusal: Refusal) -> Response:
        """In the shape of the Interactions API."""
        status, code = WORDS[refusal.kind]
        headers = {} if refusal.retry_after is None else {"retry-after": f"{refusal.retry_after:g}"}
        return JSONResponse({"error": {"code": code, "message": refusal.message}}, status_code=status, headers=headers)

    async def create(self, request: Request) -> Response:
        """Check, receive, accept, answer."""
        self._known(request)
        asked = strict.checked(await strict.read_json(request, MOST_BODY), SHAPE)
        facts = self.core.model(self.service, asked["model"])
        prompt, images = self._input(asked["input"])
        named = self._pictures(asked, images, facts)
        width, height, seconds = self._format(asked["response_format"], facts)
        token = request.headers.get("x-client-request-id", "")
        call = Call(self.service, "interactions", asked["model"], prompt, token)
        fate = await self.core.receive(request, call)
        clips = Clips(
            seconds=seconds, width=width, height=height, fps=FPS, images=named,
            seed=asked.get("generation_config", {}).get("seed"),
        )  # fmt: skip
        memo = {"delivery": asked["response_format"].get("delivery", "inline")}
        job = self.core.accept(call, fate, clips, name=self.core.new_name(PREFIX), memo=memo)
        return await self.core.answer(request, fate, JSONResponse(self._told(job, Standing("queued", 0.0))))

    def _input(self, found: str | list[Any]) -> tuple[str, list[bytes]]:
        """The prompt and the images of one turn of the user's."""
        if isinstance(found, str):
            return self._prompted(found), []
        if len(found) != 1:
            raise Refusal("bad-value", "'input' should be one step of the user's.", param="input")
        texts, images = [], []
        for number, part in enumerate(strict.checked(found[0], STEP, "input[0]")["content"]):
            where = f"input[0].content[{number}]"
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "text":
                texts.append(strict.checked(part, TEXT, where)["text"])
            elif kind == "image":
                images.append(_image(strict.checked(part, IMAGE, where), where))
            else:
                raise Refusal("bad-value", f"The value {str(kind)[:40]!r} is not supported for 'type' at '{where}'.")
        return self._prompted("\n".join(texts)), images

    def _prompted(self, text: str) -> str:
        if not text.strip() or len(text) > LONGEST_PROMPT:
            raise Refusal("bad-value", "'input' has no text, or too much.", param="input")
        return text

    def _pictures(self, asked: dict[str, Any], images: list[bytes], facts: Capabilities) -> dict[str, bytes]:
        """The images by the renderer's names; as many as the task wants."""
        task = asked.get("generation_config", {}).get("video_config", {}).get("task")
        if task is None:
            task = "text_to_video" if not images else "image_to_video" if len(images) == 1 else "reference_to_video"
        most = {"text_to_video": 0, "image_to_video": int(facts.first_frame)}.get(task, facts.max_references)
        if len(images) > most or (task != "text_to_video" and not images):
            raise Refusal("bad-value", f"The task {task} takes {TASKS[task]}; {most} at most, not {len(images)}.")
        if task == "image_to_video":
            return {"first": images[0]}
        return {f"reference-{number}": image for number, image in enumerate(images, 1)}

    def _format(self, found: dict[str, str], facts: Capabilities) -> tuple[int, int, float]:
        """Width, height and seconds."""
        sizes = {(aspect(*size), _resolution(*size)): size for size in facts.sizes}
        wanted = (found.get("aspect_ratio", "16:9"), found.get("resolution", "720p"))
        if wanted not in sizes:
            raise Refusal("bad-value", f"The resolution {wanted[1][:20]} in {wanted[0][:20]} is not supported.")
        seconds = {f"{one:g}s": one for one in facts.durations}
        duration = found.get("duration", next(iter(seconds)))
        if duration not in seconds:
            raise Refusal("bad-value", f"The duration {duration[:20]!r} is not supported.", param="duration")
        return *sizes[wanted], seconds[duration]

    async def retrieve(self, request: Request) -> Response:
        """One interaction."""
        self._known(request)
        strict.checked(dict(request.query_params), {"stream": Field(str, choices=("false",))})
        job = self.core.job(self.service, request.path_params["name"])
        return JSONResponse(self._told(job, self.core.ask(job)))

    async def cancel(self, request: Request) -> Response:
        """Stop one that runs."""
        self._known(request)
        job = self.core.job(self.service, request.path_params["name"])
        if not self.core.cancel(job):
            raise Refusal("ended", "The interaction is not running.")
        return JSONResponse(self._told(job, self.core.standing(job)))

    async def download(self, request: Request) -> Response:
        """The file."""
        self._known(request)
        strict.checked(dict(request.query_params), {"alt": Field(str, needed=True, choices=("media",))})
        return self.core.clip(self.core.job(self.service, PREFIX + request.path_params["file"]), 1)

    def _known(self, request: Request) -> None:
        strict.bearer(request, self.core.options.key, header="x-goog-api-key", scheme="")

    def _told(self, job: Job, standing: Standing) -> dict[str, Any]:
        state = {"queued": "queued", "running": "in_progress", "done": "completed", "cancelled": "cancelled"}
        told: dict[str, Any] = {
            "id": job.name,
            "object": "interaction",
            "status": state.get(standing.state, "failed"),
            "model": job.model,
            "created": _time(job.accepted),
            "updated": _time(standing.ended or job.accepted),
        }
        if standing.state == "done":
            told["steps"] = [{"type": "model_output", "content": [self._video(job)]}]
        if standing.state in ("failed", "filtered"):
            code = "content_blocked" if standing.state == "filtered" else "api_error"
            told["errors"] = [{"code": code, "message": standing.reason}]
        return told

    def _video(self, job: Job) -> dict[str, str]:
        video = {"type": "video", "mime_type": "video/mp4"}
        if job.memo["delivery"] == "uri":
            return {**video, "uri": f"{FILES}/{job.name.removeprefix(PREFIX)}:download?alt=media"}
        data = clip_path(self.core.options.folder, job.name, 1).read_bytes()
        return {**video, "data": base64.b64encode(data).decode()}


def _image(found: dict[str, str], where: str) -> bytes:
    try:
        data = base64.b64decode(found["data"], validate=True)
    except binascii.Error as error:
        raise Refusal("wrong-type", f"'{where}.data' is not Base64.", param=where) from error
    picture = strict.picture(data, where, most_bytes=MOST_IMAGE)
    if picture.mime != found["mime_type"]:
        raise Refusal("bad-image", f"'{where}' is {picture.mime}, not {found['mime_type']}.", param=where)
    return data


def _resolution(width: int, height: int) -> str:
    lines = min(width, height)
    return "4k" if lines == 2160 else f"{lines}p"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
