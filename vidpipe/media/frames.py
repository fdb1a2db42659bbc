"""Decoding a clip once, for everything that looks at it: every frame small, a few whole, the sound as mono.

One pass over the file with PyAV. Measured on 2 cores: 1 s of 320x180 costs 10 ms of CPU, 4 s of 640x360 60 ms;
letting the decoder use two threads costs no CPU and saves a third of the time. Files are probed first
(`media.probe`): that is what stands between a hostile file and this process.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import av
import av.error
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from vidpipe.boundary import slow
from vidpipe.errors import MediaError
from vidpipe.media.info import DecodedClip
from vidpipe.media.prober import OPTIONS

Picture = NDArray[np.uint8]  # [H, W, 3] RGB

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HD = 720  # lines from which an untagged picture is taken for BT.709 (as players do), below for BT.601
_MOTION_FRAMES = 2  # of the samples, how many are kept where the picture changes most
_MOTION_APART = 3  # frames between two of them, and from the evenly spaced ones
_SHARP = 1.5  # times the clip's median change: what counts as sharp motion
_LEAST_WIDTH = 64  # pixels the reduced frames of very long clips may shrink to
# Up to so many a second thread costs more than it brings: 16 ms of CPU a second of 320x180 instead of 13, no sooner.
_SMALL_PICTURE = 640 * 360  # pixels


@dataclass(frozen=True)
class DecodeLimits:
    """What one clip may take: 20,000 frames are 11 minutes at 30 frames a second."""

    frames: int = 20_000
    pixels: int = 4096 * 2304  # of one frame
    small_bytes: int = 96 * 2**20  # of all reduced frames together; longer clips are reduced further
    audio_seconds: float = 1_200.0
    seconds: float = 180.0  # on the wall


LIMITS = DecodeLimits()


@dataclass
class _Kept:
    """Frames held whole until the pass is over; references to the decoder's own pictures, not copies."""

    wanted: set[int]
    at: dict[int, Any] = field(default_factory=dict)
    peaks: list[tuple[float, int, Any]] = field(default_factory=list)
    last: tuple[int, Any] | None = None
    before: NDArray[np.int16] | None = None
    changes: list[float] = field(default_factory=list)

    def offer(self, number: int, frame: Any, small: Picture) -> None:
        """Keep `frame` if it is first, last, evenly spaced, or where the picture changes most."""
        if number in self.wanted:
            self.at[number] = frame
        self.last = (number, frame)
        green = small[::2, ::2, 1].astype(np.int16)
        if self.before is not None:
            self.changes.append(float(np.abs(green - self.before).mean()))
            self._offer_peak(self.changes[-1], number, frame)
        self.before = green

    def _offer_peak(self, change: float, number: int, frame: Any) -> None:
        if any(abs(number - other) < _MOTION_APART for other in self.wanted):
            return
        near = [peak for peak in self.peaks if number - peak[1] < _MOTION_APART]
        if near and near[0][0] >= change:
            return
        rest = [peak for peak in self.peaks if peak not in near]
        self.peaks = sorted([*rest, (change, number, frame)], key=lambda peak: peak[0])[-_MOTION_FRAMES:]

    def chosen(self) -> list[tuple[int, Any]]:
        """All kept frames in order."""
        found = dict(self.at)
        usual = float(np.median(self.changes)) if self.changes else 0.0
        found.update({n: frame for change, n, frame in self.peaks if change > _SHARP * usual + 1})
        if self.last is not None:
            found[self.last[0]] = self.last[1]
        return sorted(found.items())


