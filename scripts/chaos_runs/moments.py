"""Blows at chosen moments: the point in the code is brought about or waited for, and then somebody is killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scripts.chaos_runs import terms
from scripts.chaos_runs.blows import IOS, Blow, Hand, NotNow, kill_backend, kill_supervisor
from scripts.chaos_runs.books import bills
from scripts.chaos_runs.house import WORKERS, House
from vidpipe.db.models import Attempt, GenerationCandidate, Project, Workable
from vidpipe.domain.states import CandidateState, ProjectState

STALL = 3.0  # seconds for which a service keeps back the answer to an order that it has accepted and billed
_SOON = 4.0  # seconds within which the moment must come
_SCRIPTED = 12.0  # seconds within which a scenario's own late answer must come
_LATER = 2.0  # seconds for which a service that stood still for a moment does so after it
GPUS = ("gpu", "gpu2")


def kill_all(names: Sequence[str], hand: Hand, when: str) -> None:
    """SIGKILL those of these processes that run; one of them had it in hand."""
    killed = []
    for name in names:
        with suppress(NotNow):
            killed.append(f"{name} ({hand.kill(name)})")
    if not killed:
        raise NotNow
    cuts = bool({*IOS, *hand.house.cast.names} & {*names})
    hand.diary.write(f"kill {names[0]} {when}", names, f"{' and '.join(killed)} killed {when}", cuts=cuts)


def unheard(whom: Callable[[Hand, str], None], hand: Hand) -> None:
    """Somebody is killed while an order stands on a bill and its answer was not heard."""
    cast = hand.house.cast
    already = {one.operation for orders in bills(hand.house.home).values() for one in orders}
    if cast.scenario is None:
        _stall(hand)

    def accepted() -> str:
        """The service that has such an order."""
        orders = (one for some in bills(hand.house.home).values() for one in some)
        late = (one.service for one in orders if one.operation not in already and cast.kept_back in one.faults)
        return next(late, "")

    if not hand.wait(lambda: bool(accepted()), _SOON if cast.scenario is None else _SCRIPTED):
        raise NotNow
    whom(hand, accepted())


def _stall(hand: Hand) -> None:
    """Every service keeps back its answer to the next order."""
    for service in hand.house.cast.processes:
        if hand.house.ask(service, "POST", "/v1/faults", {"fault": f"stall {STALL:g}", "next": 1}) is None:
            raise NotNow
        hand.diary.write("fault stall", (service,), f"{service}: stall for the next order")


def _kill_ios(hand: Hand, _service: str) -> None:
    kill_all(IOS, hand, "in mid-submit")


def _kill_service(hand: Hand, service: str) -> None:
    kill_all((hand.house.cast.processes[service],), hand, "in mid-submit")


def unread(hand: Hand) -> None:
    """The io workers are killed while services have their orders and have read none yet: the services stand still."""
    seconds = _SOON + _LATER
    everybody = hand.house.cast.names
    for process in everybody:
        pid = hand.house.signal(process, signal.SIGSTOP)
        if pid is not None:
            hand.let_go_on(pid, seconds)
    hand.diary.write(
        "stop every service", everybody, f"services stand still for {seconds:g} s", lasts=seconds, cuts=True
    )
    begun = select(func.count()).select_from(Attempt).where(Attempt.outcome == "open")

    def sent() -> bool:
        with suppress(DBAPIError):
            return _unread(hand.house) and hand.house.deps.db.run(lambda s: bool(s.scalar(begun)), patience=0.0)
        return False

    if not hand.wait(sent, _SOON):
        raise NotNow
    kill_all(IOS, hand, "while their orders were not read yet")


def _unread(house: House) -> bool:
    """Whether a service's socket has connections that it has not taken up (see unix(7) on /proc/net/unix)."""
    if house.cast.scenario is not None:
        return _untaken(house.emulator_port or 0)
    names = {str(house.sockets / f"{name}.sock") for name in house.cast.processes}
    lines = [line.split() for line in Path("/proc/net/unix").read_text("utf-8", "replace").splitlines()[1:]]
    return any(words[-1] in names and words[5] in ("02", "03") for words in lines)


