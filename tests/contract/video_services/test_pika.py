"""What is this adapter's own: fal's SDK held to one POST, pictures uploaded, orders found in fal's list of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fal_client.client
import pytest

from tests.contract.video_services.cases import LASTING, Stage
from tests.contract.video_services.stage import bring, delivered, order
from tests.hostile import VOID, Answer, Hostile, as_json
from tests.waiting import until
from vidpipe.domain.requests import Pending, Reference, RemoteClip
from vidpipe.errors import Broken, Expired, Refused, ServiceError, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.services.wire.marks import mark

NAME = "764cabcf-b745-4b3e-ae38-1200304cf45b"
ONE = f"/fal-ai/pika/requests/{NAME}"


@pytest.fixture
def pika(stage: Stage) -> VideoService:
    return stage.opened("pika")


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter, and a server that answers as the test says."""
    return stage.opened("pika", hostile.url)


def test_the_sdk_left_to_itself_would_post_again() -> None:
    # What fal.py works around: where this fails, the SDK has changed, and fal.py is to be read again beside it.
    assert fal_client.client.MAX_ATTEMPTS == 10 and fal_client.client.QUEUE_URL_FORMAT == "https://queue.fal.run/"
    assert fal_client.client.REST_URL == "https://rest.fal.ai" and "_client" in vars(fal_client.SyncClient)


def test_a_first_frame_is_uploaded_at_the_clips_size_and_named_in_the_order(
    stage: Stage, pika: VideoService, red: Path, tmp_path: Path
) -> None:
    request = order(first_frame=red, negative_prompt="boats")
    bring(pika, request, tmp_path / "clip.mp4")
    post = stage.emulator.ask("posts", token=request.token)["posts"][0]
    assert post["endpoint"] == "image-to-video" and (tmp_path / "clip.mp4").stat().st_size > 1000
    assert isinstance(pika, Findable) and pika.find(request.token) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 2}, {"duration": 1.5}, {"references": (Reference(Path("x")),)}, {"last_frame": Path("x")},
        {"model": "v9"}, {"first_frame": Path("/nowhere.png")},
    ],
)  # fmt: skip
def test_what_the_protocol_cannot_say_is_refused_and_not_sent(
    stage: Stage, pika: VideoService, changes: dict[str, Any]
) -> None:
    request = order(**changes)
    with pytest.raises(Refused):
        pika.submit(request)
    assert stage.emulator.posts(request.token) == 0


def test_a_service_that_is_not_askable_sends_the_prompt_as_it_is(stage: Stage) -> None:
    service = stage.opened("pika", options={"askable": False})
    request = order(prompt="a sea without a mark")
    service.submit(request)
    assert isinstance(service, Cancellable) and not isinstance(service, Findable)
    assert stage.emulator.ask("posts", token=request.token)["posts"][0]["prompt"] == request.prompt


@pytest.mark.parametrize("option", [{"url": "http://example.com"}, {"listing": "http://example.com"}, {"lists": "x"}])
def test_an_address_that_would_tell_the_key_is_a_set_up_error(stage: Stage, option: dict[str, str]) -> None:
    with pytest.raises(SetupError):
        stage.opened("pika", "", options=option)


def test_many_orders_are_listed_page_by_page(stage: Stage, pika: VideoService) -> None:
    requests = [order(prompt=f"a road {LASTING}") for _ in range(55)]
    names = [pika.submit(request).name for request in requests]
    assert isinstance(pika, Findable)
    found = pika.find(requests[0].token)
    assert found is not None and found.name == names[0]
    assert pika.find("never sent") is None


def test_what_runs_is_told_to_stop_and_goes_on(stage: Stage, pika: VideoService) -> None:
    stage.emulator.play("rules: [{fault: latency, seconds: 2}]")
    name = pika.submit(order()).name
    assert isinstance(pika, Cancellable)

    def begun() -> bool:
        return not pika.cancel(name) if asyncio.run(running(pika, name)) else False

    until(begun, what="it to run")
    assert len(delivered(pika, name).clips) == 1


