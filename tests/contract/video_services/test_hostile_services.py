"""A service gone wrong or bad: whatever it answers, every adapter says why, and no harm is done.

Each attack is tried on each call of each adapter that speaks to a service: it ends in an error of ours, soon, after no
more has been read than an answer may have, with one POST a submit, without a file, and nobody else is asked.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.video_services.cases import CASES, Case, Stage
from tests.hostile import Answer, Hostile, as_json
from vidpipe.domain.requests import Delivered, RemoteClip
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Uncertain
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.settings import Timing

SOON = 10.0  # seconds; a call may take one here, and what only asks may ask three times
MOST_READ = 80 * 1024 * 1024  # bytes; what a socket holds comes on top of what is read
ODD = "".join(chr(code) for code in (*range(32), 127, 0x85, 0x202E, 0x2028))
LATE = "Tue, 19 Jan 2038 03:14:08 GMT"  # the first second that 32 bits cannot hold


def odd(status: str) -> bytes:
    """Control characters in every field that any of the services has."""
    fields = ("id", "name", "status", "error", "failure", "failureCode", "request_id", "detail", "output", "video",
              "progress", "model", "prompt", "items", "next_cursor", "done", "response", "message", "code")  # fmt: skip
    return json.dumps(dict.fromkeys(fields, ODD) | {"status": status}).encode()


ATTACKS: dict[str, Callable[[str], Answer]] = {
    "an endless body": lambda other: Answer(endless=b" " * 65_536),
    "a body that comes byte by byte": lambda other: Answer(body=b'{"a": "', endless=b"x", pause=0.05),
    "headers that come byte by byte": lambda other: Answer(unending=b"x", pause=0.05),
    "JSON of 100 MB and more": lambda other: Answer(body=b'{"id": [0', endless=b",0" * 32_768),
    "JSON nested 10,000 deep": lambda other: Answer(body=b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "lists nested 10,000 deep": lambda other: Answer(body=b"[" * 10_000 + b"]" * 10_000),
    "a gzip bomb": lambda other: Answer(
        body=gzip.compress(b" " * 100_000_000), headers={"content-encoding": "gzip"}
    ),
    "a page": lambda other: Answer(body=b"<html>", kind="text/html"),
    "a picture": lambda other: Answer(body=b"\x89PNG", kind="image/png"),
    "no UTF-8": lambda other: Answer(body=b'{"id": "\xff\xfe"}'),
    "NaN": lambda other: Answer(body=b'{"id": NaN, "status": Infinity, "progress": -Infinity}'),
    "2 GB that do not come": lambda other: Answer(body=b"{", length=2 * 1024**3),
    "headers that never end": lambda other: Answer(unending=b"x-more: " + b"x" * 1000 + b"\r\n"),
    "one header that never ends": lambda other: Answer(unending=b"x" * 1000),
    "a redirect to a private address": lambda other: Answer(
        status=302, headers={"location": "http://169.254.169.254/latest/meta-data"}
    ),
    "a redirect that keeps the method, to another host": lambda other: Answer(
        status=307, headers={"location": f"{other}/v1/videos"}
    ),
    "a redirect to a file": lambda other: Answer(status=301, headers={"location": "file:///etc/passwd"}),
    "control characters": lambda other: Answer(body=odd(ODD)),
    "control characters in an error": lambda other: Answer(status=500, body=odd("failed")),
    "a status never heard of": lambda other: Answer(status=299, body=b"{}"),
    "an answer without words": lambda other: Answer(status=204),
}  # fmt: skip


def turned(case: Case, stage: Stage, hostile: Hostile) -> tuple[VideoService, str]:
    """The adapter against the hostile server, and the name of an operation that the service took before it turned."""
    name = case.service.submit(case.ask()).name
    service = case.service.name
    path = urlsplit(stage.emulator.bases[service]).path.removeprefix(f"/{service}")
    seconds = 0.4 if hostile.answer.pause else 1.0  # what drips is always waited for
    quick = Timing(call_timeout=seconds, poll_timeout=seconds)
    return stage.opened(service, f"{hostile.url}{path}", timing=quick), name


# What stands in the handle of a clip where it is needed to fetch it.
HANDLES: dict[str, dict[str, Any]] = {"gemini": {"inline": True}, "veo_inline": {"inline": 0}}


def calls(service: VideoService, case: Case, name: str, dest: Path) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {
        "submit": lambda: service.submit(case.ask()),
        "poll": lambda: asyncio.run(service.poll(name)),
        "fetch": lambda: service.fetch(name, RemoteClip(1, HANDLES.get(service.name, {})), dest),
    }
    if isinstance(service, Findable):
        found["find"] = lambda: service.find("token")
    if isinstance(service, Cancellable):
        found["cancel"] = lambda: service.cancel(name)
    return found


def reason(call: Callable[[], object]) -> ServiceError | None:
    """The error that a call ends in; None where it says that there was nothing to stop, or that the answer is so long
    that there must be a clip in it (which is looked at when it is fetched)."""
    try:
        found = call()
    except ServiceError as error:
        return error
    inline = isinstance(found, Delivered) and [clip.handle for clip in found.clips] == [{"inline": True}]
    assert found is False or inline, found
    return None


@pytest.mark.parametrize("attack", list(ATTACKS))
def test_whatever_is_answered_ends_in_a_reason_and_no_damage(
    stage: Stage, paid: Case, hostile: Hostile, other: Hostile, tmp_path: Path, attack: str
) -> None:
    hostile.answer = ATTACKS[attack](other.url)
    service, name = turned(paid, stage, hostile)
    for call, made in calls(service, paid, name, tmp_path / "clip.mp4").items():
        hostile.sent = 0
        hostile.requests.clear()
        begun = time.monotonic()
        error = reason(made)
        assert time.monotonic() - begun < SOON and hostile.sent < MOST_READ, call
        if error is None:
            assert call in ("cancel", "poll"), call
            continue
        assert len(error.message) < 2000 and not set(error.message) & set(ODD), call
        if call == "submit":
            assert type(error) is Uncertain and [method for method, _ in hostile.requests] == ["POST"]
        else:
            assert isinstance(error, Transient | Broken | Expired), call
    assert list(tmp_path.iterdir()) == [] and other.requests == []


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("told", [LATE, "1e309", "-5", "nan", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999999999999"])
def test_a_clock_in_2038_and_other_times_make_nobody_wait_for_ever(
    stage: Stage, paid: Case, hostile: Hostile, status: int, told: str
) -> None:
    service, name = turned(paid, stage, hostile)
    hostile.answer = Answer(status=status, body=b"{}", headers={"retry-after": told, "date": LATE})
    for made in (lambda: service.submit(paid.ask()), lambda: asyncio.run(service.poll(name))):
        with pytest.raises(ServiceError) as caught:
            made()
        pause = getattr(caught.value, "retry_after", None)
        assert pause is None or 0 <= pause <= 3600


def clip_at(case: Case, name: str, url: str) -> dict[str, Answer]:
    """What a service answers where its clip's address is asked for; nothing where it has one of its own."""
    if case.service.name == "runway":
        task = {"id": name, "createdAt": "2038-01-19T03:14:08.000Z", "status": "SUCCEEDED", "output": [url]}
        return {f"/v1/tasks/{name}": as_json({**task, "cost": {"credits": 1}})}
    if case.service.name == "pika":
        return {f"/fal-ai/pika/requests/{name}": as_json({"video": {"url": url}})}
    return {}


