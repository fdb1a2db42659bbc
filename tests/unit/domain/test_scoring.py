"""The composite: measured dimensions count by weight, unmeasured ones share theirs out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.domain.scoring import DEFAULT_WEIGHTS, DIMENSIONS, compose, weights_of

scores = st.dictionaries(st.sampled_from(DIMENSIONS), st.floats(0, 1))


def readings(found: dict[str, float]) -> list[tuple[str, str, float | None, str]]:
    return [(dimension, "measured", score, "") for dimension, score in found.items()]


def test_the_default_weights_are_those_of_the_specification_and_sum_to_one() -> None:
    assert DEFAULT_WEIGHTS == {
        "manifest_adherence": 0.35, "visual_quality": 0.25, "continuity": 0.25, "prompt_adherence": 0.15
    }  # fmt: skip
    assert sum(DEFAULT_WEIGHTS.values()) == pytest.approx(1)


def test_an_unmeasured_dimension_gets_no_number_and_its_weight_is_shared_out() -> None:
    found = compose(
        [("visual_quality", "measured", 0.8, ""), ("continuity", "unmeasured", None, "no scene before")], weights_of()
    )
    assert found.score == pytest.approx(0.8)
    parts = {part.dimension: part for part in found.parts}
    assert parts["visual_quality"].weight == 1
    assert parts["continuity"].score is None and parts["continuity"].reason == "no scene before"
    assert parts["prompt_adherence"].status == "unmeasured"


def test_where_nothing_was_measured_there_is_no_score() -> None:
    assert compose([], weights_of()).score is None


@given(scores.filter(bool))
def test_the_composite_lies_between_its_lowest_and_its_highest_dimension(found: dict[str, float]) -> None:
    score = compose(readings(found), weights_of()).score  # type: ignore[arg-type]
    assert score is not None
    assert min(found.values()) - 1e-9 <= score <= max(found.values()) + 1e-9


@given(scores.filter(bool))
def test_the_weights_that_were_used_sum_to_one(found: dict[str, float]) -> None:
    parts = compose(readings(found), weights_of()).parts  # type: ignore[arg-type]
    assert sum(part.weight for part in parts) == pytest.approx(1)


def test_a_projects_own_weights_are_used() -> None:
    found = readings({"visual_quality": 1.0, "continuity": 0.0})
    weights = weights_of({"visual_quality": 3, "continuity": 1})
    assert compose(found, weights).score == pytest.approx(0.75)  # type: ignore[arg-type]


@pytest.mark.parametrize("own", [{"beauty": 1.0}, {"continuity": -1.0}, dict.fromkeys(DIMENSIONS, 0.0)])
def test_weights_that_make_no_sense_are_refused(own: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        weights_of(own)
