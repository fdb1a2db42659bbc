"""Short answers of the procedural service: read to a limit, and what is told in them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp
import httpx

from vidpipe.errors import Transient, Unavailable

ANSWER_LIMIT = 1024 * 1024  # bytes of a JSON answer
LONGEST_PAUSE = 3600.0  # seconds that Retry-After may ask for
# Status and code: not this request, but every one that came now.
WHOLE_SERVICE = {(429, "quota"), (429, "requests"), (429, "operations"), (503, "maintenance")}


@dataclass(frozen=True)
class Answer:
    """A short answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def found(self) -> dict[str, Any]:
        """Its JSON object, or an empty one where it is something else."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def message(self) -> str:
        """What it says went wrong."""
        text = self._error.get("message")
        return str(text)[:500] if text else f"status {self.status}"

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it may be tried again, where it says so."""
        try:
            return min(LONGEST_PAUSE, max(0.0, float(self.headers["retry-after"])))
        except (KeyError, ValueError):
            return None

    def passing(self, message: str) -> Transient:
        """The error of an answer that says `not now`: Unavailable where nobody is served now."""
        whole = (self.status, self._error.get("code")) in WHOLE_SERVICE
        return (Unavailable if whole else Transient)(message, retry_after=self.retry_after)

    @property
    def _error(self) -> dict[str, Any]:
        error = self.found.get("error")
        return error if isinstance(error, dict) else {}


def read(stream: httpx.Response) -> Answer:
    """A short answer; what is longer than any answer may be is not read."""
    pieces, size = [], 0
    for piece in stream.iter_bytes():
        size += len(piece)
        if size > ANSWER_LIMIT:
            return Answer(stream.status_code, stream.headers, b"")
        pieces.append(piece)
    return Answer(stream.status_code, stream.headers, b"".join(pieces))


async def read_async(stream: aiohttp.ClientResponse) -> Answer:
    """The same in an asyncio loop."""
    pieces, size = [], 0
    async for piece in stream.content.iter_any():
        size += len(piece)
        if size > ANSWER_LIMIT:
            return Answer(stream.status, stream.headers, b"")
        pieces.append(piece)
    return Answer(stream.status, stream.headers, b"".join(pieces))


def amount(value: object) -> Decimal | None:
    """US dollars, or None where it is no amount."""
    try:
        return Decimal(str(value)) if value is not None else None
    except InvalidOperation:
        return None


def number(value: object) -> float | None:
    """A figure that is not below nothing, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and found >= 0 else None
