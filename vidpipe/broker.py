"""The broker by its own protocol, without Celery: for questions that must be answered soon or not at all."""

from __future__ import annotations

import re

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vidpipe.errors import SetupError

PRIORITIES = (0, 3, 6, 9)  # kombu keeps a list for each; one in between goes into the list below it
_SCHEMES = ("redis", "rediss", "redis+socket", "unix")
_SOCKET = re.compile(r"(?:redis\+socket|unix)://(?P<path>[^?]*)(?:\?.*?\b(?:virtual_host|db)=(?P<number>\d+))?")
# Celery names what it asks of a certificate by Python's constants, the client by words.
_CERTIFICATE = re.compile(r"(?<=ssl_cert_reqs=)CERT_(\w+)")


def open_broker(url: str, *, seconds: float) -> Redis:
    """A client of the broker at an address as Celery has it; every question ends within `seconds`.

    Nothing is asked yet. Raises SetupError where the broker is of another kind, or its address cannot be one.
    """
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES:
        raise SetupError(
            f"the broker is of the kind {scheme[:20]!r}, which cannot be asked how it is",
            remedy="Set VIDPIPE_BROKER_URL to a server that speaks the Redis protocol.",
        )
    try:
        return Redis.from_url(
            _plain(url), socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
        )
    except ValueError as error:  # not repeated: somebody may have written a password into it
        raise SetupError("the broker's address cannot be used", remedy="Mend VIDPIPE_BROKER_URL.") from error


def lines(queue: str) -> list[str]:
    """The lists that a queue's messages stand in line in, by priority, as kombu's Redis transport names them."""
    return [f"{queue}\x06\x16{priority}" if priority else queue for priority in PRIORITIES]


def _plain(url: str) -> str:
    """The address as the client has it."""
    found = _SOCKET.fullmatch(url)
    if found is not None:
        return f"unix://{found['path']}?db={found['number'] or 0}"
    return _CERTIFICATE.sub(lambda match: match[1].lower(), url)
