"""Which media store the settings ask for."""

from __future__ import annotations

from vidpipe.errors import SetupError
from vidpipe.settings import Settings
from vidpipe.storage.base import Storage
from vidpipe.storage.folder import FolderStorage


def open_storage(settings: Settings) -> Storage:
    """The media store; raises SetupError where the settings name one that isn't known."""
    match settings.storage_kind:
        case "folder":
            return FolderStorage(settings.storage_root, settings.signing_key)
        case other:
            raise SetupError(f"there is no media store of the kind {other!r}", remedy="Use `folder`.")
