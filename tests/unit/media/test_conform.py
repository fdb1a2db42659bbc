"""Footage becomes a clip as asked: length, size, rate, sound, loudness; and what cannot be is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import clips
from tests.unit.media.conftest import Shelf
from vidpipe.errors import MediaError
from vidpipe.media import splice
from vidpipe.media.conform import conform
from vidpipe.media.frames import decode
from vidpipe.media.info import Asked
from vidpipe.media.loudness import measure
from vidpipe.media.validate import validate

SIZE: dict[str, Any] = {"width": 320, "height": 180, "fps": 24}


@pytest.mark.parametrize("name", ["long.mp4", "clean.webm", "mute.mp4"])
def test_what_is_made_passes_the_check_of_deliveries(name: str, shelf: Shelf, tmp_path: Path) -> None:
    dest = tmp_path / "out.mp4"
    info = conform(shelf(name), dest, start=0.25, end=0.75, width=426, height=240, fps=25, loudness=None)
    found = validate(info, decode(dest), Asked(0.5, 426, 240, 25, audio=True))
    assert [fault.code for fault in found] == (["silent"] if name == "mute.mp4" else [])
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_without_an_out_point_it_goes_on_to_the_end(shelf: Shelf, tmp_path: Path) -> None:
    info = conform(shelf("long.mp4"), tmp_path / "out.mp4", start=3.0, **SIZE)
    assert info.video is not None
    assert info.video.frames == 24


def test_picture_and_sound_are_cut_at_the_same_moment(tmp_path: Path) -> None:
    source = clips.flash_and_beep(tmp_path / "clap.mp4", 6.0, seconds=8)
    conform(source, tmp_path / "out.mp4", start=5.5, end=6.5, **SIZE)
    clip = decode(tmp_path / "out.mp4")
    flash = clip.times[int(clip.small.mean(axis=(1, 2, 3)).argmax())]
    assert clip.audio is not None
    beep = np.flatnonzero(np.abs(clip.audio) > 0.1)[0] / clip.audio_rate
    assert flash == pytest.approx(0.5, abs=0.5 / 24)
    assert beep == pytest.approx(0.5, abs=0.005)


def test_another_shape_is_padded_or_cropped(tmp_path: Path) -> None:
    source = clips.write(
        tmp_path / "tall.mp4", width=180, height=320, painter=lambda _: clips.plain(180, 320, 200), seconds=0.5
    )
    conform(source, tmp_path / "pad.mp4", fit="pad", audio=False, **SIZE)
    conform(source, tmp_path / "crop.mp4", fit="crop", audio=False, **SIZE)
    assert decode(tmp_path / "pad.mp4").small[0][:, :30].mean() < 5
    assert decode(tmp_path / "crop.mp4").small[0].min() > 190


def test_loudness_is_brought_to_what_is_asked(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "low.mp4", sound=clips.tone(1, hertz=1000, level=0.05))
    conform(source, tmp_path / "out.mp4", loudness=-20.0, **SIZE)
    clip = decode(tmp_path / "out.mp4")
    assert clip.audio is not None
    assert measure(clip.audio, clip.audio_rate).lufs == pytest.approx(-20.0 - 3.01, abs=4)  # mono mix of two alike
    assert float(np.abs(clip.audio).max()) < 0.9


def test_clips_that_were_conformed_are_joined_by_copying(shelf: Shelf, tmp_path: Path) -> None:
    made = []
    for number, name in enumerate(("long.mp4", "clean.webm")):
        conform(shelf(name), tmp_path / f"{number}.mp4", **SIZE)
        made.append(splice.inspect(tmp_path / f"{number}.mp4"))
    assert made[0].copyable
    assert made[1].copyable
    assert made[0].shape == made[1].shape


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ({"start": 9.0}, "in point is at 9.00 s"),
        ({"start": -1.0}, "in point is at -1.00 s"),
        ({"end": 9.0}, "out point is at 9.00 s"),
        ({"start": 0.5, "end": 0.5}, "after the in point"),
    ],
)
def test_a_stretch_that_is_not_there_is_said_with_figures(
    cut: dict[str, Any], words: str, shelf: Shelf, tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match=words):
        conform(shelf("clean.mp4"), tmp_path / "out.mp4", **SIZE, **cut)
    assert list(tmp_path.iterdir()) == []


def test_a_playlist_is_refused_before_ffmpeg_sees_it(shelf: Shelf, tmp_path: Path) -> None:
    path = clips.playlist(tmp_path / "list.mp4", str(shelf("clean.mp4")))
    with pytest.raises(MediaError, match="playlist"):
        conform(path, tmp_path / "out.mp4", **SIZE)
