"""What is this adapter's own: what becomes of an order, filters, references, clips that come inside an answer."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.video_services.cases import Stage
from tests.contract.video_services.stage import bring, delivered, order, outcome
from tests.hostile import VOID, Answer, Hostile, as_json
from vidpipe.domain.requests import Delivered, Reference
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.base import VideoService

OPERATION = "projects/rehearsal/locations/us-central1/publishers/google/models/tiny/operations/abc"
CALL = "/v1beta1/projects/rehearsal/locations/us-central1/publishers/google/models/tiny:predictLongRunning"


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter with a bucket, and a server that answers as the test says."""
    return stage.opened("veo", hostile.url)


def ended(**more: Any) -> Answer:
    return as_json({"name": OPERATION, "done": True, **more})


@pytest.mark.parametrize("name", ["veo", "veo_inline"])
def test_what_the_filter_left_is_delivered_and_its_reasons_are_in_words(
    stage: Stage, name: str, tmp_path: Path
) -> None:
    stage.emulator.play("rules: [{fault: filtered, count: 1}]")
    service, request = stage.opened(name), order(count=3)
    operation = service.submit(request).name
    found = delivered(service, operation)
    assert ([clip.number for clip in found.clips], found.filtered) == ([1, 2], 1)
    assert "17301594" in found.filter_reasons[0] and found.filter_reasons[0].endswith("(child)")
    assert found.model_version == "tiny"
    for clip in found.clips:
        service.fetch(operation, clip, tmp_path / f"{clip.number}.mp4")
    charged = [row for row in stage.emulator.bill(request.token) if row["given_back"] is None]
    assert len(charged) == 2


def test_everything_filtered_says_why(stage: Stage) -> None:
    stage.emulator.play("rules: [{fault: filtered}]")
    service = stage.opened("veo")
    caught = outcome(service, service.submit(order(count=2)).name)
    assert isinstance(caught, Refused) and caught.kind == "policy" and "(child)" in caught.message


def test_a_prompt_that_is_blocked_says_why(stage: Stage) -> None:
    stage.emulator.play("rules: [{fault: policy}]")
    with pytest.raises(Refused, match="celebrity"):
        stage.opened("veo").submit(order())


def test_clips_inside_an_answer_are_left_there_and_are_those_that_a_bucket_holds(stage: Stage, tmp_path: Path) -> None:
    files = {}
    for name in ("veo", "veo_inline"):
        service = stage.opened(name)
        operation = service.submit(order(count=3)).name
        found = delivered(service, operation)
        assert len(json.dumps([clip.handle for clip in found.clips])) < 500
        for clip in found.clips:
            service.fetch(operation, clip, tmp_path / f"{name}-{clip.number}.mp4")
        files[name] = [(tmp_path / f"{name}-{number}.mp4").read_bytes() for number in (1, 2, 3)]
    assert files["veo"] == files["veo_inline"] and len(set(files["veo"])) == 3


def test_frames_and_references_are_sent(stage: Stage, red: Path, tmp_path: Path) -> None:
    service = stage.opened("veo")
    bring(service, order(first_frame=red, last_frame=red), tmp_path / "frames.mp4")
    references = tuple(Reference(red, f"CHAR_0{number}") for number in (1, 2, 3))
    bring(service, order(references=references, duration=2.0), tmp_path / "references.mp4")
    with pytest.raises(Refused, match="with reference images"):
        service.submit(order(references=references))  # the service's own word on their length


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 5}, {"duration": 1.5}, {"last_frame": Path("x")}, {"first_frame": Path("/nowhere.png")},
        {"references": (Reference(Path("x")),) * 4}, {"token": "../x"}, {"model": "../tiny"},
        {"references": (Reference(Path("x")),), "first_frame": Path("x")},
    ],
)  # fmt: skip
def test_what_the_protocol_cannot_say_is_refused_and_not_sent(
    hostile: Hostile, against: VideoService, changes: dict[str, Any]
) -> None:
    with pytest.raises(Refused):
        against.submit(order(**changes))
    assert hostile.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        *VOID, as_json({"name": 3}), as_json({"name": "../../x"}), as_json({"name": "x" * 3_000_000}),
        Answer(status=499), Answer(body=b'{"name": "p', length=1000),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_submit_uncertain(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.submit(order())
    assert hostile.requests == [("POST", CALL)]


def no(status: int, word: str, message: str = "so", **headers: str) -> Answer:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}] if status == 429 else []
    error = {"code": status, "message": message, "status": word, "details": details}
    return as_json({"error": error}, status, **headers)


