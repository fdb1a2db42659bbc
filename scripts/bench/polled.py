"""The bench's service where it has a process of its own: only asked about, over HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Refused, Transient


class PolledService:
    """Operations that never end; a client a question, as the adapters of vidpipe have it."""

    name = "bench"

    def __init__(self, url: str) -> None:
        self._url = url
        # httpx would read the system's certificates for each client (20 ms); nothing here is https.
        self._no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def submit(self, request: VideoRequest) -> Accepted:
        """Nothing can be bought."""
        raise Refused("this service is only asked")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once."""
        try:
            transport = httpx.AsyncHTTPTransport(verify=self._no_tls)
            async with httpx.AsyncClient(transport=transport, base_url=self._url, trust_env=False) as client:
                answer = await client.get(f"/operations/{operation}")
        except httpx.HTTPError as error:
            raise Transient(f"no answer: {error}") from error
        return Pending(float(answer.json()["progress"]))

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Nothing is ever delivered."""
        raise Transient("nothing was delivered")
