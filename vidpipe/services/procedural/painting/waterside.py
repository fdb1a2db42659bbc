"""Places that people built at the water: a harbour, a lighthouse on its headland."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.land import edge_noise, ridge_sheet, shade
from vidpipe.services.procedural.painting.noise import line_noise
from vidpipe.services.procedural.painting.plate import Canvas, Pen, Plate, mix, times
from vidpipe.services.procedural.painting.sky import sun_bloom
from vidpipe.services.procedural.painting.stage import Element, Eye, Stage
from vidpipe.services.procedural.painting.towns import FACADES, LAMP, Light, lamp_glow, lamp_glows
from vidpipe.services.procedural.painting.water import Water
from vidpipe.services.procedural.painting.wild import layer


def harbour(stage: Stage) -> list[Element]:
    """A lit town across the water, moored boats that bob, a quay with bollards in front."""
    u, rng = stage.u, stage.rng("harbour")
    made: list[Element] = []
    edge = edge_noise(stage, "harbourhill", 0.08, stage.horizon - 26 * u, 26 * u, 260 * u, 4)
    made.append(layer(stage, ridge_sheet(stage, 0.08, edge, (0.34, 0.42, 0.38), mist=0.4, rim=0.3), 0.08))
    if stage.palette.sun_height < 0.4 or stage.palette.moon:
        made.append(sun_bloom(stage, 0.09))
    made += _waterfront(stage, 0.12)
    made.append(Water(stage, stage.horizon, depth=0.2, tone=(0.06, 0.24, 0.34), rough=0.7, mirror=0.74, speed=0.9))
    for index in range(4):
        x = stage.width * (0.1 + 0.26 * index + 0.06 * float(rng.uniform(-1, 1)))
        made.append(
            Moored(stage, x, stage.horizon + (12 + 11 * (index % 2)) * u, (54 + 26 * float(rng.random())) * u, index)
        )
    made += quay(stage, 0.7)
    return made


def _waterfront(stage: Stage, depth: float) -> list[Element]:
    """Gabled houses in a row at the water's edge, and their lamps."""
    u, rng, palette = stage.u, stage.rng("waterfront"), stage.palette
    sheet = stage.blank(depth, stage.horizon - 90 * u, stage.horizon + 2 * u)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    lamps: list[Light] = []
    x = sheet.left
    while x < sheet.left + width:
        broad, high = float(rng.uniform(15, 27)) * u, float(rng.uniform(20, 40)) * u
        tone = shade(stage, FACADES[int(rng.integers(len(FACADES)))], depth + 0.3)
        top = stage.horizon - high
        pen.rect(x, top, broad, high + 3 * u, tone)
        pen.polygon([(x - u, top), (x + broad / 2, top - broad * 0.5), (x + broad + u, top)], times(tone, 0.66))
        for row in np.arange(top + 4 * u, stage.horizon - 6 * u, 9 * u):
            for column in np.arange(x + 3 * u, x + broad - 4 * u, 6.5 * u):
                lit = rng.random() < palette.lamps * 0.6
                pen.rect(column, float(row), 2.8 * u, 4.2 * u, mix(LAMP, tone, 0.1) if lit else times(tone, 0.55))
        if rng.random() < 0.4 and palette.lamps > 0.3:
            lamps.append((x, stage.horizon - 5 * u, 34.0))
        x += broad * float(rng.uniform(1.0, 1.3))
    return [layer(stage, pen.sheet(), depth), *lamp_glows(stage, lamps, LAMP, depth)]


