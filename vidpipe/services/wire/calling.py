"""The clients by which a service is called: under a vendor's SDK, for a file, for whatever else is asked once.

A client takes nothing from the environment (no proxy, no netrc), follows no redirect (a submit would be posted again),
tries nothing a second time, and keeps no connection: one that the other side has closed meanwhile breaks only after an
order was written to it, and then nobody knows what became of that. Its answers are unpacked, of a limited size, and
here within a time that counts from the last byte of the request: who sends a byte now and then, in the headers or in
the body, is given up as one who sends none.

It is httpx's client or that of its successor httpx2, whichever an SDK is built upon. They look the same and have each
their own errors, so `library` is the module of the one that is meant.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import httpx

from vidpipe.services.wire.answers import ANSWER_LIMIT
from vidpipe.services.wire.asking import CONNECT


def client(library: Any, timeout: float, *, most: int | None = ANSWER_LIMIT) -> Any:
    """A `library.Client` whose answers are here after `timeout` seconds at the latest; safe to use from many threads.

    `most` is how many bytes an answer may have. None is for files: then nothing but the headers has to be here by then,
    who reads the body watches its size, its pace and whether it is packed, and no more than `timeout` seconds pass
    without a byte.
    """
    transport = library.HTTPTransport(verify=trusted(), trust_env=False)
    core = import_module(library.__name__.replace("httpx", "httpcore"))  # what it is built upon
    # It cannot be told how to make its connections, and its pool can. Were `_pool` called otherwise one day, the
    # contract's tests of answers that drip would not pass.
    transport._pool = core.ConnectionPool(
        ssl_context=trusted(), max_connections=None, max_keepalive_connections=0,
        network_backend=_Dialler(core, timeout, most),
    )  # fmt: skip

    def plain(answer: Any) -> None:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise library.DecodingError("the answer is packed, though that was not asked for", request=answer.request)

    return library.Client(
        transport=transport,
        headers={"accept-encoding": "identity"},
        timeout=library.Timeout(timeout, connect=min(CONNECT, timeout)),
        trust_env=False,
        follow_redirects=False,
        event_hooks={"response": [_lasting if most is None else plain]},
    )


def not_sent(library: Any) -> tuple[type[Exception], type[Exception], type[Exception]]:
    """The errors of `library` after which surely nothing was sent: no connection was made, or none was free."""
    return (library.ConnectError, library.ConnectTimeout, library.PoolTimeout)


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once a process (20 ms)."""
    return httpx.create_ssl_context()


def _lasting(answer: Any) -> None:
    """The headers are here: from now on only the pause between two reads is limited."""
    stream = answer.extensions.get("network_stream")
    if isinstance(stream, _Connection):
        stream.over = None


@dataclass(frozen=True)
class _Dialler:
    """Makes connections, as httpcore's NetworkBackend."""

    core: Any
    patience: float  # seconds for an answer
    most: int | None  # bytes of an answer

    def connect_tcp(self, **where: Any) -> _Connection:
        # An SDK has one figure for all phases of a call, and nobody has to be waited for that long to pick up.
        where["timeout"] = min(CONNECT, self.patience)
        return _Connection(self.core.SyncBackend().connect_tcp(**where), self)


@dataclass
class _Connection:
    """One request and its answer, as httpcore's NetworkStream."""

    inner: Any
    dialler: _Dialler
    over: float | None = None  # when the answer has to be here, by the monotonic clock
    size: int = 0  # bytes of the answer until now

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self.inner.write(buffer, timeout)
        finally:
            self.over = time.monotonic() + self.dialler.patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        core, patience, most = self.dialler.core, self.dialler.patience, self.dialler.most
        waits = [timeout] if timeout is not None else []
        if self.over is not None:
            waits.append(self.over - time.monotonic())
            if waits[-1] <= 0:
                raise core.ReadTimeout(f"the answer is not here after {patience:g} s")
        found: bytes = self.inner.read(max_bytes, min(waits, default=None))
        self.size += len(found)
        if most is not None and self.size > most:
            raise core.ReadError(f"the answer has more than {most} bytes")
        return found

    def start_tls(self, **how: Any) -> _Connection:
        how["timeout"] = min(CONNECT, self.dialler.patience)
        return _Connection(self.inner.start_tls(**how), self.dialler)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)

    def close(self) -> None:
        self.inner.close()
