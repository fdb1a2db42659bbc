"""Figures that a service tells: only what can be reckoned with is taken for one."""

from __future__ import annotations

import json

import pytest

from vidpipe.services.wire.answers import number


@pytest.mark.parametrize(("told", "taken"), [("0", 0.0), ("2.5", 2.5), ("7", 7.0)])
def test_a_figure_is_read(told: str, taken: float) -> None:
    assert number(json.loads(told)) == taken


@pytest.mark.parametrize("told", ["NaN", "Infinity", "-1", "true", '"3"', "null", "[]", "1" + "0" * 400])
def test_what_is_no_figure_or_below_nothing_is_none(told: str) -> None:
    assert number(json.loads(told)) is None
