"""What is this adapter's own: pictures as data URIs, failure codes one by one, what was charged, and who is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.video_services.cases import LASTING, Stage
from tests.contract.video_services.stage import bring, delivered, order
from tests.hostile import VOID, Answer, Hostile, as_json
from tests.waiting import until
from vidpipe.domain.requests import Delivered, Pending, Reference, RemoteClip
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.base import Cancellable, Findable, VideoService

TASK = "17f20503-6c24-4c16-946b-35dbbce2af2f"


@pytest.fixture
def runway(stage: Stage) -> VideoService:
    return stage.opened("runway")


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter, and a server that answers as the test says."""
    return stage.opened("runway", hostile.url)


def test_nothing_can_be_asked_of_a_lost_order_and_tasks_can_be_stopped(runway: VideoService) -> None:
    assert not isinstance(runway, Findable) and isinstance(runway, Cancellable)


def test_frames_are_sent_in_their_positions_and_brought_to_the_clips_size(
    stage: Stage, runway: VideoService, red: Path, tmp_path: Path
) -> None:
    request = order(first_frame=red, last_frame=red, negative_prompt="boats")
    bring(runway, request, tmp_path / "clip.mp4")
    post = stage.emulator.ask("posts", token=request.token)["posts"][0]
    assert post["endpoint"] == "image_to_video" and (tmp_path / "clip.mp4").stat().st_size > 1000


def test_a_model_is_sent_only_what_it_knows(runway: VideoService, red: Path, tmp_path: Path) -> None:
    bring(runway, order(model="plain", first_frame=red, negative_prompt="boats"), tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 2}, {"duration": 1.5}, {"references": (Reference(Path("x")),)}, {"last_frame": Path("x")},
        {"model": "gen9"}, {"first_frame": Path("/nowhere.png")},
    ],
)  # fmt: skip
def test_what_the_protocol_cannot_say_is_refused_and_not_sent(
    stage: Stage, runway: VideoService, changes: dict[str, Any]
) -> None:
    request = order(**changes)
    with pytest.raises(Refused):
        runway.submit(request)
    assert stage.emulator.posts(request.token) == 0


def test_words_alone_are_refused_by_a_model_that_needs_a_frame(stage: Stage, runway: VideoService) -> None:
    request = order(model="plain")
    with pytest.raises(Refused, match="model"):
        runway.submit(request)
    assert stage.emulator.bill(request.token) == []


def test_what_was_charged_is_told_with_the_clip(stage: Stage, runway: VideoService) -> None:
    request = order(duration=2.0)
    found = delivered(runway, runway.submit(request).name)
    assert found.cost == Decimal("0.2") == sum(Decimal(row["amount"]) for row in stage.emulator.bill(request.token))


def test_a_throttled_task_was_accepted_and_is_waited_for(stage: Stage, runway: VideoService) -> None:
    names = [runway.submit(order(prompt=f"a road {LASTING}")).name for _ in range(6)]
    assert all(asyncio.run(runway.poll(name)) == Pending() for name in names)
    assert isinstance(runway, Cancellable) and all(runway.cancel(name) for name in names)


def test_a_running_task_is_left_to_deliver_because_it_is_charged_anyway(stage: Stage, runway: VideoService) -> None:
    stage.emulator.play("rules: [{fault: latency, seconds: 2}]")
    request = order()
    name = runway.submit(request).name

    def running() -> bool:
        answer = asyncio.run(runway.poll(name))
        return isinstance(answer, Pending) and answer.progress is not None

    until(running, what="the task to run")
    assert isinstance(runway, Cancellable) and not runway.cancel(name)
    assert len(delivered(runway, name).clips) == 1
    assert stage.emulator.bill(request.token)[0]["given_back"] is None


def task(**more: Any) -> Answer:
    told = {"id": TASK, "createdAt": "2026-11-21T10:00:00.000Z", "status": "FAILED", "failure": "no", **more}
    return as_json(told)


CODES: list[tuple[str | None, type[ServiceError], str]] = [
    ("SAFETY.INPUT.TEXT", Refused, "policy"),
    ("SAFETY.INPUT.IMAGE", Refused, "policy"),
    ("SAFETY.OUTPUT.VIDEO", Refused, "policy"),
    ("INPUT_PREPROCESSING.SAFETY.TEXT", Refused, "policy"),
    ("ASSET.INVALID", Refused, "invalid"),
    ("INPUT_PREPROCESSING.INTERNAL", Broken, ""),
    ("INTERNAL.BAD_OUTPUT.CODE01", Broken, ""),
    ("INTERNAL", Broken, ""),
    ("THIRD_PARTY.UNAVAILABLE", Broken, ""),
    ("SOMETHING.NEW", Broken, ""),
    (None, Broken, ""),
]