def _untaken(port: int) -> bool:
    """The same of a port of this machine: of one that listens (0A), proc(5) tells how many wait to be taken up."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    here = f"0100007F:{port:04X}"
    return any(words[1] == here and words[3] == "0A" and int(words[4].partition(":")[2], 16) for words in lines)


def at_work(model: type[Workable], states: Sequence[str], names: Sequence[str], when: str, hand: Hand) -> None:
    """The workers are killed while one of them holds a row of that kind."""
    held = select(func.count()).select_from(model).where(model.state.in_(states), model.lease_until.is_not(None))

    def reached() -> bool:
        try:
            return bool(hand.house.deps.db.run(lambda session: session.execute(held).scalar_one(), patience=0.0))
        except DBAPIError:
            return False

    if not hand.wait(reached, _SOON):
        raise NotNow
    kill_all(names, hand, when)


def in_a_transaction(names: Sequence[str], hand: Hand) -> None:
    """Workers, or a backend, are killed while they move rows on and have not committed."""
    waits = text("select count(*) from pg_locks where not granted and relation = 'transitions'::regclass")

    def blocked(session: Session) -> bool:
        return bool(session.execute(waits).scalar_one())

    def reached() -> bool:
        with suppress(DBAPIError):
            return hand.house.deps.db.run(blocked, patience=0.0)
        return False

    try:
        with hand.house.deps.db.engine.connect() as connection:
            # A worker that stands still in a transaction would be waited for, and by nobody set going again.
            connection.execute(text("set local lock_timeout = '1s'"))
            connection.execute(text("lock table transitions in share mode"))
            try:
                came = hand.wait(reached, 1.0)
                time.sleep(0.05)  # so that more than one waits
                if came and names:
                    kill_all(names, hand, "in a transaction")
                elif came:
                    kill_backend(hand)
            finally:
                connection.invalidate()  # hangs up, which ends the lock; the server may be gone
    except DBAPIError as error:
        raise NotNow from error
    if not came:
        raise NotNow


def at_a_place(beginnings: Sequence[str], number: signal.Signals, hand: Hand) -> None:
    """A worker is killed, or stands still, at a place of the code, one of those that workers have crossed before."""
    traps = hand.house.traps
    known = traps.places(*beginnings)
    if not known:
        raise NotNow
    # Half of them, so that one of them is crossed soon; which, is for the dice and the workers.
    some = hand.dice.sample(known, (len(known) + 1) // 2)
    names = {hand.house.pid(name): name for name in WORKERS}
    traps.set(some, number)
    try:
        hand.wait(lambda: bool(traps.sprung()), _SOON)
    finally:
        traps.withdraw()
    gone = traps.empty()
    if gone is None:
        raise NotNow
    pid, place = gone
    name = names.get(pid, "a worker that was just started")
    whom = (name,) if pid in names else WORKERS
    cuts = bool({*whom} & {*IOS})
    if number == signal.SIGKILL:
        hand.spare(name)
        hand.diary.write("killed at a place", whom, f"{name} ({pid}) was killed at {place}", cuts=cuts)
        return
    seconds = hand.dice.uniform(*terms.STANDSTILL)
    hand.let_go_on(pid, seconds)
    what = f"{name} ({pid}) stands still for {seconds:.1f} s at {place}"
    hand.diary.write("stopped at a place", whom, what, lasts=seconds, cuts=cuts)


STEPS = ("pipeline.", "tasks.")
_BUYING = ("pipeline.submit.", "pipeline.journal.", "pipeline.reconcile.", "tasks.submit.", "tasks.reconcile.")
_DECIDING = ("pipeline.gather.", "pipeline.settle.", "tasks.gather.")
_TICKING = ("pipeline.poll.", "pipeline.lane.", "pipeline.sweep.", "tasks.ticks.")

MOMENTS: Mapping[str, Blow] = {
    "a worker, at a place": partial(at_a_place, STEPS, signal.SIGKILL),
    "a worker, in a purchase": partial(at_a_place, _BUYING, signal.SIGKILL),
    "a worker, in a gather": partial(at_a_place, _DECIDING, signal.SIGKILL),
    "a worker, in a tick": partial(at_a_place, _TICKING, signal.SIGKILL),
    "stop a worker at a place": partial(at_a_place, STEPS, signal.SIGSTOP),
    "stop a worker in a purchase": partial(at_a_place, _BUYING, signal.SIGSTOP),
    "io, order accepted, answer not heard": partial(unheard, _kill_ios),
    "service, order accepted, answer not sent": partial(unheard, _kill_service),
    "postgres, order accepted, answer not heard": partial(unheard, lambda hand, _service: kill_backend(hand)),
    "supervisor, order accepted, answer not heard": partial(unheard, lambda hand, _service: kill_supervisor(hand)),
    "io, order sent, read by the service later": unread,
    "io, in a download": partial(
        at_work, GenerationCandidate, (str(CandidateState.ANNOUNCED),), IOS, "in mid-download"
    ),
    "gpu, in a scoring": partial(at_work, GenerationCandidate, (str(CandidateState.STORED),), GPUS, "in mid-score"),
    "io, in a stitch": partial(at_work, Project, (str(ProjectState.STITCHING),), IOS, "in mid-stitch"),
    "io, in a transaction": partial(in_a_transaction, IOS),
    "tick, in a transaction": partial(in_a_transaction, ("tick",)),
    "postgres, in a transaction": partial(in_a_transaction, ()),
}
