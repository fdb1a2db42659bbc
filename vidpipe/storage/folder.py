"""Media in a folder of this machine: whole files or nothing, written once."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from vidpipe.boundary import slow, slowly
from vidpipe.errors import NotStored, StorageError
from vidpipe.storage.base import Entry, Leftover, Stored
from vidpipe.storage.names import SUFFIX, checked, without_metadata

_CHUNK = 1 << 20
_MARK = ".vidpipe-media"  # in the folder: this is the store, and not the place where it should be mounted


class FolderStorage:
    """`root` holds the files under their keys; `root/.part` what is still being written."""

    def __init__(self, root: Path, signing_key: str) -> None:
        self._root = root
        self._part = root / ".part"
        self._signing_key = signing_key.encode()

    def prepare(self) -> None:
        """See `storage.base.Storage.prepare`."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            (self._root / _MARK).touch()
        except OSError as error:
            raise StorageError(f"the media folder {self._root} cannot be made: {error.strerror or error}") from error

    @slow("the media store")
    def put(self, key: str, path: Path, metadata: dict[str, Any] | None = None) -> Stored:
        """See `storage.base.Storage.put`."""
        target = self._path(key)
        part = self._part / uuid4().hex
        self._must_be_there()
        try:
            self._part.mkdir(exist_ok=True)  # never the folder above: it may have gone away just now
            target.parent.mkdir(parents=True, exist_ok=True)
            stored = self._copy(key, path, part)
            with _alone_in(target.parent):  # of two writers the one that comes first is described, not the other
                self._describe(stored, metadata or {})
                self._publish(stored, part, target)
        except OSError as error:
            raise StorageError(f"{key} could not be stored under {self._root}: {error.strerror or error}") from error
        finally:
            with suppress(OSError):  # a store that went away meanwhile: the reason was told already
                part.unlink(missing_ok=True)
        return stored

    @contextmanager
    def open_local(self, key: str) -> Iterator[Path]:
        """See `storage.base.Storage.open_local`; here it is the stored file itself."""
        with slow("the media store"):
            path = self._path(key)
            if not path.is_file():
                self._must_be_there()
                if not path.is_file():  # it may have come back between the two looks
                    raise NotStored(f"the media store holds no {key}")
        yield path

    @slow("the media store")
    def stat(self, key: str) -> Stored | None:
        """See `storage.base.Storage.stat`. A file that was changed after it was described is read and summed anew."""
        path, described = self._path(key), self._metadata(key)
        if not path.is_file():
            self._must_be_there()
            if not path.is_file():
                return None
        try:
            there = path.stat()
            found = json.loads(described.read_text(encoding="utf-8"))
            size, sha256 = int(found["size"]), str(found["sha256"])
            unchanged = there.st_size == size and there.st_mtime_ns <= described.stat().st_mtime_ns
        except (OSError, ValueError, KeyError, TypeError):
            unchanged = False  # there is no description, or none that could be trusted
        return Stored(key, size, sha256) if unchanged else Stored(key, there.st_size, _digest(path))

    def list(self, prefix: str) -> Iterator[str]:
        """See `storage.base.Storage.list`."""
        for entry in without_metadata(self.entries(prefix)):
            yield entry.key

    @slowly("the media store")
    def entries(self, prefix: str) -> Iterator[Entry]:
        """See `storage.base.Storage.entries`."""
        self._must_be_there()
        for name, found in _walk(self._root, prefix):
            yield Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    @slow("the media store")
    def delete(self, key: str) -> None:
        """See `storage.base.Storage.delete`."""
        self._path(key).unlink(missing_ok=True)
        self._metadata(key).unlink(missing_ok=True)

    @slowly("the media store")
    def leftovers(self) -> Iterator[Leftover]:
        """See `storage.base.Storage.leftovers`."""
        for name, found in _walk(self._part, ""):
            yield Leftover(f"{self._part.name}/{name}", name, datetime.fromtimestamp(found.st_mtime, UTC))

    @slow("the media store")
    def drop(self, leftover: Leftover) -> None:
        """See `storage.base.Storage.drop`."""
        (self._part / checked(leftover.upload)).unlink(missing_ok=True)

    def signed_url(self, key: str, *, seconds: int) -> str:
        """A path with a signature that `verify` accepts until `seconds` from now."""
        self._path(key)
        expires = int(time.time()) + seconds
        return f"/media/{key}?{urlencode({'expires': expires, 'signature': self._sign(key, expires)})}"

    def verify(self, url: str, *, now: float) -> str:
        """The key that a signed link names; raises StorageError where it ran out or was tampered with."""
        parts = urlsplit(url)
        key = parts.path.removeprefix("/media/")
        query = parse_qs(parts.query)
        try:
            expires = int(query["expires"][0])
            signature = query["signature"][0]
        except (KeyError, IndexError, ValueError) as error:
            raise StorageError("the link carries no signature") from error
        self._path(key)
        if not hmac.compare_digest(signature.encode(), self._sign(key, expires).encode()):
            raise StorageError("the link's signature is wrong")
        if now > expires:
            raise StorageError("the link has run out")
        return key

    def _must_be_there(self) -> None:
        """Raise StorageError where the folder is away: it must not be taken for one that holds nothing."""
        if not (self._root / _MARK).is_file():
            raise StorageError(
                f"the media folder {self._root} is not there, or is no media store; mount it, or make it one with"
                " `vidpipe storage prepare`"
            )

    def _sign(self, key: str, expires: int) -> str:
        if not self._signing_key:
            raise StorageError("links cannot be signed: no signing key is set (VIDPIPE_SIGNING_KEY)")
        return hmac.new(self._signing_key, f"{key}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _metadata(self, key: str) -> Path:
        path = self._path(key)
        return path.with_name(path.name + SUFFIX)

    def _copy(self, key: str, source: Path, part: Path) -> Stored:
        digest = hashlib.sha256()
        size = 0
        with source.open("rb") as reading, part.open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                digest.update(chunk)
                writing.write(chunk)
                size += len(chunk)
            writing.flush()
            os.fsync(writing.fileno())
        return Stored(key, size, digest.hexdigest())

    def _describe(self, stored: Stored, metadata: dict[str, Any]) -> None:
        """Metadata comes first: a file that is there has its description beside it."""
        text = json.dumps({"size": stored.size, "sha256": stored.sha256, **metadata}, indent=1, sort_keys=True)
        part = self._part / uuid4().hex
        part.write_text(text, encoding="utf-8")
        if self._path(stored.key).exists():
            part.unlink()
            return
        part.replace(self._metadata(stored.key))

    def _publish(self, stored: Stored, part: Path, target: Path) -> None:
        try:
            os.link(part, target)
        except FileExistsError:
            if _digest(target) != stored.sha256:
                raise NotStored(f"{stored.key} is stored already, with other content") from None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other writers out of a folder for a moment; where its file system knows no locks, nobody is kept out."""
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _walk(folder: Path, prefix: str, above: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """The files below `folder` whose keys begin with `prefix`, in the order of their keys; hidden ones are not ours."""
    for name in _names(folder):
        key = above + name
        if name.endswith("/") and (key.startswith(prefix) or prefix.startswith(key)):
            yield from _walk(folder / name, prefix, key)
        elif key.startswith(prefix) and (found := _stat(folder / name)) is not None:
            yield key, found


def _names(folder: Path) -> Sequence[str]:
    """What is in `folder`, a folder's name with its slash, since that is how it stands in a key."""
    try:
        found = [entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in os.scandir(folder)]
    except FileNotFoundError:
        return ()
    return sorted(name for name in found if not name.startswith("."))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None  # removed meanwhile


def _digest(path: Path) -> str:
    with path.open("rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()
