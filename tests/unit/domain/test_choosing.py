"""Choosing a service by rule: the same wishes give the same choice and reason; what may not be chosen never is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.domain.catalogue import Capabilities, read_catalogue
from vidpipe.domain.choosing import Wish, choose, is_complex
from vidpipe.domain.choosing_rules import read_rules, shipped_rules
from vidpipe.errors import SetupError

TODAY = date(2026, 11, 21)
MODEL: dict[str, Any] = {
    "durations": [4, 6, 8], "sizes": [[1280, 720]], "frame_rates": [24], "audio": True, "first_frame": True,
    "max_references": 3, "seed": True,
}  # fmt: skip


def service(**models: dict[str, Any]) -> dict[str, Any]:
    return {"models": {name: {**MODEL, **figures} for name, figures in models.items()}}


SERVICES: dict[str, Any] = {
    "local": {"models": {"sketch": {"quality": 1, "audio": True, "seed": True}}},
    "footage": {"models": {"footage": {"quality": 5}}},
    "fine": service(
        best={"quality": 5, "price_per_second": "0.40", "typical_seconds": 90, "styles": ["photographic"]},
        lite={"quality": 3, "price_per_second": "0.05", "typical_seconds": 40},
    ),
    "other": service(
        swift={"quality": 4, "price_per_second": "0.15", "typical_seconds": 20, "styles": ["animated"]},
        mute={"quality": 5, "price_per_second": "0.12", "audio": False},
        gone={"quality": 5, "price_per_second": "0.01", "retires": "2026-11-20"},
    ),
}
WISH = Wish(duration=4, width=1280, height=720, fps=24, prompt="the sea")
COMPLEX = replace(WISH, duration=8, camera="orbit", people=2)


def chosen(
    wish: Wish = WISH, *, lacking: Mapping[str, tuple[str, ...]] | None = None, services: dict[str, Any] = SERVICES
) -> tuple[str, str]:
    found = choose(wish, read_catalogue(services), lacking=lacking or {}, rules=shipped_rules(), today=TODAY)
    return ("" if found.facts is None else f"{found.facts.service}/{found.facts.model}"), found.reason


@pytest.mark.parametrize(
    ("wish", "model", "words"),
    [
        (WISH, "fine/lite", "a plain scene): the cheapest of quality 3"),
        (COMPLEX, "other/swift", "a complex scene): the cheapest of quality 4"),
        (replace(WISH, quality="draft"), "local/sketch", "a draft): the cheapest"),
        (replace(WISH, quality="finest"), "fine/best", "the finest): the only one of quality 5"),
        (replace(WISH, quality="finest", audio=False), "other/mute", "the finest of quality 5"),
        (replace(WISH, deadline=3600), "other/mute", "in a hurry): the fastest"),
        (replace(WISH, style="animated"), "other/swift", "good at animated"),
        (replace(WISH, duration=5), "local/sketch", "none that fits reaches 3"),
    ],
)
def test_the_first_rule_that_fits_says_what_counts(wish: Wish, model: str, words: str) -> None:
    wish = replace(wish, audio=False) if wish.deadline else wish
    found, reason = chosen(wish)
    assert found == model and words in reason


def test_what_can_do_all_that_is_asked_goes_before_what_is_finer_or_cheaper() -> None:
    assert chosen(replace(WISH, references=2))[0] == "fine/lite", "the sketch has no references"
    found, reason = chosen(replace(WISH, last_frame=True), lacking={"local": ("X",)})
    assert found == "fine/lite" and "though without last frame" in reason


def test_a_service_that_is_not_set_up_is_never_chosen_and_the_reason_names_its_variable() -> None:
    found, reason = chosen(lacking={"fine": ("FINE_KEY",)})
    assert found == "other/swift" and "not set up: fine (FINE_KEY)" in reason


def test_nothing_above_the_scenes_cost_or_its_share_of_the_budget_is_chosen() -> None:
    fine = replace(WISH, quality="finest", duration=8)
    assert chosen(replace(fine, max_cost=Decimal("3.20")))[0] == "fine/best"
    found, reason = chosen(replace(fine, max_cost=Decimal("3.19")))
    assert found == "other/swift" and "above max_cost $3.19: fine/best" in reason
    found, reason = chosen(replace(fine, share=Decimal("0.50")))
    assert found == "fine/lite" and "above its share $0.50 of the budget: fine/best, other/swift" in reason


def test_candidates_count_in_the_cost() -> None:
    assert chosen(replace(WISH, candidates=4, max_cost=Decimal("0.80")))[0] == "fine/lite"
    assert chosen(replace(WISH, candidates=4, max_cost=Decimal("0.79")))[0] == "local/sketch"


def test_a_deadline_counts_the_scenes_that_wait_for_one_anothers_place() -> None:
    fine = replace(WISH, quality="finest", deadline=100.0)
    assert chosen(fine)[0] == "fine/best"
    found, reason = chosen(replace(fine, scenes=5))  # four places: two rounds of 90 s
    assert found == "other/swift" and "too slow for the deadline: fine/best" in reason


def test_a_retired_model_and_filmed_footage_are_never_chosen() -> None:
    _, reason = chosen(replace(WISH, quality="finest"))
    assert "retired: other/gone" in reason and "footage" not in reason


def test_where_nothing_can_make_it_the_reason_says_what_keeps_each_from_it() -> None:
    found, reason = chosen(replace(WISH, fps=61), lacking={"fine": ("FINE_KEY",)})
    assert found == "" and "not 61 frames a second: local/sketch, other/swift, other/mute" in reason


def test_the_order_of_the_registry_decides_nothing() -> None:
    turned = dict(reversed(SERVICES.items()))
    assert [chosen(wish)[0] for wish in (WISH, COMPLEX)] == [
        chosen(wish, services=turned)[0] for wish in (WISH, COMPLEX)
    ]


WISHES = st.builds(
    Wish,
    duration=st.sampled_from([None, 2.0, 4.0, 5.0, 8.0]),
    width=st.sampled_from([640, 1280]),
    height=st.just(720),
    fps=st.sampled_from([24, 30]),
    audio=st.booleans(),
    candidates=st.integers(1, 4),
    references=st.integers(0, 4),
    first_frame=st.booleans(),
    max_cost=st.none() | st.decimals(0, 5, places=2),
    share=st.none() | st.decimals(0, 5, places=2),
    quality=st.sampled_from(["draft", "good", "finest"]),
    deadline=st.none() | st.floats(1, 500),
    scenes=st.integers(1, 9),
)


@given(WISHES, st.sets(st.sampled_from(["local", "fine", "other"])))
def test_whatever_is_asked_no_choice_breaks_a_bound(wish: Wish, unset: set[str]) -> None:
    lacking = dict.fromkeys(unset, ("KEY",))
    found = choose(wish, read_catalogue(SERVICES), lacking=lacking, rules=shipped_rules(), today=TODAY)
    facts: Capabilities | None = found.facts
    assert found.reason
    if facts is None:
        return
    assert facts.service not in unset and not facts.retired(TODAY) and facts.can_rate(wish.fps)
    assert wish.duration is None or facts.can_last(wish.duration)
    seconds = facts.nearest_duration(wish.usual) if wish.duration is None else wish.duration
    cost = facts.per_second(wish.width, wish.height, audio=wish.audio) * Decimal(str(seconds)) * wish.candidates
    assert all(bound is None or cost <= bound for bound in (wish.max_cost, wish.share))


def test_what_makes_a_scene_complex_is_data() -> None:
    rules = shipped_rules()
    assert not is_complex(WISH, rules) and is_complex(COMPLEX, rules)
    assert not is_complex(COMPLEX, replace(rules, complex_from=4))
    assert is_complex(replace(WISH, prompt="word " * 61, references=1, first_frame=True), rules)


RULES: dict[str, Any] = {
    "complexity": {"complex_from": 3, "many_words": 60, "long_seconds": 6, "moving_cameras": [], "points": {}},
    "rules": [{"name": "all", "when": {}, "at_least": 3, "prefer": "price"}],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rules": []}, "the last rule should hold for every scene"),
        ({"rules": [{**RULES["rules"][0], "when": {"quality": "draft"}}]}, "the last rule should hold"),
        ({"rules": [{**RULES["rules"][0], "when": {"hurry": True}}]}, "hurry"),
        ({"rules": [{**RULES["rules"][0], "prefer": "luck"}]}, "luck"),
        ({"complexity": {}}, "complex_from"),
    ],
)
def test_rules_that_make_no_sense_are_refused(change: dict[str, Any], says: str) -> None:
    assert read_rules(RULES).rules[0].name == "all"
    with pytest.raises(SetupError, match=says):
        read_rules({**RULES, **change})
