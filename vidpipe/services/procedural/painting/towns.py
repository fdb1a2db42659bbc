"""Places that people built out of doors: a city from a roof, a street along its length."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.land import shade
from vidpipe.services.procedural.painting.noise import line_noise
from vidpipe.services.procedural.painting.plate import Canvas, Colour, Pen, Plate, Spark, mix, times
from vidpipe.services.procedural.painting.sky import glow_sheet, sun_bloom
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Eye, Stage
from vidpipe.services.procedural.painting.water import reflected_light
from vidpipe.services.procedural.painting.wild import layer

LAMP: Colour = (1.0, 0.80, 0.46)
COLD: Colour = (0.72, 0.88, 1.0)
FACADES: tuple[Colour, ...] = (
    (0.72, 0.44, 0.34), (0.80, 0.68, 0.50), (0.52, 0.58, 0.62), (0.62, 0.36, 0.38), (0.46, 0.56, 0.50),
    (0.85, 0.78, 0.66),
)  # fmt: skip
NEON: tuple[Colour, ...] = ((1.0, 0.32, 0.55), (0.3, 0.9, 1.0), (1.0, 0.72, 0.25), (0.62, 0.5, 1.0))


def lamp_glow(
    stage: Stage, x: float, y: float, size: float, colour: Colour, depth: float, *, flicker: float = 0.08
) -> Element:
    """The light around a lamp, brighter the darker the hour; `size` in pixels of a 360-line frame."""
    strength = 0.25 + 0.6 * stage.palette.lamps
    sheet = glow_sheet(size * stage.u, colour, strength)
    sheet.left, sheet.top = sheet.left + x, sheet.top + y
    return Backdrop(sheet, depth, flicker=flicker, rate=0.4 + (x * 0.013) % 0.9)


Light = tuple[float, float, float]  # x, y, size in pixels of a 360-line frame


def lamp_glows(stage: Stage, lights: list[Light], colour: Colour, depth: float) -> list[Element]:
    """Many lamps' light as one layer, which costs no more to lay than one."""
    if not lights:
        return []
    u = stage.u
    top = min(y - size * u / 2 for _, y, size in lights)
    sheet = stage.blank(depth, max(-40.0 * u, top), max(y + size * u / 2 for _, y, size in lights))
    height, width = sheet.cover.shape
    for x, y, size in lights:
        glow = glow_sheet(size * u, colour, 0.25 + 0.6 * stage.palette.lamps).cover
        row, column = round(y - glow.shape[0] / 2 - sheet.top), round(x - glow.shape[1] / 2 - sheet.left)
        r0, c0, r1, c1 = (
            max(0, row),
            max(0, column),
            min(height, row + glow.shape[0]),
            min(width, column + glow.shape[1]),
        )
        if r0 < r1 and c0 < c1:
            part = sheet.cover[r0:r1, c0:c1]
            part += (1 - part) * glow[r0 - row : r1 - row, c0 - column : c1 - column]
    for plane, value in zip(sheet.rgb, colour, strict=True):
        plane[:] = sheet.cover * np.float32(value / (max(colour) * 0.85))
    np.clip(sheet.rgb, 0, 1, out=sheet.rgb)
    return [Backdrop(sheet, depth)]


def city(stage: Stage) -> list[Element]:
    """Three ranks of towers in haze, lit windows, a roof in front."""
    u = stage.u
    made: list[Element] = []
    for index, (depth, tall, wide) in enumerate(((0.08, 120, 30), (0.18, 150, 40), (0.32, 120, 54))):
        made += _skyline(stage, depth, tall * u, wide * u, index)
        if index == 0 and stage.palette.sun_height < 0.4:
            made.append(sun_bloom(stage, 0.1))
    if stage.palette.lamps > 0.15:
        made.append(Beacons(stage, 0.33))
    made += _roof(stage, 0.62)
    made.append(Plume(stage, (stage.width * 0.62, stage.horizon + 62 * u), 0.61))
    return made


