"""One picture of a scene, as the painter makes its first frame."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vidpipe.services.procedural.encode import as_image
from vidpipe.services.procedural.painting.film import Film, Shot

RATE = 12  # frames a second of the film whose first frame it is


def painted_still(prompt: str, seed: int, width: int, height: int, *, references: tuple[Path, ...] = ()) -> Image.Image:
    """The scene of a prompt in this size in pixels, both even; raises OSError where a reference is no picture."""
    shot = Shot(prompt, seed, 1 / RATE, width, height, RATE, camera="static", references=references)
    return as_image(next(iter(Film(shot))), width, height)
