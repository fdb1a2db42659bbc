"""Pictures and texts: which pixels, which prices, and that what is reserved is always enough."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.domain.side_requests import (
    ImageRequest,
    Spent,
    TextRequest,
    Usage,
    Written,
    charged_for_text,
    nearest,
    pixels,
    reserved_for_image,
    reserved_for_text,
)
from vidpipe.domain.side_services import ImageModel, TextModel

IMAGES = ImageModel(
    "s", "m", resolutions=("1K", "2K", "4K"), aspects=("1:1", "9:16", "16:9", "21:9"),
    price_per_image=(("1K", Decimal("0.03")), ("2K", Decimal("0.05"))),
)  # fmt: skip
WRITER = TextModel(
    "s", "m", max_output_tokens=1000, price_per_million_input=Decimal("0.75"), price_per_million_output=Decimal("3.75")
)


@pytest.mark.parametrize(
    ("aspect", "resolution", "size"),
    [
        ("16:9", "1K", (1376, 768)),
        ("9:16", "1K", (768, 1376)),
        ("1:1", "2K", (2048, 2048)),
        ("16:9", "4K", (5472, 3072)),
    ],
)
def test_a_picture_has_as_many_pixels_as_a_square_of_its_resolution(
    aspect: str, resolution: str, size: tuple[int, int]
) -> None:
    assert pixels(aspect, resolution) == size


@pytest.mark.parametrize(("aspect", "resolution"), [("16", "1K"), ("16:0", "1K"), ("a:b", "1K"), ("16:9", "8K")])
def test_a_picture_of_no_kind_has_none(aspect: str, resolution: str) -> None:
    with pytest.raises(ValueError, match="no such picture"):
        pixels(aspect, resolution)


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        ((640, 360), ("16:9", "1K")), ((1280, 720), ("16:9", "1K")), ((1920, 1080), ("16:9", "2K")),
        ((1080, 1920), ("9:16", "2K")), ((3840, 2160), ("16:9", "4K")), ((7680, 4320), ("16:9", "4K")),
        ((2560, 1080), ("21:9", "2K")), ((1000, 990), ("1:1", "1K")),
    ],
)  # fmt: skip
def test_the_smallest_picture_that_is_large_enough_is_asked_for(size: tuple[int, int], asked: tuple[str, str]) -> None:
    assert nearest(IMAGES, *size) == asked


def test_a_model_that_names_no_shapes_is_asked_for_any() -> None:
    assert nearest(ImageModel("s", "m"), 640, 360) == ("640:360", "1K")


def test_a_drawing_costs_what_its_resolution_does_and_an_unpriced_one_the_most() -> None:
    for resolution, price in (("1K", "0.03"), ("2K", "0.05"), ("4K", "0.05")):
        assert reserved_for_image(IMAGES, ImageRequest("t", "m", "x", resolution=resolution)) == Decimal(price)


@given(st.text(max_size=300), st.text(max_size=50), st.integers(0, 3), st.integers(1, 2000))
def test_what_is_reserved_is_enough_for_any_answer(prompt: str, system: str, pictures: int, most: int) -> None:
    request = TextRequest("t", "m", prompt, {"type": "object"}, system, (Path("x"),) * pictures, most)
    # No tokenizer makes more tokens of a text than it has bytes.
    sent = len((prompt + system).encode()) + 1120 * pictures
    answer = Written({}, usage=Usage(sent, min(most, 1000)))
    assert charged_for_text(WRITER, request, answer) <= reserved_for_text(WRITER, request)


def test_what_nobody_counted_is_charged_as_reserved() -> None:
    request = TextRequest("t", "m", "x" * 1000, {})
    assert charged_for_text(WRITER, request, Spent("?")) == reserved_for_text(WRITER, request) > 0
    assert charged_for_text(WRITER, request, Spent("?", usage=Usage(0, 0))) == 0
