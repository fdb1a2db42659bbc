"""The one place that knows which services draw."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from vidpipe.boundary import slow
from vidpipe.domain.side_requests import Drawn, ImageRequest, Spent
from vidpipe.errors import NotStored
from vidpipe.services.adapters import Adapters, opened
from vidpipe.services.images.base import ImageService
from vidpipe.settings import Settings

ADAPTERS: Adapters = {
    "gemini_images": ("vidpipe.services.images.gemini", "google"),
    "procedural_images": ("vidpipe.services.images.procedural", ""),
}


def open_image_service(name: str, settings: Settings) -> ImageService:
    """The adapter of one service, guarded; raises SetupError where it is unknown or lacks a setting."""
    return Guarded(opened(name, settings, _no_media, ADAPTERS))


class Guarded:
    """A service whose calls are slow work: none may be begun inside a transaction."""

    def __init__(self, inner: ImageService) -> None:
        self.inner, self.name = inner, inner.name

    def draw(self, request: ImageRequest, dest: Path) -> Drawn | Spent:
        """See base.ImageService."""
        if dest.exists():
            raise FileExistsError(f"{dest} is there already")
        with slow(f"a drawing by {self.name}"):
            return self.inner.draw(request, dest)


def _no_media(key: str) -> AbstractContextManager[Path]:
    raise NotStored(f"a service that draws opens no media: {key}")
