"""What a media file says of itself, and what was asked of it: the words that probing and checking share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidpipe.media import stretches


@dataclass(frozen=True)
class VideoStream:
    """The picture."""

    codec: str
    width: int  # pixels, as shown (after rotation)
    height: int
    frame_rate: float  # frames a second, average
    duration: float  # seconds
    pixel_format: str
    frames: int | None = None  # where the container tells
    transfer: str = ""  # the transfer curve where it is tagged: bt709, arib-std-b67 (HLG), smpte2084 (PQ)
    rotation: int = 0  # degrees the pictures are turned by to be shown; width and height are as shown


@dataclass(frozen=True)
class AudioStream:
    """The sound."""

    codec: str
    sample_rate: int  # Hz
    channels: int
    duration: float  # seconds


@dataclass(frozen=True)
class MediaInfo:
    """A probed file."""

    container: str
    size: int  # bytes
    duration: float  # seconds
    video: VideoStream | None
    audio: AudioStream | None


@dataclass(frozen=True)
class Asked:
    """What a delivered clip should be."""

    duration: float  # seconds
    width: int
    height: int
    fps: int
    audio: bool


@dataclass(frozen=True)
class Fault:
    """One reason why a file is not what was asked for."""

    code: str  # undecodable, duration, size, frame_rate, black, frozen, silent, av_length
    reason: str  # in words, with figures


@dataclass(frozen=True)
class DecodedClip:
    """A clip decoded once, for all measures to share."""

    times: NDArray[np.float64]  # [n] seconds, of every frame
    small: NDArray[np.uint8]  # [n, h, w, 3] RGB, every frame, reduced to about 160 pixels wide
    samples: tuple[tuple[float, NDArray[np.uint8]], ...]  # (seconds, [H, W, 3] RGB full size): first, last, between
    audio: NDArray[np.float32] | None  # [m] mono, -1 to 1, or None without sound
    audio_rate: int  # Hz
    errors: int  # frames that could not be decoded
    facts: dict[str, Any]  # codec, width, height and the like, as decoded

    @cached_property
    def luma(self) -> stretches.Luma:
        """[n, h, w] of every frame, 0 to 255."""
        return stretches.luma(self.small)

    @cached_property
    def frozen(self) -> tuple[stretches.Stretch, ...]:
        """The stretches that show their first frame only, however short."""
        return stretches.frozen(self.luma, self.times)


def from_facts(facts: dict[str, Any]) -> MediaInfo:
    """The MediaInfo that was kept as JSON with `dataclasses.asdict`; raises KeyError where it isn't one."""
    video, audio = facts["video"], facts["audio"]
    return MediaInfo(
        container=facts["container"],
        size=facts["size"],
        duration=facts["duration"],
        video=VideoStream(**video) if video else None,
        audio=AudioStream(**audio) if audio else None,
    )
