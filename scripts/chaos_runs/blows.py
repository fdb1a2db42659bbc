"""What can be done to a cluster. Each blow is one function of a `Hand`; it says in the diary what it did.

One that lasts leaves behind how it is undone; one that cannot be done now (its process is just being started) raises
`NotNow`.
"""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import psutil

from scripts.chaos_runs import terms
from scripts.chaos_runs.cast import LOCAL, Cast
from scripts.chaos_runs.diary import Diary
from scripts.chaos_runs.house import (
    BEAT,
    IO,
    POSTGRES,
    REAPER,
    S3,
    SUPERVISOR,
    TICK,
    VALKEY,
    WORKERS,
    House,
    LeftBehindError,
)
from vidpipe.cluster import reaper, valkey

IOS = (IO, "io2")
AWAY = (2.0, 5.0)  # seconds for which the media store is away, at least and at most
_REST = 4.0  # seconds that a process is left alone after it was killed: five quick deaths end the cluster
_ENDS = 10.0  # seconds in which what a killed process had started ends too
_PART = 0.01  # seconds between two looks for a moment that is soon over


class NotNow(Exception):
    """It cannot be done now."""


@dataclass
class Hand:
    """Who strikes: the cluster, the dice, the diary, and what is still to be undone."""

    house: House
    dice: random.Random
    diary: Diary
    meanwhile: Callable[[], None] = lambda: None  # what goes on while a moment is waited for
    undo: list[tuple[float, Callable[[], None]]] = field(default_factory=list)  # when (monotonic), and how
    wrong: list[str] = field(default_factory=list)  # what a blow left behind that it should not
    below: list[psutil.Process] = field(default_factory=list)  # what killed processes had started
    _hit: dict[str, float] = field(default_factory=dict)

    def kill(self, name: str) -> int:
        """SIGKILL the process of that name; its pid."""
        if time.monotonic() - self._hit.get(name, -_REST) < _REST:
            raise NotNow
        pid = self.house.pid(name)
        if pid is None:
            raise NotNow
        with suppress(psutil.NoSuchProcess):
            self.below += psutil.Process(pid).children(recursive=True)
        if not reaper.send(pid, signal.SIGKILL):
            raise NotNow
        self.spare(name)
        return pid

    def later(self, seconds: float, undo: Callable[[], None]) -> None:
        """Undo something in `seconds`."""
        self.undo.append((time.monotonic() + seconds, undo))

    def let_go_on(self, pid: int, seconds: float) -> None:
        """A process that was stopped goes on in `seconds`."""

        def go_on() -> None:
            reaper.send(pid, signal.SIGCONT)

        self.later(seconds, go_on)

    def spare(self, name: str) -> None:
        """Leave a process alone for a while, for it was just killed."""
        self._hit[name] = time.monotonic()

    def outlived(self) -> list[str]:
        """What killed processes had started and what has not ended with them, in words."""
        _, alive = psutil.wait_procs(self.below, timeout=_ENDS)
        return [f"{one.pid} outlived who started it: {reaper.command_line(one.pid)[:120]}" for one in alive]

    def undo_due(self, *, all_of_it: bool = False) -> None:
        """Undo what has lasted long enough; or all of it."""
        due = [one for one in self.undo if all_of_it or one[0] <= time.monotonic()]
        self.undo = [one for one in self.undo if one not in due]
        for _, undo in due:
            undo()

    def wait(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Whether a moment came within `seconds`."""
        pause, end = threading.Event(), time.monotonic() + seconds
        while time.monotonic() < end:
            if reached():
                return True
            self.meanwhile()
            pause.wait(_PART)
        return False


Blow = Callable[[Hand], None]


def kill(names: Sequence[str], hand: Hand) -> None:
    """SIGKILL one of these processes."""
    name = hand.dice.choice(names)
    pid = hand.kill(name)
    cuts = name in IOS or name in hand.house.cast.names
    hand.diary.write(f"kill {name}", (name,), f"{name} (process {pid}) was killed", cuts=cuts)


def kill_supervisor(hand: Hand) -> None:
    """SIGKILL what starts all others: everything of the cluster must end, and it is started again."""
    hand.undo_due(all_of_it=True)
    pid = hand.house.pid(SUPERVISOR)
    if pid is None or not reaper.send(pid, signal.SIGKILL):
        raise NotNow
    everybody = (SUPERVISOR, *WORKERS, *hand.house.cast.names)
    done = hand.diary.write("kill supervisor", everybody, f"the supervisor (process {pid}) was killed", cuts=True)
    try:
        hand.house.begin_again()
    except LeftBehindError as error:
        hand.wrong.append(str(error))
    done.until = time.time()


def kill_backend(hand: Hand) -> None:
    """SIGKILL a process of PostgreSQL that serves a client: the server ends all others and recovers."""
    pids = hand.house.backends()
    if not pids or not reaper.send(hand.dice.choice(pids), signal.SIGKILL):
        raise NotNow
    hand.diary.write("kill a backend", (POSTGRES,), "a backend of PostgreSQL was killed; the server recovers")


def restart_database(hand: Hand) -> None:
    """End PostgreSQL at once, without a last word (as pg_ctl -m immediate), and let it be started again."""
    pid = hand.house.postmaster()
    if pid is None or not reaper.send(pid, signal.SIGQUIT):
        raise NotNow
    hand.diary.write("restart PostgreSQL", (POSTGRES,), f"PostgreSQL (process {pid}) was ended at once")


def flush(hand: Hand) -> None:
    """FLUSHALL: the broker forgets every message, and lives."""
    try:
        valkey.command(hand.house.sockets / "valkey.sock", "FLUSHALL")
    except (OSError, KeyError) as error:
        raise NotNow from error
    hand.diary.write("flush Valkey", (VALKEY,), "Valkey was flushed: every message is gone")


def lose_broker(hand: Hand) -> None:
    """Kill the broker and take away what it had on the disk."""
    if hand.house.signal(VALKEY, signal.SIGSTOP) is None:  # so that it cannot be started again before its files go
        raise NotNow
    shutil.rmtree(hand.house.home / "valkey", ignore_errors=True)
    hand.house.signal(VALKEY, signal.SIGKILL)
    hand.diary.write("lose Valkey", (VALKEY,), "Valkey was killed, and its files are gone")


def stop_one(names: Sequence[str], hand: Hand) -> None:
    """SIGSTOP one of these processes for longer than a lease; then let it go on as if nothing had been."""
    name = hand.dice.choice(names)
    seconds = hand.dice.uniform(*terms.STANDSTILL)
    pid = hand.house.signal(name, signal.SIGSTOP)
    if pid is None:
        raise NotNow
    hand.let_go_on(pid, seconds)
    cuts = name in IOS or name in hand.house.cast.names
    what = f"{name} (process {pid}) stands still for {seconds:.1f} s"
    hand.diary.write(f"stop {name}", (name,), what, lasts=seconds, cuts=cuts)


def store_away(hand: Hand) -> None:
    """The media store is away for some seconds: the folder is not there, or its server stands still."""
    seconds = hand.dice.uniform(*AWAY)
    if hand.house.storage == "s3":
        pid = hand.house.signal(S3, signal.SIGSTOP)
        if pid is None:
            raise NotNow
        hand.let_go_on(pid, seconds)
        hand.diary.write("the store is away", (S3,), f"the object store stands still ({seconds:.1f} s)", lasts=seconds)
        return
    media, aside = hand.house.home / "media", hand.house.home / "media.away"
    if aside.exists() or not media.is_dir():
        raise NotNow

    def come_back() -> None:
        if media.exists():
            hand.wrong.append("somebody made another media folder while it was away")
            media.rename(media.with_name(f"media.other.{time.time_ns()}"))
        aside.rename(media)

    media.rename(aside)
    hand.later(seconds, come_back)
    hand.diary.write("the store is away", ("media",), f"the media folder is away for {seconds:.1f} s", lasts=seconds)


def fault(words: str, orders: int, services: Sequence[str], hand: Hand) -> None:
    """Something goes wrong with the next orders at one of the services."""
    service = hand.dice.choice(services)
    asked = {"fault": words, "next": orders}
    if hand.house.ask(service, "POST", "/v1/faults", asked) is None:
        raise NotNow
    what = f"{service}: {words} for the next {orders} order(s)"
    hand.diary.write(f"fault {words.split(' ')[0]}", (service,), what)


def service_faults() -> Mapping[str, Blow]:
    """What can go wrong at a service, each with how many orders it is for."""
    counts = {
        "429": 3, "503": 3, "500": 2, "quota": 2, "maintenance": 2, "500-after": 2, "timeout-after": 1,
        "lost-answer": 2, "stall 3": 2, "late 4": 2, "fail": 2, "rubbish": 1, "truncated": 1, "black": 1,
        "refuse-late": 1, "filtered": 1, "cut-off": 2, "poll-503": 3, "crash": 1, "hang": 1,
    }  # fmt: skip
    return {f"fault {words}": partial(fault, words, count, terms.SERVICES) for words, count in counts.items()}


def kills(cast: Cast) -> Mapping[str, Blow]:
    """What can be killed."""
    services = {f"kill {process.removeprefix('procedural-')}": partial(kill, (process,)) for process in cast.names}
    return {
        **{f"kill {name}": partial(kill, (name,)) for name in (*WORKERS, BEAT, VALKEY, POSTGRES, REAPER)},
        **services,
        "kill supervisor": kill_supervisor,
        "kill a backend": kill_backend,
    }


KILLS = kills(LOCAL)
OF_THE_STORE: Mapping[str, Blow] = {"kill s3": partial(kill, (S3,))}  # where media lie in one


def outages(cast: Cast) -> Mapping[str, Blow]:
    """What can be away for a while."""
    return {
        "restart PostgreSQL": restart_database,
        "flush Valkey": flush,
        "lose Valkey": lose_broker,
        "stop a worker": partial(stop_one, WORKERS),
        "stop an io worker": partial(stop_one, IOS),
        "stop the tick": partial(stop_one, (TICK,)),
        "stop a service": partial(stop_one, cast.names),
        "the store is away": store_away,
    }


OUTAGES = outages(LOCAL)
