"""The film's sound: each clip's decoded, evened in loudness, cut to its picture's length to the sample, laid down.

Made whole and encoded once. AAC files that are joined by copying drift: every one brings 1,024 samples or more of
priming and ends on a whole frame, up to 43 ms a cut. Here sample k is heard at exactly k / RATE seconds of film.

Everything passes through flat files of float32 samples, a few seconds at a time: a film's length costs disk,
not memory.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from vidpipe.errors import MediaError
from vidpipe.media.ffmpeg import source
from vidpipe.media.loudness import SILENT, Loudness, Meter
from vidpipe.media.prober import OPTIONS

RATE = 48_000  # Hz
LOUDEST, QUIETEST = -14.0, -23.0  # LUFS a film is brought between: streaming's usual ceiling, EBU R 128's target
MOST_LIFT, MOST_CUT = 6.0, 12.0  # dB: a whisper stays one, a shout may be brought down further
PEAK = 10 ** (-1 / 20)  # -1 dBFS: no gain lifts a sound above it (EBU R 128 s2 asks for -1 dBTP)
HEARD = -55.0  # LUFS; under it there is nothing to even
_EDGE = 96  # samples (2 ms) faded at a cut, against clicks
_CHUNK = RATE * 8
_RUN_UP = 2.0  # seconds decoded before the first sample that is wanted

Samples = NDArray[np.float32]  # [n, channels]


@dataclass(frozen=True)
class Strip:
    """One clip's sound as decoded: `path` holds exactly `samples` samples, or is None for silence."""

    path: Path | None
    samples: int
    loudness: Loudness


@dataclass(frozen=True)
class Laid:
    """A strip's place in the film."""

    strip: Strip
    fade: int  # samples it overlaps with the one before
    gain: float  # factor


def silence(samples: int) -> Strip:
    """For a clip without sound."""
    return Strip(None, samples, Loudness(SILENT, 0.0))


def strip(path: Path, dest: Path, *, samples: int, channels: int, origin: float) -> Strip:
    """Decode the sound of `path` to `dest`, aligned to its picture.

    `origin` is when the first picture is shown on the file's clock (seconds): sound before it is cut, sound that
    begins later is preceded by silence; what is missing at the end is silence too. Raises MediaError.
    """
    meter = Meter(RATE)
    written = 0
    try:
        with dest.open("wb") as out:
            for aligned in _aligned(path, channels, origin):
                part = aligned[: samples - written]
                if not len(part):
                    break
                meter.add(part)
                part.tofile(out)
                written += len(part)
            _pad(out, samples - written, channels)
    except av.error.FFmpegError as error:
        raise MediaError(f"the sound of {path.name} cannot be decoded ({error}).") from error
    return Strip(dest, samples, meter.result())


def _pad(out: BinaryIO, samples: int, channels: int) -> None:
    while samples > 0:
        count = min(samples, _CHUNK)
        np.zeros((count, channels), dtype=np.float32).tofile(out)
        samples -= count


def _aligned(path: Path, channels: int, origin: float) -> Iterator[Samples]:
    """The sound of `path` from `origin` on."""
    skip: int | None = None
    for at, part in _decoded(path, channels, origin):
        if skip is None:
            skip = round((origin - at) * RATE)
            if skip < 0:
                yield np.zeros((-skip, channels), dtype=np.float32)
                skip = 0
        if skip >= len(part):
            skip -= len(part)
            continue
        yield part[skip:]
        skip = 0


def _decoded(path: Path, channels: int, origin: float) -> Iterator[tuple[float, Samples]]:
    """(seconds on the file's clock, samples at RATE) from somewhat before `origin` on, without damaged packets."""
    layout = "mono" if channels == 1 else "stereo"
    with av.open(f"file:{path.absolute()}", options=dict(OPTIONS), metadata_errors="replace") as container:
        stream: Any = next((s for s in container.streams.audio if s.codec_context is not None), None)
        if stream is None:
            raise MediaError(f"{path.name} has no sound that can be decoded.")
        resampler = av.AudioResampler(format="flt", layout=layout, rate=RATE)
        at = 0.0
        if origin > _RUN_UP:
            container.seek(int((origin - _RUN_UP) / stream.time_base), stream=stream, backward=True)
        for packet in container.demux(stream):
            for frame in _frames(packet):
                at = float(frame.time) if frame.pts is not None else at
                for made in resampler.resample(frame):
                    yield at, _floats(made, channels)
        for made in resampler.resample(None):
            yield at, _floats(made, channels)


