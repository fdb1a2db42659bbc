"""The sky: gradient, sun or moon with its glow, stars that twinkle, clouds that drift, northern lights, lightning."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.noise import sheet_noise, smoothstep
from vidpipe.services.procedural.painting.plate import Canvas, Colour, Floats, Pen, Sheet, Spark, mix, times
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Eye, Stage, grid


def paint_sky(stage: Stage) -> list[Element]:
    """Everything behind the land, back to front."""
    palette, weather = stage.palette, stage.wanted.weather
    sheet = stage.blank(0.0, 0, stage.height)
    _gradient(stage, sheet)
    made: list[Element] = []
    if palette.stars > 0.03:
        _stars(stage, sheet, palette.stars)
    if palette.overcast < 0.6:
        _sun(stage, sheet)
    made.append(Backdrop(sheet, 0.0, blur=stage.blur(0.0)))
    if palette.stars > 0.2:
        made.append(Twinkle(stage))
    if stage.wanted.time == "night" and weather == "clear" and stage.seed % 3 == 1:
        made.extend(_aurora(stage))
    made.extend(_clouds(stage))
    return made


def _gradient(stage: Stage, sheet: Sheet) -> None:
    """The colours from zenith to horizon, brighter towards the sun, with enough noise to hide steps."""
    palette = stage.palette
    across, down = grid(sheet)
    place = np.clip((down[:, 0] + 0.05 * stage.height) / (stage.horizon + 0.05 * stage.height), 0, 1)
    stops = np.linspace(0, 1, len(palette.sky))
    # The warm band lies low: stretch the upper colours.
    bent = place**1.25
    sx, sy = stage.sun
    far = ((across - sx) / (0.95 * stage.width)) ** 2 + ((down - sy) / (0.8 * stage.height)) ** 2
    near = np.exp(-far * 5) * np.float32((0.16 if palette.moon else 0.36) * (1 - palette.overcast))
    grain = stage.rng("dither").random(sheet.cover.shape, dtype=np.float32) - np.float32(0.5)
    for index in range(3):
        column = np.interp(bent, stops, [stop[index] for stop in palette.sky]).astype(np.float32)[:, None]
        sheet.rgb[index] = column + (palette.sun[index] - column) * near + grain * np.float32(0.012)
    np.clip(sheet.rgb, 0, 1, out=sheet.rgb)
    sheet.cover[:] = 1


def _stars(stage: Stage, sheet: Sheet, amount: float) -> None:
    """Fixed stars, thinner towards the horizon, and a band of them."""
    rng = stage.rng("stars")
    height, width = sheet.cover.shape
    count = int(620 * amount * width / max(1, height) / 1.78)
    xs, ys = rng.integers(0, width, count), (rng.random(count) ** 1.3 * min(height, stage.horizon)).astype(int)
    light = (rng.random(count) ** 3 * 0.8 + 0.12).astype(np.float32) * np.float32(amount)
    band = np.zeros((height, width), np.float32)
    np.maximum.at(band, (ys, xs), light)
    big = light > 0.6 * amount
    for dx, dy in ((1, 0), (0, 1), (1, 1)):
        np.maximum.at(
            band, (np.minimum(ys[big] + dy, height - 1), np.minimum(xs[big] + dx, width - 1)), light[big] * 0.5
        )
    across, down = grid(sheet)
    lean = (down - stage.height * 0.25) - (across - stage.width * 0.5) * np.float32(0.42 if stage.seed % 2 else -0.42)
    milky = np.exp(-((lean / (60 * stage.u)) ** 2)) * sheet_noise(
        stage.rng("milky"), width, height, (50 * stage.u,) * 2, 3
    )
    fade = np.clip(1.2 - down / stage.horizon, 0, 1)
    sheet.shine((1.0, 0.97, 0.92), band * fade)
    sheet.shine(mix(stage.palette.sky[2], (0.8, 0.85, 1.0), 0.4), milky * fade * np.float32(0.32 * amount))


def _sun(stage: Stage, sheet: Sheet) -> None:
    """The disc and its halo; the moon has seas."""
    palette, (sx, sy), u = stage.palette, stage.sun, stage.u
    across, down = grid(sheet)
    radius = (17 if palette.moon else 19 if palette.sun_height < 0.4 else 15) * u
    away = np.sqrt((across - sx) ** 2 + (down - sy) ** 2)
    clear = 1 - palette.overcast
    halo = np.exp(-away / (34 * u)) * 0.55 + np.exp(-away / (110 * u)) * 0.28
    sheet.shine(palette.sun, (halo * (0.55 if palette.moon else 1.0) * clear).astype(np.float32))
    disc = np.clip(radius - away + 0.5, 0, 1) * np.float32(clear)
    light = disc
    if palette.moon:
        seas = sheet_noise(stage.rng("moon"), sheet.cover.shape[1], sheet.cover.shape[0], (radius * 0.9,) * 2, 2)
        light = disc * (1 - 0.22 * smoothstep(0.45, 0.62, seas))
    for part, value in zip(sheet.rgb, palette.sun, strict=True):
        part += (value * light / np.maximum(disc, 1e-3) - part) * disc


class Twinkle:
    """A few bright stars that come and go."""

    def __init__(self, stage: Stage) -> None:
        rng, u = stage.rng("twinkle"), stage.u
        self.depth = 0.0
        size = max(3, round(5 * u))
        away = np.hypot(*np.meshgrid(*(np.arange(size, dtype=np.float32) - (size - 1) / 2,) * 2))
        glow = np.exp(-((away / (0.8 * u + 0.35)) ** 2)).astype(np.float32)
        self.plate = Spark(glow, (1.0, 0.98, 0.94))
        count = int(10 + 16 * stage.palette.stars)
        self.stars = [
            (float(rng.uniform(0, stage.width)), float(rng.uniform(0, stage.horizon * 0.72)),
            float(rng.uniform(0, 6.3)),
             float(rng.uniform(2, 5)), float(rng.uniform(0.4, 1.0)) * stage.palette.stars)
            for _ in range(count)
        ]  # fmt: skip

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Each star at its own pace."""
        dx, dy = eye.offset(0.0)
        for x, y, phase, rate, light in self.stars:
            self.plate.lay(canvas, x + dx, y + dy, light * (0.55 + 0.45 * math.sin(phase + rate * time)))


