"""The content-policy ladder as data: what is read, what is refused, and how a prompt reads at each level."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from vidpipe.domain.ladder import Ladder, Level, read_ladder
from vidpipe.errors import SetupError
from vidpipe.settings import config_file, read_yaml


def test_the_shipped_ladder_has_a_gentle_level_and_a_strong_one() -> None:
    ladder = read_ladder(read_yaml(config_file("policy.yaml"))["policy"])
    assert [level.name for level in ladder.levels] == ["gentle", "strong"]
    assert [level.redraw_end_frame for level in ladder.levels] == [False, True]
    assert ladder.most_cost == 2


def test_a_level_puts_its_words_before_the_prompt_and_changes_nothing_of_it() -> None:
    ladder = Ladder((Level("gentle", "Be kind."),))
    assert ladder.prompt(0, "a storm") == "a storm"
    assert ladder.prompt(1, "a storm") == "Be kind.\n\na storm"
    assert ladder.prompt(2, "a storm") == "a storm"  # a level that the ladder has no more
    assert (ladder.top, ladder.at(0), ladder.at(2)) == (1, None, None)


def test_no_levels_are_no_ladder() -> None:
    assert read_ladder({"levels": []}) == Ladder()
    assert read_ladder({}) == Ladder((), Decimal(0))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "policy should be a mapping"),
        ({"level": []}, "a key that nothing reads: 'level'"),
        ({"levels": "gentle"}, "policy.levels should be a list"),
        ({"levels": [{"preface": "x"}] * 9}, "at most 8"),
        ({"levels": ["gentle"]}, r"policy.levels\[1\] should be a mapping"),
        ({"levels": [{"preface": "x"}, {"preface": " "}]}, r"policy.levels\[2\].preface should be"),
        ({"levels": [{"preface": "x" * 2001}]}, "2000 characters"),
        ({"levels": [{"preface": "x", "redraw": True}]}, "a key that nothing reads: 'redraw'"),
        ({"levels": [{"preface": "x", "redraw_end_frame": "no"}]}, "should be true or false"),
        ({"most_cost": "much"}, "policy.most_cost should be a number"),
        ({"most_cost": -1}, "policy.most_cost should be a number"),
        ({"most_cost": "NaN"}, "policy.most_cost should be a number"),
    ],
)
def test_what_cannot_be_used_is_named(found: Any, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        read_ladder(found)
