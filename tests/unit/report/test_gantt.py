"""The picture of the film's time."""

from __future__ import annotations

import pytest

from tests.unit.report.made import report, scene
from vidpipe.report.facts import Span
from vidpipe.report.gantt import Axis, folds, gantt


def test_a_long_stretch_in_which_nothing_ran_is_folded_and_said() -> None:
    lane = (Span("service", 0, 10), Span("held", 10, 3610), Span("service", 3610, 3620))
    chart = gantt(report(scene(lane=lane)))
    assert [one.words for one in chart.folds] == ["1 h 00 min in which nothing ran"]
    first, _, last = chart.lanes[0].bars
    assert float(first.width[:-1]) == pytest.approx(float(last.width[:-1]))
    assert float(first.width[:-1]) > 45


def test_a_pause_that_is_short_beside_the_work_is_drawn_as_it_was() -> None:
    assert folds([Span("service", 0, 100), Span("service", 130, 200)], 200) == []


def test_waiting_for_ones_turn_is_not_folded_while_another_shot_is_made() -> None:
    assert folds([Span("waiting", 0, 500), Span("service", 0, 500)], 500) == []


def test_the_axis_goes_from_0_to_100_and_never_back() -> None:
    axis = Axis(1000, [(100, 900)])
    places = [axis.at(second) for second in range(0, 1001, 10)]
    assert places[0] == 0
    assert places[-1] == pytest.approx(100)
    assert places == sorted(places)


@pytest.mark.parametrize("end", [0.05, 0.8, 31, 240, 5000, 90_000, 3_000_000])
def test_there_are_a_few_ticks_whatever_the_length(end: float) -> None:
    chart = gantt(report(scene(lane=(Span("service", 0, end),))))
    assert 1 <= len(chart.ticks) <= 11


def test_a_film_in_which_nothing_has_happened_has_no_picture() -> None:
    assert gantt(report(scene(lane=()))).lanes == ()
