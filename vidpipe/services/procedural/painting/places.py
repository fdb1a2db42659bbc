"""Which painters make which place, back to front."""

from __future__ import annotations

from pathlib import Path

from vidpipe.services.procedural.painting.sky import paint_sky
from vidpipe.services.procedural.painting.stage import Element, Stage
from vidpipe.services.procedural.painting.wild import WILD


def compose(stage: Stage, references: tuple[Path, ...] = (), *, mirrored: bool = False) -> list[Element]:
    """All elements of the scene, back to front."""
    place = stage.wanted.place
    elements = paint_sky(stage) + WILD.get(place, WILD["field"])(stage)
    return sorted(elements, key=lambda element: element.depth)
