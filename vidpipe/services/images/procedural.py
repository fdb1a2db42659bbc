"""Draws on this machine, for nothing, with the procedural service's painter; the same request gives the same bytes.

Nothing is sent anywhere: a drawing is either made or refused, and never uncertain.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from vidpipe.domain.side_requests import Drawn, ImageRequest, pixels
from vidpipe.errors import Refused
from vidpipe.services.opening import Opening
from vidpipe.services.procedural.still import painted_still
from vidpipe.services.wire.fetching import whole_file

MOST_REFERENCES = 3
LONGEST_PROMPT = 10_000  # characters
MODEL = "procedural-still"


class ProceduralImages:
    """A service that draws (`images.base`); safe in many threads."""

    def __init__(self, name: str) -> None:
        self.name = name

    def draw(self, request: ImageRequest, dest: Path) -> Drawn:
        """Paint one picture."""
        if request.model != MODEL:
            raise Refused(f"{self.name} has no model {request.model[:60]!r}")
        if not request.prompt.strip() or len(request.prompt) > LONGEST_PROMPT:
            raise Refused(f"{self.name} takes a prompt of 1 to {LONGEST_PROMPT} characters")
        if len(request.references) > MOST_REFERENCES:
            raise Refused(f"{self.name} takes {MOST_REFERENCES} references at most")
        try:
            width, height = pixels(request.aspect, request.resolution)
        except ValueError as error:
            raise Refused(f"{self.name}: {error}") from error
        references = tuple(one.path for one in request.references)
        try:
            made = painted_still(request.prompt, seed_of(request), width, height, references=references)
        except OSError as error:  # a reference that is no picture
            raise Refused(f"{self.name} cannot paint that: {error}") from error
        with whole_file(dest) as part:
            made.save(part, "PNG")
        return Drawn("image/png", width, height, MODEL)


def seed_of(request: ImageRequest) -> int:
    """The seed, or one that the prompt decides."""
    if request.seed is not None:
        return request.seed % 2**32
    return int.from_bytes(hashlib.sha256(request.prompt.encode()).digest()[:4], "big")


def open_service(opening: Opening) -> ProceduralImages:
    """The adapter; it has no options."""
    opening.options()
    return ProceduralImages(opening.name)
