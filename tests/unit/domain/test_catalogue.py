"""What a service's entry says beside its models' figures: adapter, limits, and the model to save money with."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.domain.storyboard.desk import read, scenes
from vidpipe.domain.catalogue import read_catalogue, read_service
from vidpipe.domain.forecast import forecast
from vidpipe.domain.pricing import Price
from vidpipe.errors import SetupError


def entry(**more: Any) -> dict[str, Any]:
    return {"models": {"dear": {"price_per_second": "0.40"}, "lite": {"price_per_second": "0.05"}}, **more}


def with_cheaper(cheaper: str, price: str = "0.40") -> dict[str, Any]:
    models = {"dear": {"price_per_second": price, "cheaper": cheaper}, "lite": {"price_per_second": "0.05"}}
    return {"veo": {"models": models}, "other": {"models": {"m": {"price_per_second": "0.41"}}}}


def test_an_entry_is_spoken_to_by_the_adapter_of_its_own_name_unless_it_names_one() -> None:
    assert read_service("veo", entry()).adapter == "veo"
    assert read_service("backup", entry(adapter="procedural")).adapter == "procedural"


@pytest.mark.parametrize("key", ["operations", "requests_per_minute", "at_once"])
def test_a_limit_is_a_count_or_none_at_all(key: str) -> None:
    assert getattr(read_service("veo", entry(**{key: 3})), key) == 3
    assert getattr(read_service("veo", entry(**{key: None})), key) is None
    for wrong in (0, -1, 2.5, "3", True, float("inf")):
        with pytest.raises(SetupError, match=rf"services\.veo.*{key}"):
            read_service("veo", entry(**{key: wrong}))


def test_who_says_nothing_may_have_four_operations_in_flight_and_as_many_requests_as_he_likes() -> None:
    found = read_service("veo", entry())
    assert (found.operations, found.requests_per_minute, found.at_once) == (4, None, None)


def test_a_cheaper_model_is_one_that_there_is() -> None:
    assert read_catalogue(with_cheaper("veo/lite"))["veo"].models["dear"].cheaper == "veo/lite"
    with pytest.raises(SetupError, match=r"services\.veo\.models\.dear\.cheaper") as caught:
        read_catalogue(with_cheaper("veo/light"))
    assert caught.value.remedy == "Did you mean veo/lite?"


@pytest.mark.parametrize(
    ("cheaper", "says"), [("other/m", "costs more"), ("veo/dear", "itself"), ("vo/lite", "there is not")]
)
def test_a_cheaper_model_that_is_none_is_refused(cheaper: str, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read_catalogue(with_cheaper(cheaper))


def test_a_model_that_costs_the_same_is_cheap_enough() -> None:
    assert read_catalogue(with_cheaper("veo/lite", price="0.05"))


@pytest.mark.parametrize(
    ("facts", "rounds"),
    [
        ({"operations": 2}, 2),
        ({"operations": 64, "at_once": 2}, 2),
        ({"operations": None, "at_once": 1}, 4),
        ({"operations": None}, 1),
    ],
)
def test_the_forecast_counts_what_is_worked_on_at_a_time(tmp_path: Path, facts: dict[str, Any], rounds: int) -> None:
    model = {"typical_seconds": 100, "poll_seconds": 0, "max_duration": 10}
    film = read(tmp_path, scenes(*["prompt: a, duration: 4"] * 4))
    services = {"procedural": {"models": {"procedural-1": model}, **facts}}
    assert forecast(film, services).seconds == pytest.approx(rounds * (100 + 1 + 0.4) + 16 * 0.1)


def test_each_clip_is_rounded_as_a_row_of_a_bill_is() -> None:
    price = Price(Decimal("0.033333"))
    assert price.of(1.5, 1) == Decimal("0.050000")  # 0.0499995
    assert price.of(1.5, 3) == 3 * price.of(1.5, 1)
