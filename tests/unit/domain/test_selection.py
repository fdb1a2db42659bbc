"""What happens to a scene once nothing of its round is under way: the rules, one a test."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.domain.selection import (
    Bounds,
    Buy,
    CandidateFact,
    Choose,
    Fault,
    GiveUp,
    NotYet,
    TakeFact,
    WaitForPerson,
    best_of,
    decide,
)
from vidpipe.domain.states import TAKE_LIVE, CandidateState, TakeState

HERE = "procedural/one"
BOUNDS = Bounds(wanted=2, service=HERE)


def take(state: TakeState, round_: int = 1, slot: int = 1, service: str = HERE, **more: object) -> TakeFact:
    return TakeFact(uuid4(), round_, slot, service, state, **more)  # type: ignore[arg-type]


def clip(
    composite: float | None = 0.5,
    state: CandidateState = CandidateState.SCORED,
    number: int = 1,
    cost: str = "0",
    reason: str = "",
) -> CandidateFact:
    return CandidateFact(uuid4(), (1, 1, number), state, composite, Decimal(cost), reason)


@pytest.mark.parametrize("state", sorted(TAKE_LIVE))
def test_while_a_take_is_live_nothing_is_decided(state: TakeState) -> None:
    assert decide([take(TakeState.SETTLED), take(state, slot=2)], [clip()], BOUNDS) == NotYet()


def test_the_highest_composite_wins() -> None:
    low, high = clip(0.4, number=1), clip(0.6, number=2)
    decision = decide([take(TakeState.SETTLED)], [low, high], BOUNDS)
    assert isinstance(decision, Choose) and decision.best == high.id
    assert "0.600" in decision.why


def test_ties_go_to_the_cheaper_then_to_the_earlier() -> None:
    dear, cheap, late = clip(0.5, number=1, cost="2"), clip(0.5, number=2, cost="1"), clip(0.5, number=3, cost="1")
    assert best_of([late, dear, cheap]) == cheap


def test_an_unmeasured_candidate_loses_to_any_measured_one_but_beats_none() -> None:
    blind, poor = clip(None, number=1), clip(0.01, number=2)
    assert best_of([blind, poor]) == poor
    assert best_of([blind]) == blind


def test_two_of_four_surviving_is_a_success_with_two() -> None:
    spoiled = [clip(None, CandidateState.UNUSABLE, n, reason="black") for n in (1, 2)]
    decision = decide([take(TakeState.SETTLED)], [*spoiled, clip(0.3, number=3), clip(0.4, number=4)], BOUNDS)
    assert isinstance(decision, Choose)


def test_a_spoiled_delivery_counts_as_a_try_and_is_bought_again() -> None:
    decision = decide([take(TakeState.FAILED)], [clip(None, CandidateState.UNUSABLE, reason="black")], BOUNDS)
    assert isinstance(decision, Buy) and decision.service == HERE and decision.count == 2
    assert "black" in decision.why


def test_after_the_last_try_comes_the_fallback_then_the_end() -> None:
    tried = [take(TakeState.FAILED, round_=n, reason="broke") for n in (1, 2, 3)]
    bounds = Bounds(wanted=1, service=HERE, fallback="other/two")
    onward = decide(tried, [], bounds)
    assert isinstance(onward, Buy) and onward.service == "other/two"
    tried += [take(TakeState.FAILED, round_=n, service="other/two", reason="broke too") for n in (4, 5, 6)]
    end = decide(tried, [], bounds)
    assert isinstance(end, GiveUp) and not end.leave_out and "broke too" in end.reason and "6 tries" in end.reason


def test_what_a_service_refuses_is_not_asked_of_it_again() -> None:
    refused = [take(TakeState.REFUSED, fault=Fault.REFUSED, reason="policy")]
    assert isinstance(decide(refused, [], BOUNDS), GiveUp)
    onward = decide(refused, [], Bounds(wanted=1, service=HERE, fallback="other/two"))
    assert isinstance(onward, Buy) and onward.service == "other/two"


LADDER = Bounds(wanted=2, service=HERE, fallback="other/two", top_level=2)


def stopped(level: int, round_: int, **more: Any) -> TakeFact:
    return replace(take(TakeState.REFUSED, round_=round_, fault=Fault.POLICY, reason="not this", **more), level=level)


def test_what_a_policy_stops_is_asked_for_once_a_level_and_then_of_the_fallback_as_it_was_written() -> None:
    taken = [stopped(0, 1)]
    first = decide(taken, [], LADDER)
    assert first == Buy(HERE, 2, "not this; once more at level 1 of the policy ladder", 1)
    second = decide([*taken, stopped(1, 2)], [], LADDER)
    assert isinstance(second, Buy) and (second.service, second.level) == (HERE, 2)
    taken += [stopped(1, 2), stopped(2, 3)]
    onward = decide(taken, [], LADDER)
    assert isinstance(onward, Buy) and (onward.service, onward.level) == ("other/two", 0)
    end = decide([*taken, *(stopped(n, 4 + n, service="other/two") for n in range(3))], [], LADDER)
    assert isinstance(end, GiveUp) and "6 tries" in end.reason


def test_one_survivor_is_a_success_and_climbs_nothing() -> None:
    assert isinstance(decide([stopped(0, 1), take(TakeState.SETTLED, slot=2)], [clip()], LADDER), Choose)


def test_a_fault_of_the_moment_on_a_raised_level_is_tried_again_on_that_level() -> None:
    broken = replace(take(TakeState.FAILED, round_=2, fault=Fault.BROKEN, reason="broke"), level=1)
    again = decide([stopped(0, 1), broken], [], LADDER)
    assert isinstance(again, Buy) and (again.service, again.level) == (HERE, 1)


def test_climbing_takes_nothing_from_the_tries() -> None:
    taken = [stopped(0, 1), stopped(1, 2), stopped(2, 3)]
    broken = [replace(take(TakeState.FAILED, round_=n, fault=Fault.BROKEN), level=2) for n in (4, 5)]
    again = decide([*taken, *broken], [], LADDER)
    assert isinstance(again, Buy) and (again.service, again.level) == (HERE, 2)


def test_a_ladder_that_may_cost_no_more_ends_and_says_so() -> None:
    bounds = replace(LADDER, ladder_ends="the ladder may cost $1.00")
    onward = decide([stopped(0, 1)], [], bounds)
    assert isinstance(onward, Buy) and onward.service == "other/two" and "the ladder may cost $1.00" in onward.why
    end = decide([stopped(0, 1)], [], replace(bounds, fallback=""))
    assert isinstance(end, GiveUp) and "the ladder may cost $1.00" in end.reason


def test_what_cannot_be_made_at_all_is_no_matter_of_words() -> None:
    refused = [take(TakeState.REFUSED, fault=Fault.REFUSED, reason="99 s")]
    onward = decide(refused, [], LADDER)
    assert isinstance(onward, Buy) and onward.service == "other/two"


def test_the_tries_on_a_service_are_counted_over_rounds_and_over_orders_of_one_take() -> None:
    bounds = Bounds(wanted=1, service=HERE, fallback="other/two")
    twice_ordered = take(TakeState.FAILED, fault=Fault.TRANSIENT, tries=2)
    assert decide([twice_ordered], [], bounds) == Buy(
        HERE, 1, "no usable clip came back; another try on procedural/one"
    )
    onward = decide([twice_ordered, take(TakeState.FAILED, round_=2, fault=Fault.SPOILED)], [], bounds)
    assert isinstance(onward, Buy) and onward.service == "other/two"


def test_a_service_that_stays_away_is_left_for_the_fallback_at_once() -> None:
    bounds = Bounds(wanted=1, service=HERE, fallback="other/two")
    onward = decide([take(TakeState.FAILED, fault=Fault.AWAY, reason="down")], [], bounds)
    assert isinstance(onward, Buy) and onward.service == "other/two"


def test_where_money_is_short_a_film_goes_on_with_the_cheaper_model_or_gives_up() -> None:
    over = take(TakeState.FAILED, fault=Fault.BUDGET, reason="the budget is $5.00")
    cheaper = decide([over], [], Bounds(wanted=2, service=HERE, cheaper="procedural/lite"))
    assert isinstance(cheaper, Buy) and cheaper.service == "procedural/lite"
    again = take(
        TakeState.FAILED, round_=2, service="procedural/lite", fault=Fault.BUDGET, reason="the budget is $5.00"
    )
    end = decide([over, again], [], Bounds(wanted=2, service=HERE, cheaper="procedural/lite"))
    assert isinstance(end, GiveUp) and end.reason == "the budget is $5.00"


def test_money_that_is_short_takes_nothing_from_what_was_delivered() -> None:
    takes = [take(TakeState.SETTLED), take(TakeState.FAILED, slot=2, fault=Fault.BUDGET)]
    assert isinstance(decide(takes, [clip()], BOUNDS), Choose)


def test_a_take_past_its_time_is_not_waited_for_and_counts_as_a_try() -> None:
    late = [take(TakeState.OVERDUE, round_=n, fault=Fault.LATE) for n in (1, 2, 3)]
    assert isinstance(decide(late[:1], [], BOUNDS), Buy)
    assert isinstance(decide(late, [], BOUNDS), GiveUp)


def test_an_uncertain_take_is_never_bought_again_by_itself() -> None:
    assert isinstance(decide([take(TakeState.UNCERTAIN)], [], BOUNDS), WaitForPerson)


def test_an_uncertain_take_does_not_hold_up_the_others() -> None:
    takes = [take(TakeState.UNCERTAIN), take(TakeState.SETTLED, slot=2)]
    assert isinstance(decide(takes, [clip()], BOUNDS), Choose)


def test_a_scene_that_is_not_critical_is_left_out() -> None:
    decision = decide(
        [take(TakeState.REFUSED, fault=Fault.REFUSED)], [], Bounds(wanted=1, service=HERE, critical=False)
    )
    assert isinstance(decision, GiveUp) and decision.leave_out


def test_the_bound_on_takes_holds_whatever_else_would_like_to_go_on() -> None:
    bounds = Bounds(wanted=1, service=HERE, fallback="other/two", max_takes=2, tries=9)
    decision = decide([take(TakeState.FAILED, round_=n) for n in (1, 2)], [], bounds)
    assert isinstance(decision, GiveUp) and "bound of 2" in decision.reason


facts = st.builds(
    take,
    st.sampled_from(list(TakeState)),
    st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from([HERE, "other/two"]),
)
clips = st.builds(
    clip,
    st.none() | st.floats(0, 1),
    st.sampled_from([CandidateState.SCORED, CandidateState.UNUSABLE, CandidateState.PASSED]),
    st.integers(1, 4),
)


@given(st.lists(facts, min_size=1, max_size=8), st.lists(clips, max_size=8))
def test_the_same_facts_in_any_order_give_the_same_decision(takes: list[TakeFact], seen: list[CandidateFact]) -> None:
    once = decide(takes, seen, BOUNDS)
    assert type(decide(list(reversed(takes)), list(reversed(seen)), BOUNDS)) is type(once)


@given(st.lists(facts, min_size=1, max_size=8), st.lists(clips, max_size=8))
def test_whatever_is_chosen_was_usable(takes: list[TakeFact], seen: list[CandidateFact]) -> None:
    decision = decide(takes, seen, BOUNDS)
    usable: set[UUID] = {c.id for c in seen if c.state != CandidateState.UNUSABLE}
    assert not isinstance(decision, Choose) or decision.best in usable
