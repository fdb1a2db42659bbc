"""The emulated videos of OpenAI's shape are as strict as the real ones, and the vendor's own SDK understands them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from tests.emulated import KEY, Emulated
from tests.waiting import until

GOOD: dict[str, Any] = {"prompt": "a sea", "model": "tiny", "seconds": "1", "size": "192x108"}
AUTH = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def base(emulator: Emulated) -> str:
    return emulator.bases["openai_videos"]


@pytest.fixture
def sdk(base: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=base, max_retries=0) as client, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The Sora API", DeprecationWarning)
        yield client


def create(base: str, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    parts = {name: (None, value) if isinstance(value, str) else value for name, value in {**GOOD, **fields}.items()}
    sent = {name: value for name, value in parts.items() if value is not None}
    return httpx.post(f"{base}/videos", files=sent, headers=AUTH if headers is None else headers)


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (9, 99, 199)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"negative_prompt": "rain"}, 400, "unknown_parameter", "negative_prompt"),
        ({"seed": "7"}, 400, "unknown_parameter", "seed"),
        ({"prompt": None}, 400, "missing_required_parameter", "prompt"),
        ({"prompt": "x" * 32_001}, 400, "invalid_value", "prompt"),
        ({"seconds": "5"}, 400, "invalid_value", "seconds"),
        ({"seconds": "1.0"}, 400, "invalid_value", "seconds"),
        ({"size": "192X108"}, 400, "invalid_value", "size"),
        ({"model": "sora-9"}, 404, "model_not_found", "model"),
        ({"prompt": (None, b"\xff\xfe")}, 400, "invalid_type", "prompt"),
        ({"input_reference": ("a.png", b"no picture")}, 400, "invalid_image", "input_reference"),
        ({"input_reference": ("a.png", png(200, 108))}, 400, None, None),
        ({"input_reference": ("a.png", b"x" * (21 * 1024 * 1024))}, 413, None, "input_reference"),
    ],
)
def test_what_is_wrong_is_refused_in_the_vendors_shape(
    emulator: Emulated, base: str, fields: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    before = emulator.ask("bill")["total"]
    answer = create(base, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    assert emulator.ask("bill")["total"] == before


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-other"}, {"Authorization": KEY}])
def test_without_the_right_key_nothing_is_told(base: str, headers: dict[str, str]) -> None:
    for answer in (
        create(base, headers=headers), httpx.get(f"{base}/videos", headers=headers),
        httpx.get(f"{base}/videos/video_1", headers=headers), httpx.delete(f"{base}/videos/video_1", headers=headers),
        httpx.get(f"{base}/videos/video_1/content", headers=headers),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_what_is_not_a_form_is_refused(base: str) -> None:
    answer = httpx.post(f"{base}/videos", json=GOOD, headers=AUTH)
    assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error"


def test_other_paths_and_methods_are_refused_in_the_vendors_shape(base: str) -> None:
    assert httpx.get(f"{base}/audio", headers=AUTH).json()["error"]["code"] == "not_found"
    assert httpx.put(f"{base}/videos", headers=AUTH).json()["error"]["code"] == "method_not_supported"


def test_the_sdk_makes_fetches_and_deletes_a_video(base: str, sdk: openai.OpenAI) -> None:
    made = sdk.videos.create(**GOOD)  # type: ignore[arg-type]
    assert (made.object, made.status, made.progress, made.prompt) == ("video", "queued", 0, "a sea")
    done = until(lambda: found if (found := sdk.videos.retrieve(made.id)).status == "completed" else None, what="it")
    assert (done.progress, done.seconds, done.size, done.model) == (100, "1", "192x108", "tiny")
    assert done.expires_at is not None and done.completed_at is not None and done.created_at <= done.completed_at
    assert sdk.videos.download_content(made.id).read()[4:8] == b"ftyp"
    assert sdk.videos.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.videos.retrieve(made.id)
    assert create(base, headers=AUTH).status_code == 200


def test_a_video_that_is_being_made_cannot_be_deleted(emulator: Emulated, base: str, sdk: openai.OpenAI) -> None:
    emulator.play("latency: 600")
    made = sdk.videos.create(**GOOD)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError):
        sdk.videos.delete(made.id)
    assert httpx.get(f"{base}/videos/{made.id}/content", headers=AUTH).status_code == 404


def test_the_listing_has_pages_that_the_sdk_turns(emulator: Emulated, sdk: openai.OpenAI) -> None:
    emulator.play("latency: 600")
    names = [sdk.videos.create(**GOOD).id for _ in range(5)]  # type: ignore[arg-type]
    newest = [video.id for video, _ in zip(sdk.videos.list(limit=2), range(5), strict=False)]
    assert newest == names[::-1]
    assert [video.id for video in sdk.videos.list(order="asc", after=names[2]).data][:2] == names[3:]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "order=up", "before=x", "after=video_none"])
def test_a_listing_takes_no_other_question(base: str, query: str) -> None:
    assert httpx.get(f"{base}/videos?{query}", headers=AUTH).status_code in (400, 404)
