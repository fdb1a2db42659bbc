"""What a service takes at once and in a minute, as the registry or a scenario says: the rest is refused as its vendor
does it, or kept waiting where that is the vendor's way."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulated import KEY, SERVICES, Emulated
from tests.waiting import until

BEARER = {"Authorization": f"Bearer {KEY}"}
VEO = f"projects/{KEY}/locations/us-central1/publishers/google/models/tiny"
RUNWAY = {**BEARER, "X-Runway-Version": "2024-11-06"}
# What is sent to order one clip: path, headers, and the body as httpx takes it.
ORDERS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "veo": (
        f"/v1beta1/{VEO}:predictLongRunning", BEARER,
        {"json": {"instances": [{"prompt": "a sea"}], "parameters": {"durationSeconds": 1, "resolution": "108p"}}},
    ),
    "gemini": (
        "/v1/interactions", {"x-goog-api-key": KEY},
        {"json": {
            "model": "tiny", "background": True, "input": "a sea",
            "response_format": {"type": "video", "aspect_ratio": "16:9", "resolution": "108p", "duration": "1s"},
        }},
    ),
    "openai_videos": (
        "/videos", BEARER,
        {"files": {
            "prompt": (None, "a sea"), "model": (None, "tiny"), "seconds": (None, "1"), "size": (None, "192x108"),
        }},
    ),
    "runway": (
        "/v1/text_to_video", RUNWAY,
        {"json": {"promptText": "a sea", "model": "tiny", "duration": 1, "ratio": "192:108"}},
    ),
    "pika": ("/fal-ai/pika/tiny/text-to-video", {"Authorization": f"Key {KEY}"}, {"json": {"prompt": "a sea"}}),
}  # fmt: skip
TOO_MANY = {
    "veo": lambda told: told["error"]["status"] == "RESOURCE_EXHAUSTED",
    "gemini": lambda told: told["error"]["code"] == "rate_limit_exceeded",
    "openai_videos": lambda told: told["error"]["code"] == "rate_limit_exceeded",
    "runway": lambda told: isinstance(told["error"], str),
    "pika": lambda told: isinstance(told["detail"], str),
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """An emulator of services that take two operations at once."""
    services = deepcopy(SERVICES)
    for entry in services.values():
        entry["operations"] = 2
    made = Emulated(tmp_path_factory.mktemp("limited"), services=services)
    made.start()
    yield made
    made.end()


def order(emulator: Emulated, service: str) -> httpx.Response:
    path, headers, body = ORDERS[service]
    return httpx.post(f"{emulator.bases[service]}{path}", headers=headers, **body)


@pytest.mark.parametrize("service", ["veo", "gemini", "openai_videos"])
def test_more_operations_than_the_registry_allows_are_refused_in_the_vendors_shape(
    limited: Emulated, service: str
) -> None:
    limited.play("latency: 1")
    assert [order(limited, service).status_code for _ in range(2)] == [200, 200]
    refused = order(limited, service)
    assert refused.status_code == 429 and TOO_MANY[service](refused.json()), refused.text
    assert len(limited.ask("bill", service=service)["rows"]) == 2, "nothing was accepted"
    until(lambda: order(limited, service).status_code == 200, seconds=20, what="one that has ended to make room")


def test_what_is_over_runways_concurrency_is_throttled_and_what_is_over_fals_waits_in_its_queue(
    limited: Emulated,
) -> None:
    limited.play("latency: 600")
    told = [order(limited, "runway") for _ in range(3)]
    assert [one.status_code for one in told] == [200] * 3
    last = f"{limited.bases['runway']}/v1/tasks/{told[-1].json()['id']}"
    assert httpx.get(last, headers=RUNWAY).json()["status"] == "THROTTLED"
    assert [order(limited, "pika").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("service", list(ORDERS))
def test_more_orders_a_minute_than_a_scenario_allows_are_refused_and_use_up_nothing(
    tmp_path: Path, service: str
) -> None:
    emulator = Emulated(tmp_path)
    emulator.start()
    try:
        emulator.play(f"limits: {{{service}: {{requests: 2}}}}")
        codes = [order(emulator, service).status_code for _ in range(4)]
        assert codes == [200, 200, 429, 429]
        assert TOO_MANY[service](order(emulator, service).json())
        assert [bool(post["job"]) for post in emulator.ask("posts")["posts"]] == [True, True, False, False, False]
        emulator.play(f"limits: {{{service}: {{requests: 3}}}}")
        assert [order(emulator, service).status_code for _ in range(2)] == [200, 429], "what was refused did not count"
        emulator.play(f"limits: {{{service}: {{requests: null}}}}")
        assert order(emulator, service).status_code == 200
    finally:
        emulator.end()


def test_a_scenario_s_limit_goes_before_the_registrys(limited: Emulated) -> None:
    limited.play("latency: 600\nlimits: {veo_inline: {operations: null}}")
    path, headers, body = ORDERS["veo"]
    url = f"{limited.bases['veo_inline']}{path}"
    assert [httpx.post(url, headers=headers, **body).status_code for _ in range(4)] == [200] * 4
    limited.play("limits: {veo_inline: {operations: 4}}")
    assert httpx.post(url, headers=headers, **body).status_code == 429


def test_a_task_that_is_throttled_says_so_and_is_made_afterwards(limited: Emulated) -> None:
    limited.play("limits: {runway: {operations: null}}\nrules: [{fault: throttled, seconds: 1}]")
    made = order(limited, "runway").json()
    told: list[str] = []

    def status() -> str:
        task = httpx.get(f"{limited.bases['runway']}/v1/tasks/{made['id']}", headers=RUNWAY).json()
        told.append(str(task["status"]))
        return told[-1]

    until(lambda: status() == "SUCCEEDED", seconds=20, what="the clip")
    assert told[0] == "THROTTLED" and "FAILED" not in told
