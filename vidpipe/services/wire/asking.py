"""The connections over which a service is asked how its operations are doing.

A wave asks hundreds of questions at once, and holds its connections until it is over. They are aiohttp's: a question
costs 0.15 ms with it; httpx takes 1.1 ms with a client for each, and with one client for 64 at once 6 ms
(`scripts/bench/wave` measures what is used here).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from aiohttp import (
    BaseConnector,
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
    UnixConnector,
)

from vidpipe.errors import Transient, Unavailable
from vidpipe.services.wire.answers import Answer, read_async

CONNECT = 5.0  # seconds


def _nothing() -> ContextVar[ClientSession | None]:
    return ContextVar("session", default=None)


@dataclass(frozen=True)
class Line:
    """The way to one service, for asking. Any thread may use it; each event loop has connections of its own."""

    base: str  # http://host:port, or its like where it listens on a socket
    socket: str | None = None  # the path of a unix socket
    timeout: float = 10.0  # seconds for one answer
    _held: ContextVar[ClientSession | None] = field(default_factory=_nothing, repr=False)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Every question inside, and in the tasks made inside, goes over connections that stay open."""
        async with self._opened() as session:
            token = self._held.set(session)
            try:
                yield
            finally:
                self._held.reset(token)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ClientSession]:
        """What to ask with: what is held open, else something for this question alone."""
        held = self._held.get()
        if held is not None:
            yield held
            return
        async with self._opened() as session:
            yield session

    async def get(self, path: str, *, headers: Mapping[str, str], of: str) -> Answer:
        """Ask once, without following a redirect; raises Unavailable or Transient where `of` does not answer."""
        try:
            async with self.session() as session, session.get(path, headers=headers, allow_redirects=False) as stream:
                return await read_async(stream)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise Unavailable(f"{of} cannot be reached: {error}") from error
        except (ClientError, TimeoutError) as error:
            raise Transient(f"{of} did not answer a poll: {type(error).__name__} {error}") from error

    def _opened(self) -> ClientSession:
        connector: BaseConnector = TCPConnector(limit=0) if self.socket is None else UnixConnector(self.socket, limit=0)
        patience = ClientTimeout(total=self.timeout, sock_connect=min(CONNECT, self.timeout))
        return ClientSession(self.base, connector=connector, timeout=patience, cookie_jar=DummyCookieJar())
