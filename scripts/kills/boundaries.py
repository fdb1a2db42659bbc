"""Kills at the worst moments, brought about on purpose instead of hoped for.

Each waits until a film stands at a boundary, kills, and leaves the rest to `trial`. The cluster's service must
heed the faults in prompts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from scripts.kills import films
from scripts.kills.check import bill
from scripts.kills.films import Shape
from scripts.kills.house import House, wait_for
from scripts.kills.trial import Trial, after_the_kill
from vidpipe.db.models import Attempt, Cut, Purchase, Take
from vidpipe.domain.states import CutState, TakeState

PATIENCE = 30.0  # seconds until a film must stand at its boundary
STALLED = "a harbour at dawn [fault: stall 8]"  # accepted and billed at once, answered 8 seconds later


@dataclass(frozen=True)
class Boundary:
    """A moment to kill at: `process` is killed once `reached` returns, within `around`."""

    name: str
    process: str
    reached: Callable[[House, UUID], None]
    prompt: str = ""
    around: Callable[[House], Iterator[None]] | None = None


def crossing(house: House, boundary: Boundary, title: str) -> Trial:
    """A film of two scenes during which a process is killed at the boundary."""
    shape = Shape(scenes=2, candidates=2, prompt=boundary.prompt)
    trial = Trial(boundary.name, 0.0, phases=("boundary",))
    with contextmanager(boundary.around or _nothing)(house):
        began = time.monotonic()
        trial.project_id = films.begin(house, shape, title)
        try:
            boundary.reached(house, trial.project_id)
        except AssertionError as error:
            trial.violations.append(f"the moment was not reached, and nothing was killed: {error}")
            return trial
        trial.killed_at = time.monotonic() - began
        killed = house.kill(boundary.process)
    after_the_kill(house, shape, trial, killed, began, usual=trial.killed_at)
    return trial


def _nothing(_house: House) -> Iterator[None]:
    yield


def _accepted_unheard(house: House, project_id: UUID) -> None:
    """Every take's order is on the service's bill, and none of the answers has come."""
    wait_for(lambda: _tokens(house, project_id) == 2 == _on_the_bill(house, project_id), PATIENCE, "two stalled orders")


def _intended(house: House, project_id: UUID) -> None:
    """Every take's intent is committed; the service, which stands still, has answered none."""
    wait_for(lambda: _tokens(house, project_id) == 2, PATIENCE, "two intents")
    wait_for(lambda: _calls_under_way(house) >= 2, PATIENCE, "two calls at a service that stands still")


def _tokens(house: House, project_id: UUID) -> int:
    counted = (
        select(func.count())
        .select_from(Attempt)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .join(Take, Take.id == Purchase.take_id)
        .where(Take.project_id == project_id, Take.state == str(TakeState.SUBMITTING))
    )
    return house.deps.db.run(lambda session: int(session.execute(counted).scalar_one()))


def _on_the_bill(house: House, project_id: UUID) -> int:
    wanted = (
        select(Attempt.token)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .where(Purchase.project_id == project_id)
    )
    tokens = house.deps.db.run(lambda session: [str(token) for token in session.execute(wanted).scalars()])
    billed = bill(house.home)
    return sum(len(billed.get(token, ())) for token in tokens)


def _calls_under_way(house: House) -> int:
    """Connections that the io worker holds open to the procedural service's socket."""
    listening = str(house.sockets / "procedural.sock")
    lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    return sum(line.endswith(listening) and line.split()[5] in ("03", "02") for line in lines[1:])


def _stitching(house: House, project_id: UUID) -> None:
    counted = select(func.count()).select_from(Cut).where(
        Cut.project_id == project_id, Cut.state == str(CutState.STITCHING)
    )  # fmt: skip
    wait_for(
        lambda: house.deps.db.run(lambda session: bool(session.execute(counted).scalar_one())), PATIENCE, "the stitch"
    )


def _wave_blocked(house: House, _project_id: UUID) -> None:
    """The wave has taken its answers and is writing them down: its insertion waits for a table's lock."""
    waits = text("select count(*) from pg_locks where not granted and relation = 'generation_candidates'::regclass")

    def blocked(session: Session) -> bool:
        return bool(session.execute(waits).scalar_one())

    wait_for(lambda: house.deps.db.run(blocked), PATIENCE, "a wave that writes")


def _candidates_locked(house: House) -> Iterator[None]:
    """No candidate can be written within the block."""
    with house.deps.db.engine.connect() as connection:
        connection.execute(text("lock table generation_candidates in share mode"))
        try:
            yield
        finally:
            connection.invalidate()  # hangs up, which ends the lock; the server may be gone


def _service_stands_still(house: House) -> Iterator[None]:
    """The service takes connections (its kernel does) and reads nothing within the block."""
    service = psutil.Process(house.pid("procedural"))
    os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


BOUNDARIES = (
    Boundary("io, order accepted, answer not heard", "io", _accepted_unheard, STALLED),
    Boundary("procedural, order accepted, answer not sent", "procedural", _accepted_unheard, STALLED),
    Boundary("postgres, order accepted, answer not heard", "postgres", _accepted_unheard, STALLED),
    Boundary("supervisor, order accepted, answer not heard", "supervisor", _accepted_unheard, STALLED),
    Boundary("io, order sent, read by the service later", "io", _intended, around=_service_stands_still),
    Boundary("tick, in the wave's transaction", "tick", _wave_blocked, around=_candidates_locked),
    Boundary("postgres, in the wave's transaction", "postgres", _wave_blocked, around=_candidates_locked),
    Boundary("io, in the stitch", "io", _stitching),
)
