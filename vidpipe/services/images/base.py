"""The contract of a service that draws. A new adapter joins the suite in tests/contract/image_services.

One call is one purchase, answered at once. Vendor exceptions end inside the adapter and become ours (vidpipe.errors):

    Transient, Unavailable   surely not accepted
    Refused                  policy: not drawn and not charged; invalid: never will be
    Uncertain                nobody knows whether it was drawn; nothing can be asked about it later

`Spent` is no error: it was answered and is charged, and there is no picture that can be used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vidpipe.domain.side_requests import Drawn, ImageRequest, Spent

MOST_PIXELS = 40_000_000
KINDS = ("PNG", "JPEG", "WEBP")


class ImageService(Protocol):
    """One service; made once a process by `registry.open_image_service`, safe to use from many threads."""

    name: str

    def draw(self, request: ImageRequest, dest: Path) -> Drawn | Spent:
        """Buy one picture and write it to `dest` (which must not exist yet) as one whole file.

        Exactly one request leaves the process. Raises FileExistsError before anything is sent.
        """
        ...