class Plume:
    """Steam that rises from a vent and is blown aside."""

    def __init__(self, stage: Stage, foot: tuple[float, float], depth: float) -> None:
        self.depth, self.foot = depth, foot
        u = stage.u
        tone = mix(stage.palette.horizon, (1, 1, 1), 0.5 if stage.palette.lamps < 0.3 else 0.12)
        self.poses: list[tuple[Plate, float, float]] = []
        for index in range(24):
            pen = Pen(150 * u, 160 * u, -30 * u, -145 * u, 1)
            for puff, size in enumerate((1.0, 0.6, 1.25, 0.75)):
                age = (puff / 4 + index / 24) % 1
                x, y = (4 + 80 * age**1.5 + 6 * math.sin(age * 9 + puff)) * u, -(8 + 112 * age) * u
                pen.ellipse(x, y, (6 + 21 * age) * size * u, (5 + 16 * age) * size * u, tone, 0.95 * (1 - age) ** 0.8)
            sheet = pen.sheet()
            self.poses.append((sheet.plate(3.0 * u), sheet.left, sheet.top))

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Puff after puff."""
        dx, dy = eye.offset(self.depth)
        plate, left, top = self.poses[int(time * 10) % 24]
        plate.lay(canvas, self.foot[0] + left + dx, self.foot[1] + top + dy)


class Beacons:
    """Red lights on the highest roofs, and an aeroplane's, that go on and off."""

    def __init__(self, stage: Stage, depth: float) -> None:
        rng, u = stage.rng("beacons"), stage.u
        self.depth, self.u = depth, u
        glow = glow_sheet(36 * u, (1.0, 0.3, 0.22), 1.0)
        self.spark, self.half = Spark(glow.cover, (1.0, 0.32, 0.25)), glow.cover.shape[0] / 2
        self.places = [
            (
                float(rng.uniform(0.05, 0.95)) * stage.width,
                stage.horizon - float(rng.uniform(120, 165)) * u,
                float(rng.uniform(0, 2)),
            )
            for _ in range(6)
        ]
        self.flight = (float(rng.uniform(0.1, 0.5)) * stage.width, stage.height * float(rng.uniform(0.08, 0.2)))

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Each blinks once in a second and a half; the aeroplane faster."""
        dx, dy = eye.offset(self.depth)
        for x, y, phase in self.places:
            light = max(0.0, math.sin(time * 4.2 + phase * 3.1)) ** 2
            self.spark.lay(canvas, x - self.half + dx, y - self.half + dy, light)
        x, y = self.flight
        self.spark.lay(canvas, x + 26 * self.u * time + dx * 0.2, y + dy * 0.2, 0.9 if time * 1.6 % 1 < 0.35 else 0.15)


def _skyline(stage: Stage, depth: float, tall: float, wide: float, index: int) -> list[Element]:
    """One rank of towers, the lit windows of some of which go on and off."""
    rng, u, palette = stage.rng(f"skyline{index}"), stage.u, stage.palette
    sheet = stage.blank(depth, stage.horizon - tall * 1.5, stage.horizon + 120 * u)
    height, width = sheet.cover.shape
    pen, blink = Pen(width, height, sheet.left, sheet.top, 1), Pen(width, height, sheet.left, sheet.top, 1)
    shape = line_noise(stage.rng(f"blocks{index}"), max(8, width // 8), 12, 2)
    x = sheet.left - wide
    while x < sheet.left + width:
        broad = wide * float(rng.uniform(0.55, 1.35))
        crest = 0.55 + 0.45 * float(shape[int(min(len(shape) - 1, max(0, (x - sheet.left) / 8)))])
        high = tall * (0.32 + 0.75 * crest * float(rng.uniform(0.55, 1.1)))
        local = mix((0.50, 0.56, 0.64), FACADES[int(rng.integers(len(FACADES)))], 0.35)
        _tower(stage, (pen, blink), rng, (x, stage.horizon - high, broad, high + 200 * u), shade(stage, local, depth))
        x += broad * float(rng.uniform(0.85, 1.25))
    body = pen.sheet()
    across_fade = np.clip(
        (np.arange(height, dtype=np.float32)[:, None] + sheet.top - stage.horizon + 60 * u) / (120 * u), 0, 1
    )
    body.tint(palette.haze, across_fade * np.float32(0.75 * (1 - depth)))
    made: list[Element] = [layer(stage, body, depth)]
    if palette.lamps > 0.15:
        made.append(
            Backdrop(blink.sheet(), depth + 0.001, flicker=1.0, rate=0.16 + 0.07 * index, blur=stage.blur(depth))
        )
    return made


def _tower(
    stage: Stage, pens: tuple[Pen, Pen], rng: np.random.Generator, box: tuple[float, float, float, float], tone: Colour
) -> None:
    x, y, w, h = box
    pen, blink = pens
    u, palette = stage.u, stage.palette
    toward = 1 if stage.sun[0] > x else -1
    pen.rect(x, y, w, h, tone)
    bright = mix(tone, palette.rim, 0.3 * (1 - palette.overcast))
    pen.rect(x + (w * 0.82 if toward > 0 else 0), y, w * 0.18, h, bright)
    if rng.random() < 0.3:
        pen.rect(x + w * 0.2, y - h * 0.06, w * 0.6, h * 0.06 + 1, tone)
    if rng.random() < 0.25:
        pen.line([(x + w / 2, y - h * 0.14), (x + w / 2, y)], 1.2 * u, tone)
    step_x, step_y = max(3.0, 5.2 * u), max(4.0, 7.4 * u)
    lit_part = palette.lamps * float(rng.uniform(0.2, 0.6))
    dark = mix(tone, palette.sky[1], 0.35) if palette.lamps < 0.5 else times(tone, 0.75)
    warm = LAMP if rng.random() < 0.75 else COLD
    for row in np.arange(y + 4 * u, y + min(h, 150 * u), step_y):
        for column in np.arange(x + 2.5 * u, x + w - 3 * u, step_x):
            draw = float(rng.random())
            if draw < lit_part:
                target = blink if draw < lit_part * 0.12 else pen
                target.rect(column, float(row), 2.6 * u, 3.6 * u, mix(warm, tone, 0.15 + 0.4 * float(rng.random())))
            elif draw < 0.85:
                pen.rect(column, float(row), 2.6 * u, 3.6 * u, dark)


def _roof(stage: Stage, depth: float) -> list[Element]:
    """The roof that the camera stands on: parapet, water tank, a lamp, a line of small flags."""
    u, rng = stage.u, stage.rng("roof")
    base = stage.horizon + 64 * u
    sheet = stage.blank(depth, base - 120 * u, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    wall, floor = shade(stage, (0.42, 0.36, 0.36), depth), shade(stage, (0.34, 0.32, 0.36), depth + 0.2)
    pen.rect(sheet.left, base, width, stage.height, floor)
    pen.rect(sheet.left, base - 12 * u, width, 16 * u, wall)
    pen.rect(sheet.left, base - 14 * u, width, 3.2 * u, mix(wall, stage.palette.rim, 0.4))
    x = stage.width * (0.12 + 0.1 * float(rng.random()))
    for leg in (-13, 13):
        pen.line([(x + leg * u, base - 40 * u), (x + leg * 1.25 * u, base)], 2.4 * u, wall)
    pen.rect(x - 19 * u, base - 84 * u, 38 * u, 46 * u, times(wall, 0.8))
    pen.polygon([(x - 22 * u, base - 84 * u), (x, base - 102 * u), (x + 22 * u, base - 84 * u)], times(wall, 0.65))
    post = stage.width * 0.86
    pen.line([(post, base - 74 * u), (post, base)], 2.2 * u, wall)
    cord = [
        (x + 10 * u + (post - x) * part, base - 66 * u - 8 * u + 30 * u * (1 - (2 * part - 1) ** 2))
        for part in np.linspace(0, 1, 30)
    ]
    pen.line(cord, 0.9 * u, wall)
    for at in cord[2:-1:3]:
        pen.ellipse(at[0], at[1] + 2.4 * u, 2.2 * u, 2.8 * u, mix(LAMP, wall, 0.75 - 0.75 * stage.palette.lamps))
    made: list[Element] = [layer(stage, pen.sheet(), depth)]
    if stage.palette.lamps > 0.2:
        made += lamp_glows(stage, [(at[0], at[1] + 2 * u, 30.0) for at in cord[2:-1:3]], LAMP, depth)
    return made


def street(stage: Stage) -> list[Element]:
    """A street seen along its length: facades in perspective, lamps, shop windows, a wet shine after rain."""
    u, rng = stage.u, stage.rng("street")
    middle = stage.width * float(0.5 + 0.08 * rng.uniform(-1, 1))
    made = _skyline(stage, 0.06, 90 * u, 34 * u, 7)
    made.append(_road(stage, middle, 0.14))
    for depth, far, near in ((0.2, 9.0, 3.4), (0.38, 3.4, 1.9), (0.55, 1.9, 0.9)):
        made += _facades(stage, middle, depth, far, near)
    return made


def _road(stage: Stage, middle: float, depth: float) -> Element:
    u = stage.u
    sheet = stage.blank(depth, stage.horizon - 2, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    stone, asphalt = shade(stage, (0.56, 0.52, 0.50), 0.8), shade(stage, (0.30, 0.30, 0.34), 0.8)
    bottom, top = stage.height + 40 * u, stage.horizon
    pen.rect(sheet.left, top, width, bottom - top, stone)
    pen.polygon(
        [(middle - 2 * u, top), (middle + 2 * u, top), (middle + 420 * u, bottom), (middle - 420 * u, bottom)], asphalt
    )
    for near, far in ((1.0, 1.25), (1.6, 2.0), (2.6, 3.2), (4.2, 5.4), (7.0, 9.0)):
        y0, y1 = top + 210 * u / near, top + 210 * u / far
        pen.polygon([(middle - 5 * u / near, y0), (middle + 5 * u / near, y0), (middle + 5 * u / far, y1),
                (middle - 5 * u / far, y1)],
                    mix(asphalt, (0.95, 0.92, 0.8), 0.45))  # fmt: skip
    made = pen.sheet()
    wet = 0.5 if stage.wanted.weather in ("rain", "storm") else 0.2
    down = np.arange(height, dtype=np.float32)[:, None] + sheet.top
    made.tint(stage.palette.horizon, np.exp(-(down - top) / (46 * u)) * np.float32(wet))
    return layer(stage, made, depth)


def _facades(stage: Stage, middle: float, depth: float, far: float, near: float) -> list[Element]:
    """Houses on both sides between two distances, with windows in perspective, shops and lamps."""
    u, rng, palette = stage.u, stage.rng(f"facades{depth}"), stage.palette
    sheet = stage.blank(depth, 0, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    lamps: list[Light] = []
    lights: list[Element] = []
    for side in (-1, 1):
        z = far
        while z > near:
            closer = max(near, z / float(rng.uniform(1.22, 1.42)))
            _house_front(
                stage,
                pen,
                rng,
                (middle, side, z, closer),
                shade(stage, FACADES[int(rng.integers(len(FACADES)))], depth + 0.12),
            )
            x, y, _ = _along(stage, middle, side, closer, 84)
            if closer < 5:
                foot = _along(stage, middle, side, closer, -58)
                x -= side * 26 * u / closer
                pen.line([(x, y), (x, foot[1])], 3.2 * u / closer, times(palette.ink, 1.0))
                pen.line([(x, y), (x - side * 14 * u / closer, y)], 2.4 * u / closer, palette.ink)
                at = (x - side * 15 * u / closer, y + 3 * u / closer)
                pen.ellipse(
                    at[0],
                    at[1],
                    4.5 * u / closer,
                    3.4 * u / closer,
                    mix(LAMP, (0.4, 0.4, 0.4), 1 - max(0.25, palette.lamps)),
                )
                if palette.lamps > 0.2:
                    lamps.append((at[0], at[1], 170 / closer))
                    streak = reflected_light(
                        at[0], foot[1], 120 * u / closer, 13 * u / closer, times(LAMP, 0.8 * palette.lamps)
                    )
                    lights.append(Backdrop(streak, depth))
            z = closer
    return [layer(stage, pen.sheet(), depth), *lights, *lamp_glows(stage, lamps, LAMP, depth)]


def _along(stage: Stage, middle: float, side: int, z: float, high: float) -> tuple[float, float, float]:
    """A point on a street's side at distance `z`, `high` above the eye (pixels of a 360-line frame at distance 1)."""
    u = stage.u
    return middle + side * 250 * u / z, stage.horizon - high * u / z, 1 / z


