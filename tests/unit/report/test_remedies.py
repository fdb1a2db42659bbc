"""What a person is told to do."""

from __future__ import annotations

import shlex

from tests.unit.report.made import move, name, report, scene, take, unfinished, without_clip
from vidpipe.domain.states import ProjectState, SceneState, TakeState
from vidpipe.report import remedies
from vidpipe.report.remedies import Command


def test_a_shot_refused_for_its_words_is_to_be_reworded() -> None:
    refused = take(state=TakeState.REFUSED, error="policy: the words were refused")
    shot = without_clip(0, SceneState.BLOCKED, "policy", "gave_up", takes=(refused,))
    assert "Reword" in str(remedies.for_scene(report(shot), shot))


def test_a_shot_without_a_fallback_is_told_of_one() -> None:
    broken = take(state=TakeState.FAILED, error="it broke")
    shot = without_clip(0, SceneState.BLOCKED, "it broke", "gave_up", takes=(broken,))
    assert "fallback" in str(remedies.for_scene(report(shot), shot))


def test_a_filmed_file_is_to_be_mended_and_not_tried_again() -> None:
    silent = take(state=TakeState.FAILED, error="its sound is silent", service="footage")
    shot = without_clip(0, SceneState.BLOCKED, "its sound is silent", "gave_up", takes=(silent,))
    said = str(remedies.for_scene(report(shot), shot))
    assert "mend" in said and "vidpipe skip" in said
    assert "retry" not in said and "fallback" not in said


def test_an_unclear_purchase_is_never_told_to_be_bought_again() -> None:
    shot = without_clip(
        0, SceneState.GENERATING, "", "started", takes=(take(state=TakeState.UNCERTAIN, error="the answer was lost"),)
    )
    assert shot.troubled
    assert "retry" not in str(remedies.for_scene(report(shot), shot))


def test_a_hostile_label_stays_one_word_of_the_command() -> None:
    label = "'; rm -rf ~ `id` #\u202e"
    shot = without_clip(0, SceneState.BLOCKED, "it broke", "gave_up", label=label)
    commands = [part.line for part in remedies.for_scene(report(shot), shot).parts if isinstance(part, Command)]
    assert shlex.split(commands[0]) == [
        "vidpipe",
        "retry",
        str(name("film"))[:8],
        label[:-1] + "\N{REPLACEMENT CHARACTER}",
    ]


def test_what_a_person_left_out_is_no_trouble_and_what_the_film_gave_up_is() -> None:
    wanted = without_clip(0, SceneState.SKIPPED, "left out by a person", "skipped")
    given_up = without_clip(1, SceneState.SKIPPED, "it broke (after 3 tries)", "left_out")
    assert report(wanted, given_up).troubled == (given_up,)


def test_the_reason_is_the_one_it_ended_with() -> None:
    moves = (
        move("scene", "s", "blocked", 3, "gave_up", "the first reason"),
        move("scene", "s", "waiting", 4, "retried"),
        move("scene", "s", "blocked", 9, "gave_up", "the last reason"),
        move("take", "t", "failed", 10, "broke", "not this one"),
    )
    assert scene(state=SceneState.BLOCKED, transitions=moves, note="an old note").reason == "the last reason"


def test_a_done_film_needs_nothing_and_every_other_says_how_to_go_on() -> None:
    assert str(remedies.for_film(report())) == ""
    assert "follow" in str(remedies.for_film(unfinished(report())))
    for state in (ProjectState.PAUSED, ProjectState.FAILED, ProjectState.WAITING, ProjectState.CANCELLED):
        assert "`vidpipe" in str(remedies.for_film(report(state=state)))
