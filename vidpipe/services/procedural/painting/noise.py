"""Seeded noise: ridges in one dimension, clouds in two; all of it from a NumPy generator that is handed in."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vidpipe.services.procedural.painting.plate import Floats


def line_noise(rng: np.random.Generator, count: int, cell: float, octaves: int = 4, rough: float = 0.5) -> Floats:
    """`count` samples of fractal noise about 0 (-1..1); the widest waves are `cell` samples long."""
    total = np.zeros(count, np.float32)
    weight = 1.0
    at = np.arange(count, dtype=np.float32)
    for _ in range(octaves):
        knots = rng.uniform(-1, 1, int(count / cell) + 4).astype(np.float32)
        place = at / np.float32(cell)
        index = place.astype(np.int32)
        part = place - index
        part = part * part * (3 - 2 * part)
        total += np.float32(weight) * (knots[index] * (1 - part) + knots[index + 1] * part)
        weight *= rough
        cell = max(cell / 2, 1.0)
    return total / np.float32(2 - 2 * rough**octaves if rough == 0.5 else 1 / (1 - rough))


def sheet_noise(
    rng: np.random.Generator, width: int, height: int, cell: tuple[float, float], octaves: int = 4, rough: float = 0.5
) -> Floats:
    """Fractal noise [height, width] in 0..1; the widest blotches are `cell` (x, y) pixels."""
    total = np.zeros((height, width), np.float32)
    weight = whole = 1.0
    cx, cy = cell
    whole = 0.0
    for _ in range(octaves):
        grid = rng.random((max(2, round(height / cy)) + 3, max(2, round(width / cx)) + 3), dtype=np.float32)
        box = (1.0, 1.0, min(1.0 + width / cx, grid.shape[1] - 1.0), min(1.0 + height / cy, grid.shape[0] - 1.0))
        field = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC, box=box)
        total += np.float32(weight) * np.asarray(field, np.float32)
        whole += weight
        weight *= rough
        cx, cy = max(cx / 2, 1.5), max(cy / 2, 1.5)
    return total / np.float32(whole)


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    part = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Floats = part * part * (3 - 2 * part)
    return smooth
