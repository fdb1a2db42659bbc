"""The contract of a media store: write-once keys, whole files or nothing, JSON metadata beside each file.

A new kind of store joins `tests/contract/test_storage.py`, and `registry.py` names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Stored:
    """One object of the store."""

    key: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One line of the store's listing, as cheap as the store can give it."""

    key: str
    size: int  # bytes
    modified: datetime  # with its zone, by the store's clock


@dataclass(frozen=True)
class Leftover:
    """An upload that was begun and neither finished nor taken back. It is no object and takes room."""

    key: str  # what it was to become, or the name of its part
    upload: str  # what the store knows it by
    begun: datetime


class Storage(Protocol):
    """Where media lives. Keys are made from ids (`domain.keys`), never from text a user gave.

    Whatever the store cannot do now raises StorageError, which waits; what it will never do as asked, NotStored.
    """

    def prepare(self) -> None:
        """Make what the store needs: its folder, or its bucket with the rules. May be called at any time."""
        ...

    def put(self, key: str, path: Path, metadata: dict[str, Any] | None = None) -> Stored:
        """Store the file under `key`, with `metadata` as `{key}.json` beside it.

        Storing the same bytes twice is fine; other bytes under a key that exists raise NotStored.
        """
        ...

    def open_local(self, key: str) -> AbstractContextManager[Path]:
        """A path of this machine that holds the file while the context lasts; not to be written to."""
        ...

    def stat(self, key: str) -> Stored | None:
        """What is stored under `key`, or None."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in the store's order, without the metadata files."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every file whose key begins with `prefix`, metadata files too; a metadata file follows its own."""
        ...

    def delete(self, key: str) -> None:
        """Remove the file and its metadata; nothing happens where there is none."""
        ...

    def leftovers(self) -> Iterator[Leftover]:
        """The uploads that were begun and not finished, those under way among them."""
        ...

    def drop(self, leftover: Leftover) -> None:
        """Give up an unfinished upload and the room it takes; nothing happens where it is gone."""
        ...

    def signed_url(self, key: str, *, seconds: int) -> str:
        """A link to the file that stops working after `seconds`."""
        ...
