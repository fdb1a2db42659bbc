"""What is asked of a video service, and what it answers: frozen, vendor-free, the only words both sides know."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Reference:
    """A picture of something that should appear: a character, a place, a prop."""

    path: Path
    tag: str = ""  # CHAR_01
    description: str = ""


@dataclass(frozen=True)
class FootageCut:
    """A stretch of a file that people filmed; times in seconds from its start."""

    key: str  # of the file in the media store
    start: float = 0.0
    end: float | None = None
    fit: Literal["pad", "crop"] = "pad"


@dataclass(frozen=True)
class VideoRequest:
    """One purchase of `count` clips of one shot.

    `token` is unique to the attempt: an adapter sends it wherever the service has a place for it (a client
    reference, an output prefix), so that a submit whose answer was lost can be found again.
    """

    token: str
    model: str
    prompt: str
    duration: float  # seconds
    width: int  # pixels
    height: int  # pixels
    fps: int  # frames a second
    count: int = 1
    seed: int | None = None
    audio: bool = True
    negative_prompt: str = ""
    label: str = ""  # 'Shot 1A'
    shot: str = ""  # close-up, two-shot, establishing, ...
    camera: str = ""  # pan left, zoom in, static, ...
    first_frame: Path | None = None
    last_frame: Path | None = None
    references: tuple[Reference, ...] = ()
    footage: FootageCut | None = None


@dataclass(frozen=True)
class Accepted:
    """The service took the request; `name` is what to ask for from now on."""

    name: str
    ready_in: float | None = None  # seconds before which asking makes no sense, where the service tells


@dataclass(frozen=True)
class Pending:
    """Not done yet."""

    progress: float | None = None  # 0 to 1, where the service tells
    retry_in: float | None = None  # seconds until asking again makes sense


@dataclass(frozen=True)
class RemoteClip:
    """A clip the service holds; `handle` is JSON that this adapter's fetch understands (a URL, an id)."""

    number: int  # from 1
    handle: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None


@dataclass(frozen=True)
class Delivered:
    """Done. `filtered` clips were withheld by the service's safety filter, each with a reason."""

    clips: tuple[RemoteClip, ...]
    filtered: int = 0
    filter_reasons: tuple[str, ...] = ()
    cost: Decimal | None = None  # US dollars as billed, where the service tells
    model_version: str = ""

    @property
    def whole(self) -> int:
        """How many clips the order was for: those that are here, and those that were withheld."""
        return len(self.clips) + self.filtered
