"""Which media store the settings ask for."""

from __future__ import annotations

import re

from vidpipe.errors import SetupError
from vidpipe.settings import Settings
from vidpipe.storage.base import Storage
from vidpipe.storage.folder import FolderStorage


def open_storage(settings: Settings) -> Storage:
    """The media store; raises SetupError where the settings name one that isn't known, or not all of it."""
    match settings.storage_kind:
        case "folder":
            return FolderStorage(settings.storage_root, settings.signing_key)
        case "s3":
            return _open_s3(settings)
        case other:
            raise SetupError(f"there is no media store of the kind {other!r}", remedy="Use `folder` or `s3`.")


def _open_s3(settings: Settings) -> Storage:
    from vidpipe.storage.s3 import S3Storage  # noqa: PLC0415 - half a second that only those who use it wait for
    from vidpipe.storage.s3_client import Address  # noqa: PLC0415

    needed = ("s3_endpoint", "s3_bucket", "s3_access_key", "s3_secret_key", "s3_region")
    missing = [f"VIDPIPE_{name.upper()}" for name in needed if not getattr(settings, name)]
    if missing:
        raise SetupError("the object store is not wholly named", remedy=f"Set {', '.join(missing)}.")

    def address(endpoint: str) -> Address:
        host, secure = _host(endpoint, secure=settings.s3_secure)
        keys = (settings.s3_access_key, settings.s3_secret_key)
        return Address(host, settings.s3_bucket, *keys, settings.s3_region, secure)

    public = address(settings.s3_public_endpoint) if settings.s3_public_endpoint else None
    try:
        return S3Storage(
            address(settings.s3_endpoint), settings.work / "media", seconds=settings.timing.call_timeout, public=public
        )
    except ValueError as error:
        raise SetupError(f"the object store's address cannot be used: {error}", remedy=_REMEDY) from error


_ENDPOINT = re.compile(r"((?P<scheme>https?)://)?(?P<host>([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?)/?")
_REMEDY = "VIDPIPE_S3_ENDPOINT should read HOST:PORT or https://HOST, and VIDPIPE_S3_BUCKET be a bucket's name."


def _host(endpoint: str, *, secure: bool) -> tuple[str, bool]:
    """HOST:PORT, and whether TLS is used; the endpoint may say so itself: http://HOST, https://HOST."""
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None:  # not repeated: somebody may have written a password into it
        raise SetupError("the object store's address cannot be used", remedy=_REMEDY)
    return found["host"], secure if found["scheme"] is None else found["scheme"] == "https"
