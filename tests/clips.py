"""Small real media files for tests, made with PyAV: clean ones, and each kind of broken one.

Pictures are [h, w, 3] RGB uint8, made from the frame's number; sound is mono float32 in -1 to 1 at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Painter = Callable[[int], Picture]
RATE = 48_000  # Hz


def pattern(width: int = 320, height: int = 180, *, seed: int = 1, speed: float = 3.0) -> Painter:
    """A textured coloured field that wanders `speed` pixels a frame, with a bright square on top of it."""
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 216, size=(height // 20 + 3, width // 20 + 3, 3), dtype=np.uint8)
    field = np.kron(coarse, np.ones((20, 20, 1), dtype=np.uint8))

    def paint(number: int) -> Picture:
        shift = round(number * speed)
        picture = np.roll(field, (shift // 2, shift), axis=(0, 1))[:height, :width].copy()
        x = (10 + shift) % max(width - 40, 1)
        picture[20:50, x : x + 30] = 240
        return picture

    return paint


def plain(width: int, height: int, value: int | tuple[int, int, int]) -> Picture:
    """One colour."""
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = value
    return picture


def tone(seconds: float, *, hertz: float = 440.0, level: float = 0.25) -> NDArray[np.float32]:
    """A sine of peak `level`."""
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def write(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: int = 24,
    width: int = 320,
    height: int = 180,
    painter: Painter | None = None,
    sound: NDArray[np.float32] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    channels: int = 1,
) -> Path:
    """Write a clip; no sound stream where `sound` is None. Returns `path`."""
    paint = painter or pattern(width, height)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container or {}) as out:
        video: Any = out.add_stream(codec, rate=fps, options=_video_options(codec, options))
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio: Any = None
        if sound is not None:
            audio_codec = "libopus" if path.suffix == ".webm" else "aac"
            audio = out.add_stream(audio_codec, rate=RATE, layout="mono" if channels == 1 else "stereo")
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(paint(number)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            _write_sound(out, audio, sound, channels)
    return path


def _video_options(codec: str, options: dict[str, str] | None) -> dict[str, str]:
    base = {"preset": "veryfast", "crf": "20"} if codec == "libx264" else {}
    return base | (options or {})


def _write_sound(out: Any, audio: Any, sound: NDArray[np.float32], channels: int) -> None:
    layout = "mono" if channels == 1 else "stereo"
    step = audio.codec_context.frame_size or 1024
    for start in range(0, len(sound), step):
        part = np.tile(sound[start : start + step], (channels, 1))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


def clean(path: Path, *, seconds: float = 1.0, seed: int = 1, **more: Any) -> Path:
    """A clip with nothing wrong: moving picture, a steady tone."""
    width, height = more.get("width", 320), more.get("height", 180)
    more.setdefault("painter", pattern(width, height, seed=seed))
    more.setdefault("sound", tone(seconds, hertz=300 + 40 * (seed % 20)))
    return write(path, seconds=seconds, **more)


def silent(path: Path, *, seconds: float = 1.0) -> Path:
    """A sound stream that holds nothing but silence."""
    return write(path, seconds=seconds, sound=np.zeros(round(seconds * RATE), dtype=np.float32))


def black_between(path: Path, start: float, end: float, *, seconds: float = 4.0, fps: int = 24) -> Path:
    """Black from `start` to `end` (seconds), moving otherwise."""
    paint = pattern()

    def painter(number: int) -> Picture:
        return plain(320, 180, 0) if start <= number / fps < end else paint(number)

    return write(path, seconds=seconds, fps=fps, painter=painter, sound=tone(seconds))


def frozen_from(path: Path, start: float, *, seconds: float = 4.0, fps: int = 24) -> Path:
    """The picture stands still from `start` (seconds) on."""
    paint = pattern()
    return write(
        path,
        seconds=seconds,
        fps=fps,
        painter=lambda number: paint(min(number, round(start * fps))),
        sound=tone(seconds),
    )


def night(path: Path, *, seconds: float = 3.0) -> Path:
    """A dark street: 99 % of the picture below 10 % luma, a few lamps, a slow walker, grain of the camera."""
    random = np.random.default_rng(5)
    ground = np.repeat(np.linspace(6, 20, 180)[:, None, None], 320, axis=1).repeat(3, axis=2)

    def painter(number: int) -> Picture:
        picture = ground + random.normal(0, 1.5, size=(180, 320, 1))
        picture[30:34, 60:64] = 220
        picture[28:33, 250:255] = (250, 210, 140)
        picture[100:140, 80 + number : 92 + number] += 14
        return np.clip(picture, 0, 255).astype(np.uint8)

    return write(path, seconds=seconds, painter=painter, sound=tone(seconds))


def static_camera(path: Path, *, seconds: float = 4.0) -> Path:
    """A tripod shot: nothing moves but one small figure (10 by 16 pixels) that crosses slowly."""
    ground = pattern(speed=0)(0)

    def painter(number: int) -> Picture:
        picture = ground.copy()
        x = 40 + number // 2
        picture[120:136, x : x + 10] = (230, 60, 40)
        return picture

    return write(path, seconds=seconds, painter=painter, sound=tone(seconds))


def truncated(path: Path, source: Path, share: float = 0.5) -> Path:
    """The first `share` of `source`'s bytes."""
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def playlist(path: Path, target: str) -> Path:
    """An HLS playlist that points at `target`."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", "#EXTINF:4,", target, "#EXT-X-ENDLIST", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def flash_and_beep(path: Path, at: float, *, seconds: float = 1.0, fps: int = 24, seed: int = 1) -> Path:
    """One white frame and, at the same moment, 30 ms of a loud tone; a dim moving picture and a hum otherwise."""
    paint = pattern(seed=seed)
    sound = tone(seconds, hertz=100, level=0.01)
    first = round(at * RATE)
    sound[first : first + 1440] = tone(0.03, hertz=1000, level=0.5)

    def painter(number: int) -> Picture:
        return plain(320, 180, 255) if number == round(at * fps) else (paint(number) // 3).astype(np.uint8)

    return write(path, seconds=seconds, fps=fps, painter=painter, sound=sound)
