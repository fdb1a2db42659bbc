"""Water: the sky turned over, waves that travel towards the shore, a path of light under the sun, shaking lights."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting.noise import sheet_noise
from vidpipe.services.procedural.painting.plate import (
    Canvas,
    Colour,
    Floats,
    Ints,
    Sheet,
    colour_planes,
    mix,
    times,
)  # fmt: skip
from vidpipe.services.procedural.painting.stage import Eye, Stage


class Water:
    """Covers the canvas from the horizon (or `top`) down; drawn after what it mirrors.

    It takes the picture above its edge as it stands, turns it over, pulls it towards the water's own colour, and
    shakes it by the waves, so that whatever is painted behind is mirrored where it is, moving or not.
    """

    def __init__(
        self, stage: Stage, top: float, *, bottom: float | None = None, depth: float = 0.12, tone: Colour = (0.1,
                0.3, 0.4),
        rough: float = 1.0, mirror: float = 0.6, speed: float = 1.0,
    ) -> None:  # fmt: skip
        self.depth, self.stage, self.edge, self.speed = depth, stage, top, speed
        self.extra = math.ceil(abs(stage.reach[1]) * abs(stage.follow(depth))) + 4
        self.rows = int((bottom or stage.height) - top) + 2 * self.extra
        self.rows += self.rows % 2
        palette = stage.palette
        self.mirror = round(mirror * 128)
        base = times(mix(tone, palette.sky[min(1, len(palette.sky) - 1)], 0.45), mix(palette.ambient, (1, 1, 1), 0.25))
        self.near = colour_planes(mix(times(base, 0.62), palette.ink, 0.18))
        self.far = colour_planes(mix(base, palette.horizon, 0.62))
        self._waves(stage, rough)

    def _waves(self, stage: Stage, rough: float) -> None:
        """Two trains of waves as pairs of textures (cosine, sine), in perspective, and where the sun glitters."""
        width, rows, u = stage.width, self.rows, stage.u
        x = np.arange(width, dtype=np.float32)[None, :]
        row = np.arange(rows, dtype=np.float32)[:, None]
        away = (row + 1.2 * u) / u  # pixels of a 360-line frame below the edge
        distance = 900 / away  # as seen from eye height
        rng = stage.rng("waves")
        wobble = sheet_noise(rng, width, rows, (42 * u, 5 * u), 3) * 9
        side = (x - width / 2) / u / away
        first = distance * 1.1 + wobble + side * 1.5
        second = distance * 2.3 - wobble * 1.4 - side * 4
        size = np.clip(away / 60, 0.22, 1.0) ** 0.7 * np.float32(rough)
        self.pairs: tuple[tuple[Ints, Ints], ...] = tuple(
            (
                _whole((np.cos(phase) * size * 64).astype(np.float32)),
                _whole((np.sin(phase) * size * 64).astype(np.float32)),
            )
            for phase in (first, second)
        )
        spread = (14 * u + away * u * 0.42) * (1.25 if rough > 1 else 1.0)
        path = np.exp(-(((x - stage.sun[0]) / spread) ** 2)) * (0.35 + 0.65 * np.exp(-away / 130))
        strength = (1 - stage.palette.overcast) ** 1.5 * (0.75 if stage.palette.moon else 1.0)
        low = np.clip(1.35 - stage.palette.sun_height, 0.3, 1.0)
        self.glitter: Ints = _whole(path * 128 * strength * low)
        self.general: Ints = _whole(np.clip(5 + away * 0.1, 5, 17) * np.ones_like(x) * np.float32(0.8))
        self.sun = colour_planes(stage.palette.sun)
        ramp = np.clip(away / 150, 0, 1) ** 0.6
        self.ramp = ramp.astype(np.float32)

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Mirror, tint, shake, glitter."""
        dy = eye.offset(self.depth)[1]
        top = round(self.edge + dy)
        top -= top % 2
        rows = min(self.rows, canvas.height - top)
        if rows <= 1 or top < 2:
            return
        rows -= rows % 2
        swell = self._swell(time, rows)
        for index, plane in enumerate(canvas.planes):
            part = 1 if index == 0 else 2
            edge, count = top // part, rows // part
            self._mirror(plane, index, edge, count, swell[::part, ::part])
        light = swell + 18
        view = canvas.y[top : top + rows]
        view += (swell * self.general[:rows]) >> 6
        glint = np.clip(light * 3, 0, 127) * self.glitter[:rows] >> 7
        view += ((self.sun[0] - view) * glint) >> 7
        np.clip(view, 0, 219, out=view)
        small = glint[::2, ::2]
        for plane, value in ((canvas.u, self.sun[1]), (canvas.v, self.sun[2])):
            part_view = plane[top // 2 : (top + rows) // 2]
            part_view += ((value - part_view) * small) >> 7

    def _swell(self, time: float, rows: int) -> Ints:
        """The waves' height at this moment, about -100..100."""
        total: Ints | None = None
        for (even, odd), rate in zip(self.pairs, (1.5, -2.3), strict=True):
            angle = time * rate * self.speed
            cos, sin = np.int16(round(math.cos(angle) * 64)), np.int16(round(math.sin(angle) * 64))
            wave: Ints = (even[:rows] * cos + odd[:rows] * sin) >> 6
            total = wave if total is None else total + wave
        assert total is not None
        return total

    def _mirror(self, plane: Ints, index: int, edge: int, count: int, swell: Ints) -> None:
        # Far rows mirror what stands just above the edge; the whole sky is squeezed into what water there is.
        squeeze = min(1.0, edge / max(1, count))
        source = np.clip((edge - 1 - (np.arange(count) * squeeze)).astype(np.int32), 0, edge - 1)
        width = plane.shape[1]
        push = (swell[:count] * (np.arange(count, dtype=np.int16)[:, None] // 8 + 4)) >> (8 if index == 0 else 9)
        columns = np.clip(np.arange(width, dtype=np.int32)[None, :] + push, 0, width - 1)
        turned = np.take(plane, source[:, None] * width + columns)
        ramp = self.ramp[:: 1 if index == 0 else 2][:count]
        tone = np.rint(self.far[index] + (self.near[index] - self.far[index]) * ramp).astype(np.int16)
        plane[edge : edge + count] = tone + (((turned - tone) * np.int16(self.mirror)) >> 7)


def _whole(plane: Floats) -> Ints:
    rounded: Ints = np.rint(plane).astype(np.int16)
    return rounded


def reflected_light(x: float, edge: float, length: float, width: float, colour: Colour) -> Sheet:
    """A lamp's long reflection on water, from `edge` downwards."""
    rows, wide = max(4, round(length)), max(4, round(width * 2))
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
    streak = np.where(np.sin(down * 41 + np.sin(down * 13) * 2) > -0.2, 1.0, 0.35)
    cover = (np.exp(-((across * 2.2) ** 2)) * (1 - down) ** 1.4 * streak * 0.6).astype(np.float32)
    rgb = np.stack([cover * np.float32(part) for part in colour])
    return Sheet(rgb, cover, x - wide / 2, edge)
