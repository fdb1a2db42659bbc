"""Places with a roof, and none at all: a room with a window, and space."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.noise import sheet_noise, smoothstep
from vidpipe.services.procedural.painting.plate import Canvas, Colour, Floats, Pen, Plate, Sheet, Spark, mix, times
from vidpipe.services.procedural.painting.sky import glow_sheet
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Eye, Stage, grid
from vidpipe.services.procedural.painting.towns import LAMP, lamp_glow
from vidpipe.services.procedural.painting.weather import Motes
from vidpipe.services.procedural.painting.wild import layer

WALLS: tuple[Colour, ...] = (
    (0.36, 0.44, 0.46),
    (0.52, 0.36, 0.32),
    (0.42, 0.38, 0.50),
    (0.50, 0.46, 0.36),
    (0.28, 0.38, 0.48),
)


def room(stage: Stage) -> list[Element]:
    """A wall with a window to the weather outside, curtains, a lamp, furniture, light on the floor."""
    u, rng = stage.u, stage.rng("room")
    left = stage.width * (0.10 + 0.16 * float(rng.random()))
    window = (left, stage.height * 0.13, stage.width * float(rng.uniform(0.26, 0.34)), stage.height * 0.44)
    wall = WALLS[(stage.seed + stage.wanted.digest) % len(WALLS)]
    indoor = mix(stage.palette.ambient, (1.0, 0.84, 0.66), 0.35 + 0.4 * stage.palette.lamps)
    tone = times(wall, times(indoor, 0.5 + 0.42 * (1 - stage.palette.lamps)))
    made: list[Element] = [_view(stage, window), _wall(stage, window, tone)]
    made += [_curtain(stage, window, side, mix(tone, (0.86, 0.5, 0.36), 0.45)) for side in (-1, 1)]
    made += _furniture(stage, window, tone)
    made.append(Clock(stage, (window[0] + window[2] + 206 * u, stage.height * 0.24), tone))
    made.append(_window_light(stage, window))
    made.append(
        Motes(
            stage,
            0.6,
            mix(stage.palette.rim, (1, 1, 1), 0.3),
            26,
            "dust",
            box=(left / stage.width - 0.05, 0.15, left / stage.width + 0.6, 0.9),
            size=0.55,
        )
    )
    if stage.wanted.weather in ("rain", "storm"):
        made.append(Drops(stage, window))
    made.append(
        lamp_glow(stage, stage.width * 0.03, stage.height * 1.02, 420, LAMP, 0.95, flicker=0.3)
        if stage.palette.lamps > 0.4
        else _plant(stage)
    )
    return made


def _view(stage: Stage, window: tuple[float, float, float, float]) -> Element:
    """What stands outside: roofs and trees below the sky."""
    x, y, w, h = window
    u, rng = stage.u, stage.rng("view")
    pen = Pen(w + 60 * u, h * 0.6, x - 30 * u, y + h * 0.55)
    at = x - 30 * u
    while at < x + w + 30 * u:
        broad, high = float(rng.uniform(18, 40)) * u, float(rng.uniform(14, 52)) * u
        tone = mix(stage.palette.haze, stage.palette.ink, float(rng.uniform(0.25, 0.5)))
        pen.rect(at, y + h - high, broad, high + 20, tone)
        for row in range(int(high / (9 * u))):
            for column in range(int(broad / (7 * u))):
                if rng.random() < stage.palette.lamps * 0.55:
                    pen.rect(at + (2 + 7 * column) * u, y + h - high + (3 + 9 * row) * u, 2.6 * u, 3.6 * u, LAMP)
        at += broad * 0.95
    return Backdrop(pen.sheet(), 0.12, blur=1.0 * u)


def _wall(stage: Stage, window: tuple[float, float, float, float], tone: Colour) -> Element:
    """The wall with its opening, skirting, floor and window frame."""
    x, y, w, h = window
    u = stage.u
    sheet = stage.blank(0.4, 0, stage.height)
    across, down = grid(sheet)
    height, width = sheet.cover.shape
    floor = stage.height * 0.80
    glow_x, glow_y = x + w / 2, y + h / 2
    away = np.sqrt(((across - glow_x) / stage.width) ** 2 + ((down - glow_y) / stage.height) ** 2)
    light = (1.22 - 0.62 * np.clip(away, 0, 1.3)).astype(np.float32)
    paper = 1 + 0.035 * np.sin(across / (7.5 * u)) * np.ones_like(down)
    boards = 1 - 0.22 * (
        np.abs(((across - glow_x) / (1 + np.maximum(down - floor, 0) / (60 * u)) / (26 * u)) % 1 - 0.5) > 0.47
    )
    wood = times((0.42, 0.27, 0.18), mix(stage.palette.ambient, (1, 0.86, 0.7), 0.5))
    is_floor = down > floor
    for channel in range(3):
        body = np.where(is_floor, wood[channel] * boards * 0.9, tone[channel] * paper) * light
        sheet.rgb[channel] = np.clip(body, 0, 1)
    sheet.cover[:] = 1
    pen = Pen(width, height, sheet.left, sheet.top, 1)
    trim = mix(tone, (0.95, 0.92, 0.86), 0.5)
    pen.rect(sheet.left, floor - 9 * u, width, 9 * u, times(trim, 0.7))
    frame = 5 * u
    pen.rect(x - frame, y - frame, w + 2 * frame, h + 2 * frame, trim)
    pen.rect(x - 12 * u, y + h + 2 * u, w + 24 * u, 7 * u, mix(trim, stage.palette.rim, 0.3))
    sheet.over(pen.sheet())
    hole = (across > x) & (across < x + w) & (down > y) & (down < y + h)
    bars = (np.abs(across - x - w / 2) < 1.8 * u) | (np.abs(down - y - h * 0.42) < 1.8 * u)
    open_part = np.where(hole & ~bars, np.float32(0), np.float32(1))
    sheet.cover *= open_part
    sheet.rgb *= open_part
    return layer(stage, sheet, 0.4)


def _curtain(stage: Stage, window: tuple[float, float, float, float], side: int, tone: Colour) -> Element:
    return Curtain(stage, window, side, tone)


class Curtain:
    """Cloth that the air moves."""

    def __init__(self, stage: Stage, window: tuple[float, float, float, float], side: int, tone: Colour) -> None:
        x, y, w, h = window
        u = stage.u
        self.depth = 0.43
        broad, tall = round(w * 0.3), round(h + 44 * u)
        self.left = x - broad * 0.55 if side < 0 else x + w - broad * 0.45
        self.top = y - 16 * u
        across = np.arange(broad + round(24 * u), dtype=np.float32)[None, :]
        down = np.linspace(0, 1, tall, dtype=np.float32)[:, None]
        self.poses: list[Plate] = []
        count = 12
        for index in range(count):
            phase = 6.283 * index / count
            sway = (np.sin(phase + down * 2.4) * 9 * u * down**1.3).astype(np.float32)
            place = across - sway - 10 * u
            fold = 0.8 + 0.2 * np.sin(place / (5.2 * u) + 0.6 * np.sin(phase) * down)
            cover = np.clip(place + 0.5, 0, 1) * np.clip(broad - place + 0.5, 0, 1) * np.float32(0.94)
            rgb = np.stack([np.clip(fold * part, 0, 1) * cover for part in tone]).astype(np.float32)
            self.poses.append(Plate(rgb, cover.astype(np.float32)))

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Pose after pose, one sway in four seconds."""
        dx, dy = eye.offset(self.depth)
        self.poses[int(time * 3) % len(self.poses)].lay(canvas, self.left + dx, self.top + dy)


