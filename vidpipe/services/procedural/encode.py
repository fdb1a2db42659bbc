"""Writes painted planes and sound as one MP4, in this process: x264 and AAC through PyAV.

Every clip of one size and rate gets the same parameters (closed GOPs of one second, no scene-cut frames, one
thread), so that clips can be joined without encoding them again, and the same frames give the same bytes.

x264's AVX-512 routines do not keep that promise where the height is no multiple of 16: the same frames gave up to
six different files in twenty runs (libx264 of PyAV 18.1's wheel; 320x180), and one with AVX2 or with 320x192. So a
processor that has AVX-512 is told to use AVX2.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from vidpipe.services.procedural.sound import RATE

Planes = tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]
AAC_FRAME = 1024  # samples
COLOUR_BT709 = 1  # AVCOL_PRI_BT709, AVCOL_TRC_BT709 and AVCOL_SPC_BT709 alike
COLOUR_LIMITED = 1  # AVCOL_RANGE_MPEG


def write_clip(
    path: Path, frames: Iterator[Planes], *, width: int, height: int, fps: int, sound: NDArray[np.float32] | None
) -> None:
    """Write `frames` (8-bit 4:2:0 planes) and `sound` ([2, n] at 48 kHz, or None) to `path`.

    Frames that were painted in another size are brought to `width` and `height`.
    """
    options = {"movflags": "+faststart", "use_editlist": "1", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        video = _video_stream(container, width, height, fps)
        audio = _audio_stream(container) if sound is not None else None
        sent = 0
        for index, planes in enumerate(frames):
            container.mux(video.encode(_picture(planes, width, height, index, fps)))
            if sound is not None and audio is not None:
                due = min(sound.shape[1], round((index + 1) * RATE / fps))
                sent = _send_sound(container, audio, sound, sent, due)
        container.mux(video.encode(None))
        if sound is not None and audio is not None:
            _send_sound(container, audio, sound, sent, sound.shape[1], last=True)
            container.mux(audio.encode(None))


def _video_stream(container: OutputContainer, width: int, height: int, fps: int) -> VideoStream:
    stream = container.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base = Fraction(1, fps)
    stream.thread_count = 1
    tuning = f"keyint={fps}:min-keyint={fps}:scenecut=0:open-gop=0:threads=1:rc-lookahead=12"
    tuning += (
        ":subme=1:ref=1"  # a third less time on rain and grain than the preset's own, and smaller files than superfast
    )
    if _has_avx512():
        tuning += ":asm=avx2"
    stream.options = {
        "preset": "veryfast", "crf": "22", "profile": "high", "flags": "+cgop", "x264-params": tuning,
    }  # fmt: skip
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = COLOUR_BT709
    context.color_range = COLOUR_LIMITED
    return stream


@cache
def _has_avx512() -> bool:
    """Whether this processor has AVX-512 (and so AVX2); False where the system does not tell."""
    try:
        return " avx512" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _audio_stream(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=RATE)
    stream.layout = "stereo"
    stream.bit_rate = 128_000
    return stream


def _picture(planes: Planes, width: int, height: int, index: int, fps: int) -> av.VideoFrame:
    rows, columns = planes[0].shape
    flat = np.empty((rows * 3 // 2, columns), np.uint8)
    flat[:rows] = planes[0]
    quarter = columns * rows // 4
    rest = flat[rows:].reshape(-1)
    rest[:quarter] = planes[1].reshape(-1)
    rest[quarter:] = planes[2].reshape(-1)
    frame = av.VideoFrame.from_ndarray(flat, format="yuv420p")
    if (rows, columns) != (height, width):
        frame = frame.reformat(width, height, interpolation="BICUBIC")
    frame.pts, frame.time_base = index, Fraction(1, fps)
    return frame


def as_image(planes: Planes, width: int, height: int) -> Image.Image:
    """Painted planes as a picture in RGB."""
    picture = _picture(planes, width, height, 0, 1).reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    return Image.fromarray(picture.to_ndarray())


def _send_sound(
    container: OutputContainer,
    audio: AudioStream,
    sound: NDArray[np.float32],
    sent: int,
    due: int,
    *,
    last: bool = False,
) -> int:
    """Encode whole AAC frames of sound up to sample `due`; returns how many samples were sent."""
    while due - sent >= AAC_FRAME or (last and sent < due):
        size = min(AAC_FRAME, due - sent)
        piece = np.ascontiguousarray(sound[:, sent : sent + size])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, sent, Fraction(1, RATE)
        container.mux(audio.encode(frame))
        sent += size
    return sent
