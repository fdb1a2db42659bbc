"""The signs of a worker, or of beat, in the broker: who is at work on which machine (vidpipe.presence)."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from redis import Redis, RedisError

from tasks.app import settings
from vidpipe import heartbeat, presence
from vidpipe.broker import open_broker
from vidpipe.errors import SetupError

log = logging.getLogger(__name__)
_LISTENS = 1.0  # seconds within which the broker takes a sign
_DEAF = 10.0  # seconds for which one that did not is let alone: whoever signs has other things to do


class Signature:
    """One worker's signs; `name` is Celery's for it. No error of the broker gets out: Celery tells of those itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client: Redis | None = None
        self._not_before = 0.0  # by heartbeat.clock

    def sign(self, roles: Iterable[str], life: heartbeat.Heartbeat) -> None:
        """Say that it is here, unless the broker did not listen just now."""
        if heartbeat.clock() < self._not_before:
            return
        try:
            if self._client is None:
                self._client = open_broker(settings.broker_url, seconds=_LISTENS)
                presence.tidy(self._client)
            for role in roles:
                presence.sign(self._client, role, self._name, life)
        except (RedisError, SetupError) as error:
            log.info("the broker takes no sign of life: %s", error)
            self._not_before = heartbeat.clock() + _DEAF

    def leave(self, roles: Iterable[str]) -> None:
        """Say good-bye; whoever cannot is missed a little later."""
        if self._client is None:
            return
        try:
            for role in roles:
                presence.leave(self._client, role, self._name)
        except RedisError as error:
            log.info("the broker takes no good-bye: %s", error)
        self._client.close()
        self._client = None
