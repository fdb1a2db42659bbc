"""What every painter is handed: the frame, the light, the camera's reach and the seed; and what it hands back."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vidpipe.services.procedural.painting.palette import Palette
from vidpipe.services.procedural.painting.plate import Canvas, Floats, Plate, Point, Sheet, merged
from vidpipe.services.procedural.words import Wanted


@dataclass(frozen=True)
class Eye:
    """Where the camera looks at one moment: an offset in pixels for the nearest layer, and how far layers follow."""

    x: float
    y: float
    pull: float  # the part of the offset that the farthest layer follows; below 0 it moves against it

    def offset(self, depth: float) -> Point:
        """How far a layer at `depth` (0 the sky, 1 the nearest) is moved, in pixels."""
        follow = self.pull + (1 - self.pull) * depth
        return -self.x * follow, -self.y * follow


class Element(Protocol):
    """Something in the scene; drawn back to front."""

    depth: float

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Paint it as it is `time` seconds into the clip."""
        ...


@dataclass(frozen=True)
class Stage:
    """One clip's world. World pixels are canvas pixels with the camera at rest."""

    width: int
    height: int
    seconds: float
    wanted: Wanted
    palette: Palette
    seed: int
    reach: Point  # the farthest the eye goes from rest, pixels at depth 1
    pull: float
    horizon: float  # pixels from the top
    sun: Point  # where the sun or moon stands
    focus: float = 0.0  # how far out of focus what is behind the subject lies, pixels

    @property
    def u(self) -> float:
        """The unit of all sizes: a 360th of the frame's height."""
        return self.height / 360

    def rng(self, name: str) -> np.random.Generator:
        """A generator for one painter: the same for the same request, seed and name."""
        text = f"{name}|{self.seed}|{self.wanted.digest}"
        return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")))

    def follow(self, depth: float) -> float:
        """The part of the camera's move that a layer at `depth` follows."""
        return self.pull + (1 - self.pull) * depth

    def blank(self, depth: float, top: float, bottom: float, drift: float = 0.0) -> Sheet:
        """An empty sheet for a layer: as wide as the camera's reach (and a drift in pixels) asks for."""
        part = abs(self.follow(depth))
        mx = math.ceil(abs(self.reach[0]) * part) + 3
        my = math.ceil(abs(self.reach[1]) * part) + 3
        left = -mx - max(0.0, math.ceil(drift))
        wide = self.width + 2 * mx + math.ceil(abs(drift))
        first = math.floor(top) - my
        rows = max(2, math.ceil(bottom) + my - first)
        return Sheet(
            np.zeros((3, rows + rows % 2, wide + wide % 2), np.float32),
            np.zeros((rows + rows % 2, wide + wide % 2), np.float32),
            left,
            first,
        )

    def blur(self, depth: float) -> float:
        """How far out of focus a layer lies, pixels: the farther behind the subject, the softer."""
        return self.focus * max(0.0, 1.0 - depth)


def grid(sheet: Sheet) -> tuple[Floats, Floats]:
    """World x [1, w] and y [h, 1] of a sheet's pixels."""
    height, width = sheet.cover.shape
    across = np.arange(width, dtype=np.float32)[None, :] + np.float32(sheet.left)
    down = np.arange(height, dtype=np.float32)[:, None] + np.float32(sheet.top)
    return across, down


class Backdrop:
    """A layer that only moves with the camera and, where asked, drifts or breathes."""

    def __init__(
        self,
        sheet: Sheet,
        depth: float,
        *,
        drift: float = 0.0,
        blur: float = 0.0,
        flicker: float = 0.0,
        rate: float = 1.0,
    ) -> None:
        """`drift` pixels a second to the right; `flicker` 0..1 of its strength, `rate` times a second."""
        self.plate: Plate = sheet.plate(blur)
        self.left, self.top, self.depth, self.drift = sheet.left, sheet.top, depth, drift
        self.flicker, self.rate = flicker, rate

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Lay the sheet where the camera sees it."""
        dx, dy = eye.offset(self.depth)
        strength = 1.0
        if self.flicker:
            wave = math.sin(time * self.rate * 6.283) * 0.6 + math.sin(time * self.rate * 14.7 + 1.3) * 0.4
            strength = 1 - self.flicker * (0.5 + 0.5 * wave)
        self.plate.lay(canvas, self.left + dx + self.drift * time, self.top + dy, strength)


def flattened(stage: Stage, elements: list[Element]) -> list[Element]:
    """The same picture with fewer layers: neighbours in the drawing order that never move apart become one."""
    still = stage.reach == (0.0, 0.0)
    made: list[Element] = []
    run: list[Backdrop] = []

    def end_run() -> None:
        if len(run) == 1:
            made.append(run[0])
        elif run:
            first = run[0]
            first.plate, first.left, first.top = merged([(layer.plate, layer.left, layer.top) for layer in run])
            made.append(first)
        run.clear()

    for element in elements:
        fixed = isinstance(element, Backdrop) and not element.drift and not element.flicker
        if run and not (fixed and (still or element.depth == run[0].depth)):
            end_run()
        if fixed and isinstance(element, Backdrop):
            run.append(element)
        else:
            made.append(element)
    end_run()
    return made