class Moored:
    """A sailing boat at anchor: it bobs and leans a little."""

    def __init__(self, stage: Stage, x: float, foot: float, tall: float, index: int) -> None:
        self.depth = 0.3 + 0.01 * index
        self.x, self.foot, self.u = x - tall * 0.5, foot - tall, stage.u
        self.phase = 1.7 * index
        hull = shade(
            stage, ((0.86, 0.86, 0.84), (0.22, 0.34, 0.52), (0.66, 0.22, 0.2), (0.24, 0.42, 0.36))[index % 4], 0.55
        )
        mast = shade(stage, (0.45, 0.34, 0.26), 0.6)
        self.poses: list[Plate] = []
        for lean in (-0.03, -0.015, 0.0, 0.015, 0.03):
            pen = Pen(tall * 1.1, tall * 1.2, 0, 0)
            cx, base = tall * 0.5, tall * 0.96
            top = (cx + lean * tall * 4, tall * 0.04)
            pen.line([(cx, base), top], 1.5 * stage.u, mast)
            for end in (-0.34, 0.36):
                pen.line([top, (cx + end * tall, base - tall * 0.1)], 0.6 * stage.u, mast)
            pen.line(
                [(cx, base - tall * 0.2), (cx + tall * 0.3, base - tall * 0.2)],
                2.6 * stage.u,
                mix(hull, (1, 1, 1), 0.3),
            )
            pen.polygon([(cx - tall * 0.36, base - tall * 0.12), (cx + tall * 0.4, base - tall * 0.14),
                    (cx + tall * 0.3, base + tall * 0.03),
                         (cx - tall * 0.27, base + tall * 0.03)], hull)  # fmt: skip
            pen.polygon([(cx - tall * 0.16, base - tall * 0.12), (cx - tall * 0.1, base - tall * 0.2),
                    (cx + tall * 0.12, base - tall * 0.2),
                         (cx + tall * 0.16, base - tall * 0.12)], mix(hull, stage.palette.ink, 0.35))  # fmt: skip
            self.poses.append(pen.sheet().plate(stage.blur(self.depth)))

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Bob."""
        dx, dy = eye.offset(self.depth)
        wave = math.sin(time * 1.25 + self.phase)
        self.poses[round(2 + 2 * wave)].lay(
            canvas, self.x + dx, self.foot + dy + 1.6 * self.u * math.cos(time * 1.25 + self.phase)
        )


def quay(stage: Stage, depth: float) -> list[Element]:
    """A stone edge with bollards and a lamp post, where someone can stand."""
    u = stage.u
    base = stage.height - 62 * u
    sheet = stage.blank(depth, base - 150 * u, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    stone = shade(stage, (0.46, 0.44, 0.46), depth)
    pen.rect(sheet.left, base, width, stage.height, stone)
    pen.rect(sheet.left, base, width, 3.4 * u, mix(stone, stage.palette.rim, 0.45))
    for row in range(4):
        y = base + (10 + 17 * row) * u
        pen.line([(sheet.left, y), (sheet.left + width, y)], 0.9 * u, times(stone, 0.75))
        for x in np.arange(sheet.left + (row % 2) * 30 * u, sheet.left + width, 62 * u):
            pen.line([(float(x), y), (float(x), y + 17 * u)], 0.9 * u, times(stone, 0.78))
    for x in np.arange(0.08, 1.1, 0.21):
        at = float(x) * stage.width
        pen.rect(at - 4 * u, base - 11 * u, 8 * u, 13 * u, stage.palette.ink)
        pen.ellipse(at, base - 11 * u, 6.5 * u, 3 * u, mix(stage.palette.ink, stage.palette.rim, 0.2))
    post = stage.width * 0.82
    pen.line([(post, base + 6 * u), (post, base - 118 * u)], 3.2 * u, stage.palette.ink)
    pen.polygon([(post - 7 * u, base - 118 * u), (post + 7 * u, base - 118 * u),
            (post + 5 * u, base - 134 * u), (post - 5 * u, base - 134 * u)],
                mix(LAMP, (0.5, 0.5, 0.5), 1 - max(0.3, stage.palette.lamps)))  # fmt: skip
    pen.polygon(
        [(post - 9 * u, base - 134 * u), (post, base - 143 * u), (post + 9 * u, base - 134 * u)], stage.palette.ink
    )
    made: list[Element] = [layer(stage, pen.sheet(), depth)]
    if stage.palette.lamps > 0.2:
        made.append(lamp_glow(stage, post, base - 126 * u, 210, LAMP, depth + 0.001))
    return made


def lighthouse(stage: Stage) -> list[Element]:
    """A tower on a headland over the sea; its beam turns when the light is low."""
    u, palette = stage.u, stage.palette
    made: list[Element] = []
    far = edge_noise(stage, "farcape", 0.08, stage.horizon - 2 * u, 16 * u, 240 * u, 4)
    made.append(layer(stage, ridge_sheet(stage, 0.08, far, (0.4, 0.44, 0.48), mist=0.3, rim=0.2), 0.08))
    if palette.sun_height < 0.4 or palette.moon:
        made.append(sun_bloom(stage, 0.09))
    rough = 2.0 if stage.wanted.weather == "storm" else 1.1
    made.append(Water(stage, stage.horizon, depth=0.2, tone=(0.05, 0.28, 0.40), rough=rough, speed=1.2))
    foot = stage.horizon - 30 * u
    x = stage.width * (0.74 - 0.1 * float(stage.rng("tower").random()))
    made += _headland(stage, x, foot, 0.34)
    made.append(_tower_sheet(stage, x, foot, 0.36))
    lantern = (x, foot - 131 * u)
    if palette.lamps > 0.3 or palette.overcast > 0.3:
        made.append(Beam(stage, lantern, 0.33))
        made.append(lamp_glow(stage, *lantern, 90, (1.0, 0.93, 0.7), 0.37, flicker=0.25))
    return made


def _headland(stage: Stage, x: float, foot: float, depth: float) -> list[Element]:
    u = stage.u
    width = stage.blank(depth, 0, 2).cover.shape[1]
    left = stage.blank(depth, 0, 2).left
    across = np.arange(width, dtype=np.float32) + np.float32(left)
    fall = np.clip((x - 90 * u - across) / (120 * u), 0, 1.6)
    noise = line_noise(stage.rng("headland"), width, 60 * u, 5)
    edge = foot + noise * 7 * u + fall**1.5 * 110 * u
    rock = ridge_sheet(
        stage, depth, edge.astype(np.float32), (0.40, 0.36, 0.36), mist=0.25, rim=0.7, texture=0.5, reach=120 * u
    )
    grass = ridge_sheet(
        stage,
        depth,
        (edge - 2 * u).astype(np.float32),
        (0.34, 0.46, 0.24),
        mist=0.0,
        rim=0.6,
        texture=0.2,
        sheet=stage.blank(depth, float(edge.min()) - 6, stage.height),
    )
    down = np.arange(grass.cover.shape[0], dtype=np.float32)[:, None] + grass.top
    thin = np.clip(1 - (down - edge[None, : grass.cover.shape[1]]) / (10 * u), 0, 1)
    grass.cover *= thin
    grass.rgb *= thin
    return [layer(stage, rock, depth), layer(stage, grass, depth + 0.001)]


def _tower_sheet(stage: Stage, x: float, foot: float, depth: float) -> Element:
    u, palette = stage.u, stage.palette
    pen = Pen(150 * u, 180 * u, x - 75 * u, foot - 165 * u, 3)
    white, red, dark = (
        shade(stage, (0.95, 0.94, 0.92), 0.7),
        shade(stage, (0.80, 0.20, 0.18), 0.7),
        shade(stage, (0.2, 0.2, 0.24), 0.8),
    )
    toward = 1 if stage.sun[0] > x else -1
    top, low = foot - 118 * u, foot + 6 * u
    for index in range(5):
        y0, y1 = low + (top - low) * index / 5, low + (top - low) * (index + 1) / 5
        w0, w1 = (19 - 8 * index / 5) * u, (19 - 8 * (index + 1) / 5) * u
        tone = white if index % 2 == 0 else red
        pen.polygon([(x - w0, y0), (x + w0, y0), (x + w1, y1), (x - w1, y1)], tone)
        lit = mix(tone, palette.rim, 0.4)
        pen.polygon(
            [(x + toward * w0 * 0.35, y0), (x + toward * w0, y0), (x + toward * w1, y1), (x + toward * w1 * 0.35, y1)],
            lit,
        )
        pen.polygon(
            [(x - toward * w0 * 0.4, y0), (x - toward * w0, y0), (x - toward * w1, y1), (x - toward * w1 * 0.4, y1)],
            times(tone, 0.8),
        )
    pen.rect(x - 14 * u, top - 3 * u, 28 * u, 4 * u, dark)
    glow = mix((1.0, 0.95, 0.72), dark, 0.2)
    pen.rect(x - 7.5 * u, top - 20 * u, 15 * u, 18 * u, glow)
    for bar in (-7, 0, 6):
        pen.rect(x + bar * u, top - 20 * u, 1.4 * u, 18 * u, dark)
    pen.polygon([(x - 10 * u, top - 20 * u), (x, top - 33 * u), (x + 10 * u, top - 20 * u)], red)
    house = shade(stage, (0.86, 0.82, 0.76), 0.7)
    pen.rect(x + 24 * u, foot - 22 * u, 38 * u, 28 * u, house)
    pen.polygon(
        [(x + 20 * u, foot - 22 * u), (x + 43 * u, foot - 40 * u), (x + 66 * u, foot - 22 * u)], times(red, 0.75)
    )
    pen.rect(x + 36 * u, foot - 15 * u, 7 * u, 8 * u, mix(LAMP, house, 0.9 - 0.85 * palette.lamps))
    return layer(stage, pen.sheet(), depth)


class Beam:
    """Two beams that turn around a lantern, seen from the side: they widen, pass, and dazzle."""

    def __init__(self, stage: Stage, lantern: tuple[float, float], depth: float) -> None:
        self.depth, self.at = depth, lantern
        self.plates = [(_beam(stage, side), side) for side in (-1, 1)]

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Each side shines while its half turn goes by."""
        dx, dy = eye.offset(self.depth)
        turn = math.cos(time * 1.15)
        for sheet, side in self.plates:
            strength = max(0.0, side * turn) ** 0.7
            sheet[0].lay(canvas, self.at[0] + sheet[1] + dx, self.at[1] + sheet[2] + dy, strength)


def _beam(stage: Stage, side: int) -> tuple[Plate, float, float]:
    u = stage.u
    width, height = round(stage.width * 0.95), round(110 * u)
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(height / 2 - 10 * u * 0)
    spread = 3.5 * u + x * 0.052
    cover = np.exp(-((y / spread) ** 2)) * np.exp(-x / (330 * u)) * np.float32(0.62)
    if side < 0:
        cover = np.ascontiguousarray(cover[:, ::-1])
    rgb = np.stack([cover * np.float32(part) for part in (1.0, 0.95, 0.78)])
    return Plate(rgb, cover), 0.0 if side > 0 else -width, -height / 2
