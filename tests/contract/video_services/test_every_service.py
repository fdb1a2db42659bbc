"""What every video service keeps to, tried on each adapter against the real thing it speaks to.

A new adapter joins here: a `Case` that opens it and makes requests which it can serve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from tests.contract.video_services.stage import Server, bring, delivered, request_for, shelf
from vidpipe.domain.requests import FootageCut, VideoRequest
from vidpipe.errors import Expired
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.services.footage import FootageService
from vidpipe.services.procedural.adapter import open_procedural
from vidpipe.services.registry import guarded


@dataclass(frozen=True)
class Case:
    """One adapter, and how to ask it for something."""

    service: VideoService
    ask: Callable[..., VideoRequest]
    bills: bool = True  # and so remembers what was bought
    askable: bool = True
    cancellable: bool = True


# name: whether it can be asked for a token, and told to stop
PROCEDURAL = {
    "both": (True, True),
    "not cancellable": (True, False),
    "not askable": (False, True),
    "blind": (False, False),
}
ASKABLE = ("both", "not cancellable", "footage")


def open_case(name: str, server: Server, film_file: Path) -> Case:
    """An adapter, as the registry hands it out."""
    if name in PROCEDURAL:
        askable, cancellable = PROCEDURAL[name]
        made = open_procedural(
            server.url, name=name, askable=askable, cancellable=cancellable, call_timeout=10, poll_timeout=10
        )
        return Case(guarded(made), request_for, askable=askable, cancellable=cancellable)

    def ask(**changes: Any) -> VideoRequest:
        return request_for(model="footage", footage=FootageCut("film", start=0.5), **changes)

    return Case(guarded(FootageService(shelf(film=film_file))), ask, bills=False, cancellable=False)


@pytest.fixture(params=[*PROCEDURAL, "footage"])
def case(request: pytest.FixtureRequest, server: Server, film_file: Path) -> Case:
    """Every adapter."""
    return open_case(request.param, server, film_file)


def test_a_service_has_find_and_cancel_exactly_where_it_can(case: Case) -> None:
    assert isinstance(case.service, Findable) == case.askable
    assert isinstance(case.service, Cancellable) == case.cancellable


def test_what_was_asked_for_is_what_comes(case: Case, tmp_path: Path) -> None:
    bring(case.service, case.ask(), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = sum(1 for _ in container.decode(video))
        assert (video.codec_context.width, video.codec_context.height, frames) == (192, 108, 12)
        assert video.average_rate == 12
        assert audio.codec_context.sample_rate == 48_000
        assert container.duration == pytest.approx(1_000_000, abs=60_000)


def test_without_sound_there_is_no_sound(case: Case, tmp_path: Path) -> None:
    bring(case.service, case.ask(audio=False), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert not container.streams.audio


def test_the_same_request_gives_the_same_bytes(case: Case, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", ASKABLE)
def test_what_was_bought_is_found_by_its_token_and_nothing_else_is(name: str, server: Server, film_file: Path) -> None:
    case = open_case(name, server, film_file)
    assert isinstance(case.service, Findable)
    request = case.ask()
    assert case.service.find(request.token) is None
    accepted = case.service.submit(request)
    assert case.service.find(request.token) == (accepted if case.bills else None)
    assert case.service.find(request.token + "-other") is None
