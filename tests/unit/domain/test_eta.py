"""The time a film will still take, from how it went so far."""

from __future__ import annotations

import pytest

from vidpipe.domain.eta import SceneWork, remaining


def done(took: float) -> SceneWork:
    return SceneWork(1.0, open=False, took=took)


def running(progress: float, seconds: float) -> SceneWork:
    return SceneWork(progress, open=True, running=seconds)


def waiting(*needs: int) -> SceneWork:
    return SceneWork(0.0, open=True, needs=needs)


def test_nothing_is_said_before_a_scene_was_finished() -> None:
    assert remaining([running(0.9, 10), waiting()], 10) is None


def test_what_was_finished_in_an_earlier_run_is_nothing_to_average() -> None:
    assert remaining([SceneWork(1.0, open=False, before=True), running(0.5, 5)], 5) is None


def test_scenes_one_after_the_other_take_the_average_each() -> None:
    assert remaining([done(10), waiting(0), waiting(1)], 10) == pytest.approx(20)


def test_scenes_side_by_side_take_the_time_of_what_is_left_at_the_rate_so_far() -> None:
    scenes = [done(10), *(running(0.8, 10) for _ in range(9))]
    assert remaining(scenes, 10) == pytest.approx(1.8 * 10 / 8.2)


def test_a_scene_that_waits_for_the_last_one_is_waited_for_whatever_the_rate_was() -> None:
    scenes = [*(done(10) for _ in range(5)), waiting(4)]
    assert remaining(scenes, 10) == pytest.approx(10)


def test_the_chain_counts_what_its_first_scene_has_still_to_do() -> None:
    scenes = [*(done(10) for _ in range(20)), running(0.5, 4), waiting(20), waiting(21)]
    assert remaining(scenes, 10) == pytest.approx(6 + 10 + 10)


def test_scenes_that_are_blocked_are_not_waited_for() -> None:
    assert remaining([done(10), SceneWork(0.0, open=False, before=True)], 10) == 0


def test_a_queue_at_the_service_does_not_look_like_many_scenes_at_once() -> None:
    """45 scenes were begun at once, but the service does two at a time, in two seconds each."""
    scenes = [done(2), done(2), *(running(0.05, 2) for _ in range(43))]
    assert remaining(scenes, 2) == pytest.approx(43 * 0.95 * 2 / (2 + 43 * 0.05))
    assert (remaining(scenes, 2) or 0) > 15
