"""What carries people, and what they live in: drawn pose by pose around a foot point (0, 0); sizes in pixels."""

from __future__ import annotations

import math

from vidpipe.services.procedural.painting.plate import Colour, Pen, Sheet, mix, times

GLASS: Colour = (0.62, 0.76, 0.82)
WARM: Colour = (1.0, 0.86, 0.55)
FIRE: tuple[Colour, ...] = ((1.0, 0.42, 0.12), (1.0, 0.72, 0.25), (1.0, 0.96, 0.78))


def sailboat(hull: Colour, sail: Colour, wood: Colour, tall: float) -> list[Sheet]:
    """A small boat under sail that heels and bobs; (0, 0) is its waterline."""
    made = []
    for index in range(12):
        lean = math.sin(math.tau * index / 12) * 0.05 + 0.05
        h = tall
        pen = Pen(h * 1.2, h * 1.15, -h * 0.6, -h * 1.08, 3)
        top = (lean * h, -h)
        pen.line([(0, -0.08 * h), top], 0.018 * h, wood)
        pen.polygon(
            [(0.03 * h + lean * 0.9 * h, -0.95 * h), (0.40 * h + lean * 0.2 * h, -0.2 * h), (0.02 * h, -0.17 * h)], sail
        )
        pen.polygon(
            [(0.03 * h + lean * 0.9 * h, -0.95 * h), (0.16 * h + lean * 0.4 * h, -0.52 * h), (0.02 * h, -0.17 * h)],
            mix(sail, (1, 1, 1), 0.25),
        )
        pen.polygon(
            [(-0.02 * h + lean * 0.85 * h, -0.86 * h), (-0.04 * h, -0.17 * h), (-0.30 * h, -0.13 * h)],
            times(sail, 0.86),
        )
        pen.polygon([(-0.36 * h, -0.12 * h), (0.42 * h, -0.14 * h), (0.30 * h, 0.02 * h), (-0.26 * h, 0.02 * h)], hull)
        pen.polygon(
            [(-0.36 * h, -0.12 * h), (0.42 * h, -0.14 * h), (0.40 * h, -0.11 * h), (-0.34 * h, -0.09 * h)],
            mix(hull, (1, 1, 1), 0.35),
        )
        pen.limb([(-0.14 * h, -0.13 * h), (-0.13 * h, -0.22 * h)], [0.07 * h, 0.05 * h], times(hull, 0.5))
        pen.ellipse(-0.13 * h, -0.255 * h, 0.026 * h, 0.03 * h, mix(wood, (0.9, 0.7, 0.55), 0.6))
        made.append(pen.sheet())
    return made


def ship(hull: Colour, white: Colour, long: float, lamps: float) -> list[Sheet]:
    """A steamer with lit windows and smoke; `long` from bow to stern."""
    made = []
    for index in range(12):
        w = long
        pen = Pen(w * 1.2, w * 0.62, -w * 0.6, -w * 0.56, 3)
        for puff in range(7):
            age = (puff + index / 12) / 7
            pen.ellipse(
                0.02 * w - age * 0.42 * w,
                -0.37 * w - age * 0.13 * w,
                (0.02 + 0.05 * age) * w,
                (0.016 + 0.035 * age) * w,
                mix(times(white, 0.55), white, age),
                0.6 * (1 - age),
            )
        pen.rect(-0.22 * w, -0.20 * w, 0.44 * w, 0.09 * w, white)
        pen.rect(-0.12 * w, -0.27 * w, 0.28 * w, 0.08 * w, times(white, 0.93))
        for x in (-0.03, 0.07):
            pen.polygon(
                [
                    (x * w, -0.27 * w),
                    ((x + 0.05) * w, -0.27 * w),
                    ((x + 0.045) * w, -0.37 * w),
                    ((x + 0.005) * w, -0.37 * w),
                ],
                mix(hull, (0.8, 0.2, 0.15), 0.6),
            )
        pen.polygon([(-0.48 * w, -0.12 * w), (0.5 * w, -0.14 * w), (0.42 * w, 0.02 * w), (-0.44 * w, 0.02 * w)], hull)
        pen.polygon(
            [(-0.46 * w, -0.03 * w), (0.45 * w, -0.03 * w), (0.42 * w, 0.02 * w), (-0.44 * w, 0.02 * w)],
            mix(hull, (0.7, 0.15, 0.12), 0.6),
        )
        glow = mix(GLASS, WARM, min(1.0, lamps * 1.4))
        for step in range(13):
            pen.ellipse((-0.38 + 0.062 * step) * w, -0.085 * w, 0.0085 * w, 0.0085 * w, glow)
            if -0.2 < -0.38 + 0.062 * step < 0.2:
                pen.rect((-0.39 + 0.062 * step) * w, -0.175 * w, 0.026 * w, 0.026 * w, glow)
        pen.line([(0.33 * w, -0.13 * w), (0.33 * w, -0.32 * w)], 0.008 * w, hull)
        made.append(pen.sheet())
    return made


