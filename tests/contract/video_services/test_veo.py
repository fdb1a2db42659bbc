"""What is this adapter's own: clips in a bucket or inside an answer, filters, references, an order that was lost."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from PIL import Image

from tests.contract.video_services.cases import CASES, Stage
from tests.contract.video_services.stage import bring, delivered, outcome, request_for, shelf
from tests.emulated import SERVICES
from tests.hostile import Answer, Hostile
from vidpipe.domain.requests import Delivered, Pending, Reference, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, ServiceError, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.base import Findable, VideoService
from vidpipe.services.google.gcloud import login
from vidpipe.services.registry import open_service

OPERATION = "projects/rehearsal/locations/us-central1/publishers/google/models/tiny/operations/abc"
CALL = "/v1beta1/projects/rehearsal/locations/us-central1/publishers/google/models/tiny:predictLongRunning"
FOUND = "gs://films/vidpipe/token-x/2"


def order(**changes: Any) -> VideoRequest:
    return request_for(**{"model": "tiny", "fps": 24, **changes})


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with Hostile() as server:
        yield server


def opened(stage: Stage, name: str, url: str, **options: str) -> VideoService:
    services = {name: {**SERVICES[name], "options": {**SERVICES[name]["options"], **options}}}
    settings = replace(stage.emulator.settings(), services=services, service_urls={name: url})
    return open_service(name, settings, shelf())


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter with a bucket, and a server that answers as the test says."""
    return opened(stage, "veo", hostile.url)


@pytest.fixture
def red(tmp_path: Path) -> Path:
    Image.new("RGB", (3000, 500), (220, 30, 30)).save(tmp_path / "red.png")
    return tmp_path / "red.png"


def as_json(found: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status=status, body=json.dumps(found).encode(), headers=headers)


def ended(**more: Any) -> Answer:
    return as_json({"name": OPERATION, "done": True, **more})


@pytest.mark.parametrize("name", ["veo", "veo_inline"])
def test_what_the_filter_left_is_delivered_and_its_reasons_are_in_words(
    stage: Stage, name: str, tmp_path: Path
) -> None:
    stage.emulator.play("rules: [{fault: filtered, count: 1}]")
    service, request = CASES[name](stage).service, order(count=3)
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
    service = CASES["veo"](stage).service
    caught = outcome(service, service.submit(order(count=2)).name)
    assert isinstance(caught, Refused) and caught.kind == "policy" and "(child)" in caught.message


def test_a_prompt_that_is_blocked_says_why(stage: Stage) -> None:
    stage.emulator.play("rules: [{fault: policy}]")
    with pytest.raises(Refused, match="celebrity"):
        CASES["veo"](stage).service.submit(order())


def test_clips_inside_an_answer_are_left_there_and_are_those_that_a_bucket_holds(stage: Stage, tmp_path: Path) -> None:
    files = {}
    for name in ("veo", "veo_inline"):
        service = CASES[name](stage).service
        operation = service.submit(order(count=3)).name
        found = delivered(service, operation)
        assert len(json.dumps([clip.handle for clip in found.clips])) < 500
        for clip in found.clips:
            service.fetch(operation, clip, tmp_path / f"{name}-{clip.number}.mp4")
        files[name] = [(tmp_path / f"{name}-{number}.mp4").read_bytes() for number in (1, 2, 3)]
    assert files["veo"] == files["veo_inline"] and len(set(files["veo"])) == 3


def test_frames_and_references_are_sent(stage: Stage, red: Path, tmp_path: Path) -> None:
    service = CASES["veo"](stage).service
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
        Answer(body=b""), Answer(body=b"no json"), Answer(body=b"<html>", kind="text/html"), as_json({}), as_json([]),
        as_json({"name": 3}), as_json({"name": "../../x"}), Answer(body=b"[" * 10_000),
        as_json({"name": "x" * 3_000_000}), Answer(body=b"\x1f\x8b", headers={"content-encoding": "gzip"}),
        Answer(status=307, headers={"location": "/x"}),
        Answer(status=408), Answer(status=409), Answer(status=499), Answer(status=504),
        Answer(body=b'{"name": "p', length=1000),
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


