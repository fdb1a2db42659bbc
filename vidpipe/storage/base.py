"""The contract of a media store: write-once keys, whole files or nothing, JSON metadata beside each file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Stored:
    """One object of the store."""

    key: str
    size: int  # bytes
    sha256: str


class Storage(Protocol):
    """Where media lives. Keys are made from ids (`domain.keys`), never from text a user gave."""

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
        """The keys that begin with `prefix`, in order, without the metadata files."""
        ...

    def delete(self, key: str) -> None:
        """Remove the file and its metadata; nothing happens where there is none."""
        ...

    def signed_url(self, key: str, *, seconds: int) -> str:
        """A link to the file that stops working after `seconds`."""
        ...