@pytest.mark.parametrize(("code", "error", "kind"), CODES, ids=[str(code) for code, _, _ in CODES])
def test_every_failure_code_has_a_meaning(
    hostile: Hostile, against: VideoService, code: str | None, error: type[ServiceError], kind: str
) -> None:
    hostile.answer = task(failureCode=code, cost={"credits": 0})
    with pytest.raises(error) as caught:
        asyncio.run(against.poll(TASK))
    assert type(caught.value) is error and (code or "no") in caught.value.message
    assert not isinstance(caught.value, Refused) or caught.value.kind == kind


def test_a_failure_that_is_charged_is_told_with_its_cost(hostile: Hostile, against: VideoService) -> None:
    hostile.answer = task(failureCode="SAFETY.OUTPUT.VIDEO", cost={"credits": 60})
    found = asyncio.run(against.poll(TASK))
    assert isinstance(found, Delivered) and (found.clips, found.filtered, found.cost) == ((), 1, Decimal("0.60"))
    for told in ({"failureCode": "INTERNAL"}, {"status": "CANCELLED"}):
        hostile.answer = task(**told, cost={"credits": 60})
        with pytest.raises(Expired, match=r"\$0\.60 were charged"):  # settled, and not released
            asyncio.run(against.poll(TASK))


def test_a_task_that_began_while_it_was_stopped_was_not_stopped_for_nothing(
    hostile: Hostile, against: VideoService
) -> None:
    # The same answer before and after DELETE: as if it had begun between the two.
    hostile.answer = task(status="PENDING", cost={"credits": 12})
    assert isinstance(against, Cancellable) and not against.cancel(TASK)
    assert hostile.requests == [(method, f"/v1/tasks/{TASK}") for method in ("GET", "DELETE", "GET")]


@pytest.mark.parametrize(
    "answer",
    [
        *VOID, as_json({"id": 3}), as_json({"id": "../../x"}), as_json({"id": "a", "x": "x" * 3_000_000}),
        Answer(status=500, headers={"x-should-retry": "true"}),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_a_submit_uncertain(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    hostile.answer = answer
    with pytest.raises(Uncertain):
        against.submit(order())
    assert hostile.requests == [("POST", "/v1/text_to_video")]


def test_an_account_without_credits_is_no_fault_of_the_order(hostile: Hostile, against: VideoService) -> None:
    hostile.answer = Answer(status=400, body=b'{"error": "You do not have enough credits to run this task."}')
    with pytest.raises(Unavailable):
        against.submit(order())


@pytest.mark.parametrize(
    "told",
    [
        {"status": "DREAMING"}, {"status": None}, {"id": "another"}, {"status": "SUCCEEDED"},
        {"status": "SUCCEEDED", "output": []}, {"status": "SUCCEEDED", "output": [3]},
    ],
)  # fmt: skip
def test_a_poll_that_tells_nothing_is_asked_again(
    hostile: Hostile, against: VideoService, told: dict[str, Any]
) -> None:
    hostile.answer = task(**told)
    with pytest.raises(Transient):
        asyncio.run(against.poll(TASK))


ADDRESSES: dict[str, Callable[[str], str]] = {
    "a file": lambda home: "file:///etc/passwd",
    "a private address": lambda home: "http://169.254.169.254/latest/meta-data",
    "another host": lambda home: "https://example.com/clip.mp4",
    "another port": lambda home: "http://127.0.0.1:1/clip.mp4",
    "a login": lambda home: "https://dnznrvs05pmza.cloudfront.net@example.com/clip.mp4",
    "without encryption": lambda home: "http://dnznrvs05pmza.cloudfront.net/clip.mp4",
    "no address": lambda home: "clip",
}


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_a_clip_is_fetched_from_runways_own_hosts_alone(
    hostile: Hostile, against: VideoService, tmp_path: Path, name: str
) -> None:
    hostile.answer = task(status="SUCCEEDED", output=[ADDRESSES[name](hostile.url)], cost={"credits": 1})
    with pytest.raises(Broken, match="not fetched from"):
        against.fetch(TASK, RemoteClip(1), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == [] and hostile.requests == [("GET", f"/v1/tasks/{TASK}")]