class _Reduced:
    """Room for the reduced frames, grown as they come."""

    def __init__(self, expected: int) -> None:
        self._room = max(expected, 8)
        self._frames: Picture | None = None
        self.count = 0

    def add(self, small: Picture) -> None:
        if self._frames is None:
            self._frames = np.empty((self._room, *small.shape), dtype=np.uint8)
        elif self.count == len(self._frames):
            more = np.empty((max(8, self.count // 2), *small.shape), dtype=np.uint8)
            self._frames = np.concatenate([self._frames, more])
        self._frames[self.count] = small
        self.count += 1

    def all(self) -> Picture:
        assert self._frames is not None
        return self._frames[: self.count]


class _Decoder:
    """One pass over one file."""

    def __init__(self, path: Path, container: Any, samples: int, width: int, limits: DecodeLimits) -> None:
        streams = [s for s in container.streams if s.codec_context is not None]
        videos = [s for s in streams if s.type == "video" and not s.disposition & 0x400]  # 0x400: cover art
        audios = [s for s in streams if s.type == "audio"]
        if not videos:
            raise MediaError(f"{path.name} holds no picture that can be decoded.")
        self.path, self.limits, self.container = path, limits, container
        self.video: Any = videos[0]
        self.audio: Any = audios[0] if audios else None
        self._refuse_large()
        self.video.thread_type = "AUTO"
        context = self.video.codec_context
        context.thread_count = 2 if context.width * context.height > _SMALL_PICTURE else 1
        self.expected = self._expected()
        self.small_size = self._small_size(width)
        even = np.linspace(0, max(self.expected - 1, 0), max(samples - _MOTION_FRAMES, 2))
        self.kept = _Kept({int(number) for number in even.round()})
        self.reduced = _Reduced(min(self.expected, limits.frames))
        self.times: list[float] = []
        self.sound: list[NDArray[np.float32]] = []
        self.sound_start: float | None = None
        self.errors = 0
        self.audio_errors = 0
        self.rotation = 0
        self._reformatter = VideoReformatter()
        self._resampler = None
        if self.audio is not None:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self.audio.rate)

    def _refuse_large(self) -> None:
        context = self.video.codec_context
        if context.width * context.height > self.limits.pixels:
            raise MediaError(f"{self.path.name} has pictures of {context.width}x{context.height}: too large.")

    def _expected(self) -> int:
        rate = self.video.average_rate or self.video.guessed_rate or 25
        seconds = (self.container.duration or 0) / 1e6
        count = int(self.video.frames) or round(seconds * float(rate))
        if count > self.limits.frames:
            raise MediaError(f"{self.path.name} has {count} frames; at most {self.limits.frames} are looked at.")
        return count

    def _small_size(self, width: int) -> tuple[int, int]:
        """(width, height) as coded, so that what is shown is about `width` wide, less for very long clips."""
        context = self.video.codec_context
        ratio = context.height / max(context.width, 1)
        room = self.limits.small_bytes / (3 * max(self.expected, 1) * max(ratio, 1e-3))
        width = max(min(width, context.width, int(room**0.5)), min(_LEAST_WIDTH, context.width))
        return width, max(1, round(width * ratio))

    def run(self) -> None:
        """Decode everything, counting what cannot be."""
        end = time.monotonic() + self.limits.seconds
        streams = [self.video] if self.audio is None else [self.video, self.audio]
        for packet in self._packets(streams):
            if time.monotonic() > end:
                raise MediaError(f"{self.path.name} took more than {self.limits.seconds:g} s to decode.")
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.errors += 1
                self.audio_errors += packet.stream is self.audio
                continue
            for frame in frames:
                if packet.stream is self.video:
                    self._take_picture(frame)
                else:
                    self._take_sound(frame)

    def _packets(self, streams: list[Any]) -> Iterator[Any]:
        try:
            yield from self.container.demux(streams)
        except av.error.FFmpegError:
            self.errors += 1

    def _take_picture(self, frame: Any) -> None:
        number = len(self.times)
        if number >= self.limits.frames:
            raise MediaError(f"{self.path.name} has more than {self.limits.frames} frames.")
        if frame.width * frame.height > self.limits.pixels:
            raise MediaError(f"{self.path.name} has pictures of {frame.width}x{frame.height}: too large.")
        self.errors += bool(frame.is_corrupt)
        self.rotation = frame.rotation
        small = self.rgb(frame, self.small_size)
        self.reduced.add(small)
        self.kept.offer(number, frame, small)
        self.times.append(float(frame.time) if frame.pts is not None else (self.times or [0.0])[-1])

    def _take_sound(self, frame: Any) -> None:
        if self.sound_start is None:
            self.sound_start = float(frame.time or 0.0)
        if len(self.sound) * frame.samples > self.limits.audio_seconds * self.audio.rate:
            raise MediaError(f"{self.path.name} has more than {self.limits.audio_seconds:g} s of sound.")
        assert self._resampler is not None
        for part in self._resampler.resample(frame):
            self.sound.append(part.to_ndarray()[0])

    def rgb(self, frame: Any, size: tuple[int, int] | None = None) -> Picture:
        """`frame` as RGB at `size` (width, height), or as large as it is."""
        width, height = size or (frame.width, frame.height)
        made = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=_colorspace(frame),
            interpolation=Interpolation.AREA,
            threads=1,
        )
        return cast(Picture, made.to_ndarray())

    def clip(self) -> DecodedClip:
        """What was decoded; raises MediaError where that is nothing."""
        if not self.times:
            raise MediaError(f"{self.path.name} holds no picture that can be decoded.")
        turns = (self.rotation // 90) % 4
        start = self.times[0]
        times = np.array(self.times, dtype=np.float64) - start
        samples = tuple((times[n], np.rot90(self.rgb(f), turns)) for n, f in self.kept.chosen())
        small = self.reduced.all()
        return DecodedClip(
            times=times,
            small=np.ascontiguousarray(np.rot90(small, turns, axes=(1, 2))) if turns else small,
            samples=tuple((float(at), np.ascontiguousarray(picture)) for at, picture in samples),
            audio=np.concatenate(self.sound) if self.sound else None,
            audio_rate=int(self.audio.rate) if self.audio is not None else 0,
            errors=self.errors,
            facts=self._facts(times, start, turned=bool(turns % 2)),
        )

    def _facts(self, times: NDArray[np.float64], start: float, *, turned: bool) -> dict[str, Any]:
        context = self.video.codec_context
        rate = float(self.video.average_rate or self.video.guessed_rate or 0)
        step = float(np.median(np.diff(times))) if len(times) > 1 else (1 / rate if rate else 0.0)
        sound = sum(len(part) for part in self.sound) / self.audio.rate if self.audio is not None else 0.0
        return {
            "codec": context.name,
            "width": context.height if turned else context.width,
            "height": context.width if turned else context.height,
            "frame_rate": rate,
            "frames": len(times),
            "frames_expected": int(self.video.frames),  # as the container tells; 0 where it doesn't
            "video_seconds": float(times[-1]) + step,
            "audio_seconds": sound,
            "audio_start": (self.sound_start - start) if self.sound_start is not None else 0.0,
            "audio_channels": int(self.audio.channels) if self.audio is not None else 0,
            "audio_errors": self.audio_errors,
        }


def _colorspace(frame: Any) -> Any:
    """The matrix of `frame`, guessed where it is not tagged: a still that is used again must not shift in colour."""
    if frame.format.is_rgb or frame.colorspace != _UNSPECIFIED:
        return None
    return Colorspace.ITU709 if frame.height >= _HD else Colorspace.ITU601


@slow("decoding a clip")
def decode(path: Path, *, samples: int = 8, small_width: int = 160, limits: DecodeLimits = LIMITS) -> DecodedClip:
    """Every frame of `path` about `small_width` pixels wide, and at most `samples` + 1 of them whole.

    The whole ones are the first, the last, evenly spaced ones between, and up to two where the picture changes
    sharply. Times are in seconds from the first frame. Raises MediaError where nothing can be
    decoded, or more than `limits` allow; single damaged frames are counted in `errors`.
    """
    try:
        container = av.open(f"file:{path.absolute()}", options=dict(OPTIONS), metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path.name} cannot be read as a video ({error}).") from error
    with container:
        decoder = _Decoder(path, container, samples, small_width, limits)
        decoder.run()
        return decoder.clip()


@slow("decoding a picture")
def picture(path: Path, at: Literal["first", "last"] | float = "first") -> Picture:
    """One frame whole: the first, the last, or the one shown at `at` seconds; raises MediaError."""
    try:
        with av.open(f"file:{path.absolute()}", options=dict(OPTIONS), metadata_errors="replace") as container:
            decoder = _Decoder(path, container, 2, _LEAST_WIDTH, LIMITS)
            found = _seek(container, decoder.video, at)
            if found is None:
                raise MediaError(f"{path.name} has no picture at {at}.")
            return np.ascontiguousarray(np.rot90(decoder.rgb(found), (found.rotation // 90) % 4))
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name} cannot be decoded ({error}).") from error


def _seek(container: Any, video: Any, at: Literal["first", "last"] | float) -> Any:
    if at == "first":
        return next(container.decode(video), None)
    target = float("inf") if at == "last" else float(at)
    start = container.duration or 0 if at == "last" else int(target * 1e6)
    container.seek(max(start - 1, 0), backward=True)  # to the key frame before, in microseconds
    shown = None
    for frame in container.decode(video):
        if shown is not None and frame.time is not None and frame.time > target + 1e-6:
            break
        shown = frame
    return shown


def poster(clip: DecodedClip) -> Picture:
    """The sample that shows most: the greatest contrast (standard deviation of luma) of those between the ends."""
    inner = clip.samples[1:-1] or clip.samples
    return max((shown for _, shown in inner), key=lambda shown: float(shown[::4, ::4].std()))


def still(
    source: Path | Picture,
    *,
    at: Literal["first", "last"] | float = "first",
    width: int | None = None,
    quality: int = 95,
) -> bytes:
    """A JPEG of a picture, or of the frame of a file; `width` in pixels makes it smaller.

    Colour is not subsampled and quality is high by default: a last frame becomes the next shot's first one. Tables of
    its own (`optimize`) would make it 5 % smaller and take three times as long.
    """
    shown = picture(source, at) if isinstance(source, Path) else source
    image = Image.fromarray(np.ascontiguousarray(shown))
    if width is not None and width < image.width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)
    return buffer.getvalue()