CLIPS: dict[str, Callable[[str], Answer]] = {
    "an endless page": lambda other: Answer(kind="text/html", endless=b" " * 65_536),
    "a clip that comes byte by byte": lambda other: Answer(kind="video/mp4", endless=b"x", pause=0.05),
    "headers that come byte by byte": lambda other: Answer(unending=b"x", pause=0.05),
    "a playlist": lambda other: Answer(body=b"#EXTM3U\n", kind="application/vnd.apple.mpegurl"),
    "a playlist by its other name": lambda other: Answer(body=b"#EXTM3U\n", kind="audio/mpegurl"),
    "a page": lambda other: Answer(body=b"<html>", kind="text/html"),
    "no type": lambda other: Answer(body=b"x", kind=""),
    "packed": lambda other: Answer(
        body=gzip.compress(b" " * 100_000_000), kind="video/mp4", headers={"content-encoding": "gzip"}
    ),
    "more than 2 GB announced": lambda other: Answer(body=b"x", kind="video/mp4", length=2 * 1024**3 + 1),
    "2 GB that do not come": lambda other: Answer(body=b"x", kind="video/mp4", length=2 * 1024**3),
    "nothing": lambda other: Answer(kind="video/mp4"),
    "half": lambda other: Answer(body=b"x" * 10, kind="video/mp4", length=20),
    "a redirect to a private address": lambda other: Answer(
        status=302, headers={"location": "http://169.254.169.254/"}
    ),
    "a redirect to another host": lambda other: Answer(status=307, headers={"location": f"{other}/clip.mp4"}),
    "a redirect to a file": lambda other: Answer(status=302, headers={"location": "file:///etc/passwd"}),
    "headers that never end": lambda other: Answer(unending=b"x-more: " + b"x" * 1000 + b"\r\n"),
}


