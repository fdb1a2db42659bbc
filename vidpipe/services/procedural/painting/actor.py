"""Someone or something that is drawn in poses and goes its way, in the light of the scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vidpipe.services.procedural.painting.land import shade
from vidpipe.services.procedural.painting.plate import Canvas, Colour, Point, Sheet, mix, times
from vidpipe.services.procedural.painting.sky import glow_sheet
from vidpipe.services.procedural.painting.stage import Eye, Stage

Way = Callable[[float], Point]
BUSTS = ("close-up", "medium", "two-shot", "over-shoulder", "insert")


class Actor:
    """Something drawn in poses, that goes its way; a soft shadow lies under what stands."""

    def __init__(self, poses: list[Sheet], depth: float, way: Way, rate: float, *, shadow: Sheet | None = None) -> None:
        """`rate` poses a second; `way` gives the foot point at a time."""
        self.depth, self.way, self.rate = depth, way, rate
        self.poses = [(sheet.plate(), sheet.left, sheet.top) for sheet in poses]
        self.shadow = (shadow.plate(), shadow.left, shadow.top) if shadow else None

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """The pose of the moment, where its way has led it."""
        dx, dy = eye.offset(self.depth)
        x, y = self.way(time)
        for piece in (self.shadow, self.poses[int(time * self.rate) % len(self.poses)]):
            if piece is not None:
                piece[0].lay(canvas, x + piece[1] + dx, y + piece[2] + dy)


def in_light(stage: Stage, colour: Colour, depth: float = 0.86) -> Colour:
    """A costume's colour at this hour: shaded, but not lost; lamps light a room, the sun is bare in space."""
    if stage.wanted.place == "space":
        return times(colour, 0.96)
    if stage.wanted.place == "room":
        lamp = mix((0.96, 0.95, 0.92), (1.0, 0.80, 0.58), stage.palette.lamps)
        return times(colour, times(lamp, 0.92 - 0.2 * stage.palette.lamps))
    own = {"day": 0.3, "night": 0.16}.get(stage.wanted.time, 0.26) + (0.14 if stage.wanted.shot in BUSTS else 0.0)
    return mix(shade(stage, colour, depth), times(colour, 0.8), own)


def lit(stage: Stage, sheets: list[Sheet], x: float, strength: float = 0.75) -> list[Sheet]:
    """Sun or moon along the edges that face it."""
    toward = 1 if stage.sun[0] > x else -1
    power = strength * (1 - stage.palette.overcast) * (0.7 if stage.palette.moon else 1.0)
    for sheet in sheets:
        step = max(1, round(min(3.0 * stage.u, sheet.cover.shape[0] * 0.012 + 0.6)))
        edge = np.clip(sheet.cover - np.roll(sheet.cover, -toward * step, axis=1), 0, 1)
        sheet.shine(stage.palette.rim, edge * np.float32(power))
    return sheets


def soft_shadow(stage: Stage, wide: float) -> Sheet:
    """What lies under what stands; `wide` pixels."""
    sheet = glow_sheet(wide, (1, 1, 1), 0.55, 0.2)
    for part, value in zip(sheet.rgb, stage.palette.ink, strict=True):
        part[:] = sheet.cover * np.float32(value * 0.6)
    sheet.top += 0.01 * wide
    return sheet
