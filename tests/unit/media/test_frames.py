"""Decoding: one pass gives all frames small, a few whole, and the sound; damage is counted, size is bounded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import clips
from tests.unit.media.conftest import Shelf
from vidpipe.errors import MediaError
from vidpipe.media import frames
from vidpipe.media.frames import DecodeLimits, decode, picture, poster, still


def test_all_frames_come_small_and_the_ends_come_whole(shelf: Shelf) -> None:
    clip = decode(shelf("long.mp4"))
    assert clip.small.shape == (96, 90, 160, 3)
    assert np.allclose(np.diff(clip.times), 1 / 24)
    assert clip.samples[0][0] == 0.0
    assert clip.samples[-1][0] == pytest.approx(95 / 24)
    assert all(shown.shape == (360, 640, 3) for _, shown in clip.samples)
    assert 6 <= len(clip.samples) <= 9
    assert clip.errors == 0


def test_the_sound_is_mono_and_as_loud_as_it_was(shelf: Shelf) -> None:
    clip = decode(shelf("clean.mp4"))
    assert clip.audio is not None
    assert clip.audio.ndim == 1
    assert clip.audio_rate == clips.RATE
    middle = clip.audio[10_000:40_000]
    assert float(np.sqrt((middle**2).mean())) == pytest.approx(0.25 / np.sqrt(2), rel=0.03)


def test_a_clip_without_sound_has_none(shelf: Shelf) -> None:
    assert decode(shelf("mute.mp4")).audio is None


def test_a_sharp_change_is_among_the_samples(tmp_path: Path) -> None:
    paint = clips.pattern(speed=0.2)
    jump = clips.pattern(seed=9, speed=0.2)
    path = clips.write(tmp_path / "jump.mp4", seconds=2, painter=lambda n: paint(n) if n < 31 else jump(n))
    assert any(at == pytest.approx(31 / 24) for at, _ in decode(path).samples)


def test_damaged_frames_are_counted_and_the_rest_decoded(tmp_path: Path, shelf: Shelf) -> None:
    path = clips.truncated(tmp_path / "half.mp4", shelf("front.mp4"), 0.5)
    clip = decode(path)
    assert clip.errors >= 1
    assert 0 < len(clip.times) < 48
    assert clip.facts["frames_expected"] == 48


def test_what_is_no_video_is_a_media_error(tmp_path: Path, shelf: Shelf) -> None:
    path = clips.playlist(tmp_path / "list.mp4", str(shelf("clean.mp4")))
    with pytest.raises(MediaError, match=r"list\.mp4"):
        decode(path)
    with pytest.raises(MediaError, match=r"list\.mp4"):
        picture(path)


def test_more_frames_pixels_or_time_than_allowed_are_refused(shelf: Shelf) -> None:
    for limits, words in (
        (DecodeLimits(frames=10), "24 frames"),
        (DecodeLimits(pixels=1000), "320x180"),
        (DecodeLimits(seconds=0.0), "to decode"),
        (DecodeLimits(audio_seconds=0.1), "sound"),
    ):
        with pytest.raises(MediaError, match=words):
            decode(shelf("clean.mp4"), limits=limits)


def test_long_clips_are_reduced_further_instead_of_filling_memory(shelf: Shelf) -> None:
    clip = decode(shelf("long.mp4"), limits=DecodeLimits(small_bytes=10**6))
    assert 64 <= clip.small.shape[2] < 160
    assert clip.small.nbytes < 1.1 * 10**6


def test_turned_footage_is_shown_upright(tmp_path: Path) -> None:
    sides = np.zeros((180, 320, 3), dtype=np.uint8)
    sides[:, :160] = (200, 30, 30)
    path = clips.write(tmp_path / "flat.mp4", painter=lambda _: sides, seconds=0.5)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_turn(path.read_bytes()))
    clip = decode(turned)
    shown = clip.samples[0][1]
    assert shown.shape == (320, 180, 3)
    assert clip.small.shape[1:3] == (160, 90)
    red_above = shown[:100, :, 0].mean() > shown[220:, :, 0].mean()
    assert red_above == (_shown_by_ffmpeg(turned, tmp_path)[:100, :, 0].mean() > 100)
    assert np.array_equal(picture(turned, "first"), shown)


def _turn(content: bytes) -> bytes:
    """The same MP4 with a track matrix that turns by 90 degrees (ISO/IEC 14496-12 8.3.2)."""
    straight = b"\x00\x01\x00\x00" + bytes(12) + b"\x00\x01\x00\x00" + bytes(12) + b"\x40\x00\x00\x00"
    turned = bytes(4) + b"\x00\x01\x00\x00" + bytes(4) + b"\xff\xff\x00\x00" + bytes(16) + b"\x40\x00\x00\x00"
    at = content.index(straight, content.index(b"tkhd"))
    return content[:at] + turned + content[at + len(turned) :]


def _shown_by_ffmpeg(path: Path, folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    import ffmpeg  # noqa: PLC0415 - only this comparison needs it

    from vidpipe.media.ffmpeg import run, source  # noqa: PLC0415

    run(ffmpeg.output(source(path).video, str(folder / "one.png"), vframes=1), what="a picture")
    return np.asarray(Image.open(folder / "one.png").convert("RGB"))


def test_the_last_picture_and_one_at_a_time_are_the_right_ones(shelf: Shelf) -> None:
    clip = decode(shelf("long.mp4"), samples=8)
    path = shelf("long.mp4")
    assert np.array_equal(picture(path, "last"), clip.samples[-1][1])
    at, shown = clip.samples[2]
    assert np.array_equal(picture(path, at + 0.01), shown)


def test_a_still_keeps_its_colours(tmp_path: Path) -> None:
    colour = (180, 60, 40)
    path = clips.write(tmp_path / "plain.mp4", painter=lambda _: clips.plain(320, 180, colour), seconds=0.3)
    made = Image.open(io.BytesIO(still(path, at="last")))
    assert made.format == "JPEG"
    assert np.abs(np.asarray(made).mean(axis=(0, 1)) - colour).max() < 4
    small = Image.open(io.BytesIO(still(clips.plain(320, 180, colour), width=80)))
    assert small.size == (80, 45)


def test_the_poster_is_not_a_black_frame(tmp_path: Path) -> None:
    clip = decode(clips.black_between(tmp_path / "b.mp4", 0.0, 1.2, seconds=2))
    assert float(poster(clip).mean()) > 40


def test_untagged_hd_pictures_are_read_as_bt709_and_small_ones_as_bt601() -> None:
    import av  # noqa: PLC0415 - only this test makes bare frames

    small, large = av.VideoFrame(64, 64, "yuv420p"), av.VideoFrame(64, 720, "yuv420p")
    assert frames._colorspace(small) == frames.Colorspace.ITU601
    assert frames._colorspace(large) == frames.Colorspace.ITU709
