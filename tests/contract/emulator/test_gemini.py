"""The emulated Gemini API is as strict as the real one, and the vendor's own SDK understands it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import _interactions as gi
from google.genai.types import HttpOptions, HttpRetryOptions
from PIL import Image

from tests.emulated import KEY, Emulated
from tests.waiting import until

AUTH = {"x-goog-api-key": KEY}
FORMAT = {"type": "video", "aspect_ratio": "16:9", "resolution": "108p", "duration": "1s", "delivery": "uri"}
GOOD: dict[str, Any] = {
    "model": "tiny", "background": True, "store": True, "input": [{"type": "text", "text": "a sea"}],
    "generation_config": {"video_config": {"task": "text_to_video"}, "seed": 7}, "response_format": FORMAT,
}  # fmt: skip


def image(mime: str = "image/png", size: int = 64, data: bytes | None = None) -> dict[str, str]:
    out = io.BytesIO()
    Image.new("RGB", (size, size), (9, 99, 199)).save(out, "PNG")
    return {"type": "image", "mime_type": mime, "data": base64.b64encode(data or out.getvalue()).decode()}


def raw(content: list[Any], **changes: Any) -> dict[str, Any]:
    return {**GOOD, "input": [{"type": "user_input", "content": content}], **changes}


WORDS = {"type": "text", "text": "a sea"}


def task(name: str) -> dict[str, Any]:
    return {"generation_config": {"video_config": {"task": name}}}


@pytest.fixture
def base(emulator: Emulated) -> str:
    return emulator.bases["gemini"]


@pytest.fixture
def sdk(base: str) -> Iterator[genai.Client]:
    options = HttpOptions(base_url=base, api_version="v1", retry_options=HttpRetryOptions(attempts=1))
    with genai.Client(vertexai=False, api_key=KEY, http_options=options) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (raw([WORDS], negative_prompt="rain"), 400, "parameter_unknown"),
        (raw([WORDS], tools=[]), 400, "parameter_unknown"),
        (raw([WORDS], background=False), 400, "invalid_request"),
        (raw([WORDS], background="true"), 400, "invalid_request"),
        (raw([WORDS], model="gemini-9"), 404, "model_not_found"),
        (raw([WORDS], response_format={**FORMAT, "duration": "7s"}), 400, "invalid_request"),
        (raw([WORDS], response_format={**FORMAT, "duration": 1}), 400, "invalid_request"),
        (raw([WORDS], response_format={**FORMAT, "resolution": "720p"}), 400, "invalid_request"),
        (raw([WORDS], response_format={**FORMAT, "aspect_ratio": "1:1"}), 400, "invalid_request"),
        (raw([WORDS], response_format={**FORMAT, "fps": 24}), 400, "parameter_unknown"),
        (raw([WORDS], **task("extend")), 400, "invalid_request"),
        (raw([WORDS], generation_config={"seed": -1}), 400, "invalid_request"),
        (raw([]), 400, "invalid_request"),
        (raw([{"type": "text", "text": "x" * 40_000}]), 400, "invalid_request"),
        (raw([{"type": "audio", "data": "x"}]), 400, "invalid_request"),
        (raw([WORDS, image()]), 400, "invalid_request"),
        (raw([WORDS], **task("image_to_video")), 400, "invalid_request"),
        (raw([WORDS, image(), image()], **task("image_to_video")), 400, "invalid_request"),
        (raw([WORDS] + [image()] * 7, **task("reference_to_video")), 400, "invalid_request"),
        (raw([WORDS, image("image/jpeg")], **task("image_to_video")), 400, "invalid_request"),
        (raw([WORDS, image(data=b"no picture")], **task("image_to_video")), 400, "invalid_request"),
        (raw([WORDS, {**image(), "data": "!"}], **task("image_to_video")), 400, "invalid_request"),
        (raw([WORDS, image(data=b"x" * 8_000_000)], **task("image_to_video")), 413, "invalid_request"),
        ([], 400, "invalid_request"),
    ],
)
def test_what_is_wrong_is_refused_in_the_vendors_shape(
    emulator: Emulated, base: str, body: Any, status: int, code: str
) -> None:
    before = emulator.ask("bill")["total"]
    answer = httpx.post(f"{base}/v1/interactions", json=body, headers=AUTH)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) == {"code", "message"} and error["message"]
    assert emulator.ask("bill")["total"] == before


@pytest.mark.parametrize("headers", [{}, {"x-goog-api-key": "AIza-other"}, {"authorization": f"Bearer {KEY}"}])
def test_without_the_right_key_nothing_is_told(base: str, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "interactions"), ("GET", "interactions/v1_x"), ("POST", "interactions/v1_x/cancel"),
        ("GET", "files/x:download?alt=media"),
    ):  # fmt: skip
        answer = httpx.request(method, f"{base}/v1/{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "authentication")


def test_other_paths_and_methods_are_refused_in_the_vendors_shape(base: str) -> None:
    assert httpx.get(f"{base}/v1/agents", headers=AUTH).json()["error"]["code"] == "not_found"
    assert httpx.get(f"{base}/v1/interactions", headers=AUTH).status_code == 405
    assert httpx.get(f"{base}/v1/files/x:download", headers=AUTH).status_code == 400


def test_the_sdk_makes_and_fetches_a_video(base: str, sdk: genai.Client) -> None:
    made = sdk.interactions.create(**GOOD)
    assert (made.status, made.model) == ("queued", "tiny")
    done = until(lambda: it if (it := sdk.interactions.get(made.id)).status == "completed" else None, what="it")
    uri = done.output_video.uri
    assert uri.startswith("https://generativelanguage.googleapis.com/v1/files/")
    assert sdk.files.download(file=uri)[4:8] == b"ftyp"
    with pytest.raises(gi.BadRequestError):
        sdk.interactions.cancel(made.id)
    with pytest.raises(gi.NotFoundError):
        sdk.interactions.get("v1_none")


def test_a_video_comes_inline_where_that_is_asked_for(sdk: genai.Client) -> None:
    made = sdk.interactions.create(**{**GOOD, "response_format": {**FORMAT, "delivery": "inline"}})
    done = until(lambda: it if (it := sdk.interactions.get(made.id)).status == "completed" else None, what="it")
    assert base64.b64decode(done.output_video.data)[4:8] == b"ftyp" and done.output_video.uri is None


def test_one_that_runs_is_cancelled_and_given_back(emulator: Emulated, sdk: genai.Client) -> None:
    emulator.play("latency: 600")
    made = sdk.interactions.create(**GOOD, extra_headers={"x-client-request-id": "stopped"})
    assert sdk.interactions.cancel(made.id).status == "cancelled"
    assert sdk.interactions.get(made.id).status == "cancelled"
    assert [row["given_back"] is None for row in emulator.bill("stopped")] == [False]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("'429', retry_after: 3", 429, "rate_limit_exceeded"), ("quota", 429, "quota_exceeded"),
     ("policy", 400, "prohibited_content"), ("retired", 404, "model_not_found"), ("'503'", 503, "service_unavailable")],
)  # fmt: skip
def test_a_scripted_no_is_the_vendors(emulator: Emulated, base: str, fault: str, status: int, code: str) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    answer = httpx.post(f"{base}/v1/interactions", json=raw([WORDS]), headers=AUTH)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == ("3" if "retry_after" in fault else None)
