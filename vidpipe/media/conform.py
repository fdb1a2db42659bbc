"""Making a stretch of any video file into a clip as it is asked for: length, size, frame rate, sound, loudness.

Clips made here are all encoded alike (`ffmpeg.h264`), so that the stitch joins them by copying.
"""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from vidpipe.errors import MediaError
from vidpipe.media import sound
from vidpipe.media.ffmpeg import EFFORT, Effort, h264, run, source
from vidpipe.media.info import MediaInfo
from vidpipe.media.probe import probe

Fit = Literal["pad", "crop"]
LOUDNESS = -18.0  # LUFS: between EBU R 128's -23 and streaming's -14; the stitch evens what remains
MOST_GAIN = 15.0  # dB: recordings differ more than delivered clips do
_SLACK = 0.1  # seconds an out point may lie beyond the file's end: the file's last frame is meant
_RUN_UP = 5.0  # seconds decoded before the in point, so that seeking by the index cannot miss it
_HDR = ("smpte2084", "arib-std-b67")


@dataclass(frozen=True)
class Frame:
    """The picture that is asked for."""

    width: int  # pixels, even
    height: int
    rate: Fraction  # frames a second


def fitted(stream: Any, frame: Frame, fit: Fit = "pad") -> Any:
    """`stream` in `frame`'s size and rate: black bars where its shape differs, or what sticks out cropped off.

    Its first picture is shown at 0, repeated if it comes later.
    """
    stream = stream.filter("bwdif", deint="interlaced")  # touches only what is marked as interlaced
    stream = stream.filter("fps", f"{frame.rate.numerator}/{frame.rate.denominator}", start_time=0)
    stream = stream.filter("scale", "trunc(iw*sar/2)*2", "ih")  # square pixels
    grow = "decrease" if fit == "pad" else "increase"
    stream = stream.filter(
        "scale", frame.width, frame.height, force_original_aspect_ratio=grow, force_divisible_by=2,
        flags="bicubic+accurate_rnd+full_chroma_int", out_color_matrix="bt709", out_range="tv",
    )  # fmt: skip
    if fit == "pad":
        stream = stream.filter("pad", frame.width, frame.height, "(ow-iw)/2", "(oh-ih)/2", color="black")
    else:
        stream = stream.filter("crop", frame.width, frame.height)
    # One meaning of colour for all that is encoded anew: a filmed clip that says none would otherwise differ from
    # a rendered one in its parameters, and the two could not be joined.
    stream = stream.filter("setsar", 1).filter("format", "yuv420p")
    return stream.filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")


def lasting(stream: Any, frames: int, first: int = 0) -> Any:
    """Pictures `first` to `frames` (exclusive) of `stream`; its last one stands where it has too few."""
    stream = stream.filter("tpad", stop=-1, stop_mode="clone")
    stream = stream.filter("trim", start_frame=first, end_frame=frames)
    return stream.filter("setpts", "PTS-STARTPTS")


def conform(
    path: Path,
    dest: Path,
    *,
    width: int,
    height: int,
    fps: int,
    start: float = 0.0,
    end: float | None = None,
    audio: bool = True,
    fit: Fit = "pad",
    loudness: float | None = LOUDNESS,
    effort: Effort = EFFORT,
) -> MediaInfo:
    """Write `path` from `start` to `end` (seconds; None: to the end of the file) to `dest` as MP4.

    `fps` frames a second, `width` x `height` pixels (made even), with stereo sound where `audio` (silence where
    the file has none), brought to `loudness` LUFS (None: left as it is). Written under a temporary name beside
    `dest` and renamed when whole. Raises MediaError where the file cannot be used, or has no such stretch.
    """
    info = probe(path)
    seconds = _stretch(path, info, start, end)
    frame = Frame(width + width % 2, height + height % 2, Fraction(fps))
    frames = max(1, round(seconds * fps))
    part = dest.with_name(f".{uuid.uuid4().hex}.part")
    seek = max(0.0, start - _RUN_UP)
    taken = source(path, threads=effort.threads, ss=seek, t=seconds + start - seek + 1)
    pictures = _from(taken.video, start - seek, info)
    pictures = lasting(fitted(pictures, frame, fit), frames)
    options = {**h264(threads=effort.threads), "f": "mp4", "movflags": "+faststart"}
    try:
        with tempfile.TemporaryDirectory(prefix="vidpipe-conform-", dir=dest.parent) as folder:
            if audio:
                heard = _sound(path, info, Path(folder), start, frames / fps, loudness)
                graph = ffmpeg.output(pictures, heard, str(part), acodec="aac", audio_bitrate="192k", **options)
            else:
                graph = ffmpeg.output(pictures, str(part), **options)
            run(graph, what=f"preparing {path.name}", effort=effort)
        made = _checked(path, part, frames, fps)
        part.replace(dest)
        return made
    finally:
        part.unlink(missing_ok=True)


def _from(stream: Any, seconds: float, info: MediaInfo) -> Any:
    """`stream` from `seconds` on, in standard dynamic range."""
    stream = stream.filter("trim", start=seconds).filter("setpts", f"PTS-{seconds:.6f}/TB")
    if info.video is None or info.video.transfer not in _HDR:
        return stream
    # phones film in HLG, cameras in PQ: to linear light, BT.709 primaries, tone-mapped (ffmpeg's own recipe)
    stream = stream.filter("zscale", transfer="linear", npl=100).filter("format", "gbrpf32le")
    stream = stream.filter("zscale", primaries="bt709").filter("tonemap", "hable", desat=0)
    return stream.filter("zscale", transfer="bt709", matrix="bt709", range="tv").filter("format", "yuv420p")


def _stretch(path: Path, info: MediaInfo, start: float, end: float | None) -> float:
    """Seconds between the in and the out point; raises MediaError where the file has no such stretch."""
    if info.video is None:
        raise MediaError(f"{path.name} holds no picture.")
    whole = info.video.duration
    out = whole if end is None else end
    if start < 0 or start >= whole:
        raise MediaError(f"{path.name} is {whole:.2f} s long; its in point is at {start:.2f} s.")
    if out > whole + _SLACK:
        raise MediaError(f"{path.name} is {whole:.2f} s long; its out point is at {out:.2f} s.")
    if out <= start:
        raise MediaError(f"{path.name}: the out point ({out:.2f} s) must be after the in point ({start:.2f} s).")
    return min(out, whole) - start


def _sound(path: Path, info: MediaInfo, folder: Path, start: float, seconds: float, loudness: float | None) -> Any:
    """The stretch's sound as an input of the graph, evened; silence where there is none."""
    samples = round(seconds * sound.RATE)
    strip = sound.silence(samples)
    if info.audio is not None:
        origin = sound.clock_start(path) + start
        strip = sound.strip(path, folder / "strip", samples=samples, channels=2, origin=origin)
    factor = 1.0 if loudness is None else sound.gain(strip.loudness, loudness, lift=MOST_GAIN, cut=MOST_GAIN)
    laid = folder / "sound"
    sound.lay([sound.Laid(strip, 0, factor)], laid, 2)
    return sound.graph_input(laid, 2)


def _checked(path: Path, made: Path, frames: int, fps: int) -> MediaInfo:
    info = probe(made)
    if info.video is None or info.video.frames != frames:
        have = info.video.frames if info.video else 0
        raise MediaError(f"preparing {path.name} made {have} pictures instead of {frames} ({fps} a second).")
    return info