def car_side(paint: Colour, long: float, lamps: float) -> list[Sheet]:
    """A car in profile, driving right; wheels turn."""
    made = []
    for index in range(6):
        w = long
        pen = Pen(w * 1.5, w * 0.48, -w * 0.55, -w * 0.42, 3)
        pen.ellipse(0, -0.01 * w, 0.52 * w, 0.03 * w, (0.02, 0.02, 0.03), 0.4)
        _bodywork(pen, paint, w, 0.004 * w * (index % 3))
        if lamps > 0.3:
            _beam(pen, w)
        for x in (-0.30, 0.30):
            _wheel(pen, x, w, math.tau * index / 18)
        made.append(pen.sheet())
    return made


def _bodywork(pen: Pen, paint: Colour, w: float, dip: float) -> None:
    """Cabin, windows, body and its lamps of a car `w` long, sunk on its springs by `dip`."""

    def shape(colour: Colour, *points: tuple[float, float, bool]) -> None:
        pen.polygon([(x * w, y * w + dip if sprung else y * w) for x, y, sprung in points], colour)

    cabin = ((-0.24, -0.20, True), (-0.15, -0.34, True), (0.12, -0.35, True), (0.25, -0.20, True))
    behind = ((-0.20, -0.205, True), (-0.135, -0.32, True), (-0.02, -0.325, True), (-0.02, -0.205, True))
    before = ((0.01, -0.205, True), (0.01, -0.325, True), (0.11, -0.33, True), (0.205, -0.205, True))
    body = (
        *((-0.50, -0.10, False), (-0.48, -0.20, True), (-0.24, -0.22, True), (0.25, -0.22, True)),
        *((0.46, -0.18, True), (0.50, -0.08, False), (-0.49, -0.07, False)),
    )
    shape(times(paint, 0.85), *cabin)
    shape(mix(GLASS, paint, 0.25), *behind)
    shape(mix(GLASS, paint, 0.15), *before)
    shape(paint, *body)
    pen.line([(-0.47 * w, -0.16 * w + dip), (0.46 * w, -0.15 * w + dip)], 0.010 * w, mix(paint, (1, 1, 1), 0.4))
    pen.ellipse(0.475 * w, -0.14 * w, 0.022 * w, 0.025 * w, mix((0.95, 0.95, 0.85), WARM, 0.5))
    pen.ellipse(-0.485 * w, -0.145 * w, 0.012 * w, 0.028 * w, (0.95, 0.15, 0.1))


def _beam(pen: Pen, w: float) -> None:
    """The light ahead of a car `w` long, brighter towards the lamp."""
    for part in range(6):
        end = (0.93 - 0.06 * part) * w
        pen.polygon(
            [(0.49 * w, -0.15 * w), (0.49 * w, -0.13 * w), (end, -0.02 * w), (end, -0.19 * w + 0.016 * part * w)],
            WARM,
            0.04 + 0.03 * part,
        )


