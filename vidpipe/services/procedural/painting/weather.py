"""What falls and floats: rain, snow, fog, and the small lights and motes of a place."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.noise import sheet_noise, smoothstep
from vidpipe.services.procedural.painting.plate import Canvas, Colour, Floats, Ints, Pen, Spark, mix
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Eye, Stage, grid


def paint_weather(stage: Stage) -> list[Element]:
    """What the weather puts between the layers and before them."""
    weather = stage.wanted.weather
    if stage.wanted.place in ("room", "space"):
        return []
    if weather in ("rain", "storm"):
        return [mist(stage, 0.3, 0.35), Rain(stage, 0.45, far=True), Rain(stage, 0.99)]
    if weather == "snow":
        return [mist(stage, 0.3, 0.3), Snowfall(stage, 0.3, 0.8), Snowfall(stage, 0.6, 1.5), Snowfall(stage, 0.99, 2.9)]
    if weather == "fog":
        return [mist(stage, 0.22, 0.75), mist(stage, 0.47, 0.6), mist(stage, 0.8, 0.32)]
    if stage.wanted.place in ("forest", "field", "mountains", "river") and stage.wanted.time in ("dusk", "night"):
        return [Motes(stage, 0.9, (1.0, 0.86, 0.45), 16, "fireflies")]
    if stage.wanted.place in ("forest", "field", "desert"):
        return [Motes(stage, 0.9, stage.palette.sun, 22, "pollen")]
    return []


def mist(stage: Stage, depth: float, strength: float) -> Element:
    """A bank of fog that drifts across."""
    drift = (10 - 14 * (round(depth * 10) % 2)) * stage.u
    sheet = stage.blank(depth, stage.horizon - 90 * stage.u, stage.horizon + 110 * stage.u, drift * stage.seconds)
    height, width = sheet.cover.shape
    _, down = grid(sheet)
    noise = sheet_noise(stage.rng(f"mist{depth}"), width, height, (190 * stage.u, 44 * stage.u), 4)
    middle = stage.horizon + (depth - 0.2) * 70 * stage.u
    band = np.exp(-(((down - middle) / (62 * stage.u)) ** 2))
    edge = smoothstep(0, 30, np.minimum(down - sheet.top, sheet.top + height - down))
    sheet.cover[:] = band * smoothstep(0.25, 0.8, noise) * edge * np.float32(strength)
    for part, value in zip(sheet.rgb, mix(stage.palette.haze, (1, 1, 1), 0.1), strict=True):
        part[:] = sheet.cover * np.float32(value)
    return Backdrop(sheet, depth, drift=drift)


class Rain:
    """Streaks of light that fall through the picture; two sheets of them make the depth."""

    def __init__(self, stage: Stage, depth: float, *, far: bool = False) -> None:
        self.depth, u = depth, stage.u
        rng = stage.rng(f"rain{depth}")
        storm = stage.wanted.weather == "storm"
        self.lean = (0.3 if storm else 0.12) * (1 if stage.seed % 2 else -1)
        self.tile_h, self.tile_w = round(stage.height * 0.9), round(stage.width * 0.8)
        length = (22 if far else 44) * u * (1.3 if storm else 1)
        pen = Pen(self.tile_w, self.tile_h)
        for _ in range((210 if far else 95) + (60 if storm else 0)):
            x, y = float(rng.uniform(0, self.tile_w)), float(rng.uniform(0, self.tile_h))
            size = length * float(rng.uniform(0.5, 1.1))
            light = float(rng.uniform(0.35, 1.0))
            for ox in (-self.tile_w, 0, self.tile_w):
                for oy in (-self.tile_h, 0):
                    pen.line(
                        [(x + ox, y + oy), (x + ox + size * self.lean, y + oy + size)],
                        (0.55 if far else 0.9) * u, (1, 1, 1), light,
                    )  # fmt: skip
        drops = pen.sheet().cover * np.float32(30 if far else 50)
        self.tile: Ints = np.rint(np.tile(drops, (3, 3))).astype(np.int16)
        self.pace = (560 if far else 1050) * u * (1.25 if storm else 1.0)

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Scroll the sheet of streaks down along their slope."""
        dx, dy = eye.offset(self.depth)
        fallen = self.pace * time
        y = round(-fallen - dy) % self.tile_h
        x = round(-fallen * self.lean - dx) % self.tile_w
        canvas.y += self.tile[y : y + canvas.height, x : x + canvas.width]
        np.clip(canvas.y, 0, 219, out=canvas.y)


