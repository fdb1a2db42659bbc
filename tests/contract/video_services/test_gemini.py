"""What is this adapter's own: its tasks and states, files that come from one address alone, videos that come inline."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.video_services.cases import Stage
from tests.contract.video_services.stage import bring, order, shelf
from tests.hostile import VOID, Answer, Hostile, as_json
from vidpipe.domain.requests import Delivered, Pending, Reference, RemoteClip
from vidpipe.errors import Broken, Expired, Refused, ServiceError, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.services.registry import open_service

URI = "https://generativelanguage.googleapis.com/v1/files/abc123:download?alt=media"


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter, and a server that answers as the test says."""
    return stage.opened("gemini", hostile.url)


def interaction(status: Any = "completed", *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    steps = [{"type": "model_output", "content": list(parts)}] if parts else []
    return {"id": "v1_a", "object": "interaction", "status": status, "model": "tiny-7", "steps": steps, **more}


def polled(hostile: Hostile, service: VideoService, found: Any) -> Pending | Delivered:
    hostile.answer = as_json(found)
    return asyncio.run(service.poll("v1_a"))


def test_a_first_frame_and_up_to_six_references_make_a_video(stage: Stage, tmp_path: Path, red: Path) -> None:
    service = stage.opened("gemini")
    plain = bring(service, order(), tmp_path / "plain.mp4")
    framed = bring(service, order(first_frame=red), tmp_path / "framed.mp4")
    referred = bring(service, order(references=(Reference(red),) * 6), tmp_path / "referred.mp4")
    assert len({plain, framed, referred}) == 3


@pytest.mark.parametrize(
    "changes",
    [{"count": 2}, {"last_frame": Path("x")}, {"first_frame": Path("/nowhere.png")},
     {"references": (Reference(Path("/nowhere.png")),)}, {"references": (Reference(Path("x")),) * 7},
     {"first_frame": Path("x"), "references": (Reference(Path("x")),)}],
)  # fmt: skip
def test_what_the_protocol_cannot_say_is_refused_and_not_sent(stage: Stage, changes: dict[str, Any]) -> None:
    request = order(**changes)
    with pytest.raises(Refused):
        stage.opened("gemini").submit(request)
    assert stage.emulator.posts(request.token) == 0


@pytest.mark.parametrize("changes", [{"duration": 5.0}, {"width": 640, "height": 360}, {"model": "no-such"}])
def test_what_the_model_cannot_do_is_refused_by_the_service(stage: Stage, changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        stage.opened("gemini").submit(order(**changes))
    assert caught.value.kind == "invalid"


@pytest.mark.parametrize("state", ["queued", "in_progress", "requires_continuation"])
def test_states_that_are_no_end_are_waited_for(hostile: Hostile, against: VideoService, state: str) -> None:
    assert isinstance(polled(hostile, against, interaction(state)), Pending)


@pytest.mark.parametrize("state", ["completed", "incomplete"])
def test_a_video_that_was_bought_is_delivered(hostile: Hostile, against: VideoService, state: str) -> None:
    found = polled(hostile, against, interaction(state, {"type": "text", "text": "x"}, {"type": "video", "uri": URI}))
    assert found == Delivered((RemoteClip(1, {"uri": URI}),), model_version="tiny-7")


@pytest.mark.parametrize("state", ["failed", "cancelled", "requires_action", "budget_exceeded", "completed"])
def test_states_that_bring_no_video_are_the_end(hostile: Hostile, against: VideoService, state: str) -> None:
    with pytest.raises(Broken, match=f"ended as {state}.*out of memory"):
        polled(hostile, against, interaction(state, errors=[{"code": "api_error", "message": "out of memory"}]))


@pytest.mark.parametrize("code", ["safety", "prohibited_content", "https://errors.example/content_blocked"])
def test_what_the_policy_blocks_is_refused_wherever_that_is_told(
    hostile: Hostile, against: VideoService, code: str
) -> None:
    error = {"code": code, "message": "no"}
    step = {"type": "model_output", "error": error}
    for found in (interaction("failed", errors=[error]), {**interaction("completed"), "steps": [step]}):
        with pytest.raises(Refused) as caught:
            polled(hostile, against, found)
        assert caught.value.kind == "policy"


@pytest.mark.parametrize(
    "found",
    [interaction("dreaming"), interaction(None), {**interaction(), "id": "v1_b"}, {}, [], interaction(["completed"])],
)
def test_a_poll_that_tells_nothing_is_asked_again(hostile: Hostile, against: VideoService, found: Any) -> None:
    with pytest.raises(Transient):
        polled(hostile, against, found)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "safety", Refused), (400, "invalid_request", Refused), (400, "failed_precondition", Unavailable),
        (401, "authentication", Unavailable), (402, "payment_required", Unavailable),
        (403, "permission_denied", Unavailable), (404, "model_not_found", Refused), (408, "", Uncertain),
        (409, "aborted", Uncertain), (416, "out_of_range", Refused), (429, "quota_exceeded", Unavailable),
        (499, "cancelled", Uncertain), (500, "api_error", Uncertain), (501, "unimplemented", Refused),
        (503, "service_unavailable", Uncertain), (504, "deadline_exceeded", Uncertain), (307, "", Uncertain),
        (200, "", Uncertain),
    ],
)  # fmt: skip
def test_each_code_of_the_vendors_page_means_one_thing_and_is_met_once(
    hostile: Hostile, against: VideoService, status: int, code: str, error: type[ServiceError]
) -> None:
    hostile.answer = as_json({"error": {"code": code, "message": "words"}}, status, location="/v1/elsewhere")
    with pytest.raises(error) as caught:
        against.submit(order())
    assert type(caught.value) is error and hostile.requests == [("POST", "/v1/interactions")]
    assert not isinstance(caught.value, Refused) or caught.value.kind == ("policy" if code == "safety" else "invalid")


