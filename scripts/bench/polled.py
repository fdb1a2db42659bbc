"""The bench's service where it has a process of its own: only asked about, over HTTP."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from aiohttp import ClientError

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Refused, Transient
from vidpipe.services.wire.asking import Line


class PolledService:
    """Operations that never end, asked about as the adapters of vidpipe do it."""

    name = "bench"

    def __init__(self, url: str) -> None:
        self._line = Line(url)

    def submit(self, request: VideoRequest) -> Accepted:
        """Nothing can be bought."""
        raise Refused("this service is only asked")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once."""
        try:
            async with self._line.session() as session, session.get(f"/operations/{operation}") as answer:
                found = await answer.json()
        except (ClientError, TimeoutError) as error:
            raise Transient(f"no answer: {error}") from error
        return Pending(float(found["progress"]))

    def connection(self) -> AbstractAsyncContextManager[None]:
        """For all questions of a wave."""
        return self._line.held()

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Nothing is ever delivered."""
        raise Transient("nothing was delivered")
