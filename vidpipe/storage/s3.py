"""Media in a bucket of an object store that speaks S3: whole objects or nothing, written once, sums checked both ways.

An object's sha256 stands in its own metadata (`x-amz-meta-sha256`), so that one request tells what is stored; beside
it lies `{key}.json` for people. Every upload names the checksum of what it sends, and a store that does not confirm
it is read back. A large file goes up in parts, and is no object before the last of them is there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from uuid import uuid4

from minio.error import S3Error
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from vidpipe.boundary import slow, slowly
from vidpipe.errors import NotStored, StorageError
from vidpipe.storage.base import Entry, Leftover, Stored
from vidpipe.storage.names import SUFFIX, checked, without_metadata
from vidpipe.storage.s3_bucket import ensure_bucket
from vidpipe.storage.s3_client import Address, Part, S3Client
from vidpipe.storage.s3_errors import translated

PART_SIZE = 8 << 20  # bytes; larger files go up in parts of this size
MOST_PARTS = 10_000  # the protocol's limit
LONGEST_LINK = 7 * 86400  # seconds, the protocol's limit
_SHA256 = "x-amz-meta-sha256"
_CHUNK = 1 << 20
log = logging.getLogger(__name__)


class S3Storage:
    """One bucket. Threads may share it."""

    def __init__(self, address: Address, work: Path, *, seconds: float = 30.0, public: Address | None = None) -> None:
        """Copies for `open_local` lie in `work`; signed links lead to `public`, where browsers reach the store.

        `seconds` without an answer end a request. Opening asks nothing of the store; raises ValueError where the
        address cannot be one.
        """
        self._client = S3Client(address, seconds=seconds)
        self._public = S3Client(public, seconds=seconds) if public else self._client
        self._endpoint = address.endpoint
        self._bucket = address.bucket
        self._work = work

    @slow("the media store")
    def prepare(self) -> None:
        """See `storage.base.Storage.prepare`: the bucket, and a lifecycle rule for `tmp/` and for broken uploads."""
        with self._doing(f"the bucket {self._bucket} could not be made ready"):
            ensure_bucket(self._client)

    @slow("the media store")
    def put(self, key: str, path: Path, metadata: dict[str, Any] | None = None) -> Stored:
        """See `storage.base.Storage.put`."""
        checked(key)
        what = f"{key} could not be stored"
        try:
            with path.open("rb") as file:
                stored = Stored(key, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
                if (there := self._stat(key, what)) is not None:
                    return _same(there, stored)
                file.seek(0)
                return self._put(stored, file, metadata or {}, what)
        except OSError as error:
            raise StorageError(f"{what}: {path} cannot be read: {error.strerror or error}") from error

    @contextmanager
    def open_local(self, key: str) -> Iterator[Path]:
        """See `storage.base.Storage.open_local`: a copy, its checksum verified, that is gone afterwards."""
        checked(key)
        copy = self._work / f"{uuid4().hex}{PurePosixPath(key).suffix}"
        try:
            with slow("the media store"):
                self._fetch(key, copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    @slow("the media store")
    def stat(self, key: str) -> Stored | None:
        """See `storage.base.Storage.stat`."""
        return self._stat(checked(key), f"{key} could not be looked up")

    def list(self, prefix: str) -> Iterator[str]:
        """See `storage.base.Storage.list`."""
        for entry in without_metadata(self.entries(prefix)):
            yield entry.key

    @slowly("the media store")
    def entries(self, prefix: str) -> Iterator[Entry]:
        """See `storage.base.Storage.entries`."""
        with self._doing("the media store could not be listed"):
            for found in self._client.list_objects(self._bucket, prefix or None, recursive=True):
                if found.object_name and found.last_modified and not found.is_dir:
                    yield Entry(found.object_name, found.size or 0, found.last_modified)

    @slow("the media store")
    def delete(self, key: str) -> None:
        """See `storage.base.Storage.delete`."""
        checked(key)
        with self._doing(f"{key} could not be deleted"):
            self._client.remove_object(self._bucket, key)
            self._client.remove_object(self._bucket, key + SUFFIX)

    @slowly("the media store")
    def leftovers(self) -> Iterator[Leftover]:
        """See `storage.base.Storage.leftovers`."""
        with self._doing("unfinished uploads could not be listed"):
            for upload in self._client.uploads():
                yield Leftover(upload.key, upload.id, upload.begun)

    @slow("the media store")
    def drop(self, leftover: Leftover) -> None:
        """See `storage.base.Storage.drop`."""
        with self._doing(f"the unfinished upload of {leftover.key} could not be given up"):
            self._client.give_up(leftover.key, leftover.upload)

    def signed_url(self, key: str, *, seconds: int) -> str:
        """See `storage.base.Storage.signed_url`; 1 second to 7 days. Made here, without asking the store."""
        checked(key)
        if not 1 <= seconds <= LONGEST_LINK:
            raise NotStored(f"a link to {key} for {seconds} s cannot be made: 1 s to {LONGEST_LINK} s are possible")
        return self._public.presigned_get_object(self._bucket, key, expires=timedelta(seconds=seconds))

    def _put(self, stored: Stored, file: BinaryIO, metadata: dict[str, Any], what: str) -> Stored:
        """Metadata comes first: a file that is there has its description beside it."""
        headers = {_SHA256: stored.sha256, "Content-Type": _content_type(stored.key)}
        with self._doing(what):
            self._describe(stored, metadata)
            whole = stored.size <= PART_SIZE
            fresh, confirmed = (self._send if whole else self._send_parts)(stored, file, headers)
        if fresh and confirmed:
            return stored
        there = self._stat(stored.key, what) if not fresh else self._measured(stored.key)
        if there is None:
            raise StorageError(f"{what}: another one was just being stored in its place; it is tried again")
        if fresh and there != stored:
            self.delete(stored.key)
            raise StorageError(f"{what}: the object store kept something else than it was given; it is tried again")
        return _same(there, stored)

    def _describe(self, stored: Stored, metadata: dict[str, Any]) -> None:
        text = json.dumps({"size": stored.size, "sha256": stored.sha256, **metadata}, indent=1, sort_keys=True)
        body = text.encode()
        headers = {_SHA256: hashlib.sha256(body).hexdigest(), "Content-Type": "application/json"}
        self._client.put(stored.key + SUFFIX, body, headers)

    def _send(self, stored: Stored, file: BinaryIO, headers: dict[str, str]) -> tuple[bool, bool]:
        """In one request: (it is new there, the store has confirmed what it got)."""
        body = file.read(PART_SIZE + 1)
        _unchanged(stored, hashlib.sha256(body).hexdigest())
        return self._client.put_once(stored.key, body, headers)

    def _send_parts(self, stored: Stored, file: BinaryIO, headers: dict[str, str]) -> tuple[bool, bool]:
        """As `_send`, part by part. What breaks off in between is taken back, or by the lifecycle rule in a day."""
        upload = self._client.begin(stored.key, headers)
        finished = False
        try:
            digest = hashlib.sha256()
            parts: list[Part] = []
            size = max(PART_SIZE, -(-stored.size // MOST_PARTS))
            while body := file.read(size):
                digest.update(body)
                parts.append(self._client.send_part(stored.key, upload, len(parts) + 1, body))
            _unchanged(stored, digest.hexdigest())
            finished = self._client.finish(stored.key, upload, parts)
            return finished, all(part.confirmed for part in parts)
        finally:
            if not finished:
                self._take_back(stored.key, upload)

    def _take_back(self, key: str, upload: str) -> None:
        try:
            with self._doing(f"the unfinished upload of {key} could not be given up"):
                self._client.give_up(key, upload)
        except StorageError as error:
            log.warning("%s; it is removed in a day", error)

    def _stat(self, key: str, what: str) -> Stored | None:
        with self._doing(what):
            try:
                found = self._client.stat_object(self._bucket, key)
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return None
                raise
        sha256 = (found.metadata or {}).get(_SHA256)
        return Stored(key, found.size or 0, str(sha256)) if sha256 else self._measured(key)

    def _measured(self, key: str) -> Stored | None:
        """What is stored, by reading it: nobody has written down, or confirmed, what it should be."""
        digest = hashlib.sha256()
        size = 0
        try:
            with self._reading(key, f"{key} could not be read back") as response:
                for chunk in response.stream(_CHUNK, decode_content=False):
                    digest.update(chunk)
                    size += len(chunk)
        except NotStored:
            return None
        return Stored(key, size, digest.hexdigest())

    def _fetch(self, key: str, copy: Path) -> None:
        """Copy the object; what broke off or came damaged is fetched once more. Raises NotStored if it stays so."""
        wanted, got = "", ""
        for last in (False, True):
            try:
                wanted, got = self._copy(key, copy)
            except StorageError as error:
                if last or not isinstance(error.__cause__, ProtocolError | ReadTimeoutError):
                    raise
                log.warning("%s; once more", error)
                continue
            if got == (wanted or got):
                return
        raise NotStored(f"{key} is damaged in the media store: its sha256 is {got}, and should be {wanted}")

    def _copy(self, key: str, copy: Path) -> tuple[str, str]:
        """(the sha256 that it should have, empty where nobody wrote it down; the one that it has)."""
        digest = hashlib.sha256()
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            with self._reading(key, f"{key} could not be fetched") as response, copy.open("wb") as file:
                for chunk in response.stream(_CHUNK, decode_content=False):
                    digest.update(chunk)
                    file.write(chunk)
                return str(response.headers.get(_SHA256, "")), digest.hexdigest()
        except OSError as error:
            raise StorageError(f"{key} could not be copied to {self._work}: {error.strerror or error}") from error

    @contextmanager
    def _reading(self, key: str, what: str) -> Iterator[BaseHTTPResponse]:
        with self._doing(what):
            response = self._client.get_object(self._bucket, key)
            try:
                yield response
            finally:
                response.close()
                response.release_conn()

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        with translated(what, self._endpoint):
            yield


def _same(there: Stored, given: Stored) -> Stored:
    if there != given:
        raise NotStored(f"{given.key} is stored already, with other content")
    return there


def _unchanged(stored: Stored, sent: str) -> None:
    if sent != stored.sha256:
        raise StorageError(f"{stored.key} could not be stored: the file was changed meanwhile")


def _content_type(key: str) -> str:
    return mimetypes.types_map.get(PurePosixPath(key).suffix, "application/octet-stream")
