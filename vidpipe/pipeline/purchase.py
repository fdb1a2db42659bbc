"""What every purchase goes through, before its call and after it: bounds, intent, and what is written of the answer.

Before: whether the film's budget and the scene's bound allow it; the intent with its token and its reservation.
After: that it was accepted, whoever holds the lease by then and whatever became of the take meanwhile; or that it
surely was not. What is unclear keeps its reservation until it is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Uuid, bindparam, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from vidpipe.db import attempts, lanes, money, projects, scenes
from vidpipe.db.models import Attempt, Drawing, Project, Purchase, Scene, Take
from vidpipe.db.transitions import NOW, advance, advance_many, born
from vidpipe.domain.requests import Accepted
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import PROJECT_RUNS, Entity, TakeState, sources
from vidpipe.errors import Refused, Unavailable
from vidpipe.pipeline import control, journal
from vidpipe.pipeline.deps import Deps

# Seconds after its intent was committed within which a call is begun, or not at all (a paused machine wakes up).
BEGIN_WITHIN = 5.0
# An answer to a purchase is worth waiting a long time for the database to take it. Seconds.
PATIENCE = 120.0
# A clock that goes on while the machine sleeps, where there is one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class TooDear:
    """It would cost more than the film or the scene may."""

    fault: Fault
    reason: str


def too_dear(session: Session, project: Project, row: Take | Drawing, price: Decimal) -> TooDear | None:
    """Whether `price` US dollars more are too much, by what is settled and what is reserved; the film is locked."""
    what = "this take" if isinstance(row, Take) else f"drawing its {row.which} frame"
    if not price:
        return None
    if project.budget is not None:
        film = money.spent(session, project.id)
        if film.committed + price > project.budget:
            return TooDear(Fault.BUDGET, _words("the film's budget", project.budget, film, what, price))
    scene = session.get_one(Scene, row.scene_id)
    if scene.max_cost is not None:
        spent = money.spent_on_version(session, scene.id, row.version)
        if spent.committed + price > scene.max_cost:
            return TooDear(Fault.COST, _words(f"what {scene.label} may cost", scene.max_cost, spent, what, price))
    return None


def _words(whose: str, bound: Decimal, balance: money.Balance, what: str, price: Decimal) -> str:
    reserved = f" and ${balance.open:.2f} reserved" if balance.open else ""
    return f"{whose} is ${bound:.2f}: ${balance.settled:.2f} spent{reserved}, and {what} would cost ${price:.2f}"


def give_up(session: Session, project: Project, row: Take | Drawing, lease: UUID, over: TooDear) -> None:
    """End what is too dear, and its film where that says so: at once, since nobody comes back to this.

    Raises Stale where the row is no longer held under this lease.
    """
    ends_film = over.fault == Fault.BUDGET and project.on_budget == control.CANCEL
    if ends_film:
        scenes.lock_all(session, [scene.id for scene in projects.scenes(session, project.id)])  # parents first
    advance(
        session, row, "gave_up", lease=lease, reason=over.reason, last_error=over.reason, fault=str(over.fault),
        ended_at=NOW,
    )  # fmt: skip
    if ends_film:
        control.budget_reached(session, project, over.reason)


def running(session: Session, project_id: UUID, *, counted: bool) -> Project | None:
    """The film, if it is being worked on, held as it is until the transaction ends; None otherwise.

    `counted`: its money is about to be counted, so nobody else may reserve meanwhile.
    """
    project = (projects.lock if counted else projects.keep)(session, project_id)
    return project if project.state in PROJECT_RUNS else None


def latest() -> float:
    """When a call that is to be begun now has to be begun at the latest, for `ready`."""
    return time.clock_gettime(_CLOCK) + BEGIN_WITHIN


def ready(deps: Deps, row: Take | Drawing, attempt: Attempt, price: Decimal, by: float) -> None:
    """The last thing before a call whose intent was committed: its note in the journal, and a look at the clock.

    Raises StorageError where the journal cannot be written, and Unavailable where this worker stood still for too long;
    nothing was sent then.
    """
    if price:  # a database that is restored later does not know of this order; the journal does
        journal.write(deps, row, attempt, price)
    if time.clock_gettime(_CLOCK) > by:
        raise Unavailable("this worker stood still for too long before the call; nothing was sent")


def nothing_bought(session: Session, attempt: Attempt, outcome: str, detail: str) -> bool:
    """Write that an attempt surely bought nothing; False where something else was known of it already."""
    if not money.end_attempt(session, attempt.id, outcome, detail=detail):
        return False
    money.release(session, attempt)
    return True


def accepted(session: Session, take: Take, attempt: Attempt, answer: Accepted, timeout: float) -> UUID | None:
    """Write the operation's name; the take that is watched for it, None where that was written before.

    Whoever holds the lease, and whatever became of the take. Where it has another operation meanwhile (its order
    was given up as lost and given again), this one becomes a take of its own.
    """
    lanes.reopen(session, take.service)
    now = session.execute(_locked(), {"take": take.id}, execution_options={"populate_existing": True}).scalar_one()
    before = session.execute(_before(), {"attempt": attempt.id}).one()
    if before.known:
        return None
    money.end_attempt(session, attempt.id, "accepted", operation=answer.name)
    if before.others:
        others_are_unclear(session, attempt)
    longest = timedelta(seconds=timeout)
    if now.operation is not None or TakeState(now.state) not in sources(Entity.TAKE, "accepted"):
        return _take_of_its_own(session, now, attempt, answer.name, longest)
    first = timedelta(seconds=min(answer.ready_in, timeout)) if answer.ready_in else None
    advance_many(
        session, Entity.TAKE, [take.id], "accepted", states=[now.state], reason=answer.name, fault=None, ended_at=None,
        operation=answer.name, submitted_at=NOW, deadline_at=longest, due_at=first,
    )  # fmt: skip
    return take.id


@cache
def _locked() -> Any:
    return select(Take).where(Take.id == bindparam("take", type_=Uuid)).with_for_update(key_share=True)


@cache
def _before() -> Any:
    """Whether an attempt is known to be accepted, and whether others of its purchase are open."""
    other = aliased(Attempt)
    others = exists().where(other.purchase_id == Attempt.purchase_id, other.id != Attempt.id, other.outcome == "open")
    known = (Attempt.outcome == "accepted").label("known")
    return select(known, others.label("others")).where(Attempt.id == bindparam("attempt", type_=Uuid))


def _take_of_its_own(session: Session, take: Take, attempt: Attempt, operation: str, longest: timedelta) -> UUID:
    same = (Take.scene_id == take.scene_id, Take.version == take.version, Take.round == take.round)
    slot = session.execute(select(func.max(Take.slot) + 1).where(*same)).scalar_one()
    other = Take(
        id=uuid4(), project_id=take.project_id, scene_id=take.scene_id, version=take.version, round=take.round,
        slot=slot, service=take.service, model=take.model, count=take.count, seed=take.seed, prompt=take.prompt,
        request=take.request, policy_level=take.policy_level, state=str(TakeState.SUBMITTED),
        sent_at=func.clock_timestamp(), admitted_at=take.admitted_at, operation=operation,
        submitted_at=func.clock_timestamp(), deadline_at=func.clock_timestamp() + longest,
    )  # fmt: skip
    session.add(other)
    session.flush()
    born(session, other, f"take {take.round}.{take.slot} was accepted a second time, as {operation}")
    price = session.get_one(Purchase, attempt.purchase_id).price
    purchase = money.purchase_of(session, money.order_of(other, price))
    session.execute(
        update(Attempt)
        .where(Attempt.id == attempt.id)
        .values(purchase_id=purchase.id)
        .execution_options(synchronize_session=False)
    )
    return other.id


def others_are_unclear(session: Session, attempt: Attempt) -> None:
    """What else was ordered for the same and not answered is nobody's next step any more: a person sees it."""
    mine = select(Attempt.purchase_id).where(Attempt.id == attempt.id).scalar_subquery()
    session.execute(
        update(Attempt)
        .where(Attempt.purchase_id == mine, Attempt.id != attempt.id, Attempt.outcome == "open")
        .values(outcome="unclear", ended_at=func.clock_timestamp(), detail="another order of the same was accepted")
        .execution_options(synchronize_session=False)
    )


def end(
    session: Session, take: Take, attempt: Attempt, event: str, *, reason: str, sent: bool = True, **values: Any
) -> None:
    """Move a take on whose call came to nothing, unless it was ordered anew meanwhile or has moved on by itself.

    What is known of the attempt is written in any case. A take that waits for that very knowledge is looked at.
    """
    moved = attempts.is_latest(session, attempt) and advance_many(
        session, Entity.TAKE, [take.id], event, states=[TakeState.SUBMITTING], reason=reason, sent=sent,
        last_error=reason, **values,
    )  # fmt: skip
    if not moved:
        session.execute(
            update(Take)
            .where(Take.id == take.id, Take.state == str(TakeState.UNCERTAIN), Take.due_at.is_(None))
            .values(due_at=func.clock_timestamp(), sent_at=None, sends=0)
            .execution_options(synchronize_session=False)
        )


def refusal(error: Refused) -> Fault:
    """What a refusal means for what is bought next: the ladder helps against a policy, nothing against the rest."""
    return Fault.POLICY if error.kind == "policy" else Fault.REFUSED
