"""Each fault is found, with one reason and its figures; what only looks like a fault is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tests.unit.media.conftest import Shelf
from vidpipe.media.frames import decode
from vidpipe.media.info import Asked, Fault
from vidpipe.media.probe import probe
from vidpipe.media.validate import validate

CLEAN = Asked(duration=1.0, width=320, height=180, fps=24, audio=True)


def faults(path: Path, asked: Asked) -> dict[str, str]:
    found: tuple[Fault, ...] = validate(probe(path), decode(path), asked)
    assert len({fault.code for fault in found}) == len(found), "one reason a fault"
    return {fault.code: fault.reason for fault in found}


@pytest.mark.parametrize("name", ["clean.mp4", "other.mp4", "clean.webm"])
def test_a_clip_that_is_as_asked_has_no_fault(name: str, shelf: Shelf) -> None:
    assert faults(shelf(name), CLEAN) == {}


@pytest.mark.parametrize(
    ("change", "code", "figures"),
    [
        ({"duration": 2.0}, "duration", ("1.00 s", "2.00 s")),
        ({"width": 1280, "height": 720}, "size", ("320x180", "1280x720")),
        ({"fps": 30}, "frame_rate", ("24.00", "30")),
    ],
)
def test_what_was_asked_otherwise_is_named_with_figures(
    change: dict[str, float], code: str, figures: tuple[str, ...], shelf: Shelf
) -> None:
    found = faults(shelf("clean.mp4"), replace(CLEAN, **change))
    assert list(found) == [code]
    assert all(figure in found[code] for figure in figures)


@pytest.mark.parametrize("change", [{"duration": 1.1}, {"duration": 0.93}, {"width": 321, "height": 181}])
def test_what_services_round_is_no_fault(change: dict[str, float], shelf: Shelf) -> None:
    assert faults(shelf("clean.mp4"), replace(CLEAN, **change)) == {}


def test_23_976_frames_a_second_are_24(tmp_path: Path) -> None:
    from fractions import Fraction  # noqa: PLC0415 - only here

    path = clips.write(tmp_path / "film.mp4", fps=Fraction(24000, 1001), sound=clips.tone(1))  # type: ignore[arg-type]
    assert "frame_rate" not in faults(path, CLEAN)


def test_a_black_stretch_is_named_with_its_times(shelf: Shelf) -> None:
    found = faults(shelf("black.mp4"), replace(CLEAN, duration=4.0))
    assert found == {"black": "black from 2.1 s to 2.9 s of 4.0 s"}


def test_a_black_clip_is_black_and_not_frozen_too(tmp_path: Path) -> None:
    path = clips.black_between(tmp_path / "b.mp4", 0, 9, seconds=1)
    assert faults(path, CLEAN) == {"black": "black all through its 1.0 s"}


def test_a_short_fade_in_from_black_is_no_fault(tmp_path: Path) -> None:
    paint = clips.pattern()
    path = clips.write(
        tmp_path / "fade.mp4",
        seconds=2,
        painter=lambda n: (paint(n) * min(1.0, n / 12)).astype(np.uint8),
        sound=clips.tone(2),
    )
    assert faults(path, replace(CLEAN, duration=2.0)) == {}


def test_a_night_scene_is_not_black(shelf: Shelf) -> None:
    assert faults(shelf("night.mp4"), replace(CLEAN, duration=3.0)) == {}


def test_a_dim_room_without_any_lamp_is_not_black(tmp_path: Path) -> None:
    paint = clips.pattern(speed=1)
    path = clips.write(tmp_path / "dim.mp4", seconds=2, painter=lambda n: paint(n) // 9, sound=clips.tone(2))
    assert faults(path, replace(CLEAN, duration=2.0)) == {}


def test_a_picture_that_stops_is_frozen(shelf: Shelf) -> None:
    found = faults(shelf("frozen.mp4"), replace(CLEAN, duration=4.0))
    assert found == {"frozen": "the picture stands still from 2.0 s to 4.0 s of 4.0 s"}


@pytest.mark.parametrize("crf", ["18", "23", "32"])
def test_a_freeze_is_found_through_coarse_coding_and_key_frames(crf: str, tmp_path: Path) -> None:
    paint = clips.pattern()
    path = clips.write(
        tmp_path / "coarse.mp4",
        seconds=2,
        painter=lambda n: paint(min(n, 6)),
        sound=clips.tone(2),
        options={"crf": crf, "g": "12"},
    )
    assert "frozen" in faults(path, replace(CLEAN, duration=2.0))


def test_a_static_camera_with_one_small_figure_is_not_frozen(shelf: Shelf) -> None:
    assert faults(shelf("static.mp4"), replace(CLEAN, duration=4.0)) == {}


def test_a_very_slow_zoom_is_not_frozen(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:180, 0:320]

    def painter(number: int) -> clips.Picture:
        zoom = 1 + number * 0.0008
        wave = np.sin((columns - 160) / zoom / 12) + np.cos((rows - 90) / zoom / 9)
        return np.repeat((128 + 50 * wave)[..., None], 3, axis=2).astype(np.uint8)

    path = clips.write(tmp_path / "zoom.mp4", seconds=3, painter=painter, sound=clips.tone(3))
    assert faults(path, replace(CLEAN, duration=3.0)) == {}


def test_a_hold_of_half_a_second_is_no_fault(tmp_path: Path) -> None:
    path = clips.frozen_from(tmp_path / "hold.mp4", 3.4, seconds=4)
    assert faults(path, replace(CLEAN, duration=4.0)) == {}


def test_silence_is_a_fault_only_where_sound_was_asked(shelf: Shelf) -> None:
    assert list(faults(shelf("silent.mp4"), CLEAN)) == ["silent"]
    assert list(faults(shelf("mute.mp4"), CLEAN)) == ["no_audio"]
    assert faults(shelf("silent.mp4"), replace(CLEAN, audio=False)) == {}
    assert faults(shelf("mute.mp4"), replace(CLEAN, audio=False)) == {}


def test_one_short_sound_in_a_quiet_scene_is_not_silence(tmp_path: Path) -> None:
    sound = np.zeros(clips.RATE * 2, dtype=np.float32)
    sound[50_000:53_000] = clips.tone(3000 / clips.RATE, level=0.05)
    path = clips.write(tmp_path / "knock.mp4", seconds=2, sound=sound)
    assert faults(path, replace(CLEAN, duration=2.0)) == {}


@pytest.mark.parametrize("seconds", [0.6, 1.5])
def test_sound_that_ends_too_early_or_late_is_named(seconds: float, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "off.mp4", sound=clips.tone(seconds))
    found = faults(path, CLEAN)
    assert list(found) == ["av_length"]
    assert "1.00 s" in found["av_length"]


def test_a_damaged_delivery_is_undecodable(tmp_path: Path, shelf: Shelf) -> None:
    whole = shelf("front.mp4")
    path = clips.truncated(tmp_path / "half.mp4", whole, 0.6)
    found = validate(probe(whole), decode(path), replace(CLEAN, duration=2.0))
    assert found[0].code == "undecodable"
    assert "48" in found[0].reason
