"""The broker: whether it answers, takes what is sent, keeps it, and is the one that the tick uses.

All over its own protocol. A broker may lose everything and no film is lost; one that drops messages by itself, or
takes none, still keeps every film from going on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from vidpipe.broker import lines, open_broker
from vidpipe.doctor.asking import Unanswered
from vidpipe.doctor.finding import Finding, Severity, sentence
from vidpipe.doctor.site import Site
from vidpipe.errors import SetupError
from vidpipe.heartbeat import GONE
from vidpipe.presence import Presence, present
from vidpipe.report.words import duration

SECONDS = 3.0  # one question may take
QUEUES = ("io", "gpu", "tick")
EPOCH = "vidpipe:epoch"  # the sentinel that the sweep keeps there (tasks/broker.py)
PROBE = "vidpipe:doctor"
SLOW, VERY_SLOW = 0.1, 1.0  # seconds
NEARLY_FULL = 0.9  # of its memory
_MEANWHILE = "Until then no step is sent; nothing is lost, and films go on within seconds when it is back."
# Celery's names: what a worker was given and has not acknowledged.
_UNACKED = "unacked"


@dataclass(frozen=True)
class Broker:
    """A server that answered."""

    round_trip: float  # seconds
    version: str
    run_id: str
    up: float  # seconds
    policy: str  # what it does when its memory is full
    memory: int  # bytes used
    most_memory: int  # bytes; 0: as much as there is
    persistent: bool | None  # None: it does not say
    writing: str  # what went wrong when it last wrote to its disk
    refuses: ResponseError | None  # why it took no probe
    queues: Mapping[str, int]  # messages that nobody has taken
    unacked: int
    sentinel: bool
    workers: tuple[Presence, ...]

    @property
    def settled(self) -> bool:
        """Whether it has been there for long enough that everybody who is at work has signed in it."""
        return self.up > 2 * GONE


def look(url: str) -> Broker:
    """Ask the server; raises RedisError where it cannot be asked, SetupError where it is of another kind."""
    client = open_broker(url, seconds=SECONDS)
    try:
        round_trip = median(_once(client) for _ in range(5))
        told: Mapping[str, Any] = client.info()
        queues = {name: sum(int(client.llen(line)) for line in lines(name)) for name in QUEUES}
        return Broker(
            round_trip=round_trip, version=str(told.get("valkey_version") or told.get("redis_version", "")),
            run_id=str(told.get("run_id", "")), up=float(told.get("uptime_in_seconds", 0)),
            policy=str(told.get("maxmemory_policy", "")), memory=int(told.get("used_memory", 0)),
            most_memory=int(told.get("maxmemory", 0)), persistent=_persistent(client, told), writing=_writing(told),
            refuses=_probe(client), queues=queues, unacked=int(client.hlen(_UNACKED)),
            sentinel=bool(client.exists(EPOCH)), workers=present(client),
        )  # fmt: skip
    finally:
        client.close()


def _once(client: Redis) -> float:
    began = time.perf_counter()
    client.ping()
    return time.perf_counter() - began


def _persistent(client: Redis, told: Mapping[str, Any]) -> bool | None:
    """Whether it writes what it holds to a disk, all the time or now and then."""
    if told.get("aof_enabled"):
        return True
    try:
        return bool(str(client.config_get("save").get("save", "")).strip())
    except ResponseError:  # a service that lets nobody read its configuration
        return None


def _writing(told: Mapping[str, Any]) -> str:
    for key, what in (("aof_last_write_status", "its log"), ("rdb_last_bgsave_status", "its snapshot")):
        if told.get(key, "ok") != "ok":
            return f"{what} could not be written to its disk"
    return ""


def _probe(client: Redis) -> ResponseError | None:
    try:
        client.set(PROBE, "1", ex=10)
    except ResponseError as error:
        return error
    return None


def judge(site: Site, found: Broker | Unanswered, tick: float | None, epoch: str) -> Iterator[Finding]:
    """What is wrong with it. `tick`: seconds since the tick was here; `epoch`: the broker that it saw then."""
    if isinstance(found, Unanswered):
        yield _away(site, found, tick)
        return
    if found.refuses:
        yield _refusing(found)
    yield from _memory(found)
    yield from _keeping(found)
    if tick is not None and tick < GONE and epoch and found.run_id != epoch.partition(":")[0] and found.up > GONE:
        yield Finding(
            "broker.other", Severity.BROKEN, "The tick uses another broker than this machine's settings name.",
            f"Here it is {site.broker}; what is sent there is not taken here.",
            "Set the same VIDPIPE_BROKER_URL everywhere, and start the workers anew.",
        )  # fmt: skip
    if found.round_trip > SLOW:
        yield Finding(
            "broker.slow", Severity.BROKEN if found.round_trip > VERY_SLOW else Severity.NOTE,
            f"The broker is slow: it takes {duration(found.round_trip)} to answer PING.",
            "It is far away, or it or this machine is overloaded.",
            "Bring the workers near it, or give it more to run on.", figures={"round_trip": found.round_trip},
        )  # fmt: skip


def _away(site: Site, found: Unanswered, tick: float | None) -> Finding:
    gone = site.gone(site.process("valkey"))
    why = sentence("; ".join(part for part in (gone, found.why) if part))
    if isinstance(found.error, SetupError):
        what = sentence(f"{found.why[0].upper()}{found.why[1:]}")
        return Finding("broker.settings", Severity.BROKEN, what, "", sentence(found.error.remedy))
    if isinstance(found.error, AuthenticationError | NoPermissionError):
        return Finding(
            "broker.refuses", Severity.BROKEN, f"The broker does not let us in ({site.broker}).", why,
            "Mend the user and password in VIDPIPE_BROKER_URL, or what the server lets that user do.",
        )  # fmt: skip
    if isinstance(found.error, BusyLoadingError):
        return Finding(
            "broker.starting", Severity.BROKEN, "The broker is reading its data back.", why,
            f"Wait until it has. {_MEANWHILE}",
        )  # fmt: skip
    remedy = site.start("valkey", "Start its server, or mend VIDPIPE_BROKER_URL.")
    return Finding(
        "broker.unreachable", Severity.BROKEN, f"The broker does not answer ({site.broker}).", why,
        f"{remedy} {_MEANWHILE}", age=tick,
    )  # fmt: skip


def _refusing(found: Broker) -> Finding:
    if isinstance(found.refuses, OutOfMemoryError):
        remedy = "Raise its maxmemory. Nothing of vidpipe's may be deleted by hand: messages are few, and finish."
        what = "The broker's memory is full: it takes no messages."
    elif "MISCONF" in str(found.refuses):
        remedy, what = "Free its disk.", "The broker cannot write to its disk, and takes no messages."
    elif isinstance(found.refuses, ReadOnlyError):
        remedy = "Point VIDPIPE_BROKER_URL at the primary."
        what = "The broker is a replica: it takes no messages."
    else:
        remedy, what = "Let this user write every key.", "The broker takes no messages."
    return Finding(
        "broker.full" if "full" in what else "broker.read_only", Severity.BROKEN, what, sentence(found.refuses),
        f"{remedy} {_MEANWHILE}", figures={"memory": found.memory, "most_memory": found.most_memory},
    )  # fmt: skip


def _memory(found: Broker) -> Iterator[Finding]:
    bounded = found.most_memory > 0
    if found.policy and found.policy != "noeviction":
        yield Finding(
            "broker.evicts", Severity.BROKEN if bounded else Severity.NOTE,
            f"The broker throws messages away when its memory is full (maxmemory-policy {found.policy}).",
            f"It may use {megabytes(found.most_memory)}, and uses {megabytes(found.memory)}."
            if bounded else "It has no maxmemory yet, so it has not happened.",
            "Set maxmemory-policy to noeviction. The sweep sends what was lost again, but only after a while.",
            figures={"policy": found.policy, "memory": found.memory, "most_memory": found.most_memory},
        )  # fmt: skip
    elif bounded and not found.refuses and found.memory > NEARLY_FULL * found.most_memory:
        yield Finding(
            "broker.nearly_full", Severity.NOTE,
            f"The broker's memory is nearly full: {megabytes(found.memory)} of {megabytes(found.most_memory)}.",
            "When it is full it takes no messages, and nothing goes on.", "Raise its maxmemory.",
            figures={"memory": found.memory, "most_memory": found.most_memory},
        )  # fmt: skip


def _keeping(found: Broker) -> Iterator[Finding]:
    if found.writing and not found.refuses:
        yield Finding(
            "broker.writing", Severity.NOTE, f"The broker's disk fails it: {found.writing}.", "",
            "Free its disk, or mend it.",
        )  # fmt: skip
    elif found.persistent is False:
        yield Finding(
            "broker.not_persistent", Severity.NOTE, "The broker keeps nothing on a disk.",
            "When it is started anew its messages are gone; the sweep sends every row again, so films lose seconds.",
            "Set appendonly to yes, if that matters.",
        )  # fmt: skip


def megabytes(size: int) -> str:
    """'1.5 MB', '2.0 GB'."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def figures(found: Broker) -> dict[str, object]:
    """What was looked at."""
    return {
        "round_trip": found.round_trip, "version": found.version, "up": found.up, "policy": found.policy,
        "memory": found.memory, "most_memory": found.most_memory, "persistent": found.persistent,
        "queues": dict(found.queues), "unacked": found.unacked, "sentinel": found.sentinel,
    }  # fmt: skip
