"""Writes what a service holds to a file: the whole file under its name, or nothing.

Only from hosts that are expected, over https unless the host is the configured one, without decoding (a small body can
unfold into a large one), and never more than a limit. A redirect is not followed, or, where a service is known to
redirect, once and to an expected host alone.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from vidpipe.errors import Broken, Expired, Transient, Unavailable
from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import retry_after

CLIP_LIMIT = 2 * 1024**3  # bytes of a clip
PIECE = 256 * 1024  # bytes
SLOWEST = 16 * 1024  # bytes a second
NOT_THERE = calling.not_sent(httpx)
VIDEO = ("video/mp4", "application/octet-stream", "application/binary", "binary/octet-stream")


@contextmanager
def whole_file(dest: Path) -> Iterator[Path]:
    """A path to write to, which becomes `dest` when the block ends well; raises FileExistsError."""
    if dest.exists():
        raise FileExistsError(f"{dest} is there already")
    part = dest.with_name(f".{dest.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.rename(dest)
    finally:
        part.unlink(missing_ok=True)


def save(pieces: Iterable[bytes], part: Path, *, announced: int | None, limit: int = CLIP_LIMIT) -> None:
    """Write a body to a file; Transient where it is not as long as announced (bytes), Broken where it is too long."""
    if announced is not None and announced > limit:
        raise Broken(f"a clip is announced with {announced} bytes; {limit} is the most")
    size = 0
    with part.open("xb") as file:
        for piece in pieces:
            size += len(piece)
            if size > limit:
                raise Broken(f"a clip has more than {limit} bytes")
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if size == 0 or (announced is not None and size != announced):
        raise Transient(f"a clip came with {size} of {'?' if announced is None else announced} bytes")


def steady(pieces: Iterable[bytes], patience: float) -> Iterator[bytes]:
    """A body as it comes; Transient where, after `patience` seconds, it comes so slowly that it might never end."""
    begun, size = time.monotonic(), 0
    for piece in pieces:
        size += len(piece)
        passed = time.monotonic() - begun
        if passed > patience and size < SLOWEST * passed:
            raise Transient(f"a clip came too slowly: {size} bytes in {passed:.0f} s")
        yield piece


def length(headers: Mapping[str, str]) -> int | None:
    """What an answer announces as its length in bytes."""
    found = headers.get("content-length", "")
    return int(found) if found.isdecimal() else None


@dataclass(frozen=True)
class Source:
    """Where one service's files may come from."""

    name: str  # of the service
    base: str  # its configured address: that host may be http where the address is
    hosts: Collection[str] = ()  # others, over https; one that begins with a dot stands for all below it
    timeout: float = 30.0  # seconds without a byte
    kinds: Collection[str] = VIDEO
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # the key: to the configured host alone
    onward: bool = False  # whether one redirect is followed

    def download(self, url: str, dest: Path) -> None:
        """Fetch `url` into `dest`; raises Transient, Expired or Broken."""
        self._checked(url)
        try:
            with whole_file(dest) as part, calling.client(httpx, self.timeout, most=None) as client:
                self._bring(client, url, part, onward=self.onward)
        except NOT_THERE as error:
            raise Unavailable(f"{self.name} cannot be reached: {error}") from error
        except httpx.InvalidURL as error:
            raise Broken(f"{self.name} gave an address that is none: {error}") from error
        except httpx.HTTPError as error:
            raise Transient(f"{self.name} broke off a download: {type(error).__name__} {error}") from error

    def _bring(self, client: httpx.Client, url: str, part: Path, *, onward: bool) -> None:
        with client.stream("GET", url, headers=self.headers if self._checked(url) else {}) as answer:
            target = answer.headers.get("location", "") if 300 <= answer.status_code < 400 else ""
            if not (onward and target):
                self._placed(answer)
                save(steady(answer.iter_raw(), self.timeout), part, announced=length(answer.headers))
                return
        self._bring(client, self._joined(url, target), part, onward=False)

    def _joined(self, url: str, target: str) -> str:
        try:
            return urljoin(url, target)
        except ValueError as error:
            raise Broken(f"{self.name} redirects a download to no address") from error

    def _checked(self, url: str) -> bool:
        """Whether `url` is of the configured host; raises Broken where it is of none that is expected."""
        base = urlsplit(self.base)
        try:
            asked = urlsplit(url)
            if (asked.scheme, asked.hostname, asked.port) == (base.scheme, base.hostname, base.port):
                return True
            host = asked.hostname or ""
            known = any(host == one or (one.startswith(".") and host.endswith(one)) for one in self.hosts)
            if asked.scheme == "https" and known and asked.port in (None, 443) and not asked.username:
                return False
        except ValueError:
            asked, host = base._replace(scheme="?"), "?"
        raise Broken(f"{self.name} gave an address that is not fetched from: {asked.scheme[:10]}://{host[:100]}")

    def _placed(self, answer: httpx.Response) -> None:
        """Raise what an answer other than a file means."""
        status = answer.status_code
        if status in (404, 410):
            raise Expired(f"{self.name} no longer holds the clip (status {status})")
        if 300 <= status < 400:
            raise Broken(f"{self.name} redirects a download, which is not followed (status {status})")
        if status in (401, 403) and self.headers and self._own(answer):
            raise Unavailable(f"{self.name} refuses the key (status {status})")
        if status in (401, 403):  # a signed link that has run out
            raise Expired(f"{self.name}: the clip's link is no longer good (status {status})")
        if status != 200:
            raise Transient(
                f"{self.name} did not give the clip (status {status})", retry_after=retry_after(answer.headers)
            )
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise Broken(f"{self.name} sent the clip packed, though asked not to")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in self.kinds:
            raise Broken(f"{self.name} sent something that is no video: {kind[:60]!r}")

    def _own(self, answer: httpx.Response) -> bool:
        return answer.url.host == urlsplit(self.base).hostname
