"""What is this adapter's own: an order that is found by a mark in its prompt, or honestly not, and a dead address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.video_services.cases import Stage
from tests.contract.video_services.stage import bring, order, shelf
from tests.hostile import VOID, Answer, Hostile, as_json
from vidpipe.domain.requests import Reference
from vidpipe.errors import Refused, SetupError, Transient, Uncertain
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.services.registry import open_service
from vidpipe.services.wire.marks import mark


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter, and a server that answers as the test says."""
    return stage.opened("openai_videos", f"{hostile.url}/v1")


def test_the_public_service_has_ended_and_says_so(stage: Stage) -> None:
    for host in ("api.openai.com", "eu.api.openai.com", "API.OPENAI.COM."):
        with pytest.raises(SetupError, match="ended on 2026-09-24"):
            stage.opened("openai_videos", f"https://{host}/v1")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"service_urls": {}}, "address of the service openai_videos is not set"),
        ({"service_urls": {"openai_videos": "http://example.com/v1"}}, "sent in the open"),
        ({"service_urls": {"openai_videos": "ftp://example.com"}}, "cannot be used"),
        ({"service_urls": {"openai_videos": "https://a:b@example.com"}}, "cannot be used"),
        ({"keys": {}}, "has no key"),
    ],
)
def test_what_is_missing_or_unsafe_is_told_before_anything_is_sent(
    stage: Stage, changes: dict[str, Any], what: str
) -> None:
    with pytest.raises(SetupError, match=what):
        open_service("openai_videos", replace(stage.emulator.settings(), **changes), shelf())


def test_a_first_frame_is_brought_to_the_clips_size(stage: Stage, red: Path, tmp_path: Path) -> None:
    bring(stage.opened("openai_videos"), order(first_frame=red), tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    "changes",
    [{"count": 2}, {"duration": 1.5}, {"last_frame": Path("x")}, {"references": (Reference(Path("x")),)},
     {"first_frame": Path("/nowhere.png")}],
)  # fmt: skip
def test_what_the_protocol_cannot_say_is_refused_and_not_sent(stage: Stage, changes: dict[str, Any]) -> None:
    request = order(**changes)
    with pytest.raises(Refused):
        stage.opened("openai_videos").submit(request)
    assert stage.emulator.posts(request.token) == 0


def test_a_service_that_is_not_askable_sends_the_prompt_as_it_is(stage: Stage) -> None:
    request = order()
    stage.opened("openai_deaf").submit(request)
    listed = httpx.get(
        f"{stage.emulator.bases['openai_deaf']}/videos", headers={"Authorization": "Bearer rehearsal"}
    ).json()
    assert listed["data"][0]["prompt"] == request.prompt
    assert not isinstance(stage.opened("openai_deaf"), (Findable, Cancellable))


def video(**more: Any) -> dict[str, Any]:
    return {
        "id": "video_1", "object": "video", "created_at": 1, "model": "tiny", "progress": 0, "seconds": "1",
        "size": "192x108", "status": "queued", "prompt": "a sea", **more,
    }  # fmt: skip


def listing(*videos: dict[str, Any], **more: Any) -> Answer:
    return as_json({"object": "list", "data": videos, "has_more": False, **more})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (listing(), None),
        (listing(video(prompt="x" + mark("other"))), None),
        (listing(video(prompt="x" + mark("other")), video(id="video_2", prompt="a sea" + mark("t"))), "video_2"),
    ],
)
def test_a_listing_that_repeats_prompts_is_believed(
    hostile: Hostile, against: VideoService, answer: Answer, found: str | None
) -> None:
    assert isinstance(against, Findable)
    hostile.answer = answer
    accepted = against.find("t")
    assert (accepted.name if accepted else None) == found


@pytest.mark.parametrize(
    "answer",
    [
        listing(video(prompt="a sea")),  # another's, or ours with its mark cut off
        listing(video(prompt=None)),
        listing(video(id="../x", prompt="a sea" + mark("t"))),
        Answer(status=500),
        Answer(body=b"no json"),
        Answer(body=b"[" * 10_000),
        Answer(body=b'{"data": 3}'),
        Answer(body=b'{"object": "list", "data": [3]}'),
    ],
)
def test_a_listing_that_cannot_tell_is_never_taken_for_a_no(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    assert isinstance(against, Findable)
    hostile.answer = answer
    with pytest.raises(Exception) as caught:
        against.find("t")
    assert type(caught.value).__module__ == "vidpipe.errors"


@pytest.mark.parametrize(
    "answer",
    [
        *VOID, as_json({"id": 3}), as_json({"id": "../../x"}), as_json({"id": "video_1", "prompt": "x" * 3_000_000}),
        Answer(status=200, body=b'{"id": "video_1"', length=1000),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_submit_uncertain(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.submit(order())
    assert hostile.requests == [("POST", "/v1/videos")]


CLIP: dict[str, Callable[[], Answer]] = {
    "a redirect": lambda: Answer(status=302, headers={"location": "http://169.254.169.254/latest"}),
    "a playlist": lambda: Answer(body=b"#EXTM3U", kind="application/vnd.apple.mpegurl"),
    "a page": lambda: Answer(body=b"<html>", kind="text/html"),
    "packed": lambda: Answer(body=b"\x1f\x8b", kind="video/mp4", headers={"content-encoding": "gzip"}),
    "3 GB announced": lambda: Answer(body=b"x", kind="video/mp4", length=3 * 1024**3),
    "nothing": lambda: Answer(kind="video/mp4"),
    "half": lambda: Answer(body=b"x" * 10, kind="video/mp4", length=20),
}


@pytest.mark.parametrize("name", list(CLIP))
def test_a_clip_that_is_none_is_not_kept(hostile: Hostile, against: VideoService, tmp_path: Path, name: str) -> None:
    hostile.answer = CLIP[name]()
    with pytest.raises(Exception) as caught:
        against.fetch("video_1", None, tmp_path / "clip.mp4")  # type: ignore[arg-type]
    assert type(caught.value).__module__ == "vidpipe.errors"
    assert list(tmp_path.iterdir()) == [] and len(hostile.requests) == 1


@pytest.mark.parametrize(
    "body",
    [video(status="dreaming"), video(id="video_2"), video(status=None), {}, video(status="completed", id=None)],
)
def test_a_poll_that_tells_nothing_is_asked_again(
    hostile: Hostile, against: VideoService, body: dict[str, Any]
) -> None:
    hostile.answer = as_json(body)
    with pytest.raises(Transient):
        asyncio.run(against.poll("video_1"))
