"""What the trail of transitions says of time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import at
from tests.unit.report.made import move
from vidpipe.report.facts import Span
from vidpipe.report.timeline import STEPS, lane, step_times, stretches
from vidpipe.report.words import STEPS as NAMED

SCENE = [
    move("scene", "s", "waiting", 0), move("scene", "s", "generating", 1), move("take", "t", "queued", 1),
    move("take", "t", "submitting", 2), move("take", "t", "submitted", 3), move("take", "t", "delivered", 6),
    move("candidate", "c", "announced", 6), move("candidate", "c", "stored", 7), move("candidate", "c", "scored", 8),
    move("scene", "s", "selecting", 9), move("scene", "s", "analyzing", 10), move("scene", "s", "done", 11),
]  # fmt: skip


def told(spans: tuple[Span, ...]) -> list[tuple[str, float, float]]:
    return [(span.step, span.start, span.end) for span in spans]


def test_a_shots_lane_tells_every_step_in_its_turn_without_a_gap() -> None:
    assert told(lane(stretches(SCENE, at(0), at(20)))) == [
        ("waiting", 0, 1), ("queue", 1, 2), ("submit", 2, 3), ("service", 3, 6), ("download", 6, 7), ("score", 7, 8),
        ("choose", 8, 10), ("analyze", 10, 11),
    ]  # fmt: skip


def test_of_two_takes_at_once_the_lane_shows_the_less_advanced_one() -> None:
    other = [move("take", "u", "queued", 1), move("take", "u", "submitting", 4), move("take", "u", "submitted", 5)]
    ended = [move("take", "u", "delivered", 7.5)]
    found = told(lane(stretches([*SCENE, *other, *ended], at(0), at(20))))
    assert found[1:5] == [("queue", 1, 4), ("submit", 4, 5), ("service", 5, 7.5), ("score", 7.5, 8)]


def test_a_shot_that_has_ended_waits_for_nothing_even_if_an_old_take_is_unclear() -> None:
    found = lane(stretches([*SCENE, move("take", "old", "uncertain", 5)], at(0), at(100)))
    assert found[-1] == Span("analyze", 10, 11)


def test_while_the_film_is_held_only_what_stands_still_counts_as_held() -> None:
    found = told(lane(stretches(SCENE, at(0), at(20)), [Span("held", 0.5, 4)]))
    assert found[:4] == [("waiting", 0, 0.5), ("held", 0.5, 2), ("submit", 2, 3), ("service", 3, 6)]


def test_what_has_not_ended_lasts_until_the_moment_of_the_report() -> None:
    assert told(lane(stretches(SCENE[:5], at(0), at(8))))[-1] == ("service", 3, 8)


def test_a_shot_sent_back_leaves_a_gap_while_nobody_wanted_anything() -> None:
    again = [move("scene", "s", "waiting", 50), move("scene", "s", "generating", 51)]
    found = told(lane(stretches([*SCENE, *again], at(0), at(52))))
    assert found[-3:] == [("analyze", 10, 11), ("waiting", 50, 51), ("choose", 51, 52)]


def test_sums_count_what_scenes_waited_and_what_ran_beside() -> None:
    beside = [*SCENE, move("take", "u", "submitted", 4), move("take", "u", "delivered", 5)]
    spans = stretches(beside, at(0), at(20))
    sums = {step.step: step for step in step_times([lane(spans)], spans)}
    assert (sums["service"].waited, sums["service"].worked, sums["service"].times) == (3, 4, 2)
    assert (sums["service"].mean, sums["service"].longest) == (2, 3)
    assert sums["choose"].waited == sums["choose"].worked == 2  # and not the whole of 'generating'


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("waiting", "queue", "service", "score", "choose")), st.integers(0, 50), st.integers(1, 9)
        ),
        max_size=12,
    )
)
def test_a_lane_never_overlaps_and_never_says_the_same_step_twice_running(drawn: list[tuple[str, int, int]]) -> None:
    found = lane([Span(step, start, start + length) for step, start, length in drawn])
    for one, other in pairwise(found):
        assert one.end <= other.start
        assert one.end < other.start or one.step != other.step


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_a_name_for_people(step: str) -> None:
    assert NAMED[step][0]
    assert len(NAMED) == len(STEPS)
