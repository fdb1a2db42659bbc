"""The HTTP client that is put under a vendor's SDK.

It takes nothing from the environment (no proxy, no netrc), follows no redirect (a submit would be posted again), and
reads an answer to a limit, unpacked: what a service says in JSON is short, and a vendor's SDK reads all of it at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2

from vidpipe.services.wire.answers import ANSWER_LIMIT
from vidpipe.services.wire.asking import CONNECT
from vidpipe.services.wire.fetching import trusted

# Nothing was sent: no connection was made, or none was free.
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


def client(timeout: float, *, limit: int = ANSWER_LIMIT) -> httpx2.Client:
    """A client for calls of at most `timeout` seconds without a byte; safe to use from many threads.

    `limit` is the most bytes of an answer.
    """
    return httpx2.Client(
        transport=_Limited(limit),
        headers={"accept-encoding": "identity"},
        timeout=httpx2.Timeout(timeout, connect=min(CONNECT, timeout)),
        trust_env=False,
        follow_redirects=False,
    )


class _Limited(httpx2.BaseTransport):
    """Reads answers to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # No connection is kept: one that the other side has closed meanwhile breaks only after an order was written to
        # it, and then nobody knows what became of that.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx2.HTTPTransport(verify=trusted(), trust_env=False, retries=0, limits=limits)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request, one answer."""
        answer = self._inner.handle_request(request)
        if answer.headers.get("content-encoding", "identity") != "identity":
            answer.close()
            raise httpx2.DecodingError("the answer is packed, though that was not asked for", request=request)
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        stream = _Body(answer.stream, request, self._limit)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)

    def close(self) -> None:
        """Let the connections go."""
        self._inner.close()


class _Body(httpx2.SyncByteStream):
    """A body that ends in an error once it is too long, or takes too long."""

    def __init__(self, inner: httpx2.SyncByteStream, request: httpx2.Request, limit: int) -> None:
        self._inner, self._request, self._limit = inner, request, limit

    def __iter__(self) -> Iterator[bytes]:
        size, begun = 0, time.monotonic()
        patience = self._request.extensions.get("timeout", {}).get("read")
        for piece in self._inner:
            size += len(piece)
            if patience is not None and time.monotonic() - begun > patience:
                raise httpx2.ReadTimeout("the answer does not end", request=self._request)
            if size > self._limit:
                raise httpx2.ReadError(f"the answer has more than {self._limit} bytes", request=self._request)
            yield piece

    def close(self) -> None:
        self._inner.close()