def _floats(frame: Any, channels: int) -> Samples:
    found: Samples = frame.to_ndarray().reshape(-1, channels)  # 'flt' is interleaved: [1, n * channels]
    return found


def clock_start(path: Path) -> float:
    """When the file's clock begins, in seconds (0 for most)."""
    with av.open(f"file:{path.absolute()}", options=dict(OPTIONS), metadata_errors="replace") as container:
        return (container.start_time or 0) / 1e6


def graph_input(path: Path, channels: int) -> Any:
    """A flat file, as `lay` writes it, as an input of an ffmpeg graph."""
    layout = "mono" if channels == 1 else "stereo"
    return source(path, formats="f32le", f="f32le", sample_rate=RATE, ch_layout=layout).audio


def gains(found: Sequence[Loudness]) -> tuple[float, ...]:
    """A factor for each sound towards the film's median loudness, within MOST_LIFT, MOST_CUT and PEAK."""
    heard = [sound.lufs for sound in found if sound.lufs > HEARD]
    if not heard:
        return (1.0,) * len(found)
    target = min(max(statistics.median(heard), QUIETEST), LOUDEST)
    return tuple(gain(sound, target) for sound in found)


def gain(sound: Loudness, target: float, *, lift: float = MOST_LIFT, cut: float = MOST_CUT) -> float:
    """The factor that brings `sound` to `target` LUFS, within `lift` and `cut` dB; lifts no peak above PEAK."""
    if sound.lufs <= HEARD:
        return 1.0
    factor = float(10 ** (min(max(target - sound.lufs, -cut), lift) / 20))
    ceiling = max(PEAK / sound.peak, 1e-3) if sound.peak > 0 else factor
    return min(factor, ceiling)


def lay(parts: Sequence[Laid], dest: Path, channels: int) -> int:
    """Write all strips to `dest` as one flat float32 file, cross-fading where they overlap; returns its samples.

    Cross-fades are of equal power (sine and cosine): two different sounds keep their loudness through them.
    """
    total = 0
    rest = np.zeros((0, channels), dtype=np.float32)  # the end of the strip before, to be faded out
    with dest.open("wb") as out:
        for number, part in enumerate(parts):
            following = parts[number + 1].fade if number + 1 < len(parts) else 0
            body = part.strip.samples - following
            if part.fade:
                angle = np.linspace(0, np.pi / 2, part.fade, dtype=np.float32)[:, None]
                head = _read(part, 0, part.fade, channels)
                (head * np.sin(angle) + rest * np.cos(angle)).astype(np.float32).tofile(out)
            _lay_body(out, part, body, channels, cut_after=not following)
            rest = _read(part, body, following, channels)
            total += body
    return total


def _lay_body(out: BinaryIO, part: Laid, body: int, channels: int, *, cut_after: bool) -> None:
    """What is not faded: from the end of the fade-in up to sample `body`."""
    ramp = np.linspace(0, 1, _EDGE, dtype=np.float32)[:, None]
    at = part.fade
    while at < body:
        chunk = _read(part, at, min(_CHUNK, body - at), channels)
        edge = min(_EDGE, len(chunk))
        if at == 0:
            chunk[:edge] *= ramp[:edge]
        at += len(chunk)
        if at == body and cut_after:
            chunk[len(chunk) - edge :] *= ramp[:edge][::-1]
        chunk.tofile(out)


def _read(part: Laid, start: int, count: int, channels: int) -> Samples:
    """`count` samples from `start`, with the strip's gain."""
    if part.strip.path is None or count == 0:
        return np.zeros((count, channels), dtype=np.float32)
    flat = np.fromfile(part.strip.path, np.float32, count * channels, offset=start * channels * 4)
    return flat.reshape(count, channels) * np.float32(part.gain)


def _frames(packet: Any) -> list[Any]:
    """A packet's frames; none of a damaged one, whose place is padded (validate() has counted it)."""
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        return []
