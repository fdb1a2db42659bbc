"""Veo on Vertex AI, and the bucket that it writes to (gcs.py).

    POST /v1beta1/MODEL:predictLongRunning      {"instances": [{prompt, image, lastFrame, referenceImages}],
                                                 "parameters": {...}, "labels"}; {"name"}
    POST /v1beta1/MODEL:fetchPredictOperation   {"operationName"}; {"name"} and, once it has ended, "done" with
                                                 "response" or "error"
    MODEL is projects/P/locations/L/publishers/google/models/M, an operation's name MODEL/operations/ID.

Shapes: google-genai 3.4.0, models.py (_GenerateVideosParameters_to_vertex and below) and operations.py. Errors are
{"error": {"code", "message", "status", "details"}} (google.rpc.Status as Google's HTTP APIs give it). With a storageUri
clips are written to STORAGEURI/NUMBER/sample_N.mp4; without one they come inside the answer, as often as it is asked
for: the first answer with them is a poll's, and what can go wrong with a download goes wrong with those after it.
Durations, sizes, references and how many clips there can be are the registry's.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidpipe.domain.capabilities import Capabilities, aspect
from vidpipe.emulator import gcs, strict
from vidpipe.emulator.core import Clips, Emulator, Standing
from vidpipe.emulator.ledger import Job
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.scenario import Call
from vidpipe.emulator.strict import Field
from vidpipe.emulator.troubles import Refusal
from vidpipe.services.procedural.renderers import clip_path
from vidpipe.services.procedural.replies import Dropped

PROJECT = "rehearsal"  # the one project that its key belongs to
LOCATIONS = ("us-central1", "us-east4", "europe-west4", "asia-southeast1", "global")
MOST_IMAGE = 20 * 1024 * 1024  # bytes
LABEL = re.compile(r"[a-z0-9_-]{0,63}")
FILTERED = (
    "Veo could not generate videos because the output violates Vertex AI's usage guidelines. If you think this was an"
    " error, send feedback. Support codes: 17301594"
)
BLOCKED = "The prompt couldn't be submitted: it might violate our policies. Support codes: 29310472"
# kind of a refusal: status, Google's word for it; 400 INVALID_ARGUMENT for any other
WORDS: dict[str, tuple[int, str]] = {
    "unauthorised": (401, "UNAUTHENTICATED"),
    "forbidden": (403, "PERMISSION_DENIED"),
    "no-model": (404, "NOT_FOUND"),
    "retired": (404, "NOT_FOUND"),
    "not-found": (404, "NOT_FOUND"),
    "expired": (404, "NOT_FOUND"),
    "method": (404, "NOT_FOUND"),
    "429": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "500": (500, "INTERNAL"),
    "502": (502, "UNAVAILABLE"),
    "503": (503, "UNAVAILABLE"),
}
IMAGE = {
    "bytesBase64Encoded": Field(str, needed=True),
    "mimeType": Field(str, needed=True, choices=("image/jpeg", "image/png")),
}
REFERENCE = {
    "image": Field(dict, needed=True, fields=IMAGE), "referenceType": Field(str, needed=True, choices=("ASSET",)),
}  # fmt: skip
INSTANCE = {
    "prompt": Field(str, needed=True), "image": Field(dict, fields=IMAGE), "lastFrame": Field(dict, fields=IMAGE),
    "referenceImages": Field(list, each=Field(dict, fields=REFERENCE)),
}  # fmt: skip


class Veo(Protocol):
    """One project at one service."""

    endpoints = ("predictLongRunning",)

    def __init__(self, core: Emulator, service: str) -> None:
        super().__init__(core, service)
        self._storage = gcs.Storage(core, service, _place_of)

    def routes(self) -> list[Route]:
        """Vertex's one path, and the bucket's."""
        models = "/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{call}"
        return [self.route("POST", models, self.call), *self._storage.routes()]

    def worded(self, refusal: Refusal) -> Response:
        """As Google's HTTP APIs say it."""
        status, word = WORDS.get(refusal.kind, (400, "INVALID_ARGUMENT"))
        named = refusal.param and refusal.param not in refusal.message
        message = f"{refusal.param}: {refusal.message}" if named else refusal.message
        message = BLOCKED if refusal.kind == "policy" else message
        error: dict[str, Any] = {"code": status, "message": message, "status": word}
        headers = {}
        if refusal.retry_after is not None:
            pause = f"{refusal.retry_after:g}"
            headers["retry-after"] = pause
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{pause}s"}]
        return JSONResponse({"error": error}, status_code=status, headers=headers)

    async def call(self, request: Request) -> Response:
        """Either of the two calls of a model."""
        strict.bearer(request, self.core.options.key)
        if request.path_params["project"] != PROJECT:
            raise Refusal("forbidden", "Permission 'aiplatform.endpoints.predict' denied on the project's resource.")
        if request.path_params["location"] not in LOCATIONS:
            raise Refusal("bad-value", f"Unsupported location: {request.path_params['location'][:40]!r}.")
        model, _, verb = request.path_params["call"].partition(":")
        found = self.core.model(self.service, model)
        match verb:
            case "predictLongRunning":
                return await self._create(request, found)
            case "fetchPredictOperation":
                return await self._fetch(request, model)
        raise Refusal("not-found", f"The method {verb[:40]!r} is not found.")

    async def _create(self, request: Request, model: Capabilities) -> Response:
        """Check, receive, accept, answer."""
        body = strict.checked(
            await strict.read_json(request),
            {"instances": Field(list, needed=True, longest=1, each=Field(dict, fields=INSTANCE)),
             "parameters": Field(dict, fields=_parameters(model)), "labels": Field(dict)},
        )  # fmt: skip
        if not body["instances"] or not body["instances"][0]["prompt"].strip():
            raise Refusal("missing", "instances[0].prompt is required.")
        instance, parameters = body["instances"][0], body.get("parameters", {})
        labels = _labels(body.get("labels", {}))
        images = _images(instance, model)
        seconds = _seconds(parameters, model, references="reference-1" in images)
        width, height = _size(parameters, model, references="reference-1" in images)
        written = parameters.get("storageUri")
        if written is not None:
            gcs.place(written, "storageUri")
        call = Call(self.service, "predictLongRunning", model.model, instance["prompt"], labels.get("vidpipe", ""))
        fate = await self.core.receive(request, call)
        clips = Clips(
            seconds=seconds, width=width, height=height, count=parameters.get("sampleCount", 1),
            seed=parameters.get("seed"), audio=parameters.get("generateAudio", True),
            negative_prompt=parameters.get("negativePrompt", ""), images=images,
        )  # fmt: skip
        memo = {"parent": request.url.path.partition("/v1beta1/")[2].partition(":")[0], "storage": written}
        job = self.core.accept(call, fate, clips, name=self.core.new_name(""), memo=memo)
        return await self.core.answer(request, fate, JSONResponse({"name": _name(job)}))

    async def _fetch(self, request: Request, model: str) -> Response:
        """How an operation is doing."""
        body = strict.checked(await strict.read_json(request), {"operationName": Field(str, needed=True)})
        name = body["operationName"]
        job = self.core.job(self.service, name.rpartition("/operations/")[2])
        if _name(job) != name or job.model != model:
            raise Refusal("not-found", f"Operation {name[:120]!r} is not found.")
        standing = self.core.ask(job)
        match standing.state:
            case "queued" | "running":
                return JSONResponse({"name": name})
            case "failed" | "cancelled":
                return JSONResponse({"name": name, "done": True, "error": {"code": 13, "message": standing.reason}})
        return self._ended(job, standing)

    def _ended(self, job: Job, standing: Standing) -> Response:
        response: dict[str, Any] = {
            "@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse",
        }  # fmt: skip
        if standing.filtered:
            response["raiMediaFilteredCount"] = standing.filtered
            response["raiMediaFilteredReasons"] = [FILTERED]
        found = _place_of(job)
        if standing.state == "done" and found is not None:
            parts = [part for part in (found.bucket, found.prefix, gcs.folder_of(job)) if part]
            uris = [f"gs://{'/'.join(parts)}/sample_{index}.mp4" for index, _ in enumerate(standing.clips)]
            response["videos"] = [{"gcsUri": uri, "mimeType": "video/mp4"} for uri in uris]
        elif standing.state == "done":
            response["videos"] = [self._inside(job, clip.number) for clip in standing.clips]
        body = {"name": _name(job), "done": True, "response": response}
        return JSONResponse(body) if found is not None else self._again(job, body)

    def _inside(self, job: Job, number: int) -> dict[str, str]:
        data = clip_path(self.core.options.folder, job.name, number).read_bytes()
        return {"bytesBase64Encoded": base64.b64encode(data).decode(), "mimeType": "video/mp4"}

    def _again(self, job: Job, body: dict[str, Any]) -> Response:
        """An answer with clips inside; from the second time on it is a download, with a download's troubles."""
        store = self.core.ledger.store
        if store.count_up(f"told|{job.name}") == 1:
            return JSONResponse(body)
        if "expired" in job.fate:
            raise Refusal("expired", f"Operation {_name(job)!r} is not found.")
        most = int(job.fate.figure("cut-off"))
        if most and store.count_down(f"cut-off|{job.name}", most):
            data = json.dumps(body).encode()
            return Dropped(data[: len(data) // 2], len(data))
        return JSONResponse(body)


def _parameters(model: Capabilities) -> dict[str, Field]:
    sides = {min(size) for size in model.sizes}
    return {
        "sampleCount": Field(int, within=(1, model.max_candidates)), "storageUri": Field(str),
        "durationSeconds": Field(int, choices=tuple(int(one) for one in model.durations)),
        "seed": Field(int, within=(0, 2**32 - 1)),
        "aspectRatio": Field(str, choices=tuple(sorted({aspect(*size) for size in model.sizes}))),
        "resolution": Field(str, choices=tuple("4k" if side == 2160 else f"{side}p" for side in sorted(sides))),
        "personGeneration": Field(str, choices=("allow_adult", "allow_all", "dont_allow")),
        "negativePrompt": Field(str), "enhancePrompt": Field(bool), "generateAudio": Field(bool),
        "compressionQuality": Field(str, choices=("optimized", "lossless")),
        "resizeMode": Field(str, choices=("pad", "crop")),
    }  # fmt: skip


def _labels(labels: dict[str, Any]) -> dict[str, str]:
    """Google Cloud, Requirements for labels."""
    for key, value in labels.items():
        if not isinstance(value, str) or not key or not LABEL.fullmatch(key) or not LABEL.fullmatch(value):
            raise Refusal("bad-value", f"Invalid label {key[:70]!r}.", param="labels")
    return labels


def _seconds(parameters: dict[str, Any], model: Capabilities, *, references: bool) -> float:
    seconds = float(parameters.get("durationSeconds", max(model.durations)))
    forced = model.durations_with_references if references else ()
    if forced and seconds not in forced:
        wanted = ", ".join(f"{one:g}" for one in forced)
        raise Refusal("bad-value", f"durationSeconds should be {wanted} with reference images, not {seconds:g}.")
    return seconds


def _size(parameters: dict[str, Any], model: Capabilities, *, references: bool) -> tuple[int, int]:
    shape = parameters.get("aspectRatio", "16:9")
    lines = str(parameters.get("resolution", f"{min(min(size) for size in model.sizes)}p"))
    side = 2160 if lines == "4k" else int(lines.removesuffix("p"))
    for width, height in model.sizes:
        if aspect(width, height) == shape and min(width, height) == side:
            if references and not model.takes_shape_with_references(width, height):
                raise Refusal("bad-value", f"aspectRatio {shape} is not supported with reference images.")
            return width, height
    raise Refusal("bad-value", f"resolution {lines} is not supported with aspectRatio {shape}.")


def _images(instance: dict[str, Any], model: Capabilities) -> dict[str, bytes]:
    """The pictures by the renderer's names; raises Refusal for what the model does not take."""
    references = instance.get("referenceImages", [])
    if len(references) > model.max_references:
        raise Refusal("bad-value", f"referenceImages: {len(references)} are given, {model.max_references} the most.")
    if references and not model.references_with_frames and ("image" in instance or "lastFrame" in instance):
        raise Refusal("bad-value", "referenceImages cannot be given together with image or lastFrame.")
    if "lastFrame" in instance and ("image" not in instance or not model.last_frame):
        raise Refusal("bad-value", "lastFrame needs an image, and a model that takes both.")
    if "image" in instance and not model.first_frame:
        raise Refusal("bad-value", "image is not supported by the model.")
    found = {
        name: _picture(instance[key], key) for name, key in (("first", "image"), ("last", "lastFrame"))
        if key in instance
    }  # fmt: skip
    for number, reference in enumerate(references, start=1):
        found[f"reference-{number}"] = _picture(reference["image"], f"referenceImages[{number - 1}].image")
    return found


def _picture(image: dict[str, str], name: str) -> bytes:
    try:
        data = base64.b64decode(image["bytesBase64Encoded"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("bad-value", f"{name}.bytesBase64Encoded: Base64 decoding failed.", param=name) from error
    if strict.picture(data, name, most_bytes=MOST_IMAGE, kinds=("PNG", "JPEG")).mime != image["mimeType"]:
        raise Refusal("bad-image", f"{name} is no {image['mimeType']}.", param=name)
    return data


def _name(job: Job) -> str:
    return f"{job.memo['parent']}/operations/{job.name}"


def _place_of(job: Job) -> gcs.Place | None:
    written = job.memo["storage"]
    return None if written is None else gcs.place(written, "storageUri")
