"""How a step is run: claim, work, record; and the one place where our errors become park, end or silence.

    Stale              somebody else has done it: nothing
    a database away    nothing: the lease runs out, and the sweep sends the row again
    Transient          the row is parked and tried again after a pause, a bounded number of times
    StorageError, OSError   no place for media: the row waits, however long, and says why
    any VidpipeError   the row ends by the step's `gave_up` event, with the reason
    anything else      a defect: recorded on the row, tried again like a transient fault, then ended

A step never raises because of its row: what follows it in the chain finds nothing to do.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from vidpipe import telemetry
from vidpipe.db.engine import is_away
from vidpipe.db.leases import claim, park
from vidpipe.db.models import Workable
from vidpipe.db.transitions import advance
from vidpipe.domain.states import Entity, sources
from vidpipe.errors import NotStored, Stale, StorageError, Transient, VidpipeError
from vidpipe.logs import about
from vidpipe.pipeline.deps import Deps
from vidpipe.settings import Timing

Row = TypeVar("Row", bound=Workable)
log = logging.getLogger(__name__)
DEATHS = 3  # workers that may die on one row before it is given up
DIED = "workers died at the step"  # how the reason of one that was given up for it reads


@dataclass(frozen=True)
class Ref:
    """A row whose next segment should be sent."""

    entity: Entity
    id: UUID


Refs = Sequence[Ref]


@dataclass(frozen=True)
class Step(Generic[Row]):
    """One step: the rows it is for, the states it starts from, what it does, and how it gives a row up."""

    name: str
    model: type[Row]
    states: frozenset[str]
    work: Callable[[Deps, Row, UUID], Refs]  # (deps, row, lease)
    gave_up: str  # the event that ends the row
    after_giving_up: Callable[[Row], Refs]
    only_if: Callable[[], Iterable[ColumnElement[bool]]] = tuple
    tries: int = 0  # for transient faults; 0: as the settings say
    given_up: Mapping[str, Any] = field(default_factory=dict)  # what is written of a row that is given up


def run(deps: Deps, step: Step[Row], row_id: UUID) -> Refs:
    """Run `step` on the row, if it is there to be had; what should be sent next."""
    lease = uuid4()
    timing = deps.settings.timing

    def take_it(session: Session) -> Row | None:
        return claim(
            session, step.model, row_id, step.states,
            token=lease, seconds=timing.lease, by=deps.worker, only_if=step.only_if,
        )  # fmt: skip

    row = deps.db.run(take_it)
    if row is None:
        telemetry.outcome("nothing")
        return ()
    if row.deaths >= DEATHS:
        return _give_up(deps, step, row, lease, f"{row.deaths} {DIED} {step.name}")
    with about(**_names(row)), deps.keeper.hold(step.model, lease):
        try:
            return step.work(deps, row, lease)
        except Stale as error:
            telemetry.outcome("stale")
            log.info("%s: %s", step.name, error)
            return ()
        except Transient as error:
            return _again(deps, step, row, lease, error.message, error.retry_after)
        except (StorageError, OSError) as error:
            if isinstance(error, NotStored):
                return _give_up(deps, step, row, lease, error.message)
            return _wait(deps, step, row, lease, str(error))
        except VidpipeError as error:
            return _give_up(deps, step, row, lease, error.message)
        except DBAPIError as error:
            if not is_away(error):
                log.exception("%s failed on %s %s", step.name, row.entity, row.id)
                return _again(deps, step, row, lease, f"{type(error).__name__}: {error.orig}", None)
            # The lease runs out and the sweep sends the row again; no try is counted for it.
            telemetry.outcome("away")
            log.warning("%s of %s %s: the database is away: %s", step.name, row.entity, row.id, error.orig)
            return ()
        except Exception as error:
            log.exception("%s failed on %s %s", step.name, row.entity, row.id)
            return _again(deps, step, row, lease, f"{type(error).__name__}: {error}", None)


def _names(row: Workable) -> dict[str, UUID | None]:
    """Whose row it is, for every line of the log."""
    above = (("film", "project_id"), ("scene", "scene_id"), ("take", "take_id"))
    own = "film" if row.entity == Entity.PROJECT else str(row.entity)
    return {name: getattr(row, column, None) for name, column in above} | {own: row.id}


def _wait(deps: Deps, step: Step[Row], row: Row, lease: UUID, reason: str) -> Refs:
    """A full disk or a store that is away is nobody's fault here: what was paid for is not given up for it."""
    telemetry.outcome("waits")
    log.warning("%s of %s %s waits: %s", step.name, row.entity, row.id, reason)
    seconds = pause(deps.settings.timing, row.waits)
    deps.db.run(lambda session: park(session, row, lease, seconds, error=reason, tried=False, waits=row.waits + 1))
    return ()


def pause(timing: Timing, tries: int, retry_after: float | None = None) -> float:
    """Seconds until the next try: doubling, with jitter, never sooner than the service asked for."""
    doubled = min(timing.backoff * 2.0 ** min(tries, 60), timing.backoff_most)
    return max(retry_after or 0.0, doubled * (0.75 + random.random() / 2))


def _again(deps: Deps, step: Step[Row], row: Row, lease: UUID, reason: str, retry_after: float | None) -> Refs:
    if row.tries + 1 >= (step.tries or deps.settings.tries):
        return _give_up(deps, step, row, lease, f"{reason} (after {row.tries + 1} tries)")
    telemetry.outcome("again")
    seconds = pause(deps.settings.timing, row.tries, retry_after)
    deps.db.run(lambda session: park(session, row, lease, seconds, error=reason))
    return ()


def _give_up(deps: Deps, step: Step[Row], row: Row, lease: UUID, reason: str) -> Refs:
    telemetry.outcome("gave_up")

    def end(session: Session) -> bool:
        if row.state not in sources(row.entity, step.gave_up):
            # An uncertain take can't be ended by itself: without a time it is due at, it is left to a person.
            return park(session, row, lease, 0.0, error=reason, tried=False, due_at=None, tries=0, deaths=0)
        try:
            advance(session, row, step.gave_up, lease=lease, reason=reason, last_error=reason, **step.given_up)
        except Stale:
            return False
        return True

    return step.after_giving_up(row) if deps.db.run(end) else ()
