"""Google's models that draw and write, as the Gemini API speaks: `generateContent`.

    POST /v1/models/MODEL:generateContent   {"contents", "systemInstruction", "generationConfig"};
                                            {"candidates": [{"content": {"parts"}, "finishReason"}], "usageMetadata",
                                            "modelVersion"}, or {"promptFeedback": {"blockReason"}, ...}

The key comes as `x-goog-api-key`, the token of an order as X-Client-Request-Id. Shapes: google-genai 3.4.0, models.py
(_GenerateContentConfig_to_mldev) and types.py. Errors are {"error": {"code", "message", "status", "details"}}, with a
google.rpc.RetryInfo for the time to come back, as Google's page of GenerateContent API error codes shows them; a key
that is none is 400 INVALID_ARGUMENT with the reason API_KEY_INVALID.

Pictures are painted by the procedural painter, in the pixels that the asked aspect and size have; texts are made from
the schema (`schema_answers`). Both are billed by the registry's prices: a picture by its size, a text by its tokens
(here four bytes each, 258 a picture). What is blocked is
not billed; what fails is.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import json
from abc import abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidpipe.domain.side_requests import SIDES, pixels
from vidpipe.domain.side_services import ImageModel, TextModel
from vidpipe.emulator import strict
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.scenario import Call
from vidpipe.emulator.schema_answers import Unanswerable, made_from
from vidpipe.emulator.strict import Field
from vidpipe.emulator.troubles import Fate, Refusal
from vidpipe.services.procedural.still import painted_still

MOST_IMAGE = 7 * 1024 * 1024  # bytes
MOST_BODY = 20 * 1024 * 1024  # bytes of a request: the API's limit for inline data
TOKENS_A_PICTURE = 258
PAINTED = 640  # pixels of the longer side that is painted; it is enlarged from there
# kind of a refusal: status, gRPC's name for it
WORDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "INVALID_ARGUMENT"),
    "unknown-field": (400, "INVALID_ARGUMENT"),
    "missing": (400, "INVALID_ARGUMENT"),
    "wrong-type": (400, "INVALID_ARGUMENT"),
    "bad-value": (400, "INVALID_ARGUMENT"),
    "bad-image": (400, "INVALID_ARGUMENT"),
    "too-large": (413, "INVALID_ARGUMENT"),
    "invalid": (400, "INVALID_ARGUMENT"),
    "policy": (400, "PROHIBITED_CONTENT"),
    "unauthorised": (400, "INVALID_ARGUMENT"),
    "no-key": (403, "PERMISSION_DENIED"),
    "no-model": (404, "NOT_FOUND"),
    "retired": (404, "NOT_FOUND"),
    "not-found": (404, "NOT_FOUND"),
    "method": (405, "INVALID_ARGUMENT"),
    "429": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "500": (500, "INTERNAL"),
    "502": (502, "INTERNAL"),
    "503": (503, "UNAVAILABLE"),
}
RPC = "type.googleapis.com/google.rpc"
COMMON = {
    "candidateCount": Field(int, choices=(1,)),
    "maxOutputTokens": Field(int, within=(1, 10**6)),
    "temperature": Field((int, float), within=(0, 2)),
    "seed": Field(int, within=(-(2**31), 2**31 - 1)),
}
MIMES = ("image/png", "image/jpeg", "image/webp")
# JSON of protocol buffers may be written either way; the SDK sends the second.
BLOBS = (
    {"mimeType": Field(str, needed=True, choices=MIMES), "data": Field(str, needed=True)},
    {"mime_type": Field(str, needed=True, choices=MIMES), "data": Field(str, needed=True)},
)


@dataclass(frozen=True)
class Asked:
    """One request, read."""

    model: str
    prompt: str
    system: str
    images: tuple[bytes, ...]
    config: dict[str, Any]

    @property
    def tokens(self) -> int:
        """Of what was sent."""
        return _tokens(self.prompt + self.system) + TOKENS_A_PICTURE * len(self.images)


@dataclass(frozen=True)
class Made:
    """One answer: a candidate's parts, why it ended, its tokens, and what it costs."""

    parts: list[dict[str, Any]]
    finish: str
    tokens: int
    amount: Decimal  # US dollars


