"""What the procedural server takes for a request, and how hostile ones are answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.services.procedural.faults import read_faults, without_faults
from vidpipe.services.procedural.wire import Malformed, Unable, read_images, read_order, split_multipart

GOOD: dict[str, Any] = {
    "token": "t-1", "model": "procedural-1", "prompt": "the sea", "duration": 2, "width": 320, "height": 180, "fps": 24,
}  # fmt: skip


def form(*parts: tuple[str, bytes], boundary: str = "xyz") -> bytes:
    """A multipart body."""
    pieces = [
        b"--"
        + boundary.encode()
        + b'\r\nContent-Disposition: form-data; name="'
        + name.encode()
        + b'"\r\n\r\n'
        + data
        + b"\r\n"
        for name, data in parts
    ]
    return b"".join(pieces) + b"--" + boundary.encode() + b"--\r\n"


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_parts_come_out_as_they_went_in(parts: list[bytes]) -> None:
    named = [(f"p{index}", data) for index, data in enumerate(parts) if b"\r\n--xyz" not in b"\r\n" + data]
    if named:
        assert split_multipart(form(*named), "multipart/form-data; boundary=xyz") == dict(named)


@given(st.binary(max_size=300))
def test_any_bytes_are_parts_or_malformed(body: bytes) -> None:
    try:
        split_multipart(body, "multipart/form-data; boundary=xyz")
    except Malformed:
        return
    assert b"--xyz" in body


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="])
def test_another_content_type_is_malformed(kind: str) -> None:
    with pytest.raises(Malformed):
        split_multipart(form(("a", b"1")), kind)


def test_a_part_sent_twice_is_malformed() -> None:
    with pytest.raises(Malformed, match="twice"):
        split_multipart(form(("a", b"1"), ("a", b"2")), "multipart/form-data; boundary=xyz")


@pytest.mark.parametrize(
    "change",
    [
        {"token": "../x"},
        {"token": 3},
        {"width": "320"},
        {"width": True},
        {"audio": 1},
        {"extra": 1},
        {"references": [1]},
        {"fps": 24.5},
    ],
)
def test_a_wrong_shape_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_order({**GOOD, **change})
    with pytest.raises(Malformed):
        read_order([GOOD])


@pytest.mark.parametrize("key", ["token", "model", "prompt", "duration", "width", "height", "fps"])
def test_what_is_needed_is_asked_for(key: str) -> None:
    with pytest.raises(Malformed, match=key):
        read_order({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    "change",
    [
        {"duration": float("nan")},
        {"duration": 1e9},
        {"width": 0},
        {"width": 321},
        {"count": 0},
        {"seed": -1},
        {"label": "x" * 3000},
    ],
)
def test_what_cannot_be_done_is_told_apart_from_what_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Unable):
        read_order({**GOOD, **change})


def test_images_must_be_announced_and_be_images() -> None:
    order = read_order({**GOOD, "references": ["someone"]})
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    assert set(read_images({"first": picture, "reference-1": picture}, order)) == {"first", "reference-1"}
    with pytest.raises(Malformed, match="announced"):
        read_images({}, order)
    with pytest.raises(Malformed, match="belongs to nothing"):
        read_images({"reference-1": picture, "reference-2": picture}, order)
    with pytest.raises(Unable, match="neither PNG nor JPEG"):
        read_images({"reference-1": b"GIF89a"}, order)


def test_faults_in_prompts_count_only_where_they_are_allowed() -> None:
    prompt = "the sea [fault: 503 x2] at dusk [Fault: slow 1.5]"
    assert dict(read_faults(prompt, from_prompt=True).chosen) == {"503": 2.0, "slow": 1.5}
    assert not read_faults(prompt, from_prompt=False).chosen
    assert read_faults("", ("black",), from_prompt=False).figure("black") == 1
    assert without_faults(prompt) == "the sea   at dusk"
    with pytest.raises(Unable, match="there is no fault"):
        read_faults("[fault: meteor]", from_prompt=True)
