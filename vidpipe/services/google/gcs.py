"""A folder of a bucket of Google Cloud Storage, over its JSON API (storage/v1): listed, and fetched from.

Shapes: Cloud Storage, JSON API reference, objects.list and objects.get. Listings are strongly consistent (Cloud
Storage, Consistency: "bucket and object list operations"): what was written is listed at once.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from vidpipe.errors import Broken, ServiceError, SetupError, Transient, Unavailable
from vidpipe.services.google.gcloud import Login
from vidpipe.services.wire import answers, calling
from vidpipe.services.wire.fetching import NOT_THERE, Source

MOST_PAGES = 20
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")  # Cloud Storage, Bucket naming requirements
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of a path that is ours


@dataclass(frozen=True)
class Stored:
    """One object."""

    name: str
    created: float  # seconds since 1970


@dataclass(frozen=True)
class Folder:
    """gs://bucket/prefix."""

    bucket: str
    prefix: str  # without a slash at its ends

    @property
    def uri(self) -> str:
        """As Vertex is told."""
        return f"gs://{self.bucket}/{self.prefix}"

    def below(self, *parts: str) -> Folder:
        """A folder in it; raises ValueError where a part cannot be one of a path."""
        if not all(_PART.fullmatch(part) for part in parts):
            raise ValueError(f"{'/'.join(parts)[:80]!r} cannot be a path of a bucket")
        return Folder(self.bucket, "/".join((self.prefix, *parts)))


def folder(name: str, text: str) -> Folder:
    """The folder that the option `bucket` of the service `name` names: gs://bucket/prefix; raises SetupError."""
    bucket, _, prefix = text.removeprefix("gs://").strip("/").partition("/")
    parts = prefix.split("/") if prefix else ["vidpipe"]
    if not _BUCKET.fullmatch(bucket) or not all(_PART.fullmatch(part) for part in parts):
        raise SetupError(
            f"services.{name}.options.bucket cannot be used: {text[:200]!r}.",
            remedy="It should look like gs://my-bucket/folder.",
        )
    return Folder(bucket, "/".join(parts))


@dataclass(frozen=True)
class Store:
    """Cloud Storage as one service uses it; safe in many threads."""

    name: str  # of the service
    base: str  # https://storage.googleapis.com
    home: Folder
    login: Login
    timeout: float  # seconds for a listing, and without a byte of a file

    def listed(self, found: Folder) -> tuple[list[Stored], float]:
        """The clips in a folder by name, and what time it is at the service; raises Transient where it cannot tell."""
        query = {"prefix": f"{found.prefix}/"}
        stored: list[Stored] = []
        for _ in range(MOST_PAGES):
            answer = self._asked(found.bucket, query)
            stored += [one for item in _items(answer) if (one := _stored(item, f"{found.prefix}/")) is not None]
            token = answer.found.get("nextPageToken")
            if not token:
                return sorted(stored, key=lambda one: one.name), _now(answer)
            query["pageToken"] = str(token)
        raise Transient(f"{self.name}: the listing of {found.uri} does not end")

    def fetch(self, uri: str, dest: Path) -> None:
        """Write the object at `uri` to `dest`; Broken where that is not below the service's own folder."""
        path = uri.removeprefix(f"{self.home.uri}/")
        if path == uri or not all(_PART.fullmatch(part) for part in path.split("/")):
            raise Broken(f"{self.name} gave an address that is not in its folder {self.home.uri}: {uri[:200]!r}")
        source = Source(self.name, self.base, timeout=self.timeout, headers=self.login.headers())
        source.download(
            f"{self._objects(self.home.bucket)}/{quote(f'{self.home.prefix}/{path}', safe='')}?alt=media", dest
        )

    def _objects(self, bucket: str) -> str:
        return f"{self.base}/storage/v1/b/{quote(bucket, safe='')}/o"

    def _asked(self, bucket: str, query: dict[str, str]) -> answers.Answer:
        headers = self.login.headers()
        try:
            with calling.client(httpx, self.timeout) as client:
                found = client.get(self._objects(bucket), params=query, headers=headers)
        except NOT_THERE as error:
            raise Unavailable(f"{self.name}: Cloud Storage cannot be reached: {error}") from error
        except httpx.HTTPError as error:
            raise Transient(f"{self.name}: Cloud Storage broke off a listing: {type(error).__name__}") from error
        answer = answers.Answer(found.status_code, found.headers, found.content)
        if answer.status != 200:
            raise self._unlisted(bucket, answer)
        return answer

    def _unlisted(self, bucket: str, answer: answers.Answer) -> ServiceError:
        message = f"{self.name}: gs://{bucket} cannot be listed: {answer.message!r} (status {answer.status})"
        made = Unavailable if answer.status in (401, 403) else Transient
        return made(message, retry_after=answer.retry_after)


def _items(answer: answers.Answer) -> list[Any]:
    """The page's items; Transient where the answer is no page of a listing."""
    items = answer.found.get("items", [])
    if not isinstance(items, list) or answer.found.get("kind") != "storage#objects":
        raise Transient("Cloud Storage answered a listing with something else")
    return items


def _stored(item: Any, prefix: str) -> Stored | None:
    """A clip of the folder; None for what is none, or has nothing in it. Raises Transient."""
    try:
        name, size = str(item["name"]), int(item["size"])
        created = datetime.fromisoformat(str(item["timeCreated"])).timestamp()
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise Transient("Cloud Storage listed something that is no object") from error
    return Stored(name, created) if name.startswith(prefix) and name.endswith(".mp4") and size else None


def _now(answer: answers.Answer) -> float:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return time.time()
