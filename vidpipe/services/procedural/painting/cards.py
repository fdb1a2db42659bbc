"""Reference pictures in the scene: a cut-out, or a card with soft edges, in the subject's place."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vidpipe.services.procedural.painting.framing import SIZES, ground_y, stand_x
from vidpipe.services.procedural.painting.noise import smoothstep
from vidpipe.services.procedural.painting.plate import Canvas, Floats, Plate
from vidpipe.services.procedural.painting.stage import Eye, Stage


class Card:
    """A reference picture in the subject's place: a cut-out as it is, anything else with soft round edges."""

    def __init__(self, stage: Stage, path: Path, index: int, among: int, *, mirrored: bool) -> None:
        self.depth, self.u, self.phase = 0.9 + 0.01 * index, stage.u, 1.9 * index
        size = min(0.78, 0.30 + 0.55 * SIZES.get(stage.wanted.shot, 0.27)) * stage.height * (1.0 if among == 1 else 0.8)
        with Image.open(path) as found:
            image = ImageOps.exif_transpose(found).convert("RGBA")
        image.thumbnail((round(size * 1.3), round(size)), Image.Resampling.LANCZOS)
        if mirrored:  # the finished frame is turned over once more
            image = ImageOps.mirror(image)
        array = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
        cover = array[3]
        if float(cover.min()) > 0.98:
            cover = _soft_frame(*cover.shape)
        self.plate = Plate(array[:3] * cover, cover)
        height, width = cover.shape
        self.x = (stand_x(stage) if among == 1 else stage.width * (0.26 + 0.48 * index / max(1, among - 1))) - width / 2
        self.y = min(ground_y(stage) + 6 * stage.u, stage.height * 0.97) - height

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Sways a little, as if held."""
        dx, dy = eye.offset(self.depth)
        self.plate.lay(
            canvas,
            self.x + dx + 2.4 * self.u * math.sin(time * 0.8 + self.phase),
            self.y + dy + 1.8 * self.u * math.sin(time * 1.3 + self.phase),
        )


def _soft_frame(height: int, width: int) -> Floats:
    x = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :]
    y = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, None]
    return 1 - smoothstep(0.82, 1.0, (x**5 + y**5) ** np.float32(0.2))
