"""Who is at work for a cluster of many machines: what every worker, and beat, signs in the broker every other second.

A worker that is not there cannot be seen in the rows: nobody claims them, and it may as well be the broker, or the
tick. Its file of life (`vidpipe/heartbeat.py`) tells its own machine only. So each signs a hash of the broker's too,
one field a worker and queue, dated by the broker's clock, for no two machines' clocks agree. Whoever signs here is
surely connected to this very broker. One that stops crosses itself out; one that was killed stays, and its sign grows
old.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from redis import Redis

from vidpipe.heartbeat import GONE, Heartbeat

KEY = "vidpipe:workers"
FORGOTTEN = 86400.0  # seconds after which a sign is removed


@dataclass(frozen=True)
class Presence:
    """One worker at one queue (`role`: io, gpu, tick), or beat."""

    role: str
    name: str  # as Celery has it: io@host
    age: float  # seconds since it signed
    threads: int
    busy: tuple[float, ...] = ()  # seconds for which each task in hand has been running

    @property
    def here(self) -> bool:
        """Whether it is at work."""
        return self.age <= GONE

    def hangs(self, longest: float) -> bool:
        """Whether all its threads are busy with tasks that take more than `longest` seconds."""
        return len(self.busy) >= self.threads and min(self.busy, default=0.0) > longest


def sign(client: Redis, role: str, name: str, life: Heartbeat) -> None:
    """Say that it is here. Raises redis.RedisError where the broker does not take it."""
    told = {"at": _now(client), "threads": life.threads, "busy": [round(seconds, 1) for seconds in life.busy]}
    client.hset(KEY, f"{role} {name}", json.dumps(told))


def leave(client: Redis, role: str, name: str) -> None:
    """Say good-bye. Raises redis.RedisError where the broker does not take it."""
    client.hdel(KEY, f"{role} {name}")


def tidy(client: Redis) -> None:
    """Forget those that have been gone for a day. Raises redis.RedisError where the broker does not take it."""
    gone = [f"{one.role} {one.name}" for one in present(client) if one.age > FORGOTTEN]
    if gone:
        client.hdel(KEY, *gone)


def present(client: Redis) -> tuple[Presence, ...]:
    """Everybody who signed within a day, by role and name. Raises redis.RedisError where the broker cannot tell."""
    now = _now(client)
    signs: dict[bytes, bytes] = client.hgetall(KEY)  # type: ignore[assignment]
    found = (_read(field.decode(errors="replace"), text, now) for field, text in signs.items())
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.role, one.name)))


def _read(field: str, text: bytes, now: float) -> Presence | None:
    role, _, name = field.partition(" ")
    try:
        told = json.loads(text)
        busy = tuple(float(seconds) for seconds in told["busy"])
        return Presence(role, name, max(now - float(told["at"]), 0.0), int(told["threads"]), busy)
    except (ValueError, KeyError, TypeError):
        return None  # written by another version


def _now(client: Redis) -> float:
    """Seconds by the broker's clock."""
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6
