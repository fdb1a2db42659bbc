"""Media in a folder of this machine: whole files or nothing, written once."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from vidpipe.boundary import slow
from vidpipe.errors import NotStored, StorageError
from vidpipe.storage.base import Stored

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_CHUNK = 1 << 20


class FolderStorage:
    """`root` holds the files under their keys; `root/.part` what is still being written."""

    def __init__(self, root: Path, signing_key: str) -> None:
        self._root = root
        self._part = root / ".part"
        self._signing_key = signing_key.encode()

    def put(self, key: str, path: Path, metadata: dict[str, Any] | None = None) -> Stored:
        """See `storage.base.Storage.put`."""
        slow("the media store")
        target = self._path(key)
        part = self._part / uuid4().hex
        try:
            self._part.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            stored = self._copy(key, path, part)
            self._describe(stored, metadata or {})
            self._publish(stored, part, target)
        except OSError as error:
            raise StorageError(f"{key} could not be stored under {self._root}: {error.strerror or error}") from error
        finally:
            part.unlink(missing_ok=True)
        return stored

    @contextmanager
    def open_local(self, key: str) -> Iterator[Path]:
        """See `storage.base.Storage.open_local`; here it is the stored file itself."""
        slow("the media store")
        path = self._path(key)
        if not path.is_file():
            raise NotStored(f"the media store holds no {key}")
        yield path

    def stat(self, key: str) -> Stored | None:
        """See `storage.base.Storage.stat`."""
        slow("the media store")
        path = self._path(key)
        if not path.is_file():
            return None
        try:
            found = json.loads(self._metadata(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Stored(key, path.stat().st_size, _digest(path))
        return Stored(key, int(found["size"]), str(found["sha256"]))

    def list(self, prefix: str) -> Iterator[str]:
        """See `storage.base.Storage.list`."""
        slow("the media store")
        files = (path for path in self._root.rglob("*") if path.is_file() and self._part not in path.parents)
        keys = sorted(path.relative_to(self._root).as_posix() for path in files)
        present = set(keys)
        for key in keys:
            if key.startswith(prefix) and not (key.endswith(".json") and key.removesuffix(".json") in present):
                yield key

    def delete(self, key: str) -> None:
        """See `storage.base.Storage.delete`."""
        slow("the media store")
        self._path(key).unlink(missing_ok=True)
        self._metadata(key).unlink(missing_ok=True)

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

    def _sign(self, key: str, expires: int) -> str:
        if not self._signing_key:
            raise StorageError("links cannot be signed: no signing key is set (VIDPIPE_SIGNING_KEY)")
        return hmac.new(self._signing_key, f"{key}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key) or len(key) > 500:
            raise NotStored(f"{key!r} is no key of the media store")
        return self._root / key

    def _metadata(self, key: str) -> Path:
        path = self._path(key)
        return path.with_name(path.name + ".json")

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


def _digest(path: Path) -> str:
    with path.open("rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()
