"""Sheets of paint and the canvas they are laid on, in the encoder's own 4:2:0 planes and 16-bit integers.

Layers are painted once a clip in RGB floats; what is done sixty times a second is integer arithmetic on planes:
luma as 0..219 (the limited range less its foot of 16), chroma as -112..112, so that blending, dimming and fading
are plain products. One blend of a whole 640x360 layer costs about a quarter of a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Ints: TypeAlias = NDArray[np.int16]
Floats: TypeAlias = NDArray[np.float32]
Colour: TypeAlias = tuple[float, float, float]
Point: TypeAlias = tuple[float, float]

# BT.709, limited range (ITU-R BT.709-6, items 3.2 to 3.5).
KR, KG, KB = 0.2126, 0.7152, 0.0722
BORDER = 2  # transparent pixels around a plate, so that it can be laid between two pixels


class Canvas:
    """One frame in the making. Width and height are even."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.y: Ints = np.zeros((height, width), np.int16)
        self.u: Ints = np.zeros((height // 2, width // 2), np.int16)
        self.v: Ints = np.zeros((height // 2, width // 2), np.int16)

    @property
    def planes(self) -> tuple[Ints, Ints, Ints]:
        """Luma and the two chromas."""
        return self.y, self.u, self.v


def planar(red: Floats, green: Floats, blue: Floats) -> tuple[Floats, Floats, Floats]:
    """Luma (0..219, full size) and chroma (-112..112, half size) of RGB in 0..1."""
    luma = red * KR + green * KG + blue * KB
    cb = halved(blue - luma) * np.float32(224 / (2 * (1 - KB)))
    cr = halved(red - luma) * np.float32(224 / (2 * (1 - KR)))
    return luma * np.float32(219), cb, cr


def halved(plane: Floats) -> Floats:
    """Each 2x2 block's mean; sides are even."""
    top, low = plane[0::2], plane[1::2]
    return (top[:, 0::2] + top[:, 1::2] + low[:, 0::2] + low[:, 1::2]) * np.float32(0.25)


def colour_planes(colour: Colour) -> tuple[int, int, int]:
    """One RGB colour (0..1) as canvas values."""
    one = [np.full((2, 2), part, np.float32) for part in colour]
    luma, cb, cr = planar(one[0], one[1], one[2])
    return round(float(luma[0, 0])), round(float(cb[0, 0])), round(float(cr[0, 0]))


class Plate:
    """A painted sheet: colour premultiplied by its cover, times 16; and what shines through, in 128ths."""

    def __init__(self, rgb: Floats, cover: Floats | None) -> None:
        """`rgb` [3, h, w] in 0..1, already multiplied by `cover` [h, w] in 0..1; None covers all."""
        height, width = rgb.shape[1:]
        pad = ((BORDER, BORDER + height % 2), (BORDER, BORDER + width % 2))
        how = "edge" if cover is None else "constant"
        parts = [np.pad(part, pad, mode=how) for part in rgb]  # type: ignore[call-overload]
        planes = planar(parts[0], parts[1], parts[2])
        self.colour = tuple(np.rint(plane * 16).astype(np.int16) for plane in planes)
        self.clear: tuple[Ints, Ints] | None = None
        if cover is not None:
            through = 1 - np.pad(cover, pad)
            self.clear = (_in_128ths(through), _in_128ths(halved(through)))

    def lay(self, canvas: Canvas, x: float, y: float, strength: float = 1.0) -> None:
        """Lay the sheet with its upper left corner at (x, y) pixels, to an eighth of a pixel."""
        x8, y8 = round((x - BORDER) * 8), round((y - BORDER) * 8)
        full = max(0, min(8, round(strength * 8)))
        for index, dest in enumerate(canvas.planes):
            clear = None if self.clear is None else self.clear[min(index, 1)]
            ex, ey = (x8, y8) if index == 0 else (x8 >> 1, y8 >> 1)
            _lay_plane(dest, self.colour[index], clear, ex, ey, full)


Laid = tuple[Plate, float, float]  # a plate and where its upper left corner lies


def merged(laid: Sequence[Laid]) -> Laid:
    """Plates that always move together, laid on each other once and for all."""
    boxes = [(x - BORDER, y - BORDER, *plate.colour[0].shape[::-1]) for plate, x, y in laid]
    left, top = (math.floor(min(box[k] for box in boxes) / 2) * 2 for k in (0, 1))
    width, height = (
        _even_up(max(box[k] + box[k + 2] for box in boxes) + 1 - origin) for k, origin in ((0, left), (1, top))
    )
    made = object.__new__(Plate)
    opaque = any(plate.clear is None for plate, _, _ in laid)
    colours, clears = [], []
    for index in range(3):
        part = 1 if index == 0 else 2
        colour = np.zeros((height // part, width // part), np.int16)
        clear = np.full_like(colour, 128)
        for plate, x, y in laid:
            x8, y8 = round((x - BORDER - left) * 8) // part, round((y - BORDER - top) * 8) // part
            _merge_plane(colour, clear, (plate.colour[index], plate.clear and plate.clear[min(index, 1)], x8, y8))
        colours.append(colour)
        clears.append(clear)
    made.colour = tuple(colours)
    made.clear = (
        None
        if opaque and not clears[0][BORDER * 2 : -BORDER * 2, BORDER * 2 : -BORDER * 2].any()
        else (clears[0], clears[1])
    )
    return made, left + BORDER, top + BORDER


def _even_up(value: float) -> int:
    return math.ceil(value / 2) * 2


def _merge_plane(colour: Ints, clear: Ints, piece: tuple[Ints, Ints | None, int, int]) -> None:
    paint, through, x8, y8 = piece
    nx, fx = divmod(x8, 8)
    ny, fy = divmod(y8, 8)
    left, right = max(0, nx + bool(fx)), min(colour.shape[1], nx + paint.shape[1])
    top, bottom = max(0, ny + bool(fy)), min(colour.shape[0], ny + paint.shape[0])
    box = (top - ny, bottom - ny, left - nx, right - nx)
    view, open_part = colour[top:bottom, left:right], clear[top:bottom, left:right]
    passes = np.zeros_like(view) if through is None else _between(through, box, fx, fy)
    view[:] = ((view.astype(np.int32) * passes) >> 7) + _between(paint, box, fx, fy)
    open_part[:] = (open_part.astype(np.int32) * passes) >> 7


class Spark:
    """A small light, laid on whole pixels: cheap enough for dozens a frame."""

    def __init__(self, cover: Floats, colour: Colour) -> None:
        """`cover` [h, w] in 0..1."""
        cover = np.pad(cover, ((0, cover.shape[0] % 2), (0, cover.shape[1] % 2)))
        self.value = colour_planes(colour)
        self.cover = (_in_128ths(cover), _in_128ths(halved(cover)))

    def lay(self, canvas: Canvas, x: float, y: float, strength: float) -> None:
        """Its upper left corner at (x, y); left out where it would cross the frame's edge."""
        power = np.int16(round(128 * min(1.0, strength)))
        left, top = round(x), round(y)
        height, width = self.cover[0].shape
        if power <= 0 or left < 0 or top < 0 or left + width > canvas.width or top + height > canvas.height:
            return
        for index, plane in enumerate(canvas.planes):
            cover = self.cover[min(index, 1)]
            row, column = (top, left) if index == 0 else (top // 2, left // 2)
            view = plane[row : row + cover.shape[0], column : column + cover.shape[1]]
            cover = cover[: view.shape[0], : view.shape[1]]
            view += ((self.value[index] - view) * ((cover * power) >> 7)) >> 7


def _in_128ths(plane: Floats) -> Ints:
    rounded: Ints = np.rint(np.clip(plane, 0, 1) * 128).astype(np.int16)
    return rounded


def _lay_plane(dest: Ints, colour: Ints, clear: Ints | None, x8: int, y8: int, strength: int) -> None:
    """Blend one plane at a place in eighths of its pixels; parts outside are left out."""
    nx, fx = divmod(x8, 8)
    ny, fy = divmod(y8, 8)
    left, right = max(0, nx + 1), min(dest.shape[1], nx + colour.shape[1])
    top, bottom = max(0, ny + 1), min(dest.shape[0], ny + colour.shape[0])
    if left >= right or top >= bottom or strength == 0:
        return
    box = (top - ny, bottom - ny, left - nx, right - nx)
    paint = _between(colour, box, fx, fy)
    view = dest[top:bottom, left:right]
    if clear is None:
        np.right_shift(paint + 8, 4, out=view)
        return
    through = _between(clear, box, fx, fy)
    if strength < 8:
        paint = (paint * np.int16(strength)) >> 3
        through = 128 - (((128 - through) * np.int16(strength)) >> 3)
    mixed = view * through
    mixed >>= 3
    mixed += paint
    mixed += 8
    np.right_shift(mixed, 4, out=view)


def _between(plane: Ints, box: tuple[int, int, int, int], fx: int, fy: int) -> Ints:
    """The box (top, bottom, left, right) of a plane, moved right and down by fx, fy eighths of a pixel."""
    top, bottom, left, right = box
    head = top - 1 if fy else top
    part = plane[head:bottom, left:right]
    if fx:
        part = part * np.int16(8 - fx) + plane[head:bottom, left - 1 : right - 1] * np.int16(fx)
        part += 4
        part >>= 3
    if fy:
        part = part[1:] * np.int16(8 - fy) + part[:-1] * np.int16(fy)
        part += 4
        part >>= 3
    return part


@dataclass
class Sheet:
    """RGB (premultiplied) and cover while a layer is being painted; `left` and `top` are its world place."""

    rgb: Floats  # [3, h, w]
    cover: Floats  # [h, w]
    left: float = 0.0
    top: float = 0.0

    def plate(self, blur: float = 0.0) -> Plate:
        """The finished sheet, out of focus by `blur` pixels where asked."""
        if blur >= 0.6:
            stack = np.concatenate([self.rgb, self.cover[None]])
            soft = np.stack([blurred(part, blur) for part in stack])
            return Plate(soft[:3], soft[3])
        return Plate(self.rgb, self.cover)

    def over(self, other: Sheet) -> None:
        """Lay another sheet of the same size and place on this one."""
        self.rgb = self.rgb * (1 - other.cover) + other.rgb
        self.cover = self.cover * (1 - other.cover) + other.cover

    def tint(self, colour: Colour, amount: Floats | float) -> None:
        """Mix `colour` into what is painted (fog, haze, evening), by `amount` in 0..1."""
        for part, value in zip(self.rgb, colour, strict=True):
            part += (value * self.cover - part) * amount

    def shine(self, colour: Colour, amount: Floats) -> None:
        """Add light where something is painted, without passing white."""
        for part, value in zip(self.rgb, colour, strict=True):
            part += (self.cover - part) * np.clip(amount * value, 0, 1)


def blurred(plane: Floats, radius: float) -> Floats:
    """A plane out of focus by a Gaussian of `radius` pixels."""
    image = Image.fromarray(np.clip(plane * 255, 0, 255).astype(np.uint8))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)
    return soft * np.float32(1 / 255)


class Pen:
    """Draws anti-aliased shapes in world pixels; what a painter draws people, houses and trees with."""

    def __init__(self, width: float, height: float, left: float = 0.0, top: float = 0.0, fineness: int = 2) -> None:
        self.left, self.top, self.fine = left, top, fineness
        size = (max(2, round(width)) * fineness, max(2, round(height)) * fineness)
        self.image = Image.new("RGBA", size)
        self._draw = ImageDraw.Draw(self.image)

    def _at(self, x: float, y: float) -> Point:
        return ((x - self.left) * self.fine, (y - self.top) * self.fine)

    def polygon(self, points: Sequence[Point], colour: Colour, alpha: float = 1.0) -> None:
        """A filled polygon."""
        self._draw.polygon([self._at(x, y) for x, y in points], fill=_fill(colour, alpha))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: float = 1.0) -> None:
        """A filled ellipse around (x, y)."""
        self._draw.ellipse([*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)], fill=_fill(colour, alpha))

    def rect(self, x: float, y: float, w: float, h: float, colour: Colour, alpha: float = 1.0) -> None:
        """A filled rectangle with its upper left corner at (x, y)."""
        x0, y0 = self._at(x, y)
        x1, y1 = self._at(x + w, y + h)
        self._draw.rectangle([x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)], fill=_fill(colour, alpha))

    def line(self, points: Sequence[Point], width: float, colour: Colour, alpha: float = 1.0) -> None:
        """A line with round ends."""
        w = max(1.0, width * self.fine)
        fill = _fill(colour, alpha)
        places = [self._at(x, y) for x, y in points]
        self._draw.line(places, fill=fill, width=round(w), joint="curve")
        if w > 2:
            for x, y in (places[0], places[-1]):
                self._draw.ellipse([x - w / 2, y - w / 2, x + w / 2, y + w / 2], fill=fill)

    def limb(self, points: Sequence[Point], widths: Sequence[float], colour: Colour) -> None:
        """A tapered limb through `points`, as thick as `widths` at each."""
        pairs = list(zip(points, widths, strict=True))
        for ((x0, y0), w0), ((x1, y1), w1) in pairwise(pairs):
            length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
            nx, ny = (y0 - y1) / length / 2, (x1 - x0) / length / 2
            self.polygon(
                [(x0 + nx * w0, y0 + ny * w0), (x1 + nx * w1, y1 + ny * w1),
                 (x1 - nx * w1, y1 - ny * w1), (x0 - nx * w0, y0 - ny * w0)], colour,
            )  # fmt: skip
        for (x, y), w in pairs:
            self.ellipse(x, y, w / 2, w / 2, colour)

    def sheet(self) -> Sheet:
        """What was drawn, reduced to pixels."""
        small = self.image.convert("RGBa").reduce(self.fine) if self.fine > 1 else self.image.convert("RGBa")
        array = np.asarray(small, np.float32) * np.float32(1 / 255)
        stack = np.ascontiguousarray(array.transpose(2, 0, 1))
        return Sheet(stack[:3], stack[3], self.left, self.top)


def _fill(colour: Colour, alpha: float) -> tuple[int, int, int, int]:
    red, green, blue = (max(0, min(255, round(part * 255))) for part in colour)
    return red, green, blue, round(alpha * 255)


def mix(one: Colour, other: Colour, amount: float) -> Colour:
    """`one` with `amount` (0..1) of `other`."""
    a = amount
    return (
        one[0] + (other[0] - one[0]) * a,
        one[1] + (other[1] - one[1]) * a,
        one[2] + (other[2] - one[2]) * a,
    )


def times(one: Colour, other: Colour | float) -> Colour:
    """A colour under a coloured light, or dimmed."""
    o = (other, other, other) if isinstance(other, float | int) else other
    return (min(1.0, one[0] * o[0]), min(1.0, one[1] * o[1]), min(1.0, one[2] * o[2]))
