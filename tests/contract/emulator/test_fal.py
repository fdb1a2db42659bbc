"""fal's emulated queue is as strict as the real one, and fal's own SDK understands it."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.emulated import KEY, Emulated
from tests.waiting import until

GOOD: dict[str, Any] = {"prompt": "a sea", "resolution": "108p", "duration": 1, "aspect_ratio": "16:9"}
HEADERS = {"Authorization": f"Key {KEY}"}


@pytest.fixture
def base(emulator: Emulated) -> str:
    return emulator.bases["pika"]


def create(base: str, endpoint: str = "text-to-video", **fields: Any) -> httpx.Response:
    body = {name: value for name, value in {**GOOD, **fields}.items() if value is not None}
    return httpx.post(f"{base}/fal-ai/pika/tiny/{endpoint}", json=body, headers=HEADERS)


def ended(answer: httpx.Response) -> httpx.Response:
    """The result of an order that was taken."""
    assert answer.status_code == 200
    links = answer.json()
    url = links["status_url"]
    until(lambda: httpx.get(url, headers=HEADERS).json()["status"] == "COMPLETED", what="the result")
    return httpx.get(links["response_url"], headers=HEADERS)


def png(size: tuple[int, int] = (192, 108)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (9, 99, 199)).save(out, "PNG")
    return out.getvalue()


def uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("endpoint", "fields", "kind", "where"),
    [
        ("text-to-video", {"audio": True}, "extra_forbidden", "audio"),
        ("text-to-video", {"image_url": "x"}, "extra_forbidden", "image_url"),
        ("text-to-video", {"prompt": None}, "missing", "prompt"),
        ("text-to-video", {"prompt": " "}, "literal_error", "prompt"),
        ("text-to-video", {"prompt": 3}, "type_error", "prompt"),
        ("text-to-video", {"duration": "1"}, "type_error", "duration"),
        ("text-to-video", {"duration": 3}, "literal_error", "duration"),
        ("text-to-video", {"resolution": "1080p"}, "literal_error", "resolution"),
        ("text-to-video", {"aspect_ratio": "1:1"}, "literal_error", "aspect_ratio"),
        ("text-to-video", {"seed": "7"}, "type_error", "seed"),
        ("image-to-video", {"aspect_ratio": None}, "missing", "image_url"),
        ("image-to-video", {"image_url": uri(png())}, "extra_forbidden", "aspect_ratio"),
        ("image-to-video", {"aspect_ratio": None, "image_url": "https://v3.fal.media/a.png"}, "image_load_error",
         "image_url"),
        ("image-to-video", {"aspect_ratio": None, "image_url": uri(b"x")}, "image_load_error", "image_url"),
        ("image-to-video", {"aspect_ratio": None, "image_url": uri(b"x" * 11 * 1024 * 1024)}, "file_too_large",
         "image_url"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_taken_and_is_the_models_result_and_costs_nothing(
    emulator: Emulated, base: str, endpoint: str, fields: dict[str, Any], kind: str, where: str
) -> None:
    before = emulator.ask("bill")["total"]
    result = ended(create(base, endpoint, **fields))
    found = result.json()["detail"]
    assert (result.status_code, found[0]["type"], found[0]["loc"]) == (422, kind, ["body", where]) and found[0]["msg"]
    assert emulator.ask("bill")["total"] == before


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Key other"}, {"Authorization": f"Bearer {KEY}"}])
def test_without_the_right_key_nothing_is_told(base: str, headers: dict[str, str]) -> None:
    one = f"{base}/fal-ai/pika/requests/x"
    for answer in (
        httpx.post(f"{base}/fal-ai/pika/tiny/text-to-video", json=GOOD, headers=headers),
        httpx.get(one, headers=headers), httpx.get(f"{one}/status", headers=headers),
        httpx.put(f"{one}/cancel", headers=headers), httpx.post(f"{base}/storage/upload/initiate", headers=headers),
    ):  # fmt: skip
        assert answer.status_code == 401 and answer.json()["detail"]
    answer = httpx.get(f"{base}/v1/models/requests/by-endpoint", headers=headers)
    assert answer.status_code == 401 and answer.json()["error"]["message"]


def test_what_is_no_order_is_refused_at_the_door(base: str) -> None:
    url = f"{base}/fal-ai/pika/tiny/text-to-video"
    assert httpx.post(url, json=[], headers=HEADERS).json()["error_type"] == "bad_request"
    assert httpx.post(url, content=b"[" * 10_000, headers=HEADERS).status_code == 400
    assert httpx.post(url.replace("tiny", "v9"), json=GOOD, headers=HEADERS).status_code == 404
    assert httpx.post(url.replace("text-", "video-"), json=GOOD, headers=HEADERS).status_code == 404
    assert httpx.get(f"{base}/fal-ai/pika/requests/x/status", headers=HEADERS).status_code == 404
    assert httpx.delete(f"{base}/fal-ai/pika/requests/x", headers=HEADERS).status_code == 405


def test_a_picture_is_uploaded_and_made_into_a_video(base: str) -> None:
    asked = {"file_name": "a.png", "content_type": "image/png"}
    url = f"{base}/storage/upload/initiate"
    told = httpx.post(url, params={"storage_type": "gcs"}, json=asked, headers=HEADERS).json()
    assert httpx.put(told["upload_url"], content=png((500, 300))).status_code == 200  # without a key: as signed links
    made = create(base, "image-to-video", aspect_ratio=None, image_url=told["file_url"])
    video = ended(made).json()["video"]
    file = httpx.get(video["url"])
    assert file.headers["content-type"] == video["content_type"] == "video/mp4" and file.content[4:8] == b"ftyp"
    for params, body in (({}, asked), ({"storage_type": "s3"}, asked), ({"storage_type": "gcs"}, {**asked, "acl": 1})):
        assert httpx.post(url, params=params, json=body, headers=HEADERS).status_code == 422
    assert httpx.put(f"{base}/storage/files/..%2f..%2fx", content=b"x").status_code in (404, 405)


def test_a_status_has_a_code_of_its_own_and_a_result_waits(emulator: Emulated, base: str) -> None:
    emulator.play("latency: 600")
    links = create(base).json()
    status = httpx.get(links["status_url"], headers=HEADERS)
    assert (status.status_code, status.json()["status"], status.json()["queue_position"]) == (202, "IN_QUEUE", 0)
    assert httpx.get(links["response_url"], headers=HEADERS).status_code == 400
    assert httpx.get(f"{links['status_url']}?verbose=1", headers=HEADERS).status_code == 422


def test_what_waits_is_taken_out_of_the_queue_and_told_as_cancelled(emulator: Emulated, base: str) -> None:
    emulator.play("latency: 600")
    links = create(base).json()
    stopped = httpx.put(links["cancel_url"], headers=HEADERS)
    assert (stopped.status_code, stopped.json()["status"]) == (202, "CANCELLATION_REQUESTED")
    assert httpx.get(links["status_url"], headers=HEADERS).json()["error_type"] == "client_cancelled"
    result = httpx.get(links["response_url"], headers=HEADERS)
    assert (result.status_code, result.headers["x-fal-error-type"]) == (499, "client_cancelled")
    again = httpx.put(links["cancel_url"], headers=HEADERS)
    assert (again.status_code, again.json()["status"]) == (400, "ALREADY_COMPLETED")
    unknown = httpx.put(f"{base}/fal-ai/pika/requests/x/cancel", headers=HEADERS)
    assert (unknown.status_code, unknown.json()["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("policy", 422, "content_policy_violation"), ("filtered", 422, "content_policy_violation"),
        ("invalid", 422, "value_error"), ("fail", 500, "internal_server_error"),
    ],
)  # fmt: skip
def test_what_a_model_refuses_is_its_result(emulator: Emulated, base: str, fault: str, status: int, kind: str) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    result = ended(create(base))
    assert (result.status_code, result.json()["detail"][0]["type"]) == (status, kind)


def test_requests_are_listed_by_endpoint_in_pages_with_their_orders(emulator: Emulated, base: str) -> None:
    emulator.play("latency: 600")
    names = [create(base, seed=number).json()["request_id"] for number in range(5)]
    url, asked = f"{base}/v1/models/requests/by-endpoint", {"endpoint_id": "fal-ai/pika/tiny/text-to-video"}

    def page(**more: str) -> Any:
        return httpx.get(url, params={**asked, **more}, headers=HEADERS).json()

    first = page(limit="2", expand="payloads")
    assert [item["request_id"] for item in first["items"]] == names[:2:-1] and first["has_more"]
    assert first["items"][0]["json_input"] == {**GOOD, "seed": 4}
    second = page(limit="2", cursor=first["next_cursor"])
    assert [item["request_id"] for item in second["items"]] == names[2:0:-1]
    assert "json_input" not in second["items"][0]
    assert page(start="2100-01-01T00:00:00Z") == {"items": [], "next_cursor": None, "has_more": False}
    others = page(endpoint_id="fal-ai/pika/tiny/image-to-video")["items"]
    assert not {item["request_id"] for item in others} & set(names)


@pytest.mark.parametrize(
    "query",
    [{}, {"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"expand": "all"}, {"start": "soon"}, {"cursor": "x"},
     {"order": "asc"}, {"status": "done"}],
)  # fmt: skip
def test_a_list_takes_no_other_question(base: str, query: dict[str, str]) -> None:
    asked = {"endpoint_id": "fal-ai/pika/tiny/text-to-video"} if query else {}
    answer = httpx.get(f"{base}/v1/models/requests/by-endpoint", params={**asked, **query}, headers=HEADERS)
    assert answer.status_code == 422 and answer.json()["error"]["type"] == "validation_error"