@pytest.mark.parametrize(
    "uri",
    [
        "gs://other/vidpipe/t/1/2/sample_0.mp4", "gs://films/elsewhere/sample_0.mp4", "gs://films/vidpipe/../x.mp4",
        "gs://films/vidpipe/t//x.mp4", "file:///etc/passwd", "https://169.254.169.254/x", "gs://films/vidpipe/", "",
    ],
)  # fmt: skip
def test_a_clip_of_somewhere_else_is_not_fetched(
    hostile: Hostile, against: VideoService, uri: str, tmp_path: Path
) -> None:
    hostile.answer = ended(response={"videos": [{"gcsUri": uri}]})
    found = asyncio.run(against.poll(OPERATION))
    assert isinstance(found, Delivered)
    with pytest.raises(Broken):
        against.fetch(OPERATION, found.clips[0], tmp_path / "clip.mp4")
    assert len(hostile.requests) == 1 and list(tmp_path.iterdir()) == []


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
    service = opened(stage, "veo_inline", hostile.url)
    hostile.answer = inside(b"one", b"two")
    found = asyncio.run(service.poll(OPERATION))
    assert isinstance(found, Delivered)
    hostile.answer = answer
    with pytest.raises(ServiceError) as caught:
        service.fetch(OPERATION, found.clips[1], tmp_path / "clip.mp4")
    assert isinstance(caught.value, error) and list(tmp_path.iterdir()) == []


