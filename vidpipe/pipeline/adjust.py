"""adjust: a person corrects what an order has cost, where the service's bill turned out other than it was entered.

The ledger only grows: a correction is an entry of its own, with its reason, and every balance counts it. An order is
corrected once; said again with the same amount it is the same entry. What a clip is said to have cost stays what it
was when it was delivered: clips are compared by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, String, cast, or_, select
from sqlalchemy.orm import Session

from vidpipe.db import money, projects
from vidpipe.db.models import Attempt, Drawing, LedgerEntry, Project, Purchase, Scene, Take
from vidpipe.domain.pricing import MILLIONTH
from vidpipe.errors import UserError
from vidpipe.pipeline.accounts import name_of
from vidpipe.pipeline.deps import Deps

MOST = Decimal(1_000_000)  # US dollars; more is a slip of the hand
_LEAST = 4  # characters that name an order or a take
_SHOWN = 8  # characters of a token that a person is shown


@dataclass(frozen=True)
class _Bought:
    """One order, and what it was for."""

    attempt: Attempt
    purchase: Purchase
    what: str


def adjust(deps: Deps, words: str, amount: Decimal, why: str) -> str:
    """Add `amount` US dollars (or take them off, below 0) to what an order has cost. Says what happened.

    `words`: the beginning of the order's token or of its take's id, or the operation's name at the service. Raises
    UserError where that is no order or several, is not settled yet, or would have cost less than nothing.
    """
    reason = " ".join(why.split())
    if not reason:
        raise UserError("it is not said why the bill is other", remedy='Say it: --why "the bill of May".')
    change = amount.quantize(MILLIONTH) if amount.is_finite() and abs(amount) <= MOST else None
    if not change:
        raise UserError(
            f"{amount} is no correction of a bill",
            remedy=f"Give what is to be added or taken off, at most {dollars(MOST)}, like +0.10 or -0.10.",
        )
    return deps.db.run(lambda session: _adjust(session, words, change, reason))


def _adjust(session: Session, words: str, change: Decimal, why: str) -> str:
    bought = _named(session, words)
    project = projects.lock(session, bought.purchase.project_id)
    entries = _entries(session, bought.attempt)
    if (before := entries.get("adjust")) is not None:
        return _again(bought, before, change)
    _must_be_settled(session, bought, entries)
    cost = money.balance(session, Attempt.id == bought.attempt.id).settled
    if cost + change < 0:
        raise UserError(
            f"{bought.what} has cost {dollars(cost)}; {signed(change)} would make it less than nothing",
            remedy=f"Take off {dollars(cost)} at most." if cost else "There is nothing to take off.",
        )
    money.enter(session, bought.purchase, bought.attempt.id, "adjust", change, why=why)
    said = f"{bought.what} has cost {dollars(cost + change)}, corrected by {signed(change)}"
    return f"{said}{_over_budget(session, project)}"


def _again(bought: _Bought, before: Decimal, change: Decimal) -> str:
    if before == change:
        return f"{bought.what} is corrected by {signed(before)} already"
    raise UserError(
        f"{bought.what} was corrected by {signed(before)} already, and an order is corrected once",
        remedy=f"Enter the rest, {signed(change - before)}, at another order of the film, and say so in its --why.",
    )


def _must_be_settled(session: Session, bought: _Bought, entries: dict[str, Decimal]) -> None:
    is_open = money.balance(session, Attempt.id == bought.attempt.id).open > 0
    if not is_open and {"settle", "release"} & set(entries):
        return
    order = str(bought.attempt.token)[:_SHOWN]
    if bought.attempt.outcome == "unclear":
        remedy = f"`vidpipe uncertain billed {order} DOLLARS` enters what it cost."
    else:
        remedy = "What it costs is entered when its clips are here; correct it then."
    raise UserError(f"nothing is entered yet of what {bought.what} cost", remedy=remedy)


def _over_budget(session: Session, project: Project) -> str:
    if project.budget is None:
        return ""
    over = money.spent(session, project.id).committed - project.budget
    if over <= 0:
        return ""
    return f"; the film is {dollars(over)} over its budget of {dollars(project.budget)} now"


def _entries(session: Session, attempt: Attempt) -> dict[str, Decimal]:
    found = select(LedgerEntry.kind, LedgerEntry.amount).where(LedgerEntry.attempt_id == attempt.id)
    return {row[0]: row[1] for row in session.execute(found)}


def _named(session: Session, words: str) -> _Bought:
    wanted = words.strip()
    fits = _fitting(session, Attempt.operation == wanted) if wanted else ()
    if not fits:
        if len(wanted) < _LEAST:
            raise UserError(
                f"{words!r} is too short", remedy=f"Give at least {_LEAST} characters of the order or the take."
            )
        begins = (
            cast(column, String).startswith(wanted.lower(), autoescape=True)
            for column in (Attempt.token, Take.id, Drawing.id)
        )
        fits = _fitting(session, or_(*begins))
    if not fits:
        raise UserError(f"there is no order or take {words!r}", remedy="`vidpipe money FILM` lists a film's orders.")
    if len({one.purchase.id for one in fits}) > 1:
        raise UserError(f"{words!r} fits several orders", remedy="Give more of it.")
    return fits[0] if len(fits) == 1 else _that_cost(session, fits)


def _that_cost(session: Session, fits: Sequence[_Bought]) -> _Bought:
    """Of several orders of one take, the one that cost something."""
    paid = [one for one in fits if _entries(session, one.attempt).get("settle")]
    if len(paid) == 1:
        return paid[0]
    orders = ", ".join(str(one.attempt.token)[:_SHOWN] for one in (paid or fits))
    raise UserError(f"{fits[0].what} was ordered several times", remedy=f"Name the order itself: {orders}.")


def _fitting(session: Session, which: ColumnElement[bool]) -> list[_Bought]:
    rows = session.execute(
        select(Attempt, Purchase, Take, Drawing, Scene, Project)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .outerjoin(Take, Take.id == Purchase.take_id)
        .outerjoin(Drawing, Drawing.id == Purchase.drawing_id)
        .join(Scene, Scene.id == Purchase.scene_id)
        .join(Project, Project.id == Purchase.project_id)
        .where(which)
        .order_by(Attempt.purchase_id, Attempt.number)
        .limit(100)
    )
    return [
        _Bought(attempt, purchase, f"{project.title}, {scene.label}, {name_of(take or drawing)}")
        for attempt, purchase, take, drawing, scene, project in rows
    ]


def signed(amount: Decimal) -> str:
    """+$0.10, -$0.10."""
    return f"{'-' if amount < 0 else '+'}{dollars(abs(amount))}"


def dollars(amount: Decimal) -> str:
    """$0.10; as many digits as the amount has."""
    exact = f"{amount.normalize():f}"
    return f"${exact}" if len(exact.partition(".")[2]) > 2 else f"${amount:.2f}"