class GenerateContent(Protocol):
    """One service that is asked by `generateContent`."""

    endpoints = ("generateContent",)
    config: ClassVar[dict[str, Field]]

    def routes(self) -> list[Route]:
        """The one call."""
        return [self.route("POST", "/v1/models/{model}:generateContent", self.generate)]

    def worded(self, refusal: Refusal) -> Response:
        """In Google's shape."""
        code, status = WORDS[refusal.kind]
        details = []
        if refusal.kind == "unauthorised":
            details.append({"@type": f"{RPC}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"})
        if refusal.retry_after is not None:
            details.append({"@type": f"{RPC}.RetryInfo", "retryDelay": f"{refusal.retry_after:g}s"})
        told = {"code": code, "message": refusal.message, "status": status, **({"details": details} if details else {})}
        return JSONResponse({"error": told}, status_code=code)

    async def generate(self, request: Request) -> Response:
        """Check, receive, make, bill, answer."""
        if not request.headers.get("x-goog-api-key"):
            raise Refusal("no-key", "Method doesn't allow unregistered callers.")
        strict.bearer(request, self.core.options.key, header="x-goog-api-key", scheme="")
        asked = self._read(request.path_params["model"], await strict.read_json(request, MOST_BODY))
        token = request.headers.get("x-client-request-id", "")
        call = Call(self.service, "generateContent", asked.model, asked.prompt, token)
        fate = await self.core.receive(request, call)
        await asyncio.sleep(fate.figure("latency"))
        if "filtered" in fate:
            made = self.withheld()
        elif "fail" in fate:
            made = self.failed(asked)
        else:
            made = await self.make(asked, fate, self.core.seed_of(call, asked.config.get("seed")))
        self.core.sell(call, name=self.core.new_name("answer_"), amount=made.amount)
        return await self.core.answer(request, fate, JSONResponse(_told(asked, made)))

    def _read(self, model: str, body: Any) -> Asked:
        """The request; raises Refusal."""
        self.core.side(self.service, model)
        shape = {
            "contents": Field(list, needed=True, longest=1),
            "systemInstruction": Field(dict),
            "generationConfig": Field(dict, fields=COMMON | self.config),
        }
        found = strict.checked(body, shape)
        if not found["contents"]:
            raise Refusal("missing", "contents is not specified.", param="contents")
        texts, images = _parts(found["contents"][0], "contents[0]")
        system = _parts(found["systemInstruction"], "systemInstruction")[0] if "systemInstruction" in found else []
        if not "".join(texts).strip():
            raise Refusal("missing", "contents has no text.", param="contents")
        asked = Asked(model, "\n".join(texts), "\n".join(system), tuple(images), found.get("generationConfig", {}))
        self.check(asked)
        return asked

    @abstractmethod
    def check(self, asked: Asked) -> None:
        """Raises Refusal where its model cannot do that."""

    @abstractmethod
    async def make(self, asked: Asked, fate: Fate, seed: int) -> Made:
        """The answer."""

    @abstractmethod
    def withheld(self) -> Made:
        """The answer where the safety filter keeps it."""

    @abstractmethod
    def failed(self, asked: Asked) -> Made:
        """The answer where the model made nothing, which is charged all the same."""


class GeminiImages(GenerateContent):
    """The models that draw."""

    config: ClassVar[dict[str, Field]] = {
        "responseModalities": Field(list, needed=True, longest=2, each=Field(str, choices=("IMAGE", "TEXT"))),
        "imageConfig": Field(dict, fields={"aspectRatio": Field(str), "imageSize": Field(str)}),
    }

    def check(self, asked: Asked) -> None:
        """Aspect, size and references are the model's."""
        model = self._model(asked)
        aspect, size = _picture(asked)
        if aspect not in model.aspects or size not in model.resolutions or size not in SIDES:
            raise Refusal("bad-value", f"The image config {aspect[:10]} at {size[:10]} is not supported.")
        if len(asked.images) > model.max_references or "IMAGE" not in asked.config.get("responseModalities", ()):
            raise Refusal("bad-value", f"The model draws, from {model.max_references} images at most.")

    async def make(self, asked: Asked, fate: Fate, seed: int) -> Made:
        """A painted PNG, in another thread."""
        data = await asyncio.to_thread(_painted, asked, fate, seed)
        blob = {"mimeType": "image/png", "data": base64.b64encode(data).decode()}
        return Made([{"inlineData": blob}], "STOP", 1120, self._model(asked).price(_picture(asked)[1]))

    def withheld(self) -> Made:
        """No picture, which costs nothing."""
        return Made([], "IMAGE_SAFETY", 0, Decimal(0))

    def failed(self, asked: Asked) -> Made:
        """Words in place of a picture."""
        return Made([{"text": "Here it is."}], "NO_IMAGE", 4, self._model(asked).price(_picture(asked)[1]))

    def _model(self, asked: Asked) -> ImageModel:
        found = self.core.side(self.service, asked.model)
        assert isinstance(found, ImageModel)
        return found