async def running(service: VideoService, name: str) -> bool:
    """Whether fal says that it is worked on; the adapter tells no more than that it is not done."""
    fal: Any = service.inner  # type: ignore[attr-defined]
    answer = await fal._line.get(f"{fal._path}/{name}/status", headers=fal._place.headers, of="it")
    return bool(answer.found["status"] == "IN_PROGRESS")


@pytest.mark.parametrize(
    "answer",
    [
        *VOID, as_json({"request_id": NAME}), Answer(status=500),
        as_json({"request_id": 3, "response_url": "", "status_url": "", "cancel_url": ""}),
        as_json({"request_id": "../../x", "response_url": "", "status_url": "", "cancel_url": ""}),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_submit_uncertain(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.submit(order())
    assert hostile.requests == [("POST", "/fal-ai/pika/tiny/text-to-video")]


@pytest.mark.parametrize("status", [401, 403, 429])
def test_what_is_the_accounts_is_no_fault_of_the_order(hostile: Hostile, against: VideoService, status: int) -> None:
    hostile.answer = as_json({"detail": "User is locked. Reason: Exhausted balance."}, status=status)
    with pytest.raises(Unavailable):
        against.submit(order())
    assert len(hostile.requests) == 1


RESULTS: list[tuple[int, Any, type[ServiceError], str]] = [
    (422, {"detail": [{"type": "content_policy_violation", "msg": "no", "loc": ["body"]}]}, Refused, "policy"),
    (422, {"detail": [{"type": "image_too_small", "msg": "no", "loc": ["body"]}]}, Refused, "invalid"),
    (422, {"detail": [{"type": "no_media_generated", "msg": "no", "loc": ["body"]}]}, Broken, ""),
    (400, {"detail": [{"type": "downstream_service_error", "msg": "no", "loc": ["body"]}]}, Broken, ""),
    (500, {"detail": [{"type": "internal_server_error", "msg": "no", "loc": ["body"]}]}, Broken, ""),
    (504, {"detail": [{"type": "generation_timeout", "msg": "no", "loc": ["body"]}]}, Broken, ""),
    (504, {"detail": "Request timed out", "error_type": "request_timeout"}, Broken, ""),
    (503, {"detail": "no", "error_type": "runner_disconnected"}, Broken, ""),
    (499, {"detail": "no", "error_type": "client_cancelled"}, Broken, ""),
    (400, {"detail": "no", "error_type": "bad_request"}, Refused, "invalid"),
    (404, {"detail": "no"}, Expired, ""),
    (401, {"detail": "no"}, Unavailable, ""),
    (503, {"detail": "no"}, Transient, ""),
    (500, "no json", Transient, ""),
    (200, {"video": {}}, Transient, ""),
    (200, {}, Transient, ""),
]


@pytest.mark.parametrize(("status", "body", "error", "kind"), RESULTS)
def test_every_result_has_a_meaning(
    hostile: Hostile, against: VideoService, status: int, body: Any, error: type[ServiceError], kind: str
) -> None:
    hostile.paths = {f"{ONE}/status": as_json({"status": "COMPLETED", "request_id": NAME, "logs": None})}
    hostile.answer = as_json(body, status=status)
    with pytest.raises(error) as caught:
        asyncio.run(against.poll(NAME))
    assert type(caught.value) is error
    assert not isinstance(caught.value, Refused) or caught.value.kind == kind


@pytest.mark.parametrize(
    "told",
    [
        {"status": "DREAMING"}, {"status": None}, {}, {"status": "IN_QUEUE", "request_id": "another"},
        {"status": "IN_PROGRESS", "request_id": 3},
    ],
)  # fmt: skip
def test_a_poll_that_tells_nothing_is_asked_again(
    hostile: Hostile, against: VideoService, told: dict[str, Any]
) -> None:
    hostile.answer = as_json(told)
    with pytest.raises(Transient):
        asyncio.run(against.poll(NAME))


def test_a_status_is_believed_with_both_codes_that_fal_uses(hostile: Hostile, against: VideoService) -> None:
    for status in (200, 202):
        hostile.answer = as_json({"status": "IN_QUEUE", "queue_position": 3}, status=status)
        assert asyncio.run(against.poll(NAME)) == Pending()


def listed(*prompts: Any, **more: Any) -> Answer:
    items = [{"request_id": f"r{number}", "json_input": {"prompt": prompt}} for number, prompt in enumerate(prompts)]
    return as_json({"items": items, "has_more": False, **more})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (listed(), None),
        (listed("x" + mark("other")), None),
        (listed("x" + mark("other"), "a sea" + mark("t")), "r1"),
    ],
)
def test_a_listing_that_repeats_orders_is_believed(
    hostile: Hostile, against: VideoService, answer: Answer, found: str | None
) -> None:
    assert isinstance(against, Findable)
    hostile.answer = answer
    accepted = against.find("t")
    assert (accepted.name if accepted else None) == found


@pytest.mark.parametrize(
    "answer",
    [
        listed("a sea"), listed("x" + mark("other"), None),
        as_json({"items": [{"request_id": "a"}], "has_more": False}),
        listed("x" + mark("other"), has_more=True), listed("x" + mark("other"), has_more=True, next_cursor="Mg=="),
        Answer(status=500), Answer(status=403), Answer(body=b"no json"), Answer(body=b"[" * 10_000),
        as_json({"items": 3}), as_json({"items": [3]}), as_json([]),
    ],
)  # fmt: skip
def test_a_listing_that_cannot_tell_is_never_taken_for_a_no(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    assert isinstance(against, Findable)
    hostile.answer = answer
    with pytest.raises(Transient):
        against.find("t")


UPLOADS: dict[str, Callable[[str], Any]] = {
    "a file": lambda home: {"upload_url": "file:///etc/passwd", "file_url": "https://v3.fal.media/a"},
    "a private address": lambda home: {"upload_url": "http://169.254.169.254/x", "file_url": "https://v3.fal.media/a"},
    "another host": lambda home: {"upload_url": "https://example.com/x", "file_url": "https://v3.fal.media/a"},
    "an address that is none": lambda home: {"upload_url": "https://v3.fal.media:x/", "file_url": "a"},
    "control characters": lambda home: {"upload_url": "https://v3.fal.media/\x00", "file_url": "a"},
    "no address": lambda home: {"file_url": "https://v3.fal.media/a"},
    "something else": lambda home: [],
}


@pytest.mark.parametrize("name", list(UPLOADS))
def test_a_picture_is_uploaded_to_fal_alone_and_nothing_is_bought_without_it(
    hostile: Hostile, against: VideoService, red: Path, name: str
) -> None:
    hostile.answer = as_json(UPLOADS[name](hostile.url))
    with pytest.raises(ServiceError) as caught:
        against.submit(order(first_frame=red))
    assert not isinstance(caught.value, Uncertain)
    assert hostile.requests == [("POST", "/storage/upload/initiate")]


ADDRESSES = (
    "file:///etc/passwd", "http://169.254.169.254/latest", "https://example.com/clip.mp4", "clip",
    "https://v3.fal.media@example.com/clip.mp4", "http://v3.fal.media/clip.mp4", "https://fal.media.example.com/a",
    "https://v3.fal.media:x/a", "https://v3.fal.media:99999/a", "//v3.fal.media/a", "https://[v3.fal.media/a",
)  # fmt: skip


@pytest.mark.parametrize("url", [*ADDRESSES, "https://v3.fal.media/a\x00b", "https://v3.fal.media/" + "x" * 70_000])
def test_a_clip_is_fetched_from_fal_alone(hostile: Hostile, against: VideoService, tmp_path: Path, url: str) -> None:
    hostile.answer = as_json({"video": {"url": url}})
    with pytest.raises(Broken, match="gave an address"):
        against.fetch(NAME, RemoteClip(1), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == [] and hostile.requests == [("GET", ONE)]


def test_a_picture_that_fal_will_not_keep_refuses_the_order(hostile: Hostile, against: VideoService, red: Path) -> None:
    for status, error in ((413, Refused), (403, Unavailable), (500, Transient), (404, Refused)):
        hostile.answer = as_json({"detail": "no"}, status=status)
        with pytest.raises(error):
            against.submit(order(first_frame=red))
