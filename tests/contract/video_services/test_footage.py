"""Footage: a stretch of a file in the media store, never a bill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.video_services.stage import delivered, request_for, shelf
from vidpipe.domain.requests import FootageCut, RemoteClip
from vidpipe.errors import Broken, Expired, Refused
from vidpipe.media.probe import probe
from vidpipe.services.footage import FootageService


def test_footage_that_is_missing_or_cut_wrongly_is_refused(film_file: Path) -> None:
    service = FootageService(shelf(film=film_file))
    for cut in (None, FootageCut("film", 3, 2), FootageCut("film", -1)):
        with pytest.raises(Refused):
            service.submit(request_for(footage=cut))


def test_footage_that_was_submitted_on_one_machine_is_fetched_on_another(tmp_path: Path, film_file: Path) -> None:
    name = FootageService(shelf()).submit(request_for(footage=FootageCut("film", start=1.0))).name
    other = FootageService(shelf(film=film_file))
    other.fetch(name, delivered(other, name).clips[0], tmp_path / "clip.mp4")
    assert probe(tmp_path / "clip.mp4").duration > 0
    assert other.find("whatever") is None


def test_footage_that_the_store_does_not_hold_has_expired(tmp_path: Path) -> None:
    service = FootageService(shelf())
    name = service.submit(request_for(footage=FootageCut("film"))).name
    for operation in (name, "op-1", "{}", "[]"):
        with pytest.raises(Expired):
            service.fetch(operation, RemoteClip(1), tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_footage_that_is_no_video_is_broken(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    service = FootageService(shelf(film=tmp_path / "text.mp4"))
    name = service.submit(request_for(footage=FootageCut("film"))).name
    with pytest.raises(Broken):
        service.fetch(name, delivered(service, name).clips[0], tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()
