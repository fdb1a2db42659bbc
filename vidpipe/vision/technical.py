"""What can be measured in a clip without any model: dimension 'visual_quality'. Numpy alone.

Each measure has a value in its unit and a score from 0 to 1 by a named curve (straight lines between points).
The dimension's score is the weighted mean of the graded measures (WEIGHTS; what does not apply is left out and
its weight shared out) times the scores of the GATES: what is a fault rather than a matter of degree (black,
frozen, a hidden cut, silence where sound was asked) pulls the whole down and cannot be made up for elsewhere.

    sharpness    std(Laplacian) / (std(luma) + 4), median over up to four whole pictures. The variance of the
                 Laplacian is Pech-Pacheco et al. 2000 (ICPR); divided by the contrast, so that fog or a low-key
                 scene is not called blurred
    exposure     mean luma, share of full scale
    shadows      share of pixels at 2/255 or less, highlights: at 253/255 or more (crushed, blown out)
    motion       mean absolute luma difference of neighbouring frames (MAFD, as ffmpeg's scdet), levels of 255.
                 Similarity metrics reward frozen clips; below the floor (0.3 levels) this one costs
    flicker      mean |m[t-1] - 2 m[t] + m[t+1]| / 2 of the mean luma m, levels: a fade costs nothing
    duplicates   share of frames that repeat the one before exactly (under 0.01 levels), frozen stretches apart
    black        share of the time in black frames; frozen: in stretches of 0.5 s and more that stand still, lit
    hidden_cuts  jumps of at least 10 levels that are five times their neighbourhood's median change (after
                 scdet); into black and out of it doesn't count again
    loudness     LUFS, ITU-R BS.1770-4 on the mono mix; clipping: share of samples at 0.999 or more
    silence      share of 50 ms windows under -60 dBFS (silencedetect's default)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vidpipe.media import loudness, stretches
from vidpipe.media.info import DecodedClip
from vidpipe.vision.base import Measure, Reading, Subject


@dataclass(frozen=True)
class Curve:
    """Scores by straight lines between (value, score) points; flat beyond the ends."""

    points: tuple[tuple[float, float], ...]

    def __call__(self, value: float) -> float:
        """The score of `value`."""
        values, scores = zip(*self.points, strict=True)
        return float(np.interp(value, values, scores))


CURVES: Final = {
    "sharpness": Curve(((0.02, 0), (0.08, 0.3), (0.25, 0.65), (0.5, 0.85), (1, 1), (2, 1), (4, 0.4))),
    "exposure": Curve(((0, 0), (0.04, 0.4), (0.15, 0.9), (0.25, 1), (0.7, 1), (0.85, 0.6), (1, 0))),
    "shadows": Curve(((0.05, 1), (0.3, 0.7), (0.8, 0.2), (1, 0))),
    "highlights": Curve(((0.02, 1), (0.15, 0.6), (0.5, 0.15), (1, 0))),
    "motion": Curve(((0, 0), (0.05, 0.1), (0.3, 0.6), (1, 0.85), (4, 1), (20, 1), (45, 0.4))),
    "flicker": Curve(((0.3, 1), (1, 0.8), (3, 0.3), (8, 0))),
    "duplicates": Curve(((0.05, 1), (0.3, 0.6), (0.5, 0.4), (1, 0))),
    "black": Curve(((0, 1), (0.02, 0.9), (0.1, 0.5), (0.3, 0.1), (1, 0))),
    "frozen": Curve(((0, 1), (0.1, 0.8), (0.3, 0.4), (1, 0.05))),
    "hidden_cuts": Curve(((0, 1), (1, 0.5), (3, 0.1), (6, 0))),
    "loudness": Curve(((-70, 0), (-50, 0.4), (-32, 0.9), (-27, 1), (-11, 1), (-6, 0.6), (0, 0.3))),
    "clipping": Curve(((0.0001, 1), (0.002, 0.7), (0.02, 0.2), (0.1, 0))),
    "silence": Curve(((0, 1), (0.6, 1), (0.95, 0.7), (0.99, 0.3), (1, 0.2))),
}
WEIGHTS: Final = {
    "sharpness": 0.30,
    "motion": 0.20,
    "exposure": 0.12,
    "shadows": 0.05,
    "highlights": 0.08,
    "flicker": 0.08,
    "duplicates": 0.07,
    "loudness": 0.06,
    "clipping": 0.04,
}
GATES: Final = ("black", "frozen", "hidden_cuts", "silence")

_LAPLACIAN_PICTURES = 4
_LAPLACIAN_PIXELS = 640  # a side: larger pictures are looked at in their middle, at full sharpness
_CONTRAST_FLOOR = 4.0  # levels
_CRUSHED, _BLOWN = 2, 253
_FROZEN_LEAST = 0.5  # seconds
_SAME = 0.01  # levels: what a decoder's rounding leaves of a repeated frame
_CUT_LEAST = 10.0  # levels; ffmpeg scdet's default threshold of 10 % is 25 levels and misses cuts between alike shots
_CUT_TIMES = 5.0
_CUT_NEIGHBOURS = 6  # frames either side
_FLASH_FRAMES = 12  # lightning is over within half a second
_FLASH_ONE_WAY = 0.7  # share of the change that goes one way
_FLASH_BACK = 0.4
_CLIPPED = 0.999
_SILENT_POWER = 1e-6  # -60 dBFS
_WINDOW = 0.05  # seconds


class TechnicalMeasurer:
    """Measures picture and sound as they are; compares with nothing but whether sound was asked for."""

    dimension = "visual_quality"

    def measure(self, clip: DecodedClip, subject: Subject) -> Reading:
        """Look at `clip`; 'failed' where it holds no frame."""
        if not len(clip.times):
            return Reading(self.dimension, "failed", reason="the clip holds no frame")
        measures = (*_picture(clip), *_sound(clip, subject))
        return Reading(self.dimension, "measured", score=composite(measures), measures=measures)


def composite(measures: tuple[Measure, ...]) -> float:
    """The weighted mean of the graded measures times the gates, 0 to 1."""
    scores = {measure.name: measure.score for measure in measures if measure.score is not None}
    graded = {name: weight for name, weight in WEIGHTS.items() if name in scores}
    mean = sum(weight * scores[name] for name, weight in graded.items()) / sum(graded.values())
    for gate in GATES:
        mean *= scores.get(gate, 1.0)
    return float(mean)


def _graded(name: str, value: float, unit: str, note: str = "") -> Measure:
    return Measure(name, value, unit, score=CURVES[name](value), note=note)


def _picture(clip: DecodedClip) -> tuple[Measure, ...]:
    y = clip.luma
    counts = np.bincount(y.ravel(), minlength=256) / y.size
    measures = [
        _graded("sharpness", sharpness(clip), "std of Laplacian / contrast"),
        _graded("exposure", float(counts @ np.arange(256)) / 255, "share of full scale"),
        _graded("shadows", float(counts[: _CRUSHED + 1].sum()), "share of pixels"),
        _graded("highlights", float(counts[_BLOWN:].sum()), "share of pixels"),
    ]
    dark = stretches.black_frames(y)
    change = _changes(y)
    if len(y) >= 3:
        measures += _movement(y, change, dark)
    return (*measures, *_stretches(clip, change, dark))


def sharpness(clip: DecodedClip) -> float:
    """Edge strength against contrast, median over a few whole pictures; 0 is blank, about 4 is pure noise."""
    step = max(1, len(clip.samples) // _LAPLACIAN_PICTURES)
    found = [_sharpness(picture) for _, picture in clip.samples[::step][:_LAPLACIAN_PICTURES]]
    return float(np.median(found)) if found else 0.0


def _sharpness(picture: NDArray[np.uint8]) -> float:
    height, width = picture.shape[:2]
    top, left = max(0, (height - _LAPLACIAN_PIXELS) // 2), max(0, (width - _LAPLACIAN_PIXELS) // 2)
    cut = picture[top : top + _LAPLACIAN_PIXELS, left : left + _LAPLACIAN_PIXELS]
    y = stretches.luma(cut[None])[0].astype(np.int16)
    if min(y.shape) < 3:
        return 0.0
    edges = y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:] - 4 * y[1:-1, 1:-1]
    return float(edges.std(dtype=np.float32)) / (float(y.std(dtype=np.float32)) + _CONTRAST_FLOOR)


def _changes(y: stretches.Luma) -> NDArray[np.float32]:
    """[n - 1]: mean absolute luma difference of each frame from the one before, levels."""
    difference = np.maximum(y[1:], y[:-1]) - np.minimum(y[1:], y[:-1])  # stays in uint8
    change: NDArray[np.float32] = difference.mean(axis=(1, 2), dtype=np.float32)
    return change


def _movement(y: stretches.Luma, change: NDArray[np.float32], dark: NDArray[np.bool_]) -> tuple[Measure, ...]:
    """Motion, flicker and hidden cuts, all from neighbouring frames."""
    means = y.mean(axis=(1, 2), dtype=np.float32)
    flicker = float(np.abs(means[:-2] - 2 * means[1:-1] + means[2:]).mean()) / 2
    cuts = [
        cut for cut in hidden_cuts(change) if not (dark[cut] or dark[cut + 1] or is_flash(y, means, cut, change[cut]))
    ]
    note = f"the picture jumps at frame {', '.join(str(cut + 1) for cut in cuts[:4])}" if cuts else ""
    motion = float(np.median(change)) if cuts else float(change.mean())  # a jump is not motion
    return (
        _graded("motion", motion, "levels of 255 a frame"),
        _graded("flicker", flicker, "levels of 255"),
        _graded("hidden_cuts", float(len(cuts)), "cuts", note),
    )


def hidden_cuts(change: NDArray[np.float32]) -> list[int]:
    """Places in `change` (levels between neighbouring frames) that stand out as a cut does."""
    found = []
    for place in np.flatnonzero(change >= _CUT_LEAST):
        around = change[max(0, place - _CUT_NEIGHBOURS) : place + _CUT_NEIGHBOURS + 1]
        if change[place] >= _CUT_TIMES * max(float(np.median(around)), 0.5):
            found.append(int(place))
    return found


def is_flash(y: stretches.Luma, means: NDArray[np.float32], place: int, jump: float) -> bool:
    """Whether the jump after frame `place` is lightning or a lamp, not a cut.

    Nearly all of the picture grows brighter (or darker) at once, and it is back within `_FLASH_FRAMES`: some frame
    before the jump and some frame after it differ by less than `_FLASH_BACK` of the `jump` (levels).
    """
    if abs(float(means[place + 1] - means[place])) < _FLASH_ONE_WAY * jump:
        return False
    after = y[place + 1 : place + 2 + _FLASH_FRAMES].astype(np.int16)
    for picture in y[max(0, place - _FLASH_FRAMES) : place + 1].astype(np.int16):
        if float(np.abs(after - picture).mean(axis=(1, 2)).min()) < _FLASH_BACK * jump:
            return True
    return False


def _stretches(clip: DecodedClip, change: NDArray[np.float32], dark: NDArray[np.bool_]) -> tuple[Measure, ...]:
    times = clip.times
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    whole = float(times[-1]) + step
    black = stretches.runs(dark, times)
    still = tuple(
        stretch
        for stretch in clip.frozen
        if stretch.seconds >= _FROZEN_LEAST - 1e-6 and not dark[int(np.searchsorted(times, stretch.start))]
    )
    again = (change < _SAME) & ~dark[1:]
    for stretch in still:
        again[(times[1:] >= stretch.start) & (times[1:] < stretch.end)] = False
    seconds = [sum(stretch.seconds for stretch in found) / whole for found in (black, still)]
    return (
        _graded("black", min(seconds[0], 1.0), "share of time", _places("black", black)),
        _graded("frozen", min(seconds[1], 1.0), "share of time", _places("still", still)),
        _graded("duplicates", float(again.mean()) if len(again) else 0.0, "share of frames"),
    )


def _places(word: str, found: tuple[stretches.Stretch, ...]) -> str:
    if not found:
        return ""
    longest = max(found, key=lambda stretch: stretch.seconds)
    return f"{word} from {longest.start:.1f} s to {longest.end:.1f} s"


def _sound(clip: DecodedClip, subject: Subject) -> tuple[Measure, ...]:
    if clip.audio is None or not len(clip.audio):
        return (_graded("silence", 1.0, "share of time", "no sound; sound was asked for"),) if subject.audio else ()
    heard = loudness.measure(clip.audio, clip.audio_rate)
    clipped = float(np.count_nonzero(np.abs(clip.audio) >= _CLIPPED)) / len(clip.audio)
    width = max(1, round(_WINDOW * clip.audio_rate))
    whole = len(clip.audio) // width * width
    windows = clip.audio[:whole].reshape(-1, width) if whole else clip.audio[None]
    silent = float((np.einsum("nw,nw->n", windows, windows) / windows.shape[1] < _SILENT_POWER).mean())
    measures = (_graded("loudness", heard.lufs, "LUFS"), _graded("clipping", clipped, "share of samples"))
    silence = _graded("silence", silent, "share of time")
    if subject.audio:
        return (*measures, silence)
    return (Measure("loudness", heard.lufs, "LUFS"), Measure("silence", silent, "share of time"))
