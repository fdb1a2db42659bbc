"""What may be a key, and which files are metadata of another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vidpipe.errors import NotStored
from vidpipe.storage.base import Entry

MOST_CHARACTERS = 500
SUFFIX = ".json"  # of the metadata
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


def checked(key: str) -> str:
    """`key`; raises NotStored where it cannot be one: nothing leads out of the store, and nothing is hidden in it."""
    if not _KEY.fullmatch(key) or len(key) > MOST_CHARACTERS:
        raise NotStored(f"{key!r} is no key of the media store")
    return key


def without_metadata(entries: Iterable[Entry]) -> Iterator[Entry]:
    """`entries` but for those that are the metadata of another one. Holds a handful of keys at a time.

    Asks of their order only that whatever begins with a key follows it at once, as both a plain order of keys and
    an order folder by folder have it.
    """
    before: list[str] = []  # keys that the present one begins with
    for entry in entries:
        while before and not entry.key.startswith(before[-1]):
            before.pop()
        if not (entry.key.endswith(SUFFIX) and entry.key.removesuffix(SUFFIX) in before):
            yield entry
        before.append(entry.key)
