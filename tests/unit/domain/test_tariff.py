"""Prices by size and sound: what a request costs, and what a wrong price list is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from vidpipe.domain.catalogue import Capabilities, read_service
from vidpipe.domain.price import cost_of
from vidpipe.domain.requests import VideoRequest
from vidpipe.domain.side_services import read_image_services, read_text_services
from vidpipe.domain.tariff import read_tariff
from vidpipe.errors import SetupError

BY_SIZE = {"720p": "0.10", "1080p": "0.12", "4k": {"sound": "0.60", "silent": "0.40"}}
REQUEST = VideoRequest("t", "m", "the sea", 8.0, 1280, 720, 24, count=2)


def able(price: Any, **more: Any) -> Capabilities:
    return read_service("x", {"models": {"m": {"price_per_second": price, "audio": True, **more}}}).models["m"]


@pytest.mark.parametrize(
    ("width", "height", "sound", "rate"),
    [
        (640, 360, True, "0.10"),
        (1280, 720, True, "0.10"),
        (720, 1280, True, "0.10"),  # upright pictures have as many lines
        (1280, 722, False, "0.12"),
        (1920, 1080, True, "0.12"),
        (3840, 2160, True, "0.60"),
        (3840, 2160, False, "0.40"),
        (7680, 4320, True, "0.60"),  # larger than any that is listed
    ],
)
def test_a_second_costs_what_its_lines_and_its_sound_cost(width: int, height: int, sound: bool, rate: str) -> None:
    assert read_tariff("price_per_second", BY_SIZE).per_second(width, height, sound=sound) == Decimal(rate)


def test_a_request_costs_its_seconds_times_its_clips_at_the_rate_of_its_size_and_sound() -> None:
    assert cost_of(able(BY_SIZE), REQUEST) == Decimal("1.60")
    assert cost_of(able(BY_SIZE), replace(REQUEST, width=3840, height=2160)) == Decimal("9.60")
    assert cost_of(able(BY_SIZE), replace(REQUEST, width=3840, height=2160, audio=False)) == Decimal("6.40")
    assert cost_of(able("0.033333"), replace(REQUEST, duration=1.5)) == Decimal("0.100000"), "a row a clip is rounded"


def test_a_model_that_makes_no_sound_charges_for_none() -> None:
    mute = able({"1080p": {"sound": "0.40", "silent": "0.20"}}, audio=False)
    assert cost_of(mute, REQUEST) == Decimal("3.20")


def test_the_one_price_that_older_callers_ask_for_is_the_dearest() -> None:
    assert able(BY_SIZE).price_per_second == Decimal("0.60") and able("0.25").price_per_second == Decimal("0.25")


@pytest.mark.parametrize(
    ("price", "says"),
    [
        ({}, "names no price"),
        ({"big": "1"}, "not by 'big'"),
        ({"720p": {"sound": "1"}}, "`sound` and `silent`"),
        ({"720p": {"sound": "1", "silent": "1", "muted": "1"}}, "`sound` and `silent`"),
        ({"720p": "-1"}, r"price_per_second\.720p should be 0 or more"),
        ({"720p": "NaN"}, r"price_per_second\.720p"),
    ],
)
def test_a_price_list_that_makes_no_sense_is_told_what_is_wrong(price: Any, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        able(price)


def test_a_cheaper_model_is_compared_at_its_dearest() -> None:
    assert able(BY_SIZE).tariff.least == Decimal("0.10")


def test_pictures_are_priced_by_resolution_and_text_by_the_token() -> None:
    services = {
        "pictures": {"kind": "image", "models": {"p": {"price_per_image": {"1K": "0.03", "4K": "0.08"}}}},
        "words": {
            "kind": "text",
            "models": {
                "w": {
                    "price_per_million_input": "0.75",
                    "price_per_million_output": "3.75",
                    "max_output_tokens": 1000,
                }
            },
        },
    }
    drawn = read_image_services(services)["pictures"].models["p"]
    assert (drawn.price("1K", 3), drawn.price("8K")) == (Decimal("0.09"), Decimal("0.08"))
    written = read_text_services(services)["words"].models["w"]
    assert written.price(2000, 400) == Decimal("0.003")
    assert written.dearest(2000) == Decimal("0.00525")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"kind": "imge", "models": {"p": {}}}, "services.x.kind is 'imge'"),
        ({"kind": "image", "models": {"p": {"durations": [4]}}}, "a key that nothing reads: 'durations'"),
        ({"kind": "image", "models": {"p": {"price_per_image": "0.03"}}}, "price_per_image should name a price"),
        ({"kind": "image", "models": {}}, "lists no models"),
    ],
)
def test_a_service_of_pictures_is_held_to_its_own_figures(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read_image_services({"x": entry})