def _furniture(stage: Stage, window: tuple[float, float, float, float], tone: Colour) -> list[Element]:
    """A shelf with books, a picture, a table with a lamp and a cup."""
    u, rng, palette = stage.u, stage.rng("furniture"), stage.palette
    sheet = stage.blank(0.46, 0, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    wood = times((0.46, 0.30, 0.2), mix(palette.ambient, (1, 0.86, 0.7), 0.5))
    dark = mix(wood, palette.ink, 0.4)
    right = window[0] + window[2] + 62 * u
    shelf_y = stage.height * 0.34
    for row in range(2):
        y = shelf_y + row * 52 * u
        x = right + 4 * u
        while x < right + 104 * u:
            broad, high = float(rng.uniform(4, 9)) * u, float(rng.uniform(22, 36)) * u
            colour = mix(
                times(
                    ((0.7, 0.25, 0.2), (0.2, 0.4, 0.55), (0.8, 0.65, 0.3), (0.25, 0.45, 0.32), (0.8, 0.76, 0.68))[
                        int(rng.integers(5))
                    ],
                    palette.ambient,
                ),
                tone,
                0.25,
            )
            if rng.random() < 0.88:
                pen.rect(x, y - high, broad, high, colour)
            x += broad + 0.6 * u
        pen.rect(right, y, 112 * u, 4 * u, wood)
        pen.rect(right, y + 4 * u, 112 * u, 2 * u, dark)
    table_y = stage.height * 0.70
    tx = right + 16 * u
    pen.rect(tx, table_y, 150 * u, 6 * u, mix(wood, palette.rim, 0.15))
    for leg in (8, 136):
        pen.rect(tx + leg * u, table_y + 6 * u, 6 * u, stage.height * 0.22, dark)
    lx = tx + 116 * u
    pen.line([(lx, table_y), (lx, table_y - 34 * u)], 2.4 * u, dark)
    lamp = mix(LAMP, wood, 0.15 if palette.lamps > 0.2 else 0.55)
    pen.polygon(
        [
            (lx - 17 * u, table_y - 30 * u),
            (lx + 17 * u, table_y - 30 * u),
            (lx + 10 * u, table_y - 52 * u),
            (lx - 10 * u, table_y - 52 * u),
        ],
        lamp,
    )
    pen.rect(tx + 40 * u, table_y - 11 * u, 11 * u, 11 * u, (0.86, 0.84, 0.8))
    pen.line([(tx + 52 * u, table_y - 8 * u), (tx + 55 * u, table_y - 5 * u)], 1.4 * u, (0.86, 0.84, 0.8))
    made: list[Element] = [layer(stage, pen.sheet(), 0.46)]
    if palette.lamps > 0.2:
        made.append(lamp_glow(stage, lx, table_y - 36 * u, 240, LAMP, 0.47, flicker=0.12))
    steam = glow_sheet(26 * u, (0.9, 0.9, 0.9), 0.2, 1.8)
    steam.left, steam.top = steam.left + tx + 45 * u, steam.top + table_y - 32 * u
    made.append(Backdrop(steam, 0.47, flicker=0.9, rate=0.5))
    return made


class Clock:
    """A wall clock whose pendulum swings once a second."""

    def __init__(self, stage: Stage, place: tuple[float, float], tone: Colour) -> None:
        self.depth = 0.461
        (self.x, self.y), u = place, stage.u * 1.3
        wood = mix(times((0.42, 0.25, 0.15), mix(stage.palette.ambient, (1, 0.86, 0.7), 0.5)), tone, 0.15)
        brass = mix(LAMP, wood, 0.25)
        self.poses: list[tuple[Plate, float, float]] = []
        for index in range(24):
            swing = math.sin(math.tau * index / 24) * 0.34
            pen = Pen(38 * u, 92 * u, -19 * u, -19 * u, 3)
            pen.rect(-15 * u, 10 * u, 30 * u, 58 * u, times(wood, 0.55))
            bob = (math.sin(swing) * 38 * u, 14 * u + math.cos(swing) * 38 * u)
            pen.line([(0, 14 * u), bob], 1.6 * u, brass)
            pen.ellipse(bob[0], bob[1], 6.4 * u, 6.4 * u, brass)
            pen.ellipse(0, 0, 17 * u, 17 * u, wood)
            pen.ellipse(0, 0, 13.5 * u, 13.5 * u, mix((0.93, 0.9, 0.82), wood, 0.25))
            pen.line([(0, 0), (0, -9 * u)], 1.6 * u, times(wood, 0.5))
            pen.line([(0, 0), (6 * u, 3 * u)], 1.8 * u, times(wood, 0.5))
            sheet = pen.sheet()
            self.poses.append((sheet.plate(stage.blur(0.46)), sheet.left, sheet.top))

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Tick, tock."""
        dx, dy = eye.offset(self.depth)
        plate, left, top = self.poses[int(time * 12) % 24]
        plate.lay(canvas, self.x + left + dx, self.y + top + dy)


def _window_light(stage: Stage, window: tuple[float, float, float, float]) -> Element:
    """The slanted patch of light that the window throws on the floor."""
    x, _, w, _ = window
    u = stage.u
    floor = stage.height * 0.80
    lean = 80 * u * (1 if stage.sun[0] < x + w / 2 else -1)
    pen = Pen(w + 260 * u, stage.height - floor + 30 * u, x - 130 * u, floor, 1)
    for side in (0.02, 0.53):
        a, b = x + w * side, x + w * (side + 0.45)
        pen.polygon([(a + lean * 0.3, floor + 4 * u), (b + lean * 0.3, floor + 4 * u),
                (b + lean * 1.25, stage.height + 4 * u), (a + lean * 1.25, stage.height + 4 * u)],
                    stage.palette.rim if not stage.palette.moon else (0.6, 0.74, 1.0))  # fmt: skip
    sheet = pen.sheet()
    weight = np.float32(0.34 * (1 - stage.palette.overcast * 0.7) * (0.6 if stage.palette.moon else 1.0))
    sheet.cover *= weight
    sheet.rgb *= weight
    return Backdrop(sheet, 0.45, blur=2.2 * u, flicker=0.3, rate=0.19)


def _plant(stage: Stage) -> Element:
    """Leaves at the picture's edge, near the camera."""
    u, rng = stage.u, stage.rng("plant")
    pen = Pen(170 * u, 230 * u, stage.width - 120 * u, stage.height - 200 * u)
    green = mix(times((0.2, 0.36, 0.22), stage.palette.ambient), stage.palette.ink, 0.4)
    root = (stage.width - 20 * u, stage.height + 10 * u)
    for _ in range(13):
        angle = float(rng.uniform(-2.6, -0.9))
        reach = float(rng.uniform(80, 180)) * u
        tip = (root[0] + math.cos(angle) * reach * 0.7, root[1] + math.sin(angle) * reach)
        side = (math.sin(angle) * 15 * u, -math.cos(angle) * 15 * u)
        middle = ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2)
        pen.polygon([root, (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1])],
                    mix(green, stage.palette.rim, float(rng.uniform(0, 0.18))))  # fmt: skip
    return Backdrop(pen.sheet(), 0.96, blur=1.6 * u)


