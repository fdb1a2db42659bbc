"""A service that draws, is paid for, has a bill of its own in memory, and does what a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from PIL import Image

from vidpipe.domain.side_requests import Drawn, ImageRequest, Spent
from vidpipe.domain.storyboard.model import FrameSpec
from vidpipe.pipeline.deps import Deps

PRICE = Decimal("0.13")  # US dollars a picture
WORDS = "an empty quay at dawn"
DRAWN = FrameSpec("drawn", prompt=WORDS, service="painter", model="oil")


@dataclass
class Painter:
    """Draws and bills, unless a test says otherwise. It can be asked for nothing later."""

    on_draw: Callable[[ImageRequest], Spent | None] = lambda request: None  # may raise
    orders: list[ImageRequest] = field(default_factory=list)
    bill: list[str] = field(default_factory=list)  # tokens
    name: str = "painter"

    def draw(self, request: ImageRequest, dest: Path) -> Drawn | Spent:
        self.orders.append(request)
        spent = self.on_draw(request)
        self.bill.append(request.token)
        if spent is not None:
            return spent
        Image.new("RGB", (160, 96), (20, 40, 60 + len(self.orders))).save(dest, "PNG")
        return Drawn("image/png", 160, 96, "oil-2026")

    @property
    def billed(self) -> Decimal:
        return PRICE * len(self.bill)


def hire(deps: Deps, painter: Painter, **facts: object) -> Painter:
    """Let `deps` have this painter beside its other services."""
    entry = {
        "kind": "image", "default_model": "oil", "operations": None,
        "models": {"oil": {"price_per_image": {"1K": str(PRICE)}, "resolutions": ["1K"], "max_references": 2}}, **facts,
    }  # fmt: skip
    deps.settings = replace(deps.settings, services={**deps.settings.services, painter.name: entry})
    deps.image_opener = lambda name, _: painter
    return painter
