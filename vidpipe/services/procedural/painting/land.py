"""Land: ridges that fade into haze, snow caps, tree lines, pines and broad trees, grass that the wind runs over."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.noise import line_noise, sheet_noise, smoothstep
from vidpipe.services.procedural.painting.plate import Canvas, Colour, Floats, Ints, Pen, Sheet, mix, times
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Eye, Stage, grid


def shade(stage: Stage, local: Colour, depth: float) -> Colour:
    """A thing's own colour as it looks at `depth` in this light: dimmed, in shadow, behind haze."""
    palette = stage.palette
    backlit = {"day": 0.12, "dawn": 0.42, "dusk": 0.5, "night": 0.5}[stage.wanted.time]
    seen = mix(times(local, palette.ambient), palette.ink, backlit * (0.35 + 0.65 * depth))
    haze = (1 - depth) ** 1.7 * (0.94 if stage.wanted.weather in ("fog", "snow", "rain") else 0.82)
    if stage.wanted.weather == "fog":
        haze = min(0.96, haze + 0.35 * (1 - depth))
    return mix(seen, palette.haze, haze)


def ridge_sheet(
    stage: Stage, depth: float, heights_from: Floats, local: Colour, *,
    mist: float = 0.5, rim: float = 0.5, texture: float = 0.12, reach: float | None = None, sheet: Sheet | None = None,
) -> Sheet:  # fmt: skip
    """A body of land whose upper edge is `heights_from` [sheet width], in world y.

    `mist` is how far its foot fades into haze, over `reach` pixels; `rim` lights the edge that faces the sun.
    """
    sheet = sheet or stage.blank(depth, float(heights_from.min()) - 4, stage.height)
    across, down = grid(sheet)
    edge = heights_from[None, : sheet.cover.shape[1]]
    below = down - edge
    sheet.cover[:] = np.clip(below + 0.5, 0, 1)
    top = shade(stage, local, depth)
    foot = mix(top, stage.palette.haze, mist * (1 - depth * 0.5))
    fall = smoothstep(0, reach or 110 * stage.u, below) if mist else np.zeros_like(below)
    grain: Floats = np.ones((1, 1), np.float32)
    if texture:
        noise = sheet_noise(
            stage.rng(f"tex{depth}"), sheet.cover.shape[1], sheet.cover.shape[0], (22 * stage.u, 5 * stage.u), 4, 0.7
        )
        grain = (1 + (noise - 0.5) * np.float32(2 * texture)).astype(np.float32)
    for channel in range(3):
        body = (top[channel] + (foot[channel] - top[channel]) * fall) * grain
        sheet.rgb[channel] = np.clip(body, 0, 1) * sheet.cover
    if rim:
        toward = np.sign(np.float32(stage.sun[0]) - across)
        slope = np.gradient(heights_from[: sheet.cover.shape[1]])[None, :]
        facing = np.clip(0.45 + slope * toward * -1.2, 0, 1) * np.exp(
            -(((across - stage.sun[0]) / (0.6 * stage.width)) ** 2)
        )
        line = np.exp(-np.abs(below - 1.0) / (2.2 * stage.u + 0.4))
        sheet.shine(
            stage.palette.rim, (line * facing * np.float32(rim * (1 - stage.palette.overcast))).astype(np.float32)
        )
    return sheet


def edge_noise(
    stage: Stage, name: str, depth: float, base: float, swing: float, cell: float, octaves: int = 5
) -> Floats:
    """World y of a ridge for a sheet at `depth`: `base` less or plus `swing`, widest waves `cell` pixels."""
    width = stage.blank(depth, 0, 2).cover.shape[1]
    return np.float32(base) + line_noise(stage.rng(name), width, cell, octaves) * np.float32(swing)


def tree_line(stage: Stage, name: str, depth: float, ground: Floats, tall: float, *, conifers: bool = True) -> Floats:
    """Raise a ridge by the trees that stand on it; `tall` pixels the highest."""
    rng = stage.rng(name)
    raised = ground.copy()
    x = 0.0
    count = len(ground)
    while x < count:
        size = tall * float(rng.uniform(0.45, 1.0))
        half = size * (0.2 if conifers else 0.42)
        first, last = max(0, int(x - half)), min(count, int(x + half) + 1)
        if last > first:
            at = np.abs(np.arange(first, last, dtype=np.float32) - x) / half
            if conifers:
                jag = (np.arange(first, last) * 7 % 5 - 2) * 0.018
                shape = np.clip(1 - at**0.85, 0, 1) * (1 + jag)
            else:
                shape = np.sqrt(np.clip(1 - at**2, 0, 1)) * (0.9 + 0.1 * np.sin(np.arange(first, last) * 0.9))
            foot = ground[min(count - 1, max(0, int(x)))]
            raised[first:last] = np.minimum(raised[first:last], foot - size * shape.astype(np.float32))
        x += max(1.0, half * float(rng.uniform(0.5, 1.9)))
    return raised


def pine(
    pen: Pen, x: float, foot: float, tall: float, colour: Colour, light: Colour, rng: np.random.Generator, toward: int
) -> None:
    """A spruce with drooping tiers, lighter on the side of the sun."""
    pen.rect(x - tall * 0.018, foot - tall * 0.16, tall * 0.036, tall * 0.17, times(colour, 0.7))
    tiers = 7
    for tier in range(tiers):
        low = foot - tall * (0.08 + 0.82 * tier / tiers)
        wide = tall * 0.25 * (1 - tier / tiers) ** 0.9 + tall * 0.02
        high = low - tall * 0.26
        tone = mix(colour, light, 0.10 * tier / tiers)
        left, right = wide * float(rng.uniform(0.85, 1.1)), wide * float(rng.uniform(0.85, 1.1))
        pen.polygon([(x, high), (x + right, low + tall * 0.02), (x + right * 0.45, low - tall * 0.012),
                     (x, low + tall * 0.012), (x - left * 0.45, low - tall * 0.012),
                     (x - left, low + tall * 0.02)], tone)  # fmt: skip
        pen.polygon(
            [(x, high), (x + toward * right, low + tall * 0.02), (x + toward * right * 0.4, low - tall * 0.012)],
            mix(tone, light, 0.22),
        )


