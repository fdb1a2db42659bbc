"""Files inside a JSON answer are read past or written out, however the answer is cut into pieces."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.errors import Broken, Transient
from vidpipe.services.google.inline import Cut, unpacked
from vidpipe.services.wire.answers import ANSWER_LIMIT

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["file", 'x"', "\\"]), one, max_size=3),
    max_leaves=8,
)  # fmt: skip


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def cut(found: Any, numbers: Iterator[int]) -> Any:
    """What should be kept of a document."""
    if isinstance(found, list):
        return [cut(one, numbers) for one in found]
    if isinstance(found, dict):
        return {
            key: f"#{next(numbers)}" if key == "file" and isinstance(value, str) else cut(value, numbers)
            for key, value in found.items()
        }
    return found


@given(found=JSON, size=st.integers(1, 40), escaped=st.booleans())
def test_everything_else_is_kept_as_it_is(found: Any, size: int, escaped: bool) -> None:
    reader = Cut("file")
    for piece in pieces(json.dumps(found, ensure_ascii=escaped).encode(), size):
        reader.feed(piece)
    assert json.loads(reader.kept) == cut(found, iter(range(1000)))


@given(files=st.lists(st.binary(max_size=40), min_size=1, max_size=3), size=st.integers(1, 50), escaped=st.booleans())
def test_each_file_comes_out_as_it_went_in(files: list[bytes], size: int, escaped: bool) -> None:
    text = json.dumps({"videos": [{"file": base64.b64encode(one).decode(), "other": "x"} for one in files]})
    if escaped:  # as servers may that escape what HTML would read
        text = text.replace("=", "\\u003d").replace("/", "\\/")
    for number, file in enumerate(files):
        reader = Cut("file")
        assert b"".join(unpacked(pieces(text.encode(), size), reader, number)) == file
        assert [one["file"] for one in json.loads(reader.kept)["videos"]] == [f"#{n}" for n in range(len(files))]


def test_a_large_file_is_never_held() -> None:
    file = os.urandom(3 * ANSWER_LIMIT)
    text = json.dumps({"file": base64.b64encode(file).decode()}).encode()
    reader = Cut("file")
    assert b"".join(unpacked(pieces(text, 65_536), reader, 0)) == file
    assert len(reader.kept) < 100


@pytest.mark.parametrize("text", ["ab", "a*cd", "abc", "ab=c"])
def test_what_is_no_base64_is_broken(text: str) -> None:
    with pytest.raises(Broken):
        list(unpacked([json.dumps({"file": text}).encode()], Cut("file"), 0))


def test_what_is_long_besides_its_files_is_not_read() -> None:
    reader = Cut("file")
    with pytest.raises(Transient):
        for piece in pieces(b'{"a": "' + b"x" * (2 * ANSWER_LIMIT), 65_536):
            reader.feed(piece)
