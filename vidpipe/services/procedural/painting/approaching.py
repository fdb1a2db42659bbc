"""What comes towards the camera along a street: one picture in many sizes, painted in advance."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vidpipe.services.procedural.painting.plate import Canvas, Plate, Sheet
from vidpipe.services.procedural.painting.stage import Eye, Stage


class Approaching:
    """Something on a street's axis that comes nearer: sizes painted in advance."""

    def __init__(self, stage: Stage, sheet: Sheet) -> None:
        self.depth, self.stage = 0.5, stage
        stack = np.concatenate([sheet.rgb, sheet.cover[None]])
        images = [Image.fromarray(np.clip(part * 255, 0, 255).astype(np.uint8)) for part in stack]
        self.poses: list[tuple[Plate, float, float, float]] = []
        for step in range(40):
            z = 6.5 * (2.0 / 6.5) ** (step / 39)
            part = 1.4 / z
            size = (max(4, round(images[0].width * part)), max(4, round(images[0].height * part)))
            resized = [image.resize(size, Image.Resampling.BILINEAR) for image in images]
            small = [np.asarray(image, np.float32) * np.float32(1 / 255) for image in resized]
            self.poses.append((Plate(np.stack(small[:3]), small[3]), sheet.left * part, sheet.top * part, z))

    def draw(self, canvas: Canvas, time: float, eye: Eye) -> None:
        """Nearer and nearer, then still."""
        dx, dy = eye.offset(self.depth)
        plate, left, top, z = self.poses[min(39, int(40 * min(1.0, time / max(1.0, self.stage.seconds))))]
        u = self.stage.u
        plate.lay(
            canvas, self.stage.width * 0.5 + 62 * u / z * 1.3 + left + dx, self.stage.horizon + 150 * u / z + top + dy
        )
