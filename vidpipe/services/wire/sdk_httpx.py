"""The HTTP client that is put under those SDKs that are built upon httpx; `sdk` is for its successor, httpx2.

What it keeps to is the same: nothing is taken from the environment (no proxy, no netrc), no redirect is followed (a
submit would be posted again), and an answer is read to a limit, unpacked.
"""

from __future__ import annotations

import time

import httpx

from vidpipe.services.wire.answers import ANSWER_LIMIT
from vidpipe.services.wire.asking import CONNECT
from vidpipe.services.wire.fetching import NOT_THERE as NOT_SENT
from vidpipe.services.wire.fetching import trusted

__all__ = ["NOT_SENT", "client"]


def client(timeout: float, *, most: int = ANSWER_LIMIT) -> httpx.Client:
    """A client for calls of at most `timeout` seconds without a byte, and as many for the answer, of at most `most`
    bytes; safe to use from many threads."""

    def limited(answer: httpx.Response) -> None:
        _limit(answer, most, timeout)

    return httpx.Client(
        headers={"accept-encoding": "identity"},
        timeout=httpx.Timeout(timeout, connect=min(CONNECT, timeout)),
        # No connection is kept: one that the other side has closed meanwhile breaks only after an order was written to
        # it, and then nobody knows what became of that.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        verify=trusted(),
        trust_env=False,
        follow_redirects=False,
        event_hooks={"response": [limited]},
    )


def _limit(answer: httpx.Response, most: int, patience: float) -> None:
    """Read an answer before the SDK does, which would read all of it at once."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("the answer is packed, though that was not asked for", request=answer.request)
    pieces, size, begun = [], 0, time.monotonic()
    assert isinstance(answer.stream, httpx.SyncByteStream)
    for piece in answer.stream:
        size += len(piece)
        if time.monotonic() - begun > patience:
            raise httpx.ReadTimeout("the answer does not end", request=answer.request)
        if size > most:
            raise httpx.ReadError(f"the answer has more than {most} bytes", request=answer.request)
        pieces.append(piece)
    answer.stream.close()
    answer.stream = httpx.ByteStream(b"".join(pieces))