@pytest.mark.parametrize("attack", list(CLIPS))
@pytest.mark.parametrize("name", ["openai_videos", "runway", "pika"])
def test_a_clip_that_is_none_is_not_kept(
    stage: Stage, hostile: Hostile, other: Hostile, tmp_path: Path, name: str, attack: str
) -> None:
    case = CASES[name](stage)
    hostile.answer = CLIPS[attack](other.url)
    service, operation = turned(case, stage, hostile)
    hostile.paths = clip_at(case, operation, f"{hostile.url}/clip.mp4")
    with pytest.raises((Transient, Broken)):
        service.fetch(operation, RemoteClip(1), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == [] and other.requests == [] and hostile.sent < MOST_READ
    assert len(hostile.requests) <= 2


NAMES = ("../../etc/passwd", "a/../b", "a?b=c", "a#b", "a b", "a\nb", "a%2f..", "", "é", "x" * 500, "\x00")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_path_characters_is_never_asked_for(
    stage: Stage, paid: Case, hostile: Hostile, tmp_path: Path, name: str
) -> None:
    service, _ = turned(paid, stage, hostile)
    for call, made in calls(service, paid, name, tmp_path / "clip.mp4").items():
        if call in ("poll", "fetch", "cancel"):
            with pytest.raises(Expired):
                made()
    assert hostile.requests == []


ACCEPTED: dict[str, Callable[[str], Any]] = {
    "openai_videos": lambda name: {"id": name},
    "runway": lambda name: {"id": name},
    "pika": lambda name: {"request_id": name, "response_url": "", "status_url": "", "cancel_url": ""},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("service", list(ACCEPTED))
def test_an_order_accepted_under_such_a_name_is_uncertain(
    stage: Stage, hostile: Hostile, service: str, name: str
) -> None:
    case = CASES[service](stage)
    opened, _ = turned(case, stage, hostile)
    hostile.answer = as_json(ACCEPTED[service](name))
    with pytest.raises(Uncertain):
        opened.submit(case.ask())


def test_a_clip_of_anothers_take_is_not_taken_for_this_one(stage: Stage, hostile: Hostile) -> None:
    told = {
        "openai_videos": {"id": "video_other", "status": "completed"},
        "runway": {"id": "other", "status": "SUCCEEDED", "output": ["https://dnznrvs05pmza.cloudfront.net/a.mp4"]},
        "pika": {"request_id": "other", "status": "COMPLETED"},
    }
    for service, answer in told.items():
        opened, name = turned(CASES[service](stage), stage, hostile)
        hostile.answer = as_json(answer)
        with pytest.raises(Transient, match="something else"):
            asyncio.run(opened.poll(name))


def test_a_refusal_is_told_in_words_that_can_be_shown(stage: Stage, paid: Case, hostile: Hostile) -> None:
    service, _ = turned(paid, stage, hostile)
    hostile.answer = Answer(status=400, body=odd("failed"))
    with pytest.raises(Refused) as caught:
        service.submit(paid.ask())
    assert not set(caught.value.message) & set(ODD) and len(caught.value.message) < 2000
