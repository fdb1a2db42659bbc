"""The runner: failures come with ffmpeg's words, nothing outlives its time, no input opens another file."""

from __future__ import annotations

from pathlib import Path

import ffmpeg
import psutil
import pytest

from tests import clips
from tests.unit.media.conftest import Shelf
from vidpipe.boundary import transaction_open
from vidpipe.errors import MediaError, TransactionOpen
from vidpipe.media.ffmpeg import Effort, run, source


def test_a_failure_carries_ffmpegs_last_words(tmp_path: Path) -> None:
    graph = ffmpeg.output(source(tmp_path / "gone.mp4"), str(tmp_path / "out.mp4"))
    with pytest.raises(MediaError, match=r"copying a clip failed: .*No such file"):
        run(graph, what="copying a clip")


def test_what_takes_too_long_is_killed(tmp_path: Path) -> None:
    endless = ffmpeg.input("testsrc2=s=1280x720", f="lavfi")
    with pytest.raises(MediaError, match=r"an endless film took more than 0\.2 s"):
        run(ffmpeg.output(endless, str(tmp_path / "out.mp4")), what="an endless film", effort=Effort(seconds=0.2))
    assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


def test_an_input_that_is_a_playlist_is_not_opened(shelf: Shelf, tmp_path: Path) -> None:
    path = clips.playlist(tmp_path / "list.mp4", str(shelf("clean.mp4")))
    with pytest.raises(MediaError, match="reading a playlist failed"):
        run(ffmpeg.output(source(path), str(tmp_path / "out.mp4")), what="reading a playlist")


def test_names_that_look_like_options_protocols_or_patterns_are_files(shelf: Shelf, tmp_path: Path) -> None:
    for name in ("-y.mp4", "concat:a|b.mp4", "%03d.mp4", "a'b;c [x].mp4"):
        path = tmp_path / name
        path.write_bytes(shelf("clean.mp4").read_bytes())
        run(ffmpeg.output(source(path), str(tmp_path / "out.mkv"), c="copy"), what="copying")
        assert (tmp_path / "out.mkv").stat().st_size > 10_000


def test_it_does_not_run_inside_a_transaction(shelf: Shelf, tmp_path: Path) -> None:
    graph = ffmpeg.output(source(shelf("clean.mp4")), str(tmp_path / "out.mp4"))
    with transaction_open(), pytest.raises(TransactionOpen):
        run(graph, what="encoding")