@pytest.mark.parametrize(
    ("answer", "error", "pause"),
    [
        (no(429, "RESOURCE_EXHAUSTED"), Unavailable, 7), (no(401, "UNAUTHENTICATED"), Unavailable, None),
        (no(403, "PERMISSION_DENIED"), Unavailable, None), (no(400, "FAILED_PRECONDITION"), Unavailable, None),
        (no(400, "INVALID_ARGUMENT"), Refused, None), (no(404, "NOT_FOUND"), Refused, None),
        (no(501, "UNIMPLEMENTED"), Refused, None), (no(500, "INTERNAL"), Uncertain, None),
        (Answer(status=503, headers={"retry-after": "3"}), Transient, 3), (no(503, "UNAVAILABLE"), Uncertain, None),
    ],
)  # fmt: skip
def test_every_status_of_a_submit_has_its_meaning(
    hostile: Hostile, against: VideoService, answer: Answer, error: type[ServiceError], pause: float | None
) -> None:
    hostile.answer = answer
    with pytest.raises(error) as caught:
        against.submit(order())
    assert type(caught.value) is error and getattr(caught.value, "retry_after", None) == pause


@pytest.mark.parametrize(
    ("failure", "error", "kind"),
    [
        ({"code": 3, "message": "the aspect ratio"}, Refused, "invalid"),
        ({"code": 3, "message": "it violates our usage guidelines. Support codes: 61493863"}, Refused, "policy"),
        ({"code": 8, "message": "overloaded"}, Broken, ""), ({"code": 13, "message": "internal"}, Broken, ""),
        ({}, Broken, ""),
    ],
)  # fmt: skip
def test_how_an_operation_failed_has_its_meaning(
    hostile: Hostile, against: VideoService, failure: dict[str, Any], error: type[ServiceError], kind: str
) -> None:
    hostile.answer = ended(error=failure)
    with pytest.raises(error) as caught:
        asyncio.run(against.poll(OPERATION))
    assert getattr(caught.value, "kind", "") == kind


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"name": OPERATION + "d"}), as_json({}), as_json([]), ended(), ended(response=3),
        ended(response={"videos": 3}), ended(response={"videos": [{}] * 100}), Answer(body=b"[" * 10_000),
        as_json({"name": OPERATION, "done": "yes"}), Answer(body=b"{" + b" " * 3_000_000),
        Answer(status=307, headers={"location": "/x"}),
        Answer(body=b"\x1f\x8b", headers={"content-encoding": "gzip"}), Answer(status=500), Answer(body=b"{", length=9),
    ],
)  # fmt: skip
def test_a_poll_that_tells_nothing_is_asked_again(hostile: Hostile, against: VideoService, answer: Answer) -> None:
    hostile.answer = answer
    with pytest.raises(Transient):
        asyncio.run(against.poll(OPERATION))
    assert len(hostile.requests) == 1


def test_no_text_of_the_service_comes_through_with_what_nobody_can_read(
    hostile: Hostile, against: VideoService
) -> None:
    nasty = "a\x00b\x1b[2J\u202ec"
    hostile.answer = ended(
        response={"videos": [{"gcsUri": nasty}], "raiMediaFilteredCount": 1, "raiMediaFilteredReasons": [nasty]}
    )
    found = asyncio.run(against.poll(OPERATION))
    assert isinstance(found, Delivered) and found.clips[0].handle == {}
    assert found.filter_reasons == ("a b [2J c",)
    hostile.answer = ended(error={"code": nasty, "message": nasty})
    with pytest.raises(Broken) as caught:
        asyncio.run(against.poll(OPERATION))
    assert caught.value.message.isprintable()


def inside(*files: bytes) -> Answer:
    videos = [{"bytesBase64Encoded": base64.b64encode(file).decode(), "mimeType": "video/mp4"} for file in files]
    return ended(response={"videos": videos})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (inside(b"one"), Transient), (inside(), Transient), (ended(error={"code": 13}), Transient),
        (as_json({"name": OPERATION}), Transient), (as_json({"error": {"message": "gone"}}, 404), Expired),
        (Answer(status=503), Transient),
        (as_json({"name": OPERATION + "x", "done": True, "response": {"videos": [{"bytesBase64Encoded": "AAAA"}] * 2}}),
         Transient),
        (ended(response={"videos": [{"bytesBase64Encoded": "AAAA"}, {"bytesBase64Encoded": "*"}]}), Broken),
    ],
)  # fmt: skip
def test_a_clip_inside_an_answer_that_is_not_there_any_more_is_not_kept(
    stage: Stage, hostile: Hostile, tmp_path: Path, answer: Answer, error: type[ServiceError]
) -> None:
    service = stage.opened("veo_inline", hostile.url)
    hostile.answer = inside(b"one", b"two")
    found = asyncio.run(service.poll(OPERATION))
    assert isinstance(found, Delivered)
    hostile.answer = answer
    with pytest.raises(ServiceError) as caught:
        service.fetch(OPERATION, found.clips[1], tmp_path / "clip.mp4")
    assert isinstance(caught.value, error) and list(tmp_path.iterdir()) == []
