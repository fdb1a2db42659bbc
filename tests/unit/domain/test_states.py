"""The table of transitions keeps the promises that every step relies on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.domain.states import (
    CANDIDATE_ENDED,
    PROJECT_ENDED,
    SCENE_ENDED,
    STATES,
    TABLE,
    TAKE_ENDED,
    TAKE_LIVE,
    CandidateState,
    Entity,
    ProjectState,
    SceneState,
    State,
    TakeState,
    after,
    is_terminal,
    sources,
)

FIRST = {
    Entity.PROJECT: ProjectState.DRAFT,
    Entity.SCENE: SceneState.WAITING,
    Entity.TAKE: TakeState.QUEUED,
    Entity.CANDIDATE: CandidateState.ANNOUNCED,
}
EVENTS = sorted({event for _, _, event in TABLE})
EVERY = [(entity, state) for entity, kind in STATES.items() for state in kind]


def reachable(entity: Entity, start: State) -> set[State]:
    """Every state that some sequence of events leads to."""
    seen, edge = {start}, [start]
    while edge:
        here = edge.pop()
        for (owner, state, _), to in TABLE.items():
            if owner == entity and state == here and to not in seen:
                seen.add(to)
                edge.append(to)
    return seen


@pytest.mark.parametrize(("entity", "start"), FIRST.items())
def test_every_state_can_be_reached_from_the_first(entity: Entity, start: State) -> None:
    assert reachable(entity, start) == set(STATES[entity])


@pytest.mark.parametrize(("entity", "state"), EVERY)
def test_from_every_state_an_end_can_be_reached(entity: Entity, state: State) -> None:
    ends = {
        Entity.PROJECT: PROJECT_ENDED,
        Entity.SCENE: SCENE_ENDED,
        Entity.TAKE: TAKE_ENDED,
        Entity.CANDIDATE: CANDIDATE_ENDED,
    }.get(entity, {s for s in STATES[entity] if is_terminal(entity, s)})  # type: ignore[arg-type]
    assert reachable(entity, state) & set(ends)


@given(st.sampled_from(list(Entity)), st.lists(st.sampled_from(EVENTS), max_size=40))
def test_no_sequence_of_events_leaves_the_states_of_its_entity(entity: Entity, events: list[str]) -> None:
    state: State = FIRST.get(entity, next(iter(STATES[entity])))
    for event in events:
        state = after(entity, state, event) or state
        assert state in STATES[entity]


@given(st.lists(st.sampled_from(EVENTS), max_size=60))
def test_a_take_that_ended_lives_again_only_where_its_order_was_accepted_after_all(events: list[str]) -> None:
    state: State = TakeState.QUEUED
    ended = False
    for event in events:
        state = after(Entity.TAKE, state, event) or state
        assert not (ended and state in TAKE_LIVE) or event == "accepted"
        ended = state in TAKE_ENDED


_QUEUED = (Entity.TAKE, TakeState.QUEUED)


def test_a_take_reaches_the_service_only_after_its_intent_was_committed() -> None:
    onward = {event: to for (entity, state, event), to in TABLE.items() if (entity, state) == _QUEUED}
    # 'accepted' is the late answer to an earlier intent that had been given up as lost.
    assert onward == {
        "submit_began": TakeState.SUBMITTING,
        "accepted": TakeState.SUBMITTED,
        "forgotten": TakeState.UNCERTAIN,
        "gave_up": TakeState.FAILED,
        "cancelled": TakeState.CANCELLED,
    }


def test_an_unclear_submit_is_never_called_again_without_an_answer() -> None:
    assert TakeState.SUBMITTING not in {
        to for (entity, state, _), to in TABLE.items() if entity == Entity.TAKE and state == TakeState.UNCERTAIN
    }


def test_live_ended_and_not_waited_for_are_all_there_is_of_a_take() -> None:
    assert TAKE_LIVE | TAKE_ENDED | {TakeState.UNCERTAIN, TakeState.OVERDUE} == set(TakeState)
    assert not TAKE_LIVE & TAKE_ENDED


def test_sources_are_the_table_read_backwards() -> None:
    for (entity, state, event), to in TABLE.items():
        assert sources(entity, event)[state] == to


def test_what_is_not_in_the_table_cannot_happen() -> None:
    assert after(Entity.SCENE, SceneState.DONE, "selected") is None
    assert after(Entity.TAKE, TakeState.SETTLED, "delivered") is None