class GeminiText(GenerateContent):
    """The models that write."""

    config: ClassVar[dict[str, Field]] = {
        "responseMimeType": Field(str, needed=True, choices=("application/json",)),
        "responseJsonSchema": Field(dict, needed=True),
    }

    def check(self, asked: Asked) -> None:
        """Its limits are the model's."""
        model = self._model(asked)
        if asked.images and not model.images:
            raise Refusal("bad-value", "The model does not look at images.")
        if asked.config.get("maxOutputTokens", 1) > model.max_output_tokens:
            raise Refusal("bad-value", f"maxOutputTokens is {model.max_output_tokens} at most.")

    async def make(self, asked: Asked, fate: Fate, seed: int) -> Made:
        """JSON that fits the schema."""
        try:
            text = json.dumps(made_from(asked.config["responseJsonSchema"], asked.prompt, seed), ensure_ascii=False)
        except Unanswerable as error:
            raise Refusal("invalid", f"The schema is not supported here: {error}") from error
        finish, most = "STOP", asked.config.get("maxOutputTokens", 8192) * 4
        if "truncated" in fate or len(text.encode()) > most:
            text, finish = text[: min(len(text) // 2, most)], "MAX_TOKENS"
        if "rubbish" in fate:
            text = text[1:]
        amount = self._model(asked).price(asked.tokens, _tokens(text))
        return Made([{"text": text}], finish, _tokens(text), amount)

    def withheld(self) -> Made:
        """The prompt is blocked, which costs nothing."""
        return Made([], "", 0, Decimal(0))

    def failed(self, asked: Asked) -> Made:
        """Nothing, for what was sent."""
        return Made([], "OTHER", 0, self._model(asked).price(asked.tokens, 0))

    def _model(self, asked: Asked) -> TextModel:
        found = self.core.side(self.service, asked.model)
        assert isinstance(found, TextModel)
        return found


def _told(asked: Asked, made: Made) -> dict[str, Any]:
    if not made.finish:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": asked.model}
    content = {"content": {"role": "model", "parts": made.parts}} if made.parts else {}
    counted = {"promptTokenCount": asked.tokens, "candidatesTokenCount": made.tokens}
    return {
        "candidates": [{**content, "finishReason": made.finish, "index": 0}],
        "usageMetadata": {**counted, "totalTokenCount": sum(counted.values())},
        "modelVersion": asked.model,
    }


def _parts(found: Any, where: str) -> tuple[list[str], list[bytes]]:
    """Texts and images of one content."""
    content = strict.checked(found, {"role": Field(str, choices=("user",)), "parts": Field(list, needed=True)}, where)
    texts, images = [], []
    for number, part in enumerate(content["parts"]):
        at = f"{where}.parts[{number}]"
        if isinstance(part, dict) and "inlineData" in part:
            strict.checked(part, {"inlineData": Field(dict)}, at)
            images.append(_image(part["inlineData"], f"{at}.inlineData"))
        else:
            texts.append(strict.checked(part, {"text": Field(str, needed=True, longest=10**6)}, at)["text"])
    return texts, images


def _image(found: dict[str, Any], where: str) -> bytes:
    blob = strict.checked(found, BLOBS[1] if "mime_type" in found else BLOBS[0], where)
    try:
        # JSON of protocol buffers takes either alphabet; the SDK sends the one for URLs.
        data = base64.b64decode(blob["data"].replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise Refusal("wrong-type", f"'{where}.data' is not Base64.", param=where) from error
    mime = blob.get("mimeType") or blob.get("mime_type")
    if strict.picture(data, where, most_bytes=MOST_IMAGE).mime != mime:
        raise Refusal("bad-image", f"'{where}' is not {mime}.", param=where)
    return data


def _picture(asked: Asked) -> tuple[str, str]:
    """Aspect and size as asked for, or what they are without."""
    found = asked.config.get("imageConfig", {})
    return found.get("aspectRatio", "1:1"), found.get("imageSize", "1K")


def _painted(asked: Asked, fate: Fate, seed: int) -> bytes:
    width, height = pixels(*_picture(asked))
    if "wrong-size" in fate:
        width, height = width // 2, height // 2
    scale = min(1.0, PAINTED / max(width, height))
    small = painted_still(asked.prompt, seed, round(width * scale / 2) * 2, round(height * scale / 2) * 2)
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    if "black" in fate:
        picture = Image.new("RGB", (width, height))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    data = out.getvalue()
    if "truncated" in fate:
        return data[: len(data) * 6 // 10]
    return bytes(len(data)) if "rubbish" in fate else data


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)