def _wheel(pen: Pen, x: float, w: float, spin: float) -> None:
    """A wheel of a car `w` long, at `x` of its length, turned by `spin` (radians)."""
    pen.ellipse(x * w, -0.075 * w, 0.082 * w, 0.082 * w, (0.06, 0.06, 0.07))
    pen.ellipse(x * w, -0.075 * w, 0.044 * w, 0.044 * w, (0.66, 0.66, 0.68))
    for spoke in range(3):
        a = spin + math.tau * spoke / 3
        rim = (x * w + 0.04 * w * math.cos(a), -0.075 * w + 0.04 * w * math.sin(a))
        pen.line([(x * w, -0.075 * w), rim], 0.012 * w, (0.25, 0.25, 0.28))


def car_front(paint: Colour, wide: float, lamps: float) -> Sheet:
    """A car that comes towards the camera; (0, 0) is between its wheels."""
    w = wide
    pen = Pen(w * 2.0, w * 1.0, -w, -w * 0.9, 3)
    pen.ellipse(0, 0, 0.6 * w, 0.06 * w, (0.02, 0.02, 0.03), 0.45)
    for x in (-0.40, 0.26):
        pen.rect(x * w, -0.16 * w, 0.15 * w, 0.17 * w, (0.05, 0.05, 0.06))
    pen.polygon(
        [(-0.34 * w, -0.42 * w), (-0.25 * w, -0.74 * w), (0.25 * w, -0.74 * w), (0.34 * w, -0.42 * w)],
        times(paint, 0.8),
    )
    pen.polygon(
        [(-0.29 * w, -0.44 * w), (-0.215 * w, -0.69 * w), (0.215 * w, -0.69 * w), (0.29 * w, -0.44 * w)],
        mix(GLASS, (0.1, 0.12, 0.16), 0.45),
    )
    pen.polygon(
        [
            (-0.48 * w, -0.10 * w),
            (-0.46 * w, -0.36 * w),
            (-0.36 * w, -0.45 * w),
            (0.36 * w, -0.45 * w),
            (0.46 * w, -0.36 * w),
            (0.48 * w, -0.10 * w),
        ],
        paint,
    )
    pen.rect(-0.24 * w, -0.27 * w, 0.48 * w, 0.10 * w, times(paint, 0.3))
    pen.rect(-0.46 * w, -0.14 * w, 0.92 * w, 0.05 * w, times(paint, 0.55))
    for x in (-0.35, 0.35):
        pen.ellipse(x * w, -0.27 * w, 0.075 * w, 0.065 * w, (1.0, 0.97, 0.86))
    made = pen.sheet()
    if lamps > 0.25:
        for x in (-0.35, 0.35):  # a pen of its own: shapes replace each other's cover, sheets lie on each other
            halo = Pen(w * 2.0, w * 1.0, -w, -w * 0.9, 3)
            for step in range(9):
                size = (0.30 - 0.028 * step) * w
                halo.ellipse(x * w, -0.27 * w, size, size, WARM, 0.03 + 0.045 * step)
            made.over(halo.sheet())
    return made


