"""Posters made small enough to live inside the page, as data: URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from PIL import Image, UnidentifiedImageError

from vidpipe.report.facts import Report
from vidpipe.report.layout import Layout

CARD = 320  # pixels wide: a chosen clip
OTHER = 200  # a clip beside it
STRIP = 144  # a frame of the strip
_QUALITY = 68
# What all pictures together may take of the page; beyond it they are referred to beside the page.
BUDGET = 1_500_000  # characters
_MOST_PIXELS = 40_000_000


@dataclass
class Pictures:
    """Sources for <img> and poster=, by candidate."""

    cards: dict[UUID, str] = field(default_factory=dict)
    strip: dict[UUID, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)  # 'path: why'


def embed(report: Report, layout: Layout, folder: Path) -> Pictures:
    """Pictures from the posters under `folder`; the strip first, then chosen clips, then the others."""
    found = Pictures()
    room = BUDGET
    chosen = [scene.chosen.id for scene in report.scenes if scene.chosen is not None]
    others = [one.id for scene in report.scenes for one in scene.candidates if one.id not in set(chosen)]
    wanted = [
        *((found.strip, owner, STRIP) for owner in chosen),
        *((found.cards, owner, CARD) for owner in chosen),
        *((found.cards, owner, OTHER) for owner in others),
    ]
    for sources, owner, width in wanted:
        if owner not in layout.posters:
            continue
        path = layout.posters[owner].path
        source = path if room <= 0 else _data(folder / path, width, found)
        if source:
            sources[owner] = source
            room -= len(source)
    return found


def _data(path: Path, width: int, found: Pictures) -> str:
    try:
        with Image.open(path, formats=["JPEG"]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise ValueError(f"{picture.width}x{picture.height} pixels")
            picture.draft("RGB", (width, width))  # lets the decoder work at a fraction of the size
            small = picture.convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        found.unreadable.append(f"{path.name}: {error}")
        return ""
    if small.width > width:
        height = max(1, round(small.height * width / small.width))
        small = small.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
