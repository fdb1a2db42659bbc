"""What can go wrong with a drawing that is paid for, on the real wire: one POST, and what each answer means."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.contract.image_services.test_every_service import asked
from tests.emulated import Emulated
from tests.hostile import VOID, Answer, Hostile, as_json
from vidpipe.domain.side_requests import Drawn, Spent, Usage
from vidpipe.errors import Refused, ServiceError, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.images.base import ImageService
from vidpipe.services.images.registry import open_image_service

# The SDK warns of a reason that is new to it.
pytestmark = pytest.mark.filterwarnings("ignore:.* is not a valid:UserWarning:google")


@pytest.fixture
def service(emulator: Emulated) -> ImageService:
    return open_image_service("gemini_images", emulator.settings())


@pytest.fixture
def against(emulator: Emulated, hostile: Hostile) -> ImageService:
    settings = replace(emulator.settings(), service_urls={"gemini_images": hostile.url})
    return open_image_service("gemini_images", settings)


# fault, what it means, how many pictures are on the bill
FAULTS: list[tuple[str, type[ServiceError], int]] = [
    ("'429', retry_after: 2", Unavailable, 0),
    ("'429'", Unavailable, 0),
    ("quota, retry_after: 2", Unavailable, 0),
    ("'500'", Uncertain, 0),
    ("'502'", Uncertain, 0),
    ("'503', retry_after: 2", Transient, 0),
    ("'503'", Uncertain, 0),
    ("policy", Refused, 0),
    ("invalid", Refused, 0),
    ("retired", Refused, 0),
    ("hang", Uncertain, 0),
    ("reset", Uncertain, 0),
    ("filtered", Refused, 0),
    ("500-after", Uncertain, 1),
    ("503-after", Uncertain, 1),
    ("reset-after", Uncertain, 1),
    ("hang-after", Uncertain, 1),
    ("slow-answer, seconds: 30", Uncertain, 1),
]


@pytest.mark.parametrize(("fault", "error", "bought"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_drawing_posts_once_and_says_what_became_of_it(
    emulator: Emulated, service: ImageService, tmp_path: Path, fault: str, error: type[ServiceError], bought: int
) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    request = asked(service, aspect="1:1")
    with pytest.raises(error) as caught:
        service.draw(request, tmp_path / "a.png")
    assert type(caught.value) is error and list(tmp_path.iterdir()) == []
    assert emulator.posts(request.token) == 1 and len(emulator.bill(request.token)) == bought
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == (2 if "retry_after" in fault else None)
    if isinstance(caught.value, Refused):
        assert caught.value.kind == ("policy" if fault in ("policy", "filtered") else "invalid")


@pytest.mark.parametrize("fault", ["fail", "truncated", "rubbish"])
def test_what_was_bought_and_is_no_picture_is_spent_and_not_kept(
    emulator: Emulated, service: ImageService, tmp_path: Path, fault: str
) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    request = asked(service, aspect="1:1")
    answer = service.draw(request, tmp_path / "a.png")
    assert isinstance(answer, Spent) and answer.kind == "broken" and answer.reason
    assert list(tmp_path.iterdir()) == [] and len(emulator.bill(request.token)) == 1


@pytest.mark.parametrize(("fault", "size"), [("black", (1024, 1024)), ("wrong-size", (512, 512))])
def test_a_spoiled_picture_says_what_it_is(
    emulator: Emulated, service: ImageService, tmp_path: Path, fault: str, size: tuple[int, int]
) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    drawn = service.draw(asked(service, aspect="1:1"), tmp_path / "a.png")
    assert isinstance(drawn, Drawn) and (drawn.width, drawn.height) == size


def test_a_wrong_key_buys_nothing_and_is_not_told(emulator: Emulated, tmp_path: Path) -> None:
    secret = "AIza-real-looking-1234567890"
    settings = emulator.settings(GEMINI_API_KEY=secret)
    service = open_image_service("gemini_images", settings)
    request = asked(service)
    with pytest.raises(Unavailable) as caught:
        service.draw(request, tmp_path / "a.png")
    assert secret not in repr(caught.value) and emulator.bill(request.token) == []
    with pytest.raises(SetupError, match="has no key"):
        open_image_service("gemini_images", replace(settings, keys={}))


def test_nobody_there_is_nothing_bought(emulator: Emulated, tmp_path: Path) -> None:
    away = replace(emulator.settings(), service_urls={"gemini_images": "http://127.0.0.1:9"})
    service = open_image_service("gemini_images", away)
    with pytest.raises(Unavailable):
        service.draw(asked(service), tmp_path / "a.png")


def png(width: int = 8, height: int = 8, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (9, 99, 199)).save(out, kind)
    return out.getvalue()


def huge() -> bytes:
    """A small file that says it has 100,000 by 100,000 pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return png()[:8] + chunk + png()[33:]


def answered(*parts: dict[str, Any], finish: str = "STOP", **more: Any) -> Answer:
    content = {"content": {"role": "model", "parts": parts}} if parts else {}
    return as_json({"candidates": [{**content, "finishReason": finish}], **more})


def inline(data: bytes, mime: str = "image/png", **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}, **more}


def test_the_last_picture_that_is_no_thought_is_taken(hostile: Hostile, against: ImageService, tmp_path: Path) -> None:
    hostile.answer = answered(
        inline(png(16, 16)), {"text": "so:"}, inline(png(32, 16)), inline(png(), thought=True),
        usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 1120, "thoughtsTokenCount": 7},
        modelVersion="banana-7",
    )  # fmt: skip
    found = against.draw(asked(against), tmp_path / "a.png")
    assert found == Drawn("image/png", 32, 16, "banana-7", Usage(5, 1127))


@pytest.mark.parametrize(
    "answer",
    [
        answered(inline(huge())), answered(inline(b"no picture")), answered(inline(b"")),
        answered(inline(png(kind="GIF"), "image/gif")), answered(inline(png(), "image/jpeg")),
        answered(inline(png()[:-30])), answered({"text": "I will not."}), answered(finish="NO_IMAGE"),
        answered(inline(png(), thought=True)), answered(finish="NEVER_HEARD_OF"),
        answered({"functionCall": {"name": "f", "args": {}}}), answered({"text": "x"}, finish="CONTINUATION"),
    ],
)  # fmt: skip
def test_an_answer_without_a_usable_picture_is_spent(
    hostile: Hostile, against: ImageService, tmp_path: Path, answer: Answer
) -> None:
    hostile.answer = answer
    assert isinstance(against.draw(asked(against), tmp_path / "a.png"), Spent)
    assert list(tmp_path.iterdir()) == [] and len(hostile.requests) == 1


@pytest.mark.parametrize("why", ["SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION"])
def test_what_the_policy_keeps_is_refused(hostile: Hostile, against: ImageService, tmp_path: Path, why: str) -> None:
    for answer in (answered(finish=why), as_json({"promptFeedback": {"blockReason": why}})):
        hostile.answer = answer
        with pytest.raises(Refused) as caught:
            against.draw(asked(against), tmp_path / "a.png")
        assert caught.value.kind == "policy"


@pytest.mark.parametrize(
    "answer",
    [
        *VOID, as_json({"candidates": 3}), as_json({"candidates": []}),
        answered({"inlineData": {"mimeType": "image/png", "data": "no base 64!"}}),
        Answer(body=b"{" + b" " * 100_000_000 + b"}"),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_drawing_uncertain(
    hostile: Hostile, against: ImageService, tmp_path: Path, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.draw(asked(against), tmp_path / "a.png")
    assert len(hostile.requests) == 1 and list(tmp_path.iterdir()) == []