def _house_front(
    stage: Stage, pen: Pen, rng: np.random.Generator, place: tuple[float, int, float, float], tone: Colour
) -> None:
    middle, side, far, near = place
    u, palette = stage.u, stage.palette
    high = float(rng.uniform(170, 330))
    quad = [_along(stage, middle, side, z, h)[:2] for z, h in ((far, high), (near, high), (near, -60), (far, -60))]
    outer = stage.width + 200 * u if side > 0 else -200 * u
    pen.polygon([quad[1], quad[2], (outer, quad[2][1]), (outer, quad[1][1])], times(tone, 0.72))
    pen.polygon(quad, tone)
    floors, bays = max(2, int(high // 62)), 3

    def at(part: float, level: float) -> tuple[float, float]:
        # Equal widths of a wall shrink with distance: 1/z runs evenly along the picture, z along the wall.
        z = far + (near - far) * part
        return _along(stage, middle, side, z, level)[:2]

    for floor in range(floors):
        low = 18 + floor * (high - 40) / floors
        for bay in range(bays):
            lit = rng.random() < palette.lamps * 0.55
            glass = (
                mix(LAMP, tone, 0.1 + 0.35 * float(rng.random()))
                if lit
                else mix(times(tone, 0.5), palette.sky[1], 0.35)
            )
            a, b = (bay + 0.24) / bays, (bay + 0.72) / bays
            pen.polygon([at(a, low + 34), at(b, low + 34), at(b, low), at(a, low)], glass)
            pen.polygon(
                [at(a - 0.02, low), at(b + 0.02, low), at(b + 0.02, low - 3), at(a - 0.02, low - 3)],
                mix(tone, palette.rim, 0.35),
            )
    sign = NEON[int(rng.integers(len(NEON)))] if palette.lamps > 0.6 else FACADES[int(rng.integers(len(FACADES)))]
    pen.polygon(
        [at(0.08, 8), at(0.92, 8), at(0.92, -4), at(0.08, -4)], shade(stage, sign, 1.0) if palette.lamps < 0.6 else sign
    )
    shop = mix(LAMP, tone, 0.85 - 0.75 * palette.lamps)
    pen.polygon([at(0.1, -8), at(0.6, -8), at(0.6, -50), at(0.1, -50)], shop)
    pen.polygon([at(0.68, -8), at(0.88, -8), at(0.88, -60), at(0.68, -60)], times(tone, 0.45))