def _aurora(stage: Stage) -> list[Element]:
    """Two curtains of northern light that pass through each other."""
    made: list[Element] = []
    for index, colour in enumerate(((0.25, 0.95, 0.6), (0.35, 0.55, 0.95))):
        rng = stage.rng(f"aurora{index}")
        drift = (9 - 20 * index) * stage.u
        sheet = stage.blank(0.02, 0, stage.horizon * 0.85, drift * stage.seconds)
        _height, width = sheet.cover.shape
        _across, down = grid(sheet)
        wave = sheet_noise(rng, width, 2, (170 * stage.u, 2), 3)[0]
        foot = stage.horizon * (0.42 + 0.38 * wave)[None, :]
        rays = sheet_noise(rng, width, 2, (16 * stage.u, 2), 3)[0][None, :]
        fall = np.where(down < foot, np.exp(-(foot - down) / (70 * stage.u)), np.exp(-(down - foot) / (9 * stage.u)))
        sheet.cover[:] = np.clip(fall * (rays * 1.1 - 0.12) * 0.5, 0, 0.7)
        sheet.rgb[:] = np.array(colour, np.float32)[:, None, None] * sheet.cover
        made.append(Backdrop(sheet, 0.02, drift=drift, flicker=0.5, rate=0.13 + 0.07 * index))
    return made


CLOUDS = {  # (cover: the noise's threshold, thickness, bands)
    "clear": (0.60, 0.55, 1), "clouds": (0.47, 0.95, 2), "rain": (0.36, 0.85, 2), "storm": (0.33, 1.0, 2),
    "snow": (0.42, 0.7, 2), "fog": (0.5, 0.4, 1),
}  # fmt: skip


def _clouds(stage: Stage) -> list[Element]:
    """Drifting banks, lit from the sun's side; flatter and smaller towards the horizon."""
    threshold, thick, bands = CLOUDS[stage.wanted.weather]
    made: list[Element] = []
    for index in range(bands):
        drift = (3.0 + 4.5 * index) * stage.u * (1.8 if stage.wanted.weather == "storm" else 1.0)
        sheet = stage.blank(0.03 + 0.03 * index, 0, stage.horizon + 2, drift * stage.seconds)
        _bank(stage, sheet, index, threshold + 0.03 * index, thick)
        made.append(Backdrop(sheet, 0.03 + 0.03 * index, drift=drift, blur=stage.blur(0.05)))
    return made


