"""kombu's Redis transport, with one client a channel.

kombu makes a client anew for every command it sends, which takes longer than to send it: a fifteenth of all that an io
worker did.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that keeps its client for as long as it keeps its pool of connections."""

    _kept: tuple[Any, Any] | None = None  # the pool, and the client on it

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:  # made once already, with a connection of its own
            return super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept[0] is not self.pool:
            self._kept = (self.pool, super()._create_client())  # type: ignore[no-untyped-call]
        return self._kept[1]


def keep_clients() -> None:
    """Have every connection of this process use such channels."""
    redis.Transport.Channel = Channel
