"""Filmed footage as a service: a stretch of a file, brought to the film's size, rate and loudness. Never a bill.

The file itself is in the media store, under the key that the request's cut names; the operation's name says which
stretch of it is wanted. Nothing is kept between the calls, so any machine can fetch what another one submitted.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from vidpipe.domain.requests import Accepted, Delivered, FootageCut, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, MediaError, NotStored, Refused, StorageError, Transient
from vidpipe.media.conform import conform
from vidpipe.services.opening import Opening
from vidpipe.services.opening import OpenMedia as OpenMedia


@dataclass(frozen=True)
class Cut:
    """What an operation's name says."""

    key: str  # in the media store
    start: float  # seconds into the file
    end: float
    width: int
    height: int
    fps: int
    audio: bool
    fit: Literal["pad", "crop"]

    def name(self) -> str:
        """The operation's name."""
        return json.dumps(asdict(self), separators=(",", ":"))


class FootageService:
    """A video service (`services.base`) and findable; safe in many threads."""

    name = "footage"

    def __init__(self, media: OpenMedia) -> None:
        """`media` opens a file of the media store by its key."""
        self._media = media

    def submit(self, request: VideoRequest) -> Accepted:
        """Name the stretch. Refused(invalid) where the request has no footage or its stretch is empty."""
        return Accepted(_cut(request).name())

    async def poll(self, operation: str) -> Pending | Delivered:
        """Done at once."""
        _read(operation)
        return Delivered((RemoteClip(1),))

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Cut, scale and level the stretch into `dest`."""
        if dest.exists():
            raise FileExistsError(f"{dest} is there already")
        cut = _read(operation)
        try:
            with self._media(cut.key) as source:
                conform(
                    source, dest, width=cut.width, height=cut.height, fps=cut.fps, start=cut.start, end=cut.end,
                    audio=cut.audio, fit=cut.fit,
                )  # fmt: skip
        except NotStored as error:
            raise Expired(f"the footage is gone: {error.message}") from error
        except StorageError as error:
            raise Transient(f"the footage cannot be read now: {error.message}") from error
        except MediaError as error:
            raise Broken(f"the footage cannot be used: {error.message}") from error

    def find(self, token: str) -> Accepted | None:
        """None, always: nothing is kept and nothing was bought, so a submit that was lost is simply made again."""
        return None


def open_service(opening: Opening) -> FootageService:
    """The adapter, which needs nothing but the media store."""
    opening.options()
    return FootageService(opening.media)


def _cut(request: VideoRequest) -> Cut:
    """The cut a request asks for: from its in point, as long as asked, and never past its out point."""
    footage: FootageCut | None = request.footage
    if footage is None:
        raise Refused("a shot of the service footage needs a file of footage")
    end = footage.start + request.duration
    if footage.end is not None:
        end = min(end, footage.end)
    if footage.start < 0 or end <= footage.start:
        raise Refused(f"the footage's stretch from {footage.start:g} s to {end:g} s is empty")
    return Cut(footage.key, footage.start, end, request.width, request.height, request.fps, request.audio, footage.fit)


def _read(operation: str) -> Cut:
    """A cut from an operation's name; Expired where it is no name of this service."""
    try:
        return Cut(**json.loads(operation))
    except (TypeError, ValueError) as error:
        raise Expired(f"{operation[:80]!r} is no operation of the service footage") from error