def _bank(stage: Stage, sheet: Sheet, index: int, threshold: float, thick: float) -> None:
    rng, u, palette = stage.rng(f"cloud{index}"), stage.u, stage.palette
    height, width = sheet.cover.shape
    across, down = grid(sheet)
    cell = (150 * u, 46 * u) if index == 0 else (240 * u, 70 * u)
    cloud = sheet_noise(rng, width, height, cell, 5, 0.55)
    level = down / stage.horizon
    envelope = (
        smoothstep(-0.1, 0.25, level) * (1 - 0.8 * smoothstep(0.7, 1.0, level)) if index == 0 else 1 - level * 0.9
    )
    dense: Floats = (cloud * (0.55 + 0.45 * envelope)).astype(np.float32)
    full = smoothstep(threshold, threshold + 0.2, dense) * thick
    toward = 1 if stage.sun[0] > stage.width / 2 else -1
    step = max(1, round(4 * u))
    lit = cloud - np.roll(np.roll(cloud, -step * toward, axis=1), step if palette.sun_height > 0.3 else -step, axis=0)
    light = np.clip(0.5 + lit * 4.5, 0, 1)
    near = np.exp(-(((across - stage.sun[0]) / (0.42 * stage.width)) ** 2)) * np.float32(1 - palette.overcast)
    bright, dark = _cloud_colours(stage)
    for channel in range(3):
        warm = bright[channel] + (palette.sun[channel] - bright[channel]) * near * np.float32(0.7)
        sheet.rgb[channel] = (dark[channel] + (warm - dark[channel]) * light) * full
    sheet.cover[:] = full


def _cloud_colours(stage: Stage) -> tuple[Colour, Colour]:
    palette = stage.palette
    middle = palette.sky[len(palette.sky) // 2]
    if stage.wanted.time == "night":
        return mix(middle, palette.rim, 0.35), times(palette.sky[1], 0.8)
    if stage.wanted.weather in ("storm", "rain"):
        return mix(middle, (1, 1, 1), 0.16), times(palette.sky[0], 0.72)
    if stage.wanted.time == "day":
        return (1.0, 1.0, 0.99), mix(middle, palette.sky[0], 0.32)
    return mix(palette.horizon, palette.sun, 0.4), mix(palette.sky[1], palette.sky[2], 0.25)


def glow_sheet(size: float, colour: Colour, strength: float = 1.0, flat: float = 1.0) -> Sheet:
    """A soft round light, `size` pixels across; `flat` squeezes it vertically. Centred on (0, 0)."""
    side = max(4, round(size))
    tall = max(4, round(size * flat))
    x = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / (side / 2)
    y = (np.arange(tall, dtype=np.float32) - (tall - 1) / 2) / (tall / 2)
    away = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
    soft: Floats = (np.clip(1 - away, 0, 1) ** 2.2 * np.float32(strength)).astype(np.float32)
    top = max(colour)
    rgb = np.stack([soft * np.float32(part) for part in colour])
    return Sheet(rgb, soft * np.float32(top * 0.85), -side / 2, -tall / 2)


def sun_bloom(stage: Stage, depth: float) -> Element:
    """The light that spills over the hills before a low sun."""
    strength = (0.2 if stage.palette.moon else 0.5) * (1 - stage.palette.overcast)
    sheet = glow_sheet(330 * stage.u, stage.palette.sun, strength)
    sheet.left += stage.sun[0]
    sheet.top += stage.sun[1]
    return Backdrop(sheet, depth, flicker=0.12, rate=0.31)


class Lightning:
    """Flashes at seeded moments, each with a forked bolt far away."""

    def __init__(self, stage: Stage, depth: float = 0.07) -> None:
        rng, u = stage.rng("lightning"), stage.u
        self.depth = depth
        self.flashes = sorted(
            float(rng.uniform(0.25, max(0.6, stage.seconds - 0.3))) for _ in range(1 + int(stage.seconds / 3))
        )
        pen = Pen(stage.width, stage.horizon + 4 * u)
        x, y = float(rng.uniform(0.15, 0.85) * stage.width), stage.horizon * 0.12
        points = [(x, y)]
        while y < stage.horizon:
            x += float(rng.normal(0, 11)) * u
            y += float(rng.uniform(8, 22)) * u
            points.append((x, min(y, stage.horizon)))
        for width, alpha in ((5.0, 0.25), (1.6, 1.0)):
            pen.line(points, width * u, (0.93, 0.94, 1.0), alpha)
        fork = points[len(points) // 3]
        pen.line(
            [fork, (fork[0] + 22 * u, fork[1] + 26 * u), (fork[0] + 30 * u, fork[1] + 55 * u)],
            1.0 * u,
            (0.9, 0.92, 1.0),
        )
        self.bolt = pen.sheet().plate()

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Two strokes, a tenth of a second apart, that fade."""
        light = 0.0
        for at in self.flashes:
            since = time - at
            if 0 <= since < 0.5:
                light = max(light, math.exp(-since * 9), 0.8 * math.exp(-(since - 0.12) * 10) if since > 0.12 else 0.0)
        if light < 0.05:
            return
        canvas.y += ((219 - canvas.y) * np.int16(round(light * 42))) >> 7
        dx, dy = eye.offset(self.depth)
        self.bolt.lay(canvas, dx, dy, light)