def train(paint: Colour, tall: float, lamps: float) -> list[Sheet]:
    """A locomotive and its coaches, moving right; `tall` to the chimney."""
    made = []
    for index in range(8):
        h = tall
        long = h * 8.2
        pen = Pen(long + h * 2.4, h * 2.1, -long, -h * 2.0)
        for puff in range(9):
            age = (puff + index / 8) / 9
            pen.ellipse(
                h * 0.75 - age * h * 3.6,
                -h * 1.05 - age * h * 0.6,
                (0.14 + 0.34 * age) * h,
                (0.12 + 0.24 * age) * h,
                mix((0.5, 0.5, 0.52), (0.92, 0.92, 0.92), age),
                0.75 * (1 - age),
            )
        dark = times(paint, 0.4)
        for coach in range(4):
            x = -h * 1.15 - (coach + 1) * h * 1.72
            pen.rect(x, -0.86 * h, 1.62 * h, 0.68 * h, paint)
            pen.rect(x - 0.03 * h, -0.92 * h, 1.68 * h, 0.09 * h, dark)
            pen.rect(x, -0.42 * h, 1.62 * h, 0.05 * h, mix(paint, (1, 0.9, 0.7), 0.5))
            for window in range(5):
                pen.rect(
                    x + (0.12 + 0.3 * window) * h,
                    -0.76 * h,
                    0.2 * h,
                    0.24 * h,
                    mix(mix(GLASS, paint, 0.3), WARM, min(1.0, lamps * 1.3)),
                )
            for wheel in (0.25, 0.5, 1.12, 1.37):
                pen.ellipse(x + wheel * h, -0.11 * h, 0.11 * h, 0.11 * h, (0.06, 0.06, 0.07))
        pen.rect(-1.1 * h, -1.0 * h, 0.62 * h, 0.84 * h, times(paint, 0.8))
        pen.rect(-0.98 * h, -0.88 * h, 0.34 * h, 0.26 * h, mix(GLASS, WARM, min(1.0, lamps)))
        pen.rect(-0.5 * h, -0.78 * h, 1.42 * h, 0.52 * h, dark)
        pen.ellipse(0.92 * h, -0.52 * h, 0.12 * h, 0.26 * h, dark)
        pen.polygon([(0.68 * h, -0.78 * h), (0.82 * h, -0.78 * h), (0.87 * h, -1.05 * h), (0.63 * h, -1.05 * h)], dark)
        pen.ellipse(0.2 * h, -0.80 * h, 0.13 * h, 0.1 * h, mix(paint, (0.9, 0.7, 0.3), 0.6))
        for wheel in (-0.8, -0.2, 0.25, 0.7):
            radius = (0.16 if wheel in (-0.8, 0.7) else 0.22) * h
            pen.ellipse(wheel * h, -radius, radius, radius, (0.08, 0.08, 0.09))
            pen.ellipse(wheel * h, -radius, radius * 0.4, radius * 0.4, mix(paint, (0.8, 0.7, 0.4), 0.5))
        turn = math.tau * index / 8
        pen.line(
            [
                (-0.2 * h + 0.1 * h * math.cos(turn), -0.22 * h + 0.1 * h * math.sin(turn)),
                (0.25 * h + 0.1 * h * math.cos(turn), -0.22 * h + 0.1 * h * math.sin(turn)),
            ],
            0.05 * h,
            (0.6, 0.6, 0.62),
        )
        made.append(pen.sheet())
    return made


def rocket(white: Colour, tall: float, *, lean: float = 0.0) -> list[Sheet]:
    """A rocket with a flame that flickers; `lean` radians to the right; (0, 0) is its tail."""
    made = []
    sin, cos = math.sin(lean), math.cos(lean)
    for index in range(8):
        h = tall
        pen = Pen(h * 2.4, h * 2.4, -h * 1.2, -h * 1.2, 3)

        def at(x: float, y: float, h: float = h) -> tuple[float, float]:
            return (x * cos - y * sin) * h, (x * sin + y * cos) * h

        flick = 0.85 + 0.2 * math.sin(index * 2.4) + 0.1 * math.cos(index * 5.1)
        for (wide, long), colour in zip(((0.085, 0.62), (0.062, 0.45), (0.036, 0.27)), FIRE, strict=True):
            pen.polygon(
                [
                    at(-wide, 0.0),
                    at(-wide * 1.2, long * 0.3 * flick),
                    at(0, long * flick),
                    at(wide * 1.2, long * 0.3 * flick),
                    at(wide, 0.0),
                ],
                colour,
                0.92,
            )
        red = mix(white, (0.85, 0.22, 0.16), 0.8)
        for side in (-1, 1):
            pen.polygon([at(side * 0.10, -0.24), at(side * 0.22, 0.02), at(side * 0.09, -0.03)], red)
        body = [
            at(-0.085, 0.0),
            at(-0.12, -0.28),
            at(-0.11, -0.62),
            at(-0.06, -0.84),
            at(0, -0.97),
            at(0.06, -0.84),
            at(0.11, -0.62),
            at(0.12, -0.28),
            at(0.085, 0.0),
        ]
        pen.polygon(body, white)
        pen.polygon(
            [
                at(-0.085, 0.0),
                at(-0.12, -0.28),
                at(-0.11, -0.62),
                at(-0.06, -0.84),
                at(-0.03, -0.84),
                at(-0.05, -0.3),
                at(-0.045, 0.0),
            ],
            times(white, 0.72),
        )
        pen.polygon([at(-0.072, -0.79), at(0, -0.97), at(0.072, -0.79)], red)
        x, y = at(0.012, -0.56)
        pen.ellipse(x, y, 0.05 * h, 0.05 * h, times(white, 0.5))
        pen.ellipse(x, y, 0.036 * h, 0.036 * h, mix(GLASS, WARM, 0.35))
        made.append(pen.sheet())
    return made


