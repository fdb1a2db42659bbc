"""What every video service keeps to, tried on each adapter against the real thing it speaks to (see cases)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
import pytest

from tests.contract.video_services.cases import Case
from tests.contract.video_services.stage import bring, delivered
from tests.waiting import until
from vidpipe.errors import Broken, Expired
from vidpipe.services.base import Cancellable, Findable


def test_a_service_has_find_and_cancel_exactly_where_it_can(case: Case) -> None:
    assert isinstance(case.service, Findable) == case.askable
    assert isinstance(case.service, Cancellable) == case.cancellable


def test_what_was_asked_for_is_what_comes(case: Case, tmp_path: Path) -> None:
    request = case.ask()
    bring(case.service, request, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        video = container.streams.video[0]
        frames = sum(1 for _ in container.decode(video))
        assert (video.codec_context.width, video.codec_context.height) == (192, 108)
        assert (video.average_rate, frames) == (request.fps, request.fps)
        assert [one.codec_context.sample_rate for one in container.streams.audio] == [48_000] * case.sounds
        assert container.duration == pytest.approx(1_000_000, abs=60_000)


def test_without_sound_there_is_no_sound(case: Case, tmp_path: Path) -> None:
    if not case.silenced:
        pytest.skip("its protocol cannot ask for silence")
    bring(case.service, case.ask(audio=False), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert not container.streams.audio


def test_the_same_request_gives_the_same_bytes(case: Case, tmp_path: Path) -> None:
    if not case.seeded:
        pytest.skip("its protocol has no seed: candidates differ because of that")
    one = bring(case.service, case.ask(), tmp_path / "one.mp4")
    assert one == bring(case.service, case.ask(), tmp_path / "two.mp4")


def test_fetch_leaves_nothing_but_the_clip_and_writes_over_nothing(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    dest = folder / "clip.mp4"
    bring(case.service, case.ask(), dest)
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]
    name = case.service.submit(case.ask()).name
    with pytest.raises(FileExistsError):
        case.service.fetch(name, delivered(case.service, name).clips[0], dest)


def test_an_unknown_operation_has_expired(case: Case, tmp_path: Path) -> None:
    for name in ("op-0000000000000000", "../../etc/passwd", "", "x" * 500, '{"token":"../../x"}'):
        with pytest.raises(Expired):
            asyncio.run(case.service.poll(name))


def test_what_was_bought_is_found_by_its_token_and_nothing_else_is(case: Case) -> None:
    if not isinstance(case.service, Findable):
        pytest.skip("it cannot be asked")
    if case.found_when_done:
        pytest.skip("it is found later, by another name: the test below")
    request = case.ask()
    assert case.service.find(request.token) is None
    accepted = case.service.submit(request)
    found = case.service.find(request.token)
    assert (found.name if found else None) == (accepted.name if case.bills else None)
    assert case.service.find(request.token + "-other") is None


def test_what_can_only_be_found_when_it_is_done_is_the_same_order(case: Case, tmp_path: Path) -> None:
    service = case.service
    if not isinstance(service, Findable) or not case.found_when_done:
        pytest.skip("it cannot be asked, or tells at once")
    request = case.ask()
    assert service.find(request.token) is None
    name = service.submit(request).name
    found = until(lambda: service.find(request.token), seconds=15, what="the order to be found")
    assert found is not None and service.find(request.token + "-other") is None
    for path, operation in ((tmp_path / "a", name), (tmp_path / "b", found.name)):
        service.fetch(operation, delivered(service, operation).clips[0], path)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_process_that_knows_only_the_name_goes_on(case: Case, tmp_path: Path) -> None:
    name = case.service.submit(case.ask()).name
    again = case.again()
    again.fetch(name, delivered(again, name).clips[0], tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size > 1000


def test_what_was_cancelled_is_not_delivered(case: Case) -> None:
    if not isinstance(case.service, Cancellable):
        pytest.skip("it cannot be told to stop")
    name = case.service.submit(case.ask(case.lasting)).name
    assert case.service.cancel(name)
    with pytest.raises(Broken):
        asyncio.run(case.service.poll(name))
    assert not case.service.cancel(name)