class Snowfall:
    """Flakes of one size that sink and sway together; several sheets of them make the depth."""

    def __init__(self, stage: Stage, depth: float, size: float) -> None:
        self.depth, u = depth, stage.u
        rng = stage.rng(f"flakes{depth}")
        self.phase = float(rng.uniform(0, 6.28))
        self.tile_h, self.tile_w = round(stage.height * 0.8), round(stage.width * 0.7)
        flakes = np.zeros((self.tile_h, self.tile_w), np.float32)
        count = int(420 / size)
        reach = max(1, math.ceil(size * u * 1.3))
        span = np.arange(-reach, reach + 1)
        for x, y, light in zip(
            rng.uniform(0, self.tile_w, count),
            rng.uniform(0, self.tile_h, count),
            rng.uniform(0.4, 1, count),
            strict=True,
        ):
            column, row = int(x), int(y)
            away = np.hypot((span - (x - column))[None, :], (span - (y - row))[:, None])
            soft = np.exp(-((away / (size * u * 0.62 + 0.25)) ** 2)) * light
            at = np.ix_((row + span) % self.tile_h, (column + span) % self.tile_w)
            flakes[at] = np.maximum(flakes[at], soft)
        self.tile: Ints = np.rint(np.tile(flakes, (3, 3)) * 118).astype(np.int16)
        self.pace, self.sway, self.across = (26 + 30 * size) * u, 8 * size * u, (10 + 9 * size) * u

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Let the sheet sink."""
        dx, dy = eye.offset(self.depth)
        y = round(-self.pace * time - dy) % self.tile_h
        drift = self.sway * math.sin(time * 1.3 + self.phase) + self.across * time
        x = round(drift - dx) % self.tile_w
        view = self.tile[y : y + canvas.height, x : x + canvas.width]
        canvas.y += ((219 - canvas.y) * view) >> 7
        pale = view[::2, ::2]
        canvas.u -= (canvas.u * pale) >> 7
        canvas.v -= (canvas.v * pale) >> 7


class Motes:
    """Small lights that wander: fireflies, pollen in the sun, dust in a room, sparks."""

    def __init__(
        self, stage: Stage, depth: float, colour: Colour, count: int, name: str,
        *, box: tuple[float, float, float, float] | None = None, size: float = 1.0, rise: float = 0.0,
    ) -> None:  # fmt: skip
        """`box` (left, top, right, bottom) as parts of the canvas; `rise` pixels a second of a 360-line frame."""
        self.depth, self.rise, u = depth, rise * stage.u, stage.u
        rng = stage.rng(name)
        side = max(5, round(9 * u * size))
        away = np.hypot(*np.meshgrid(*(np.arange(side, dtype=np.float32) - (side - 1) / 2,) * 2))
        core: Floats = np.exp(-((away / (1.1 * u * size)) ** 2)) + 0.35 * np.exp(-((away / (2.6 * u * size)) ** 2))
        core = np.clip(core, 0, 1) * (1 - smoothstep(side * 0.4, side * 0.5, away))
        self.plate = Spark(core, colour)
        left, top, right, bottom = box or (0.0, stage.horizon / stage.height - 0.08, 1.0, 0.97)
        self.height = (bottom - top) * stage.height
        self.top = top * stage.height
        self.motes = [
            (float(rng.uniform(left, right)) * stage.width, float(rng.uniform(0, self.height)),
            float(rng.uniform(6, 22)) * u,
             float(rng.uniform(0.25, 0.8)), float(rng.uniform(0, 6.28)), float(rng.uniform(0.35, 1.0)))
            for _ in range(count)
        ]  # fmt: skip

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Each wanders and glows at its own pace."""
        dx, dy = eye.offset(self.depth)
        for x, y, swing, rate, phase, light in self.motes:
            angle = phase + rate * time * 2.2
            glow = light * (0.5 + 0.5 * math.sin(angle * 1.7 + phase * 3))
            up = (y + swing * 0.6 * math.cos(angle * 1.31) - self.rise * time) % self.height
            self.plate.lay(canvas, x + swing * math.sin(angle) + dx, self.top + up + dy, glow)