def balloon(one: Colour, other: Colour, tall: float) -> list[Sheet]:
    """A hot-air balloon with stripes and a basket; (0, 0) is the basket's floor."""
    h = tall
    pen = Pen(h * 0.9, h * 1.06, -h * 0.45, -h * 1.03, 3)
    cy, r = -0.66 * h, 0.335 * h
    pen.polygon([(-0.24 * h, -0.43 * h), (0.24 * h, -0.43 * h), (0.06 * h, -0.21 * h), (-0.06 * h, -0.21 * h)], one)
    for step, wide in enumerate((1.0, 0.72, 0.42, 0.14)):
        tone = one if step % 2 == 0 else other
        pen.ellipse(0, cy, r * wide, r, tone)
        pen.polygon(
            [
                (-0.24 * h * wide, -0.43 * h),
                (0.24 * h * wide, -0.43 * h),
                (0.06 * h * wide, -0.21 * h),
                (-0.06 * h * wide, -0.21 * h),
            ],
            tone,
        )
    for side in (-1, 1):
        pen.line([(side * 0.055 * h, -0.21 * h), (side * 0.04 * h, -0.09 * h)], 0.006 * h, (0.2, 0.15, 0.1))
    pen.rect(-0.05 * h, -0.09 * h, 0.10 * h, 0.085 * h, (0.42, 0.27, 0.15))
    pen.ellipse(0, -0.205 * h, 0.022 * h, 0.03 * h, FIRE[1])
    return [pen.sheet()]


def house(wall: Colour, roof: Colour, tall: float, lamps: float) -> list[Sheet]:
    """A cottage with lit windows and smoke from its chimney."""
    made = []
    for index in range(10):
        h = tall
        pen = Pen(h * 1.9, h * 1.9, -h * 0.95, -h * 1.8)
        for puff in range(6):
            age = (puff + index / 10) / 6
            drift = 0.12 * math.sin(age * 4) + 0.22 * age
            pen.ellipse(
                (0.33 + drift) * h,
                -(1.06 + 0.6 * age) * h,
                (0.035 + 0.08 * age) * h,
                (0.03 + 0.06 * age) * h,
                mix(roof, (0.92, 0.92, 0.92), 0.75),
                0.6 * (1 - age),
            )
        pen.rect(0.27 * h, -1.06 * h, 0.12 * h, 0.4 * h, times(wall, 0.6))
        pen.rect(-0.56 * h, -0.55 * h, 1.12 * h, 0.57 * h, wall)
        pen.rect(-0.56 * h, -0.55 * h, 0.22 * h, 0.57 * h, times(wall, 0.85))
        pen.polygon(
            [(-0.68 * h, -0.52 * h), (-0.44 * h, -0.98 * h), (0.44 * h, -0.98 * h), (0.68 * h, -0.52 * h)], roof
        )
        for line in range(4):
            y = -0.6 * h - line * 0.1 * h
            inset = 0.64 - 0.053 * line * 1.0
            pen.line([(-inset * h, y), (inset * h, y)], 0.008 * h, times(roof, 0.8))
        glow = mix(mix(GLASS, wall, 0.35), WARM, min(1.0, lamps * 1.5))
        for x in (-0.38, 0.22):
            pen.rect(x * h, -0.40 * h, 0.17 * h, 0.18 * h, glow)
            pen.rect((x + 0.078) * h, -0.40 * h, 0.014 * h, 0.18 * h, times(wall, 0.6))
            pen.rect(x * h, -0.317 * h, 0.17 * h, 0.014 * h, times(wall, 0.6))
        pen.rect(-0.08 * h, -0.34 * h, 0.17 * h, 0.36 * h, times(roof, 0.7))
        made.append(pen.sheet())
    return made
