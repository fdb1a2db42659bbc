"""What one model of a video service can do and costs: frozen figures, and the questions that are asked of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from vidpipe.domain.sources import UNTOLD, Told
from vidpipe.domain.tariff import FREE, Tariff

SAME = 1e-3  # seconds; durations nearer than this are the same


@dataclass(frozen=True)
class Capabilities:
    """What one model of a service can do and costs. Seconds, pixels, frames a second, US dollars."""

    service: str
    model: str
    durations: tuple[float, ...] = ()  # empty: any from min_duration to max_duration
    min_duration: float = 0.5
    max_duration: float = 60.0
    sizes: tuple[tuple[int, int], ...] = ()  # (width, height); empty: any even size up to max_pixels
    sizes_from_text: tuple[tuple[int, int], ...] = ()  # those without a first frame, where they are fewer
    max_pixels: int = 3840 * 2160
    frame_rates: tuple[int, ...] = ()  # empty: any from 1 to 60
    max_candidates: int = 1  # clips one operation can bring; more of them are more operations
    audio: bool = False
    seed: bool = False
    negative_prompt: bool = True
    longest_prompt: int = 0  # UTF-16 code units; 0: no limit that is known
    first_frame: bool = False
    needs_first_frame: bool = False  # it makes nothing from text alone
    last_frame: bool = False
    max_references: int = 0
    durations_with_references: tuple[float, ...] = ()  # what references force
    aspects_with_references: tuple[str, ...] = ()  # `16:9`; empty: all it can make
    references_with_frames: bool = True  # whether both can go with one prompt
    tariff: Tariff = FREE
    price_until: date | None = None  # the last day of these prices, where that is known
    quality: int = 1  # 1, a sketch, to 5, the finest: an opinion, for choosing by rule
    styles: tuple[str, ...] = ()  # what it is good at, for choosing by rule
    poll_seconds: float = 10.0  # between two questions about an operation
    timeout_seconds: float = 900.0  # after which an operation is given up
    # How long the service keeps what it made; what ran over its time is watched so long.
    kept_seconds: float = 172_800.0
    settling_seconds: float = 120.0  # how long a submit whose answer was lost may still turn up at the service
    typical_seconds: float = 0.0  # from submit to delivery, whatever the length of the clip
    typical_per_second: float = 0.0  # and this for every second of every clip of the operation
    retires: date | None = None
    replacement: str = ""
    cheaper: str = ""  # `service/model` to go on with where the money runs out; costs no more than this one
    told: Told = UNTOLD  # where all of this is from

    @property
    def price_per_second(self) -> Decimal:
        """US dollars a second of one clip at most, whatever its size and sound."""
        return self.tariff.most

    def per_second(self, width: int, height: int, *, audio: bool) -> Decimal:
        """US dollars for a second of one clip of this size, with sound where the model makes any and it is asked."""
        return self.tariff.per_second(width, height, sound=audio and self.audio)

    def can_last(self, duration: float) -> bool:
        """Whether a clip of `duration` seconds can be asked for."""
        if self.durations:
            return any(abs(duration - one) < SAME for one in self.durations)
        return self.min_duration - SAME <= duration <= self.max_duration + SAME

    def lasts(self) -> str:
        """The durations in words: `4, 6 or 8 s`, `2 to 10 s, whole seconds`, `0.5 to 30 s`."""
        if not self.durations:
            return f"{self.min_duration:g} to {self.max_duration:g} s"
        every = sorted(self.durations)
        if len(every) > 4 and all(later - one == 1 for one, later in pairwise(every)):
            return f"{every[0]:g} to {every[-1]:g} s, whole seconds"
        words = [f"{one:g}" for one in every]
        return (f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]) + " s"

    def nearest_duration(self, duration: float) -> float:
        """What the model can do that comes nearest to `duration`; the longer of two."""
        if self.durations:
            return min(self.durations, key=lambda one: (abs(one - duration), -one))
        return min(max(duration, self.min_duration), self.max_duration)

    def bought_seconds(self, duration: float, *, references: bool) -> float:
        """The length in seconds of each clip that is bought for a scene of `duration` seconds.

        References can force a longer clip, which is then trimmed.
        """
        forced = self.durations_with_references if references else ()
        if not forced or any(abs(duration - one) < SAME for one in forced):
            return duration
        longer = [one for one in forced if one >= duration]
        return min(longer) if longer else max(forced)

    def can_size(self, width: int, height: int, *, from_text: bool = False) -> bool:
        """Whether a clip of this size can be asked for; `from_text`: without a first frame."""
        sizes = self.sizes_from_text if from_text and self.sizes_from_text else self.sizes
        return (width, height) in sizes if sizes else width * height <= self.max_pixels

    def nearest_size(self, width: int, height: int) -> tuple[int, int]:
        """What can be asked for in place of a size: itself, else the same shape smaller, else the listed size whose
        shape is nearest, and of those the one whose area is."""
        if self.can_size(width, height):
            return width, height
        if not self.sizes:
            scale = math.sqrt(self.max_pixels / (width * height))
            return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
        shape = width / height
        return min(
            self.sizes, key=lambda one: (abs(math.log(one[0] / one[1] / shape)), abs(one[0] * one[1] - width * height))
        )

    def nearest_rate(self, fps: int) -> int:
        """The frames a second that can be asked for in place of `fps`: itself, else the next higher, else the most."""
        if self.can_rate(fps):
            return fps
        higher = [rate for rate in self.frame_rates if rate > fps]
        return min(higher) if higher else max(self.frame_rates, default=min(fps, 60))

    def sizes_in_words(self) -> str:
        """`1280x720 or 1920x1080`, `up to 2,073,600 pixels (about 1920x1080)`."""
        if self.sizes:
            words = [f"{width}x{height}" for width, height in self.sizes]
            return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
        height = int(math.sqrt(self.max_pixels * 9 / 16))
        return f"up to {self.max_pixels:,} pixels (about {height * 16 // 9}x{height})"

    def can_rate(self, fps: int) -> bool:
        """Whether this many frames a second can be asked for."""
        return fps in self.frame_rates if self.frame_rates else 1 <= fps <= 60

    def operations(self, candidates: int) -> int:
        """How many operations bring this many clips."""
        return -(-candidates // self.max_candidates)

    def takes_shape_with_references(self, width: int, height: int) -> bool:
        """Whether references can go with a clip of this shape."""
        return not self.aspects_with_references or aspect(width, height) in self.aspects_with_references

    def retired(self, today: date) -> bool:
        """Whether the service has taken it out of use."""
        return self.retires is not None and self.retires < today


def aspect(width: int, height: int) -> str:
    """The shape of a picture in lowest terms: `16:9`."""
    common = math.gcd(width, height)
    return f"{width // common}:{height // common}"
