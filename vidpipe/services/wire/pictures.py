"""Pictures as services want them."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from pathlib import Path

from PIL import Image, ImageOps

from vidpipe.errors import Refused


def fitted(path: Path, width: int, height: int) -> bytes:
    """A picture scaled and cropped to exactly this size in pixels, as PNG; Refused where it cannot be read."""
    try:
        with Image.open(path) as image:
            made = ImageOps.fit(image.convert("RGB"), (width, height))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Refused(f"the picture {path.name} cannot be read: {error}") from error
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()


def lean(path: Path, longest: int) -> bytes:
    """A picture whose longer side has at most `longest` pixels, as PNG, transparency kept; Refused as `fitted`."""
    try:
        with Image.open(path) as image:
            made = ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
            made.thumbnail((longest, longest))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Refused(f"the picture {path.name} cannot be read: {error}") from error
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()


def data_uri(path: Path, width: int, height: int, *, most: int) -> str:
    """The same as a data URI shorter than `most` characters: PNG where that does, else JPEG; else Refused."""
    made = fitted(path, width, height)
    found = _as_uri("image/png", made)
    for quality in (95, 85, 75):
        if len(found) < most:
            return found
        out = io.BytesIO()
        with Image.open(io.BytesIO(made)) as image:
            image.save(out, "JPEG", quality=quality)
        found = _as_uri("image/jpeg", out.getvalue())
    if len(found) < most:
        return found
    raise Refused(f"the picture {path.name} is too large to be sent: {len(found)} characters; {most} is the limit")


def _as_uri(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


class NoPicture(ValueError):
    """These bytes are no picture, or none of a kind and size that is taken."""


def examined(data: bytes, *, kinds: Collection[str], most_pixels: int) -> tuple[str, int, int]:
    """MIME type, width and height in pixels of a picture that can be decoded to its last pixel; raises NoPicture.

    `kinds` are Pillow's names. Nothing is decoded before kind and size are known to be taken.
    """
    try:
        with Image.open(io.BytesIO(data), formats=list(kinds)) as image:
            if image.width * image.height > most_pixels:
                raise NoPicture(f"it has {image.width}x{image.height} pixels")
            image.load()
            return f"image/{str(image.format).lower()}", image.width, image.height
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, MemoryError) as error:
        raise error if isinstance(error, NoPicture) else NoPicture(f"it cannot be decoded: {error}") from error
