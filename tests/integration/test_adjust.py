"""A bill that turned out other than it was entered: a person corrects it, once an order, and every sum counts it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.paid import PRICE, YES, Askable, Service, employ
from tests.scripted import film_of
from tests.stories import story
from vidpipe.db import money, projects
from vidpipe.db.models import Attempt, LedgerEntry, Project, Take
from vidpipe.domain.requests import VideoRequest
from vidpipe.domain.states import ProjectState
from vidpipe.errors import Transient, Uncertain, UserError
from vidpipe.pipeline import accounts
from vidpipe.pipeline.adjust import adjust
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll

Play = Callable[[UUID], Project]
WHY = "the bill of May"


@pytest.fixture
def made(eager: Deps, play: Play) -> UUID:
    """A film of two scenes that is done, each clip for PRICE, with a budget of a dollar."""
    employ(eager, Askable())
    project_id = enroll(eager, story(scenes=2), consent=Consent(confirmed=True, budget=Decimal(1))).project_id
    assert play(project_id).state == ProjectState.DONE
    return project_id


def take_of(deps: Deps, project_id: UUID) -> Take:
    """The take of the film's first scene."""

    def work(session: Session) -> Take:
        first = projects.scenes(session, project_id)[0]
        return session.execute(select(Take).where(Take.scene_id == first.id)).scalar_one()

    return deps.db.run(work)


def attempts(deps: Deps) -> list[Attempt]:
    found = select(Attempt).order_by(Attempt.created_at)
    return list(deps.db.run(lambda session: session.execute(found).scalars().all()))


def corrections(deps: Deps) -> list[LedgerEntry]:
    found = select(LedgerEntry).where(LedgerEntry.kind == "adjust")
    return list(deps.db.run(lambda session: session.execute(found).scalars().all()))


def spent(deps: Deps, project_id: UUID) -> money.Balance:
    return deps.db.run(lambda session: money.spent(session, project_id))


def test_a_correction_is_an_entry_of_its_own_and_every_sum_counts_it(eager: Deps, made: UUID) -> None:
    take = take_of(eager, made)
    said = adjust(eager, str(take.id), Decimal("-0.15"), f"  {WHY}\n")
    assert said == "A test, Shot 1A, take 1.1 has cost $0.25, corrected by -$0.15"
    assert spent(eager, made) == money.Balance(2 * PRICE - Decimal("0.15"), Decimal(0))
    (entry,) = corrections(eager)
    assert entry.amount == Decimal("-0.15") and entry.why == WHY
    account = accounts.film(eager, made)
    (first, second) = account.scenes
    assert first.balance.settled == first.takes[0].balance.settled == Decimal("0.25")
    assert second.balance.settled == PRICE and account.balance.settled == Decimal("0.65")
    assert eager.db.run(money.by_service)["procedural"].settled == Decimal("0.65")
    (correction,) = account.corrections
    assert (correction.scene, correction.take, correction.why) == ("Shot 1A", "take 1.1", WHY)
    assert correction.order == first.takes[0].order


def test_said_again_it_is_one_entry_and_another_amount_is_refused(eager: Deps, made: UUID) -> None:
    order = str(take_of(eager, made).id)
    adjust(eager, order, Decimal("0.10"), WHY)
    assert "already" in adjust(eager, order, Decimal("0.10"), "said again")
    with pytest.raises(UserError, match=r"\+\$0.10 already") as raised:
        adjust(eager, order, Decimal("0.25"), WHY)
    assert "+$0.15" in raised.value.remedy
    assert [(one.amount, one.why) for one in corrections(eager)] == [(Decimal("0.10"), WHY)]


@pytest.mark.parametrize("by", ["take", "token", "beginning", "operation"])
def test_an_order_is_known_by_its_take_its_token_or_its_name_at_the_service(eager: Deps, made: UUID, by: str) -> None:
    take = take_of(eager, made)
    order = next(one for one in attempts(eager) if one.operation == take.operation)
    beginning = str(order.token)[:8].upper()
    names = {"take": take.id, "token": order.token, "beginning": beginning, "operation": take.operation}
    assert "Shot 1A" in adjust(eager, str(names[by]), Decimal("0.10"), WHY)
    assert [one.attempt_id for one in corrections(eager)] == [order.id]


def test_a_correction_that_goes_beyond_the_budget_says_so(eager: Deps, made: UUID) -> None:
    said = adjust(eager, str(take_of(eager, made).id), Decimal("0.30"), WHY)
    assert said.endswith("; the film is $0.10 over its budget of $1.00 now")


REFUSED = {
    "no reason": ("", "0.10", " \n", "not said why", "--why"),
    "nothing": ("", "0", WHY, "no correction", "+0.10"),
    "less than the ledger can hold": ("", "0.0000001", WHY, "no correction", "+0.10"),
    "a slip of the hand": ("", "10000000", WHY, "no correction", "at most"),
    "no number": ("", "NaN", WHY, "no correction", "+0.10"),
    "less than nothing": ("", "-0.41", WHY, "less than nothing", "Take off \\$0.40 at most"),
    "too short a name": ("abc", "0.10", WHY, "too short", "4 characters"),
    "no name": (" ", "0.10", WHY, "too short", "4 characters"),
    "no such order": ("0123456789", "0.10", WHY, "no order or take", "vidpipe money FILM"),
}


@pytest.mark.parametrize(("order", "amount", "why", "what", "remedy"), REFUSED.values(), ids=list(REFUSED))
def test_nonsense_is_refused_and_nothing_is_written(
    eager: Deps, made: UUID, order: str, amount: str, why: str, what: str, remedy: str
) -> None:
    with pytest.raises(UserError, match=what) as raised:
        adjust(eager, order or str(take_of(eager, made).id), Decimal(amount), why)
    assert remedy.replace("\\", "") in raised.value.remedy
    assert not corrections(eager)


def test_what_is_not_settled_yet_is_not_corrected(eager: Deps, play: Play) -> None:
    service = Service()
    employ(eager, service)

    def unheard(request: VideoRequest) -> None:
        raise Uncertain("no answer")

    service.on_submit = unheard
    project_id = enroll(eager, story(), consent=YES).project_id
    assert play(project_id).state == ProjectState.WAITING
    with pytest.raises(UserError, match="nothing is entered yet") as raised:
        adjust(eager, str(take_of(eager, project_id).id), Decimal("0.10"), WHY)
    assert "vidpipe uncertain billed" in raised.value.remedy
    assert spent(eager, project_id) == money.Balance(Decimal(0), PRICE)


def test_of_several_orders_of_a_take_the_one_that_cost_something_is_corrected(eager: Deps, play: Play) -> None:
    service = Askable()
    employ(eager, service)
    refused: list[VideoRequest] = []

    def busy_once(request: VideoRequest) -> None:
        if not refused:
            refused.append(request)
            raise Transient("busy", retry_after=0.01)

    service.on_submit = busy_once
    project_id = enroll(eager, story(), consent=YES).project_id
    assert play(project_id).state == ProjectState.DONE
    first, second = attempts(eager)
    adjust(eager, str(take_of(eager, project_id).id), Decimal("0.10"), WHY)
    assert [one.attempt_id for one in corrections(eager)] == [second.id]
    # The first was not accepted. If the bill says otherwise, it is named itself.
    adjust(eager, str(first.token), Decimal("0.40"), "billed although it was turned away")
    assert spent(eager, project_id) == money.Balance(2 * PRICE + Decimal("0.10"), Decimal(0))
    assert film_of(eager, project_id).state == ProjectState.DONE
