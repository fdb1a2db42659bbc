"""Stretches of a clip that are black, or in which the picture stands still.

Both are looked for in the reduced frames. What counts follows ffmpeg's detectors, with one condition more
each, so that a night scene is not taken for black nor a tripod shot for frozen:

- black (blackdetect's defaults `pic_th=0.98`, `pix_th=0.10`): at least 98 % of the pixels are darker than a
  tenth of white; and here, besides, nothing but 0.2 % of them is brighter than 15 %, and the mean is under 3 %.
  A street at night has lamps, and its darkness has some light in it; a black tail has neither.
- frozen (freezedetect's default `n=-60dB`): compared with the first frame of the stretch, the mean difference
  stays under a thousandth of full scale; and here, besides, in no block of 10 by 10 pixels it is greater than
  1 %, so that one small figure that moves in a still picture is motion. A key frame in a frozen stretch redraws
  the same picture a little better and must not hide it: two stretches of 0.25 s and more are one if the jump
  between them is small (under 2.5 levels, 6 in any block) and stands alone (4 times any change within them);
  a slow pan or zoom changes all the time, so nothing in it stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLACK_PIXEL = 0.10 * 255
BLACK_SHARE = 0.98
LIGHT_PIXEL = 0.15 * 255
LIGHT_SHARE = 0.002
BLACK_MEAN = 0.03 * 255
FROZEN_MEAN = 0.001 * 255
FROZEN_BLOCK = 0.01 * 255
BLOCK = 10  # pixels of the reduced picture
REDRAWN_MEAN, REDRAWN_BLOCK = 2.5, 6.0  # levels
REDRAWN_TIMES = 4.0
REDRAWN_LEAST = 0.25  # seconds
_AT_ONCE = 64  # frames compared in one go

Luma = NDArray[np.uint8]  # [n, h, w]


@dataclass(frozen=True)
class Stretch:
    """From `start` to `end`, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.end - self.start


def luma(small: NDArray[np.uint8]) -> Luma:
    """BT.709 luma (54, 183 and 19 of 256 parts of R, G and B) of pictures [n, h, w, 3], 0 to 255."""
    weighted = small[..., 0] * np.uint16(54)
    weighted += small[..., 1] * np.uint16(183)
    weighted += small[..., 2] * np.uint16(19)
    weighted >>= 8
    return weighted.astype(np.uint8)


def black_frames(y: Luma) -> NDArray[np.bool_]:
    """Which of the frames are black."""
    flat = y.reshape(len(y), -1)
    means = flat.mean(axis=1, dtype=np.float32)
    black: NDArray[np.bool_] = means < BLACK_MEAN  # cheap, and rules nearly all out
    for number in np.flatnonzero(black):
        frame = flat[number]
        dark = np.count_nonzero(frame < BLACK_PIXEL) >= BLACK_SHARE * frame.size
        lit = np.count_nonzero(frame > LIGHT_PIXEL) > LIGHT_SHARE * frame.size
        black[number] = dark and not lit
    return black


def _same(frames: Luma, reference: Luma) -> NDArray[np.bool_]:
    """Which of `frames` [n, h, w] show the same as `reference` ([h, w] or [n, h, w])."""
    difference = np.maximum(frames, reference) - np.minimum(frames, reference)  # stays in uint8
    same: NDArray[np.bool_] = difference.mean(axis=(1, 2), dtype=np.float32) < FROZEN_MEAN
    for number in np.flatnonzero(same):
        same[number] = _greatest_block(difference[number]) < FROZEN_BLOCK
    return same


def _greatest_block(difference: NDArray[np.uint8]) -> float:
    height, width = difference.shape
    rows, columns = max(height // BLOCK, 1), max(width // BLOCK, 1)
    cut = difference[: rows * (height // rows), : columns * (width // columns)]
    blocks = cut.reshape(rows, height // rows, columns, width // columns)
    return float(blocks.mean(axis=(1, 3), dtype=np.float32).max())


def _repeats(y: Luma) -> NDArray[np.bool_]:
    """[n - 1]: which frames show the same as the one before them."""
    if len(y) < 2:
        return np.zeros(0, dtype=np.bool_)
    return _same(y[1:], y[:-1])


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, one after the last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _ends(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each frame gives way to the next."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return np.append(times[1:], times[-1] + step)


def black(y: Luma, times: NDArray[np.float64]) -> tuple[Stretch, ...]:
    """The black stretches, however short."""
    return runs(black_frames(y), times)


def runs(flags: NDArray[np.bool_], times: NDArray[np.float64]) -> tuple[Stretch, ...]:
    """The stretches of the frames that are flagged, however short."""
    ends = _ends(times)
    return tuple(Stretch(float(times[a]), float(ends[b - 1])) for a, b in _runs(flags))


def frozen(y: Luma, times: NDArray[np.float64]) -> tuple[Stretch, ...]:
    """The stretches of two frames and more that show their first frame only."""
    ends = _ends(times)
    found: list[tuple[int, int]] = []  # first and last frame
    for begin, end in _runs(_repeats(y)):
        first = begin
        while first < end:
            last = _stands_until(y, first, end)
            if last > first:
                found.append((first, last))
            first = last + 1
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    joined = _redrawn(y, found, least=REDRAWN_LEAST / max(step, 1e-3))
    return tuple(Stretch(float(times[first]), float(ends[last])) for first, last in joined)


def _redrawn(y: Luma, found: list[tuple[int, int]], *, least: float) -> list[tuple[int, int]]:
    """`found` with neighbours made one that only a key frame parts; `least` frames each."""
    joined: list[tuple[int, int]] = []
    for number, (first, last) in enumerate(found):
        start, end = found[number - 1] if number else (0, -2)
        near = end + 1 == first and min(end - start, last - first) + 1 >= least - 1e-6
        from_, to = max(start, first - _AT_ONCE), min(last, first + _AT_ONCE)
        if near and _stands_alone(y[from_ : to + 1], first - from_ - 1):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _stands_alone(seen: Luma, place: int) -> bool:
    """Whether the change from frame `place` of `seen` to the next is small and yet the only one.

    The two frames after it are left out: an encoder refines a redrawn picture in them.
    """
    difference = np.maximum(seen[1:], seen[:-1]) - np.minimum(seen[1:], seen[:-1])
    change = difference.mean(axis=(1, 2), dtype=np.float32)
    others = np.delete(change, range(place, min(place + 3, len(change))))
    jump = float(change[place])
    small = jump < REDRAWN_MEAN and _greatest_block(difference[place]) < REDRAWN_BLOCK
    return small and jump >= REDRAWN_TIMES * float(others.max(initial=0.0))


def _stands_until(y: Luma, first: int, most: int) -> int:
    """The last frame up to `most` that still shows what frame `first` shows."""
    for start in range(first + 1, most + 1, _AT_ONCE):
        end = min(start + _AT_ONCE, most + 1)
        same = _same(y[start:end], y[first])
        if not same.all():
            return start + int(np.argmin(same)) - 1
    return most
