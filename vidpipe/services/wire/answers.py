"""Short answers of services: read to a limit, what is told in them, and what they mean where they are a no."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import aiohttp
import httpx

from vidpipe.errors import Expired, Refused, ServiceError, Transient, Unavailable, Uncertain

ANSWER_LIMIT = 1024 * 1024  # bytes of a JSON answer
LONGEST_PAUSE = 3600.0  # seconds that Retry-After may ask for
INVALID = (400, 404, 405, 413, 415, 422)  # the request itself is not taken (RFC 9110, 15.5)
ACCOUNT = (401, 403, 429)  # nothing is wrong with it: the key, what it may do, how much of it


@dataclass(frozen=True)
class Answer:
    """A short answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    cut: bool = False  # it was longer than any short answer, and was not read

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
        return retry_after(self.headers)

    @property
    def code(self) -> str:
        """The error's code, where it has one."""
        return str(self._error.get("code") or "")[:100]

    @property
    def _error(self) -> dict[str, Any]:
        error = self.found.get("error")
        return error if isinstance(error, dict) else {}


def unsold(
    message: str, status: int, pause: float | None, *, kind: Literal["policy", "invalid"] = "invalid",
    invalid: Collection[int] = INVALID, account: Collection[int] = ACCOUNT,
) -> ServiceError:  # fmt: skip
    """What an answer that brings no operation means for the purchase, as its status says; `pause` in seconds.

    503 with a time to come back: not handled now, and the server says when it will be (RFC 9110, 15.6.4). Nothing else
    says that nothing was begun. Each adapter's own table says what its vendor promises beyond that.
    """
    if status in account:
        return Unavailable(message, retry_after=pause)
    if status in invalid:
        return Refused(message, kind=kind)
    if status == 503 and pause is not None:
        return Transient(message, retry_after=pause)
    return Uncertain(message)


def unread(message: str, status: int, pause: float | None, *, account: Collection[int] = (401, 403)) -> ServiceError:
    """What an answer means that does not tell what was asked; `pause` in seconds."""
    if status in (404, 410):
        return Expired(message)
    if status in account:
        return Unavailable(message)
    return Transient(message, retry_after=pause)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or a date (RFC 9110, 10.2.3); None where it says nothing."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(LONGEST_PAUSE, max(0.0, seconds)) if math.isfinite(seconds) else None


def read(stream: httpx.Response) -> Answer:
    """A short answer; what is longer than any answer may be is not read."""
    pieces, size, begun = [], 0, time.monotonic()
    patience = stream.request.extensions.get("timeout", {}).get("read")
    for piece in stream.iter_bytes():
        size += len(piece)
        if patience is not None and time.monotonic() - begun > patience:
            raise httpx.ReadTimeout("the answer does not end", request=stream.request)
        if size > ANSWER_LIMIT:
            return Answer(stream.status_code, stream.headers, b"", cut=True)
        pieces.append(piece)
    return Answer(stream.status_code, stream.headers, b"".join(pieces))


async def read_async(stream: aiohttp.ClientResponse) -> Answer:
    """The same in an asyncio loop."""
    pieces, size = [], 0
    async for piece in stream.content.iter_any():
        size += len(piece)
        if size > ANSWER_LIMIT:
            return Answer(stream.status, stream.headers, b"", cut=True)
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
