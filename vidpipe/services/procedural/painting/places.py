"""Which painters make which place, back to front."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vidpipe.services.procedural.painting import indoors, towns, waterside, wild
from vidpipe.services.procedural.painting.cast import paint_cast
from vidpipe.services.procedural.painting.sky import Lightning, paint_sky
from vidpipe.services.procedural.painting.stage import Element, Stage, flattened
from vidpipe.services.procedural.painting.weather import paint_weather

PLACES: dict[str, Callable[[Stage], list[Element]]] = {
    "mountains": wild.mountains, "field": wild.field, "sea": wild.sea, "forest": wild.forest, "desert": wild.desert,
    "river": wild.river, "snow": wild.snowland, "city": towns.city,
    "street": towns.street, "harbour": waterside.harbour,
    "lighthouse": waterside.lighthouse, "room": indoors.room, "space": indoors.space,
}  # fmt: skip


def compose(stage: Stage, references: tuple[Path, ...] = (), *, mirrored: bool = False) -> list[Element]:
    """All elements of the scene, back to front."""
    place = stage.wanted.place
    elements = PLACES[place](stage) + paint_weather(stage)
    elements += paint_cast(stage, references, mirrored=mirrored)
    if place != "space":
        elements += paint_sky(stage)
    if stage.wanted.weather == "storm" and place not in ("room", "space"):
        elements.append(Lightning(stage))
    return flattened(stage, sorted(elements, key=lambda element: element.depth))
