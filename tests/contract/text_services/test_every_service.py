"""What every service that writes keeps to, on the real wire. A new one joins SERVICES."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from tests.emulated import Emulated
from tests.hostile import VOID, Answer, Hostile, as_json
from vidpipe.boundary import transaction_open
from vidpipe.domain.side_requests import Spent, TextRequest, Usage, Written, charged_for_text, reserved_for_text
from vidpipe.domain.side_services import TextModel, read_text_services
from vidpipe.errors import Refused, ServiceError, SetupError, TransactionOpen, Transient, Unavailable, Uncertain
from vidpipe.services.text.base import TextService
from vidpipe.services.text.registry import ADAPTERS, open_text_service

# The SDK warns of a reason that is new to it.
pytestmark = pytest.mark.filterwarnings("ignore:.* is not a valid:UserWarning:google")
SERVICES = {"gemini_text": "tiny"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "reasons": {"type": "array", "items": {"type": "string", "maxLength": 80}, "minItems": 1, "maxItems": 3},
        "verdict": {"enum": ["good", "bad"]},
    },
    "required": ["score", "reasons", "verdict"],
    "additionalProperties": False,
}
_numbers = count(1)


@pytest.fixture(params=list(SERVICES))
def service(request: pytest.FixtureRequest, emulator: Emulated) -> TextService:
    return open_text_service(request.param, emulator.settings())


@pytest.fixture
def against(emulator: Emulated, hostile: Hostile) -> TextService:
    settings = replace(emulator.settings(), service_urls={"gemini_text": hostile.url})
    return open_text_service("gemini_text", settings)


def asked(
    service: TextService, prompt: str = "How well does the clip show a stormy sea?", **changes: Any
) -> TextRequest:
    base = TextRequest(f"text-{next(_numbers)}", SERVICES[service.name], prompt, SCHEMA, most_tokens=500, seed=7)
    return replace(base, **changes)


def model_of(emulator: Emulated, service: TextService) -> TextModel:
    return read_text_services(emulator.services)[service.name].models[SERVICES[service.name]]


def billed(emulator: Emulated, request: TextRequest) -> Decimal:
    return sum((Decimal(row["amount"]) for row in emulator.bill(request.token)), Decimal(0))


def test_every_adapter_is_in_this_suite() -> None:
    assert set(SERVICES) == set(ADAPTERS)


def test_an_answer_fits_its_schema_and_costs_what_was_counted(
    emulator: Emulated, service: TextService, tmp_path: Path
) -> None:
    Image.new("RGB", (3000, 200), (9, 99, 199)).save(tmp_path / "a.png")
    request = asked(service, system="You judge films.", images=(tmp_path / "a.png",))
    answer = service.write(request)
    assert isinstance(answer, Written) and answer.usage is not None and answer.model_version
    jsonschema.validate(answer.value, SCHEMA)
    model = model_of(emulator, service)
    charged = charged_for_text(model, request, answer)
    assert charged == billed(emulator, request) and 0 < charged <= reserved_for_text(model, request)


def test_the_seed_decides_the_answer(service: TextService) -> None:
    one, two, other = (service.write(asked(service, seed=seed)) for seed in (7, 7, 8))
    assert isinstance(one, Written) and isinstance(two, Written) and isinstance(other, Written)
    assert one.value == two.value != other.value


# fault, what it means, whether it is on the bill
FAULTS: list[tuple[str, type[ServiceError], bool]] = [
    ("'429', retry_after: 2", Unavailable, False),
    ("quota", Unavailable, False),
    ("'500'", Uncertain, False),
    ("'503', retry_after: 2", Transient, False),
    ("'503'", Uncertain, False),
    ("policy", Refused, False),
    ("filtered", Refused, False),
    ("invalid", Refused, False),
    ("retired", Refused, False),
    ("hang", Uncertain, False),
    ("reset", Uncertain, False),
    ("500-after", Uncertain, True),
    ("reset-after", Uncertain, True),
    ("hang-after", Uncertain, True),
    ("slow-answer, seconds: 30", Uncertain, True),
]


@pytest.mark.parametrize(("fault", "error", "bought"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_text_posts_once_and_says_what_became_of_it(
    emulator: Emulated, service: TextService, fault: str, error: type[ServiceError], bought: bool
) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    request = asked(service)
    with pytest.raises(error) as caught:
        service.write(request)
    assert type(caught.value) is error
    assert emulator.posts(request.token) == 1 and bool(emulator.bill(request.token)) == bought
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == (2 if "retry_after" in fault else None)
    if isinstance(caught.value, Refused):
        assert caught.value.kind == ("policy" if fault in ("policy", "filtered") else "invalid")


@pytest.mark.parametrize("fault", ["truncated", "rubbish", "fail"])
def test_what_cannot_be_used_is_spent_and_charged_as_counted(
    emulator: Emulated, service: TextService, fault: str
) -> None:
    emulator.play(f"rules: [{{fault: {fault}}}]")
    request = asked(service)
    answer = service.write(request)
    assert isinstance(answer, Spent) and answer.kind == "broken"
    assert charged_for_text(model_of(emulator, service), request, answer) == billed(emulator, request) > 0


def test_what_was_not_counted_is_charged_as_reserved(emulator: Emulated, service: TextService) -> None:
    model, request = model_of(emulator, service), asked(service)
    assert charged_for_text(model, request, Spent("?")) == reserved_for_text(model, request)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": " "}, {"prompt": "x" * 400_001}, {"schema": {"type": "nothing"}}, {"schema": {"x": {1, 2}}},
        {"schema": {"enum": ["x" * 70_000]}}, {"images": (Path("/nowhere.png"),)}, {"images": (Path("x"),) * 17},
        {"most_tokens": 0},
    ],
)  # fmt: skip
def test_what_is_over_our_limits_is_refused_and_not_sent(
    emulator: Emulated, service: TextService, changes: dict[str, Any]
) -> None:
    request = asked(service, **changes)
    with pytest.raises(Refused):
        service.write(request)
    assert emulator.posts(request.token) == 0


@pytest.mark.parametrize("changes", [{"model": "no-such"}, {"most_tokens": 5000}])
def test_what_the_model_cannot_do_is_refused_by_the_service(
    emulator: Emulated, service: TextService, changes: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as caught:
        service.write(asked(service, **changes))
    assert caught.value.kind == "invalid"


def test_a_text_is_never_asked_for_inside_a_transaction(service: TextService) -> None:
    with transaction_open(), pytest.raises(TransactionOpen):
        service.write(asked(service))


def test_a_wrong_key_buys_nothing_and_is_not_told(emulator: Emulated) -> None:
    secret = "AIza-real-looking-1234567890"
    service = open_text_service("gemini_text", emulator.settings(GEMINI_API_KEY=secret))
    with pytest.raises(Unavailable) as caught:
        service.write(asked(service))
    assert secret not in repr(caught.value)
    with pytest.raises(SetupError):
        open_text_service("gemini_images", emulator.settings())


def answered(text: str, finish: str = "STOP", **more: Any) -> Answer:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}
    return as_json({"candidates": [candidate], **more})


GOOD = {"score": 0.5, "reasons": ["waves"], "verdict": "good"}


def test_thoughts_are_counted_and_not_read(hostile: Hostile, against: TextService) -> None:
    whole = json.dumps(GOOD)
    parts = [{"text": "hm", "thought": True}, {"text": whole[:9]}, {"text": whole[9:]}]
    found = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}], "modelVersion": "m-7",
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 9, "thoughtsTokenCount": 7},
    }  # fmt: skip
    hostile.answer = as_json(found)
    assert against.write(asked(against)) == Written(GOOD, "m-7", Usage(5, 16))


@pytest.mark.parametrize(
    "answer",
    [
        answered(""), answered("no json"), answered("[1]"), answered(json.dumps({**GOOD, "score": 2})),
        answered(json.dumps({**GOOD, "more": 1})), answered(json.dumps({**GOOD, "score": float("nan")})),
        answered(f'"{"x" * 1_100_000}"'), answered(json.dumps(GOOD), "MAX_TOKENS"),
        answered(json.dumps(GOOD), "CONTINUATION"), answered(json.dumps(GOOD), "NEVER_HEARD_OF"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_spent(hostile: Hostile, against: TextService, answer: Answer) -> None:
    hostile.answer = answer
    found = against.write(asked(against))
    assert isinstance(found, Spent) and found.kind == "broken" and len(hostile.requests) == 1


def test_what_the_policy_cuts_off_is_spent_where_it_was_counted(hostile: Hostile, against: TextService) -> None:
    counted = {"promptTokenCount": 5, "candidatesTokenCount": 9}
    hostile.answer = answered("{", "SAFETY", usageMetadata=counted)
    found = against.write(asked(against))
    assert isinstance(found, Spent) and (found.kind, found.usage) == ("policy", Usage(5, 9))


@pytest.mark.parametrize(
    "answer",
    [*VOID, Answer(body=b"{" + b" " * 9_000_000 + b"}"),
     answered("[" * 10_000)],  # the SDK decodes the answer's own JSON too, and its error takes the answer along
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_text_uncertain(
    hostile: Hostile, against: TextService, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.write(asked(against))
    assert len(hostile.requests) == 1
