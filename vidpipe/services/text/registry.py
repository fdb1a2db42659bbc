"""The one place that knows which services write."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from vidpipe.boundary import slow
from vidpipe.domain.side_requests import Spent, TextRequest, Written
from vidpipe.errors import NotStored
from vidpipe.services.adapters import Adapters, opened
from vidpipe.services.text.base import TextService, sendable
from vidpipe.settings import Settings

ADAPTERS: Adapters = {
    "gemini_text": ("vidpipe.services.text.gemini", "google"),
}


def open_text_service(name: str, settings: Settings) -> TextService:
    """The adapter of one service, guarded; raises SetupError where it is unknown or lacks a setting."""
    return Guarded(opened(name, settings, _no_media, ADAPTERS))


class Guarded:
    """A service whose calls are slow work, and are made within our own limits."""

    def __init__(self, inner: TextService) -> None:
        self.inner, self.name = inner, inner.name

    def write(self, request: TextRequest) -> Written | Spent:
        """See base.TextService."""
        sendable(request)
        with slow(f"a text by {self.name}"):
            return self.inner.write(request)


def _no_media(key: str) -> AbstractContextManager[Path]:
    raise NotStored(f"a service that writes opens no media: {key}")
