"""Which files are the metadata of another one."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from vidpipe.storage.base import Entry
from vidpipe.storage.names import without_metadata

_NAMES = st.text("ab-.", min_size=1, max_size=4).map(lambda name: f"x{name}")
_KEYS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)


def entries(keys: list[str]) -> list[Entry]:
    return [Entry(key, 1, datetime.now(UTC)) for key in keys]


def folder_by_folder(keys: set[str]) -> list[str]:
    return sorted(keys, key=lambda key: key.split("/"))


@given(st.sets(_KEYS, max_size=12))
def test_a_metadata_file_is_one_whose_file_is_there_in_either_order_of_listing(names: set[str]) -> None:
    files = {name for name in names if not any(other.startswith(f"{name}/") for other in names)}
    keys = files | {f"{name}.json" for name in files if len(name) % 2}
    wanted = {key for key in keys if not (key.endswith(".json") and key.removesuffix(".json") in keys)}
    for listed in (sorted(keys), folder_by_folder(keys)):
        assert {entry.key for entry in without_metadata(entries(listed))} == wanted