def listing(*ages: float, **more: Any) -> Answer:
    """Clips that were written so many seconds ago."""
    now = datetime.now(UTC)
    items = [
        {"name": f"vidpipe/token-x/2/1/sample_{number}.mp4", "size": "9",
         "timeCreated": (now - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")}
        for number, age in enumerate(ages)
    ]  # fmt: skip
    return as_json({"kind": "storage#objects", "items": items, **more})


@pytest.mark.parametrize(
    ("ages", "clips", "missing"),
    [((), 0, 0), ((5,), 0, 0), ((5, 5), 2, 0), ((900,), 1, 1), ((5, 5, 5), 2, 0)],
)
def test_a_lost_order_is_whole_once_its_clips_are_there_or_none_was_added_for_long(
    hostile: Hostile, against: VideoService, ages: tuple[float, ...], clips: int, missing: int
) -> None:
    hostile.answer = listing(*ages)
    found = asyncio.run(against.poll(FOUND))
    if not clips:
        assert isinstance(found, Pending)
        return
    assert isinstance(found, Delivered) and (len(found.clips), found.filtered) == (clips, missing)
    assert bool(found.filter_reasons) == bool(missing)


def test_a_lost_order_is_found_by_what_it_wrote(hostile: Hostile, against: VideoService) -> None:
    assert isinstance(against, Findable)
    hostile.answer = listing(5)
    found = against.find("token-x")
    assert found is not None and found.name == FOUND
    hostile.answer = listing()
    assert against.find("token-x") is None


@pytest.mark.parametrize(
    "answer",
    [
        as_json({}), as_json([]), as_json({"kind": "storage#objects", "items": 3}), Answer(status=500),
        Answer(body=b"x"),
        as_json({"kind": "storage#objects", "items": [{"name": "vidpipe/token-x/2/1/a.mp4"}]}), as_json({}, 404),
        as_json({"kind": "storage#objects", "items": [3]}), listing(nextPageToken="again"), as_json({}, 403),
        as_json({"kind": "storage#objects", "items": [
            {"name": "vidpipe/token-x/a.mp4", "size": "9", "timeCreated": "2026-11-21T00:00:00Z"}]}),
    ],
)  # fmt: skip
def test_a_listing_that_cannot_tell_is_never_taken_for_a_no(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    assert isinstance(against, Findable)
    hostile.answer = answer
    with pytest.raises(Transient):
        against.find("token-x")


@pytest.mark.parametrize(
    "name", ["gs://films/vidpipe/../x/2", "gs://other/vidpipe/t/2", "gs://films/vidpipe/t/x", "gs://"]
)
def test_a_folder_that_is_none_of_ours_is_no_operation(hostile: Hostile, against: VideoService, name: str) -> None:
    with pytest.raises(Expired):
        asyncio.run(against.poll(name))
    assert hostile.requests == []


def test_nothing_in_the_environment_leads_anywhere_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = "http://127.0.0.1:9"  # discard: nobody listens
    for name, value in {
        "GOOGLE_VERTEX_BASE_URL": away, "GOOGLE_GEMINI_BASE_URL": away, "GOOGLE_GENAI_API_VERSION": "v9",
        "GOOGLE_GENAI_USE_VERTEXAI": "false", "GOOGLE_GENAI_USE_ENTERPRISE": "false", "GOOGLE_API_KEY": "real",
        "GEMINI_API_KEY": "real", "GOOGLE_CLOUD_PROJECT": "other", "GOOGLE_CLOUD_LOCATION": "mars",
        "GOOGLE_GENAI_CLIENT_MODE": "replay", "GOOGLE_API_USE_MTLS_ENDPOINT": "always", "HTTP_PROXY": away,
        "HTTPS_PROXY": away, "ALL_PROXY": away, "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json",
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    bring(CASES["veo"](stage).service, order(), tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size > 1000


def test_the_sdk_is_kept_from_another_host_of_its_own_choice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_USE_MTLS_ENDPOINT", "always")
    service = opened(stage, "veo", "https://us-central1-aiplatform.googleapis.com")
    with pytest.raises(Unavailable, match=r"mtls.googleapis.com, which is not configured"):
        service.submit(order())


@pytest.mark.parametrize(
    ("changes", "options", "what"),
    [
        ({"keys": {}}, {}, "has no key"),
        ({"keys": {"GOOGLE_CLOUD_PROJECT": "rehearsal"}}, {}, "not Google's, and no token"),
        ({"keys": {"GOOGLE_CLOUD_PROJECT": "../x", "GOOGLE_OAUTH_ACCESS_TOKEN": "t"}}, {}, "cannot be one"),
        ({}, {"location": "a/b"}, "cannot be one"),
        ({}, {"bucket": "gs://a b/c"}, "bucket cannot be used"),
        ({}, {"bucket": "gs://films/../x"}, "bucket cannot be used"),
        ({}, {"storage_url": "http://example.com"}, "sent in the open"),
        (
            {"keys": {"GOOGLE_CLOUD_PROJECT": "rehearsal"}},
            {"url": "https://us-central1-aiplatform.googleapis.com", "storage_url": "https://example.com"},
            "not Google's, and no token",
        ),
        ({"service_urls": {"veo": "http://example.com"}}, {}, "sent in the open"),
        ({}, {"buckets": "x"}, "nothing reads"),
    ],
)
def test_what_is_missing_or_unsafe_is_told_before_anything_is_sent(
    stage: Stage, changes: Mapping[str, Any], options: dict[str, str], what: str
) -> None:
    entry = {**SERVICES["veo"], "options": {**SERVICES["veo"]["options"], **options}}
    settings = replace(stage.emulator.settings(), services={"veo": entry}, **changes)
    with pytest.raises(SetupError, match=what):
        open_service("veo", settings, shelf())


def test_a_clip_in_a_bucket_waits_for_the_bucket_to_be_set(stage: Stage, hostile: Hostile, tmp_path: Path) -> None:
    service = opened(stage, "veo_inline", hostile.url)
    with pytest.raises(Unavailable, match="`bucket` is not set"):
        service.fetch(OPERATION, RemoteClip(1, {"uri": "gs://films/x.mp4"}), tmp_path / "clip.mp4")


def account_file(folder: Path, token_url: str) -> Path:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    found = {
        "type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "token_uri": token_url,
        "private_key": key.decode(), "private_key_id": "1", "project_id": "rehearsal",
    }  # fmt: skip
    (folder / "account.json").write_text(json.dumps(found))
    return folder / "account.json"


def test_a_service_accounts_file_gives_a_token_that_is_kept_until_it_runs_out(hostile: Hostile, tmp_path: Path) -> None:
    path = account_file(tmp_path, f"{hostile.url}/token")
    who = login("veo", token=None, service_account_file=str(path), abroad=False)
    hostile.answer = as_json({"access_token": "one", "expires_in": 3600, "token_type": "Bearer"})
    assert [who.headers() for _ in range(2)] == [{"Authorization": "Bearer one"}] * 2
    assert hostile.requests == [("POST", "/token")]
    hostile.answer = as_json({"access_token": "two", "expires_in": 60})
    who.expiry = datetime(2020, 1, 1)
    assert asyncio.run(who.headers_async()) == {"Authorization": "Bearer two"}


def test_a_token_that_cannot_be_had_is_no_fault_of_the_order(hostile: Hostile, tmp_path: Path) -> None:
    path = account_file(tmp_path, f"{hostile.url}/token")
    who = login("veo", token=None, service_account_file=str(path), abroad=False)
    hostile.answer = as_json({"error": "invalid_grant"}, 400)
    with pytest.raises(Unavailable, match="Google gives no token"):
        who.headers()


@pytest.mark.parametrize("file", ["/nowhere.json", ""])
def test_credentials_that_cannot_be_used_are_told(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    with pytest.raises(SetupError, match="no credentials of Google Cloud"):
        login("veo", token=None, service_account_file=file, abroad=False)


def test_a_token_goes_before_everything_and_is_never_told(tmp_path: Path) -> None:
    who = login("veo", token="secret-token", service_account_file="/nowhere.json", abroad=True)
    assert who.headers() == {"Authorization": "Bearer secret-token"} and "secret-token" not in repr(who)
