"""The camera's moves: where it looks and how close it is, at any moment of the clip."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vidpipe.services.procedural.painting.stage import Eye

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Move:
    """A camera move. Offsets are parts of the frame's sides; `zoom` 1 shows the whole canvas."""

    x: tuple[float, float] = (0.0, 0.0)  # from, to
    y: tuple[float, float] = (0.0, 0.0)
    zoom: tuple[float, float] = (1.0, 1.0)
    pull: float = 0.1
    shake: float = 0.0

    @property
    def resampled(self) -> bool:
        """Whether frames are cut out of a larger canvas."""
        return self.zoom != (1.0, 1.0) or self.shake > 0

    @property
    def canvas_scale(self) -> float:
        """How much larger than the film the canvas is painted, so that closing in stays sharp."""
        return 1 + (max(self.zoom) - 1) * 0.4


def plan_move(camera: str, seconds: float, *, mirrored: bool) -> Move:
    """The move a storyboard's word stands for, longer where there is time for it."""
    far = min(1.0, 0.4 + seconds * 0.13)
    kind, _, turn = camera.partition("-")
    sign = -1.0 if turn in ("left", "down", "out") else 1.0
    across = -sign if mirrored else sign
    if kind == "pan":
        return Move(x=(-0.11 * far * across, 0.11 * far * across), pull=0.5)
    if kind == "track":
        return Move(x=(-0.17 * far * across, 0.17 * far * across), pull=0.06)
    if kind == "tilt":
        return Move(y=(0.11 * far * sign, -0.11 * far * sign), pull=0.6)
    if kind == "crane":
        return Move(y=(0.13 * far * sign, -0.1 * far * sign), pull=0.12, zoom=(1.0, 1.04) if sign < 0 else (1.04, 1.0))
    if kind == "zoom":
        ends = (1.0, 1 + 0.3 * far)
        return Move(zoom=ends if sign > 0 else (ends[1], 1.0))
    if kind == "dolly":
        ends, rise = (1.0, 1 + 0.24 * far), (0.0, -0.035 * far)
        return Move(zoom=ends, y=rise, pull=0.0) if sign > 0 else Move(zoom=(ends[1], 1.0), y=(rise[1], 0.0), pull=0.0)
    if kind == "orbit":
        return Move(x=(-0.1 * far * across, 0.1 * far * across), pull=-0.75, zoom=(1.03, 1.06))
    if kind == "handheld":
        return Move(zoom=(1.06, 1.06), shake=0.007)
    return Move()


def eye_at(move: Move, part: float, width: int, height: int) -> Eye:
    """Where the camera looks when `part` (0..1) of the clip has passed."""
    eased = 0.55 * part + 0.45 * part * part * (3 - 2 * part)
    x = move.x[0] + (move.x[1] - move.x[0]) * eased
    y = move.y[0] + (move.y[1] - move.y[0]) * eased
    return Eye(x * width, y * height, move.pull)


def crop_at(move: Move, part: float, time: float, width: int, height: int) -> Box:
    """The part of a canvas of this size that the film shows: left, top, right, bottom in pixels."""
    eased = 0.55 * part + 0.45 * part * part * (3 - 2 * part)
    zoom = move.zoom[0] * (move.zoom[1] / move.zoom[0]) ** eased
    w, h = width / zoom, height / zoom
    x, y = (width - w) / 2, (height - h) * 0.55
    if move.shake:
        x += move.shake * width * (math.sin(time * 2.1) + 0.6 * math.sin(time * 4.7 + 1) + 0.25 * math.sin(time * 11.3))
        y += (
            move.shake
            * width
            * (math.sin(time * 1.7 + 2) + 0.5 * math.sin(time * 5.3) + 0.25 * math.sin(time * 12.1 + 1))
        )
    # Rounding may leave the box a hair wider than the canvas: it still begins and ends on it.
    x, y = max(0.0, min(x, width - w)), max(0.0, min(y, height - h))
    return x, y, min(x + w, width), min(y + h, height)
