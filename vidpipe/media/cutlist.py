"""The plan of a film, to the frame: where each clip begins, how long a fade is, what is copied, what encoded.

Pure: made from what `splice.inspect` found and what was asked for. Frames are counted at the film's rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidpipe.media.splice import Pictures, Piece, Shape, piece_between

LONGEST_RATE = Fraction(120)  # frames a second


@dataclass(frozen=True)
class Clip:
    """One segment as the plan needs it."""

    pictures: Pictures
    seconds: float  # of its picture
    width: int  # as shown
    height: int
    upright: bool  # shown as coded, not turned
    fade: float  # seconds asked to overlap with the clip before


@dataclass(frozen=True)
class Canvas:
    """What the whole film's picture is; `shape` is None where nothing can be copied."""

    width: int
    height: int
    rate: Fraction
    shape: Shape | None


@dataclass(frozen=True)
class Cut:
    """One clip's place in the film."""

    start: int  # the film's frame at which it begins
    frames: int
    fade: int  # of those, how many overlap with the clip before
    piece: Piece | None  # what is copied of it
    first: int  # its frames `first` to `end` are the copied ones
    end: int


@dataclass(frozen=True)
class Side:
    """Frames `first` to `end` of clip `number`."""

    number: int
    first: int
    end: int


@dataclass(frozen=True)
class Fresh:
    """Pictures to be encoded: a stretch of one clip, or the end of one that fades into the beginning of another."""

    left: Side
    right: Side | None = None
    fade: int = 0

    @property
    def frames(self) -> int:
        """How many pictures it makes."""
        right = self.right.end - self.right.first if self.right else 0
        return self.left.end - self.left.first + right - self.fade


@dataclass(frozen=True)
class CutList:
    """The whole film."""

    canvas: Canvas
    cuts: tuple[Cut, ...]
    parts: tuple[Piece | Fresh, ...]  # in the film's order

    @property
    def frames(self) -> int:
        """The film's length."""
        return self.cuts[-1].start + self.cuts[-1].frames


def plan(clips: Sequence[Clip]) -> CutList:
    """Where everything goes. Fades that are too long for their clips are shortened."""
    canvas = choose_canvas(clips)
    copied = [clip.upright and clip.pictures.copyable and clip.pictures.shape == canvas.shape for clip in clips]
    frames = [
        clip.pictures.frames if copy else max(1, round(clip.seconds * canvas.rate))
        for clip, copy in zip(clips, copied, strict=True)
    ]
    fades = fit_fades([round(clip.fade * canvas.rate) for clip in clips], frames)
    cuts: list[Cut] = []
    start = 0
    for number, clip in enumerate(clips):
        after = fades[number + 1] if number + 1 < len(clips) else 0
        cut = _cut(clip, copied[number], start, frames[number], fades[number], after)
        cuts.append(cut)
        start += cut.frames - after
    return CutList(canvas, tuple(cuts), tuple(_parts(cuts)))


def choose_canvas(clips: Sequence[Clip]) -> Canvas:
    """The shape that most of the film has, by time; of clips that can be copied if there are any."""
    seconds: dict[Shape, float] = {}
    sizes: dict[tuple[int, int, Fraction], float] = {}
    for clip in clips:
        shape = clip.pictures.shape
        if clip.upright and clip.pictures.copyable:
            seconds[shape] = seconds.get(shape, 0.0) + clip.seconds
        size = (clip.width + clip.width % 2, clip.height + clip.height % 2, min(shape.rate, LONGEST_RATE))
        sizes[size] = sizes.get(size, 0.0) + clip.seconds
    if seconds:
        found = max(seconds, key=lambda shape: seconds[shape])
        return Canvas(found.width, found.height, found.rate, found)
    width, height, rate = max(sizes, key=lambda size: sizes[size])
    return Canvas(width, height, rate, None)


def fit_fades(wanted: Sequence[int], frames: Sequence[int]) -> list[int]:
    """Fades in frames that do not overlap each other within a clip; the first clip has none."""
    fades = [0]
    for number in range(1, len(frames)):
        fades_out = number + 1 < len(frames) and wanted[number + 1] > 0
        before = frames[number - 1] - (fades[number - 1] or 1)
        here = frames[number] // 2 if fades_out else frames[number] - 1
        fades.append(max(0, min(wanted[number], before, here)))
    return fades


def _cut(clip: Clip, copied: bool, start: int, frames: int, fade: int, after: int) -> Cut:
    piece = piece_between(clip.pictures, fade, frames - after) if copied else None
    if piece is not None:
        return Cut(start, frames, fade, piece, piece.first, piece.end)
    # nothing to copy: what is not faded goes with the fade that follows, else with the one before
    place = fade if after or not fade else frames
    return Cut(start, frames, fade, None, place, place)


def _parts(cuts: Sequence[Cut]) -> list[Piece | Fresh]:
    parts: list[Piece | Fresh] = []
    for number, cut in enumerate(cuts):
        after = cuts[number + 1] if number + 1 < len(cuts) else None
        if cut.piece is not None:
            parts.append(cut.piece)
        rest = Side(number, cut.end, cut.frames)
        if after is not None and after.fade:
            parts.append(Fresh(rest, Side(number + 1, 0, after.first), after.fade))
        elif rest.end > rest.first:
            parts.append(Fresh(rest))
    return parts