@pytest.mark.parametrize(
    "answer",
    [
        *VOID, as_json({"id": 3}), as_json({"id": "../../x"}), as_json({"id": "v1_a", "x": "x" * 3_000_000}),
        Answer(body=b'{"id": "v1_a"', length=1000), as_json({"id": None, "steps": {}}), as_json({"id": "x" * 301}),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_submit_uncertain(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.submit(order())
    assert hostile.requests == [("POST", "/v1/interactions")]


@pytest.mark.parametrize(
    "uri",
    ["https://example.com/v1/files/abc123", "file:///etc/passwd", "https://generativelanguage.googleapis.com/x", "",
     "files/../../etc", "https://googleapis.com.evil.net/v1/files/abc", "files/a:download?alt=media&x=1", None],
)  # fmt: skip
def test_a_file_elsewhere_is_not_asked_for(
    hostile: Hostile, against: VideoService, tmp_path: Path, uri: str | None
) -> None:
    with pytest.raises(Broken):
        against.fetch("v1_a", RemoteClip(1, {"uri": uri}), tmp_path / "clip.mp4")
    assert hostile.requests == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", [URI, "files/abc123", URI.replace("/v1/", "/download/v1beta/")])
def test_a_file_is_fetched_from_the_configured_address_by_its_id(
    hostile: Hostile, against: VideoService, tmp_path: Path, uri: str
) -> None:
    hostile.answer = Answer(body=b"film", kind="video/mp4")
    against.fetch("v1_a", RemoteClip(1, {"uri": uri}), tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"film"
    assert hostile.requests == [("GET", "/v1/files/abc123:download")]


@pytest.mark.parametrize(
    ("location", "asked"),
    [("/download/x", 2), ("http://169.254.169.254/latest", 1), ("https://example.com/x", 1), ("http://[", 1)],
)
def test_a_redirect_is_followed_once_and_to_no_stranger(
    hostile: Hostile, against: VideoService, tmp_path: Path, location: str, asked: int
) -> None:
    hostile.answer = Answer(status=302, headers={"location": location})
    with pytest.raises(Broken):
        against.fetch("v1_a", RemoteClip(1, {"uri": URI}), tmp_path / "clip.mp4")
    assert len(hostile.requests) == asked and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_a_video_that_comes_inline_is_left_where_it_is_until_it_is_fetched(
    hostile: Hostile, against: VideoService, tmp_path: Path, size: int
) -> None:
    film = bytes(range(250)) * (size // 250)
    part = {"type": "video", "mime_type": "video/mp4", "data": base64.b64encode(film).decode()}
    found = polled(hostile, against, interaction("completed", part))
    assert isinstance(found, Delivered) and found.clips == (RemoteClip(1, {"inline": True}),)
    against.fetch("v1_a", found.clips[0], tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == film


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (as_json(interaction("completed", {"type": "video", "data": "no base 64!"})), Broken),
        (as_json(interaction("completed")), Broken),
        (as_json({"error": {"code": "not_found", "message": "gone"}}, 404), Expired),
        (Answer(body=b"[" * 10_000), Broken),
    ],
)
def test_an_inline_video_that_is_none_is_not_kept(
    hostile: Hostile, against: VideoService, tmp_path: Path, answer: Answer, error: type[ServiceError]
) -> None:
    hostile.answer = answer
    with pytest.raises((error, Transient)) as caught:
        against.fetch("v1_a", RemoteClip(1, {"inline": True}), tmp_path / "clip.mp4")
    assert type(caught.value) in (error, Transient) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [
        (as_json(interaction("cancelled")), True), (as_json(interaction("completed")), False),
        (as_json({"error": {"code": "failed_precondition", "message": "it has ended"}}, 400), False),
        (as_json({"error": {"code": "not_found", "message": "?"}}, 404), Expired),
        (as_json({"error": {"code": "api_error", "message": "?"}}, 500), Transient),
    ],
)  # fmt: skip
def test_a_cancellation_is_what_the_service_says_of_it(
    hostile: Hostile, against: VideoService, answer: Answer, stopped: Any
) -> None:
    assert isinstance(against, Cancellable) and not isinstance(against, Findable)
    hostile.answer = answer
    if isinstance(stopped, bool):
        assert against.cancel("v1_a") is stopped
    else:
        with pytest.raises(stopped):
            against.cancel("v1_a")
    assert hostile.requests == [("POST", "/v1/interactions/v1_a/cancel")]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"service_urls": {"gemini": "http://example.com"}}, "sent in the open"),
        ({"service_urls": {"gemini": "ftp://example.com"}}, "cannot be used"),
        ({"keys": {}}, "has no key"),
    ],
)
def test_what_is_missing_or_unsafe_is_told_before_anything_is_sent(
    stage: Stage, changes: dict[str, Any], what: str
) -> None:
    with pytest.raises(SetupError, match=what):
        open_service("gemini", replace(stage.emulator.settings(), **changes), shelf())


def test_without_an_address_it_is_googles_own(stage: Stage) -> None:
    opened = open_service("gemini", replace(stage.emulator.settings(), service_urls={}), shelf())
    assert opened.inner._url == "https://generativelanguage.googleapis.com"  # type: ignore[attr-defined]
