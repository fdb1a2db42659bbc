"""A download that would never end is given up; one that is only slow is not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from vidpipe.errors import Transient
from vidpipe.services.wire.fetching import SLOWEST, steady


def dripping(piece: bytes, number: int, began: float) -> Iterator[bytes]:
    """`number` pieces, none before the patience of the test is over."""
    while time.monotonic() - began < 0.05:
        pass
    yield from (piece for _ in range(number))


def test_what_comes_byte_by_byte_is_given_up_after_a_while() -> None:
    pieces = steady(dripping(b"x", 3, time.monotonic()), 0.01)
    with pytest.raises(Transient, match="too slowly"):
        list(pieces)


def test_what_comes_fast_enough_may_take_its_time() -> None:
    assert len(list(steady(dripping(b"x" * SLOWEST * 100, 3, time.monotonic()), 0.01))) == 3
    assert list(steady([b"x", b"y"], 60.0)) == [b"x", b"y"]
