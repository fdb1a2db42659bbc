"""Figures and states as people say them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.report.made import report, scene, unfinished, without_clip
from vidpipe.domain.scoring import DIMENSIONS as SCORED
from vidpipe.domain.states import CandidateState, ProjectState, SceneState, TakeState
from vidpipe.report import words
from vidpipe.report.bought import Money
from vidpipe.report.facts import MeasureFacts


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0.844, "0.84 s"),
        (4.0, "4 s"),
        (31.4, "31 s"),
        (59.7, "1 min"),
        (72, "1 min 12 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("amount", "said", "about"),
    [
        ("0", "$0.00", "$0.00"), ("0.037500", "$0.0375", "$0.04"), ("1.2", "$1.20", "$1.20"),
        ("1234.5", "$1,234.50", "$1,234.50"), ("-0.5", "-$0.50", "-$0.50"), ("0.0004", "$0.0004", "$0.0004"),
        ("0E-6", "$0.00", "$0.00"),
    ],
)  # fmt: skip
def test_money_in_full_and_for_headlines(amount: str, said: str, about: str) -> None:
    assert words.money(Decimal(amount)) == said
    assert words.about(Decimal(amount)) == about


def test_the_result_is_one_sentence() -> None:
    made = report(scene(0), scene(1))
    assert words.result(made) == "2 of 2 shots done in 5 s, $0.25; mean technical quality 0.74."


def test_the_result_of_an_unfinished_film_says_so_and_names_what_is_reserved() -> None:
    made = unfinished(report(scene(0), without_clip(1, SceneState.GENERATING, "", "started")))
    made = replace(made, totals=replace(made.totals, money=Money(Decimal("0.25"), Decimal("1.2"))))
    said = words.result(made)
    assert said == "1 of 2 shots done so far, after 5 s, $0.25 and $1.20 reserved; mean technical quality 0.74."


def test_a_mean_of_nothing_is_not_said() -> None:
    made = report(without_clip(0, SceneState.BLOCKED, "refused", "gave_up"))
    assert "quality" not in words.result(made)


@pytest.mark.parametrize(
    ("measure", "value", "unit"),
    [
        (MeasureFacts("black", 0.1234, "share of time", None, ""), "12.3 %", "of time"),
        (MeasureFacts("loudness", -18.25, "LUFS", None, ""), "-18.2", "LUFS"),
        (MeasureFacts("motion", 3.125, "levels of 255", None, ""), "3.12", "levels of 255"),
        (MeasureFacts("hidden_cuts", 2.0, "cuts", None, ""), "2", ""),
    ],
)
def test_measures_are_said_with_their_unit(measure: MeasureFacts, value: str, unit: str) -> None:
    assert (words.measure(measure), words.unit(measure)) == (value, unit)


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\u202eb", "a\u2066b", "a\x9bb", "a\ufeffb"])
def test_what_cannot_be_seen_is_shown_as_such(text: str) -> None:
    assert words.visible(text) == "a\N{REPLACEMENT CHARACTER}b"


def test_right_to_left_and_emoji_are_left_alone() -> None:
    assert words.visible("منارة عند الغسق 🌊\nsecond line") == "منارة عند الغسق 🌊\nsecond line"


@pytest.mark.parametrize("state", [*ProjectState, *SceneState, *TakeState, *CandidateState], ids=str)
def test_every_state_has_a_word_and_a_tone(state: str) -> None:
    word, tone = words.STATES[state]
    assert word
    assert tone in {"good", "busy", "quiet", "warn", "bad"}


def test_every_dimension_has_a_name() -> None:
    assert set(words.DIMENSIONS) == set(SCORED)