class Drops:
    """Rain that runs down a window pane."""

    def __init__(self, stage: Stage, window: tuple[float, float, float, float]) -> None:
        self.depth, u, rng = 0.405, stage.u, stage.rng("drops")
        self.x, self.y, self.w, self.h = window
        core = np.zeros((round(15 * u) + 2, max(2, round(2.4 * u))), np.float32)
        core[:] = np.linspace(0.05, 0.85, core.shape[0], dtype=np.float32)[:, None]
        self.plate = Spark(core, (0.95, 0.97, 1.0))
        self.drops = [
            (
                float(rng.uniform(0.02, 0.97)),
                float(rng.random()),
                float(rng.uniform(0.2, 0.9)),
                float(rng.uniform(0.3, 0.9)),
            )
            for _ in range(38)
        ]

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Each drop at its own pace."""
        dx, dy = eye.offset(self.depth)
        for x, start, pace, light in self.drops:
            down = (start + pace * time * 0.8) % 1
            self.plate.lay(
                canvas, self.x + x * self.w + dx, self.y + down * (self.h - 18 * self.h / 160) + dy, light * 0.6
            )


def space(stage: Stage) -> list[Element]:
    """Stars in depths, a nebula, a planet with its air lit from one side, a moon, drifting rocks."""
    made: list[Element] = [Backdrop(_deep(stage), 0.0)]
    made.append(_planet(stage))
    made += [Rock(stage, index) for index in range(7)]
    return made


def _deep(stage: Stage) -> Sheet:
    rng, u = stage.rng("deep"), stage.u
    sheet = stage.blank(0.0, 0, stage.height)
    height, width = sheet.cover.shape
    tints = (
        ((0.42, 0.10, 0.42), (0.06, 0.22, 0.5)),
        ((0.05, 0.36, 0.42), (0.3, 0.1, 0.4)),
        ((0.5, 0.2, 0.12), (0.1, 0.14, 0.4)),
    )
    one, other = tints[(stage.seed + stage.wanted.digest) % 3]
    cloud = sheet_noise(rng, width, height, (260 * u, 170 * u), 5, 0.58)
    dust = sheet_noise(rng, width, height, (150 * u, 150 * u), 5, 0.6)
    first = smoothstep(0.42, 0.78, cloud)
    second = smoothstep(0.45, 0.8, dust) * (1 - 0.5 * first)
    for channel in range(3):
        sheet.rgb[channel] = (
            0.012 + 0.018 * (channel == 2) + one[channel] * first * 0.85 + other[channel] * second * 0.8
        )
    sheet.cover[:] = 1
    stars = np.zeros((height, width), np.float32)
    count = int(1000 * width / max(height, 1) / 1.78)
    ys, xs = rng.integers(0, height - 1, count), rng.integers(0, width - 1, count)
    light = (rng.random(count) ** 4 * 0.9 + 0.08).astype(np.float32)
    np.maximum.at(stars, (ys, xs), light)
    bright = light > 0.5
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        np.maximum.at(stars, (ys[bright] + dy, xs[bright] + dx), light[bright] * 0.6)
    sheet.shine((1.0, 0.96, 0.9), stars)
    np.clip(sheet.rgb, 0, 1, out=sheet.rgb)
    return sheet


def _planet(stage: Stage) -> Element:
    """A globe with bands of cloud, its night side, and a rim of air."""
    rng, u = stage.rng("planet"), stage.u
    radius = float(rng.uniform(90, 190)) * u
    x, y = stage.width * float(rng.uniform(0.08, 0.36)), stage.height * float(rng.uniform(0.6, 1.02))
    sheet = stage.blank(0.12, y - radius * 1.2, min(y + radius * 1.2, stage.height))
    across, down = grid(sheet)
    px, py = (across - x) / radius, (down - y) / radius
    away = np.sqrt(px**2 + py**2)
    high = np.sqrt(np.clip(1 - away**2, 0, 1))
    height, width = sheet.cover.shape
    land = sheet_noise(rng, width, height, (110 * u, 34 * u), 5, 0.6)
    colours = (
        ((0.12, 0.34, 0.62), (0.86, 0.9, 0.94)),
        ((0.72, 0.42, 0.26), (0.92, 0.74, 0.5)),
        ((0.36, 0.22, 0.5), (0.86, 0.62, 0.72)),
    )
    low, top = colours[int(rng.integers(3))]
    mixd = smoothstep(0.38, 0.66, land)
    day = np.clip(px * 0.72 - py * 0.5 + high * 0.42 + 0.1, 0, 1) ** 0.8
    disc: Floats = np.clip((1 - away) * radius + 0.5, 0, 1).astype(np.float32)
    air = np.exp(-np.clip(away - 1, 0, 9) * 17) * (1 - disc) * np.clip(px * 0.72 - py * 0.5 + 0.55, 0, 1)
    rim = np.exp(-(((1 - away) * 9) ** 2)) * day
    for channel in range(3):
        body = (low[channel] + (top[channel] - low[channel]) * mixd) * (0.02 + 0.98 * day) + rim * (0.35, 0.55, 0.8)[
            channel
        ]
        sheet.rgb[channel] = np.clip(body, 0, 1) * disc + air * (0.32, 0.56, 0.95)[channel]
    sheet.cover[:] = np.clip(disc + air * 0.9, 0, 1)
    return Backdrop(sheet, 0.12, drift=1.6 * u)


class Rock:
    """A boulder that tumbles past."""

    def __init__(self, stage: Stage, index: int) -> None:
        rng, u = stage.rng(f"rock{index}"), stage.u
        size = float(rng.uniform(3, 15)) * u
        self.depth = 0.25 + 0.06 * index
        self.x, self.y = float(rng.uniform(-0.1, 1.0)) * stage.width, float(rng.uniform(0.05, 0.85)) * stage.height
        self.pace = (float(rng.uniform(14, 34)) * u, float(rng.uniform(-6, 6)) * u)
        knots = [float(rng.uniform(0.7, 1.1)) for _ in range(9)]
        self.poses: list[Plate] = []
        for turn in range(16):
            pen = Pen(size * 2.6, size * 2.6, -size * 1.3, -size * 1.3)
            spin = 6.283 * turn / 16
            shape = [
                (math.cos(spin + 6.283 * k / 9) * r * size, math.sin(spin + 6.283 * k / 9) * r * size)
                for k, r in enumerate(knots)
            ]
            pen.polygon(shape, (0.10, 0.10, 0.13))
            pen.polygon([(px * 0.72 + size * 0.2, py * 0.72 - size * 0.2) for px, py in shape], (0.42, 0.38, 0.36))
            self.poses.append(pen.sheet().plate())

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Tumble and drift."""
        dx, dy = eye.offset(self.depth)
        pose = self.poses[int(time * 6) % len(self.poses)]
        pose.lay(canvas, self.x + self.pace[0] * time + dx, self.y + self.pace[1] * time + dy)