def broad_tree(
    pen: Pen,
    x: float,
    foot: float,
    tall: float,
    bark: Colour,
    leaf: Colour,
    light: Colour,
    rng: np.random.Generator,
    toward: int,
) -> None:
    """An oak: a forked trunk and a crown of clumps, lit from the sun's side."""
    trunk = tall * 0.05
    fork = foot - tall * 0.42
    pen.limb([(x, foot), (x + trunk * 0.3, fork)], [trunk * 1.7, trunk], bark)
    for side in (-1, 1):
        pen.limb(
            [(x, fork + tall * 0.1), (x + side * tall * 0.16, foot - tall * 0.62)], [trunk * 0.7, trunk * 0.3], bark
        )
    heads = [
        (float(rng.normal(0, 0.15)), float(rng.uniform(0.55, 0.86)), float(rng.uniform(0.09, 0.15))) for _ in range(9)
    ]
    heads += [(-0.2, 0.56, 0.11), (0.2, 0.58, 0.11), (0.0, 0.66, 0.16)]
    for dx, high, size in heads:
        pen.ellipse(x + dx * tall, foot - high * tall, size * tall, size * tall * 0.82, leaf)
    for _ in range(170):  # leaves in bunches, lighter towards the light
        dx, high, size = heads[int(rng.integers(len(heads)))]
        angle, out = float(rng.uniform(0, 6.283)), float(rng.uniform(0.2, 1.08)) ** 0.7
        lx, ly = dx + math.cos(angle) * size * out, high + math.sin(angle) * size * out * 0.85
        bright = 0.5 * (math.cos(angle) * toward * 0.6 + math.sin(angle) * 0.7) * out
        tone = mix(leaf, light, bright) if bright > 0 else times(leaf, 1 + bright * 0.7)
        bunch = float(rng.uniform(0.018, 0.036)) * tall
        pen.ellipse(x + lx * tall, foot - ly * tall, bunch, bunch * 0.8, tone)


class Wind:
    """Gusts that run over a meadow: the brightness of grass, in waves that travel."""

    def __init__(self, stage: Stage, depth: float, sheet: Sheet, strength: float = 13.0) -> None:
        """`strength` in luma steps (0..219) at the nearest edge."""
        self.depth = depth
        across, down = grid(sheet)
        near = np.clip((down - stage.horizon) / (stage.height - stage.horizon), 0.02, 1)
        rng = stage.rng("wind")
        height, width = sheet.cover.shape
        blotch = sheet_noise(rng, width, height, (54 * stage.u, 11 * stage.u), 4, 0.62) * 8
        phase = across / (26 * stage.u) / (0.35 + near) + blotch + np.log(near) * 6
        weight = sheet.cover * near**0.6 * np.float32(strength)
        self.even: Ints = np.rint(np.cos(phase) * weight).astype(np.int16)
        self.odd: Ints = np.rint(np.sin(phase) * weight).astype(np.int16)
        self.left, self.top = sheet.left, sheet.top

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Two fixed textures, mixed by the hour hand of the gust."""
        dx, dy = eye.offset(self.depth)
        x, y = round(self.left + dx), round(self.top + dy)
        angle = time * 3.1
        cos, sin = np.int16(round(math.cos(angle) * 64)), np.int16(round(math.sin(angle) * 64))
        add_shifted(canvas.y, (self.even * cos + self.odd * sin) >> 6, x, y)


def add_shifted(dest: Ints, values: Ints, x: int, y: int) -> None:
    """Add a plane of values at a whole-pixel place, staying within 0..219; parts outside are left out."""
    left, right = max(0, x), min(dest.shape[1], x + values.shape[1])
    top, bottom = max(0, y), min(dest.shape[0], y + values.shape[0])
    if left >= right or top >= bottom:
        return
    view = dest[top:bottom, left:right]
    view += values[top - y : bottom - y, left - x : right - x]
    np.clip(view, 0, 219, out=view)


def grass_fringe(
    stage: Stage, name: str, depth: float, base: float, tall: float, local: Colour, flowers: Colour | None = None
) -> Element:
    """Blades and flowers at the very front, swaying a little with the light."""
    rng = stage.rng(name)
    sheet = stage.blank(depth, base - tall * 1.4, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    tone = shade(stage, local, depth)
    for index in range(int(width / (2.1 * stage.u))):
        x = sheet.left + float(rng.uniform(0, width))
        top = base - tall * float(rng.uniform(0.25, 1.0))
        lean = float(rng.normal(0, 0.22)) * tall
        wide = float(rng.uniform(0.8, 1.9)) * stage.u
        dark = mix(tone, stage.palette.ink, float(rng.uniform(0, 0.5)))
        pen.polygon([(x - wide, stage.height + 30), (x + lean, top), (x + wide, stage.height + 30)], dark)
        if flowers and index % 9 == 0:
            petal = shade(stage, flowers, 0.9)
            pen.ellipse(x + lean, top, 2.1 * stage.u, 1.7 * stage.u, mix(petal, stage.palette.rim, 0.2))
    return Backdrop(pen.sheet(), depth)
