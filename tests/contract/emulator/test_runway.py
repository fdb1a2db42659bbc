"""The emulated Runway is as strict as the real one, and the vendor's own SDK understands it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import runwayml
from PIL import Image

from tests.emulated import KEY, Emulated
from tests.waiting import until

GOOD: dict[str, Any] = {"promptText": "a sea", "model": "tiny", "duration": 1, "ratio": "192:108"}
HEADERS = {"Authorization": f"Bearer {KEY}", "X-Runway-Version": "2024-11-06"}


@pytest.fixture
def base(emulator: Emulated) -> str:
    return emulator.bases["runway"]


@pytest.fixture
def sdk(base: str) -> Iterator[runwayml.RunwayML]:
    with runwayml.RunwayML(api_key=KEY, base_url=base, max_retries=0) as client:
        yield client


def create(base: str, endpoint: str = "text_to_video", **fields: Any) -> httpx.Response:
    body = {name: value for name, value in {**GOOD, **fields}.items() if value is not None}
    return httpx.post(f"{base}/v1/{endpoint}", json=body, headers=HEADERS)


def uri(kind: str = "PNG", mime: str = "image/png", size: tuple[int, int] = (64, 64)) -> str:
    out = io.BytesIO()
    Image.new("RGB", size, (9, 99, 199)).save(out, kind)
    return f"data:{mime};base64,{base64.b64encode(out.getvalue()).decode()}"


def frames(*positions: str, **more: Any) -> list[dict[str, Any]]:
    return [{"uri": uri(), "position": position, **more} for position in positions]


@pytest.mark.parametrize(
    ("endpoint", "fields", "code", "path"),
    [
        ("text_to_video", {"watermark": False}, "unrecognized_keys", ["watermark"]),
        ("text_to_video", {"promptImage": uri()}, "unrecognized_keys", ["promptImage"]),
        ("text_to_video", {"promptText": None}, "invalid_type", ["promptText"]),
        ("text_to_video", {"promptText": ""}, "invalid_value", ["promptText"]),
        ("text_to_video", {"promptText": "x" * 1001}, "invalid_value", ["promptText"]),
        ("text_to_video", {"promptText": "😀" * 501}, "invalid_value", ["promptText"]),
        ("text_to_video", {"duration": 3}, "invalid_value", ["duration"]),
        ("text_to_video", {"duration": "1"}, "invalid_type", ["duration"]),
        ("text_to_video", {"duration": None}, "invalid_type", ["duration"]),
        ("text_to_video", {"ratio": "192x108"}, "invalid_value", ["ratio"]),
        ("text_to_video", {"ratio": "1280:720"}, "invalid_value", ["ratio"]),
        ("text_to_video", {"seed": -1}, "invalid_value", ["seed"]),
        ("text_to_video", {"seed": 2**32}, "invalid_value", ["seed"]),
        ("text_to_video", {"seed": True}, "invalid_type", ["seed"]),
        ("text_to_video", {"model": "gen9"}, "invalid_union", ["model"]),
        ("text_to_video", {"model": None}, "invalid_union", ["model"]),
        ("text_to_video", {"model": "plain"}, "invalid_union", ["model"]),
        ("image_to_video", {}, "invalid_type", ["promptImage"]),
        ("image_to_video", {"promptImage": 3}, "invalid_type", ["promptImage"]),
        ("image_to_video", {"promptImage": []}, "invalid_value", ["promptImage"]),
        ("image_to_video", {"promptImage": frames("last")}, "invalid_value", ["promptImage"]),
        ("image_to_video", {"promptImage": frames("first", "first")}, "invalid_value", ["promptImage"]),
        ("image_to_video", {"promptImage": frames("middle")}, "invalid_value", ["promptImage", 0, "position"]),
        ("image_to_video", {"promptImage": frames("first", tag="x")}, "unrecognized_keys", ["promptImage", 0, "tag"]),
        ("image_to_video", {"promptImage": [{"uri": uri()}]}, "invalid_type", ["promptImage", 0, "position"]),
        ("image_to_video", {"promptImage": "http://127.0.0.1/a.png"}, "custom", ["promptImage", 0, "uri"]),
        ("image_to_video", {"promptImage": "data:image/png;base64,%%%"}, "custom", ["promptImage", 0, "uri"]),
        ("image_to_video", {"promptImage": uri("JPEG")}, "custom", ["promptImage", 0, "uri"]),
        ("image_to_video", {"promptImage": uri() + "A" * (5 * 1024 * 1024)}, "too_big", ["promptImage", 0, "uri"]),
        ("image_to_video", {"model": "plain", "promptImage": frames("first", "last")}, "invalid_value",
         ["promptImage", 1, "position"]),
        ("image_to_video", {"model": "plain", "promptImage": uri(), "audio": True}, "unrecognized_keys", ["audio"]),
        ("image_to_video", {"model": "plain", "promptImage": uri(), "negativePrompt": "x"}, "unrecognized_keys",
         ["negativePrompt"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_the_vendors_shape(
    emulator: Emulated, base: str, endpoint: str, fields: dict[str, Any], code: str, path: list[Any]
) -> None:
    before = emulator.ask("bill")["total"]
    answer = create(base, endpoint, **fields)
    told = answer.json()
    assert (answer.status_code, told["error"]) == (400, "Validation of body failed")
    assert [(issue["code"], issue["path"]) for issue in told["issues"]] == [(code, path)]
    assert emulator.ask("bill")["total"] == before


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer key_other"}, {"Authorization": KEY}])
def test_without_the_right_key_nothing_is_told(base: str, headers: dict[str, str]) -> None:
    sent = {"X-Runway-Version": "2024-11-06", **headers}
    for answer in (
        httpx.post(f"{base}/v1/text_to_video", json=GOOD, headers=sent),
        httpx.get(f"{base}/v1/tasks/x", headers=sent), httpx.delete(f"{base}/v1/tasks/x", headers=sent),
    ):  # fmt: skip
        assert answer.status_code == 401 and answer.json()["error"]


@pytest.mark.parametrize("version", ["", "2023-01-01"])
def test_every_call_names_the_version_it_speaks(base: str, version: str) -> None:
    headers = {**HEADERS, "X-Runway-Version": version}
    for answer in (
        httpx.post(f"{base}/v1/text_to_video", json=GOOD, headers=headers),
        httpx.get(f"{base}/v1/tasks/x", headers=headers), httpx.delete(f"{base}/v1/tasks/x", headers=headers),
    ):  # fmt: skip
        assert answer.status_code == 400 and "X-Runway-Version" in answer.json()["error"]


def test_a_form_and_other_paths_and_methods_are_refused(base: str) -> None:
    assert httpx.post(f"{base}/v1/text_to_video", data={"model": "tiny"}, headers=HEADERS).status_code == 400
    assert httpx.post(f"{base}/v1/text_to_video", content=b"[" * 10_000, headers=HEADERS).status_code == 400
    assert httpx.get(f"{base}/v1/tasks", headers=HEADERS).json()["error"]
    assert httpx.put(f"{base}/v1/text_to_video", headers=HEADERS).status_code == 405


def test_the_sdk_makes_a_video_from_frames_and_forgets_it(base: str, sdk: runwayml.RunwayML) -> None:
    pictures: Any = frames("first", "last")
    made: Any = sdk.image_to_video.create(
        model="tiny", prompt_image=pictures, prompt_text="a sea", ratio="192:108", duration=2, audio=False
    )  # type: ignore[call-overload]
    assert made.estimated_cost.credits == 20
    done: Any = until(
        lambda: found if (found := sdk.tasks.retrieve(made.id)).status == "SUCCEEDED" else None, what="it"
    )
    assert done.cost.credits == 20 and len(done.output) == 1
    file = httpx.get(done.output[0])  # without a key: the link is signed
    assert (file.headers["content-type"], file.content[4:8]) == ("video/mp4", b"ftyp")
    for link in (done.output[0].partition("?")[0], done.output[0] + "0", done.output[0].replace("_jwt=1", "_jwt=2")):
        assert httpx.get(link).status_code == 403
    sdk.tasks.delete(made.id)
    with pytest.raises(runwayml.NotFoundError):
        sdk.tasks.retrieve(made.id)


def test_credits_come_back_for_what_had_not_begun_alone(emulator: Emulated, sdk: runwayml.RunwayML) -> None:
    def ended(latency: float, *statuses: str) -> Any:
        emulator.play(f"latency: {latency}")
        made: Any = sdk.text_to_video.create(model="tiny", prompt_text="a sea", ratio="192:108", duration=1)  # type: ignore[call-overload]
        until(lambda: sdk.tasks.retrieve(made.id).status in statuses, what=str(statuses))
        sdk.tasks.delete(made.id)
        return sdk.tasks.retrieve(made.id)

    waiting, running = ended(600, "PENDING", "THROTTLED"), ended(3, "RUNNING")
    assert (waiting.status, waiting.cost.credits) == ("CANCELLED", 0)
    assert (running.status, running.cost.credits) == ("CANCELLED", 10)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("policy", "SAFETY.INPUT.TEXT"), ("filtered", "SAFETY.OUTPUT.VIDEO"), ("fail", "INTERNAL.BAD_OUTPUT.CODE01")],
)
def test_a_task_fails_with_a_code_and_its_credits_come_back(
    emulator: Emulated, sdk: runwayml.RunwayML, fault: str, code: str
) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    made: Any = sdk.text_to_video.create(model="tiny", prompt_text="a sea", ratio="192:108", duration=1)  # type: ignore[call-overload]
    done: Any = until(lambda: found if (found := sdk.tasks.retrieve(made.id)).status == "FAILED" else None, what="it")
    assert (done.failure_code, done.cost.credits) == (code, 0) and done.failure
