"""What can go wrong at a paid service, on the real wire: every adapter against the emulator's scenarios."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.contract.video_services.cases import Case, Stage
from tests.contract.video_services.stage import bring, delivered, outcome, shelf
from tests.emulated import PRICE
from tests.waiting import until
from vidpipe.domain.requests import Pending
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.base import Findable, VideoService
from vidpipe.services.registry import open_service

# fault, what it means, how many operations were bought
SUBMITS: list[tuple[str, type[ServiceError], int]] = [
    ("'429', retry_after: 2", Transient, 0),
    ("'429'", Transient, 0),
    ("quota, retry_after: 2", Unavailable, 0),
    ("'500'", Uncertain, 0),
    ("'502'", Uncertain, 0),
    ("'503', retry_after: 2", Transient, 0),
    ("policy", Refused, 0),
    ("invalid", Refused, 0),
    ("retired", Refused, 0),
    ("hang", Uncertain, 0),
    ("reset", Uncertain, 0),
    ("500-after", Uncertain, 1),
    ("503-after", Uncertain, 1),
    ("reset-after", Uncertain, 1),
    ("hang-after", Uncertain, 1),
    ("slow-answer, seconds: 30", Uncertain, 1),
]


@pytest.mark.parametrize(("fault", "error", "bought"), SUBMITS, ids=[fault for fault, _, _ in SUBMITS])
def test_a_submit_posts_once_and_says_what_became_of_it(
    stage: Stage, paid: Case, fault: str, error: type[ServiceError], bought: int
) -> None:
    stage.emulator.play(f"rules: [{{fault: {fault}}}]")
    request = paid.ask()
    if fault in paid.refuses_later:
        caught_later = outcome(paid.service, paid.service.submit(request).name)
        assert isinstance(caught_later, Refused) and caught_later.kind == ("policy" if fault == "policy" else "invalid")
        assert [row for row in stage.emulator.bill(request.token) if row["given_back"] is None] == []
        return
    with pytest.raises(error) as caught:
        paid.service.submit(request)
    assert stage.emulator.posts(request.token) == 1
    assert len({row["operation"] for row in stage.emulator.bill(request.token)}) == bought
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == (2 if "retry_after" in fault else None)
    if isinstance(caught.value, Refused):
        assert caught.value.kind == ("policy" if fault == "policy" else "invalid")
    if isinstance(search := paid.service, Findable):
        stage.emulator.play("rules: []")
        paid.service.submit(paid.ask())  # the listing shows that marks come back
        assert not bought or until(
            lambda: search.find(request.token), seconds=15 if paid.found_when_done else 0, what="it"
        )
        assert bought or search.find(request.token) is None


def test_503_without_a_time_to_come_back_is_what_the_adapter_says(stage: Stage, paid: Case) -> None:
    stage.emulator.play("rules: [{fault: '503'}]")
    request = paid.ask()
    with pytest.raises(paid.bare_503):
        paid.service.submit(request)
    assert stage.emulator.posts(request.token) == 1


def test_a_wrong_key_buys_nothing_and_is_not_told(stage: Stage, paid: Case) -> None:
    secret = "sk-real-looking-1234567890"
    wrong = dict.fromkeys(stage.emulator.settings().keys, secret)
    service = open_service(paid.service.name, stage.emulator.settings(**wrong), shelf())
    request = paid.ask()
    with pytest.raises(Unavailable) as caught:
        service.submit(request)
    assert secret not in repr(caught.value) and secret not in repr(stage.emulator.settings(**wrong))
    assert stage.emulator.bill(request.token) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [("fail", Broken), ("filtered", Refused), ("vanish", Expired)],
)
def test_an_operation_that_ends_badly_says_how(stage: Stage, paid: Case, fault: str, error: type[ServiceError]) -> None:
    stage.emulator.play(f"rules: [{{fault: {fault}}}]")
    request = paid.ask()
    caught = outcome(paid.service, paid.service.submit(request).name)
    assert type(caught) is error
    if isinstance(caught, Refused):
        assert caught.kind == "policy"
    charged = [row for row in stage.emulator.bill(request.token) if row["given_back"] is None]
    assert bool(charged) == (fault == "vanish")  # what is lost is charged all the same


@pytest.mark.parametrize("fault", ["poll-429", "poll-503"])
def test_a_poll_that_fails_is_asked_again(stage: Stage, paid: Case, fault: str) -> None:
    stage.emulator.play(f"rules: [{{fault: {fault}}}]")
    name = paid.service.submit(paid.ask()).name
    with pytest.raises(Transient):
        asyncio.run(paid.service.poll(name))
    assert delivered_in_the_end(paid.service, name)


def delivered_in_the_end(service: VideoService, name: str) -> bool:
    return len(delivered(service, name).clips) == 1


def test_progress_that_goes_back_disturbs_nobody(stage: Stage, paid: Case) -> None:
    if not paid.progresses:
        pytest.skip("its protocol tells of no progress")
    stage.emulator.play("rules: [{fault: progress-back}, {fault: latency, seconds: 1}]")
    name = paid.service.submit(paid.ask()).name
    told: list[float] = []

    def over() -> bool:
        answer = asyncio.run(paid.service.poll(name))
        if isinstance(answer, Pending) and answer.progress is not None:
            told.append(answer.progress)
        return not isinstance(answer, Pending)

    until(over, seconds=15, what="the clip")
    assert any(later < one for one, later in pairwise(told))


def test_late_success_is_a_success(stage: Stage, paid: Case) -> None:
    stage.emulator.play("rules: [{fault: late, seconds: 1}]")
    assert delivered_in_the_end(paid.service, paid.service.submit(paid.ask()).name)


def test_a_link_that_has_expired_is_expired(stage: Stage, paid: Case, tmp_path: Path) -> None:
    stage.emulator.play("rules: [{fault: expired}]")
    name = paid.service.submit(paid.ask()).name
    clip = delivered(paid.service, name).clips[0]
    with pytest.raises(Expired):
        paid.service.fetch(name, clip, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing_and_is_made_again(stage: Stage, paid: Case, tmp_path: Path) -> None:
    stage.emulator.play("rules: [{fault: cut-off}]")
    name = paid.service.submit(paid.ask()).name
    clip = delivered(paid.service, name).clips[0]
    with pytest.raises(Transient):
        paid.service.fetch(name, clip, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
    paid.service.fetch(name, clip, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size > 1000


def test_spoiled_clips_are_spoiled_and_billed(stage: Stage, paid: Case, tmp_path: Path) -> None:
    def brightness(fault: str) -> tuple[int, float]:
        stage.emulator.play(f"rules: [{{fault: {fault}}}]" if fault else "rules: []")
        request = paid.ask()
        bring(paid.service, request, tmp_path / f"{fault}.mp4")
        assert [row["amount"] for row in stage.emulator.bill(request.token)] == [f"{float(PRICE):.6f}"]
        with av.open(str(tmp_path / f"{fault}.mp4")) as container:
            frames = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
        return len(frames), float(max(frames))

    whole, bright = brightness("")
    assert brightness("short")[0] == whole // 2
    assert brightness("black")[1] < 20 < bright


def test_nobody_there_is_nothing_bought(stage: Stage, paid: Case, tmp_path: Path) -> None:
    service = stage.opened(paid.service.name, "http://127.0.0.1:9/v1")  # discard: nobody listens
    name = paid.service.submit(paid.ask()).name
    for call in (lambda: service.submit(paid.ask()), lambda: asyncio.run(service.poll(name))):
        with pytest.raises(Unavailable):
            call()
