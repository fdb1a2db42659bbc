"""Google Cloud Storage, as far as clips are read from it: the JSON API's listing, metadata and media.

    GET /storage/v1/b/BUCKET/o              ?prefix=P&maxResults=N&pageToken=T; {"kind", "items", "nextPageToken"}
    GET /storage/v1/b/BUCKET/o/OBJECT       its metadata; ?alt=media its bytes; OBJECT with its slashes as %2F

Shapes: Cloud Storage, JSON API reference, objects.list, objects.get and "HTTP status and error codes". Every bucket
with a name that one can have is there, and holds what the service's orders wrote to it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidpipe.emulator import strict
from vidpipe.emulator.core import Emulator
from vidpipe.emulator.ledger import Job
from vidpipe.emulator.protocol import Handler, Protocol
from vidpipe.emulator.troubles import Refusal
from vidpipe.services.procedural.renderers import clip_path

MOST_PAGE = 1000  # objects
BUCKET = re.compile(r"(?!goog|\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
OBJECT = re.compile(r"[^\x00-\x1f\x7f#\[\]*?:\"<>|]{1,1024}")
# kind of a refusal: status, reason; 400 invalid for any other
WORDS = {
    "unauthorised": (401, "authError"),
    "not-found": (404, "notFound"),
    "not-ready": (404, "notFound"),
    "expired": (404, "notFound"),
}


@dataclass(frozen=True)
class Place:
    """Where an order's clips are written, with what the service puts between."""

    bucket: str
    prefix: str  # without a slash at its end


def place(uri: str, name: str) -> Place:
    """What a `storageUri` says; raises Refusal("bad-value")."""
    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    prefix = prefix.rstrip("/")
    if not uri.startswith("gs://") or not BUCKET.fullmatch(bucket) or (prefix and not OBJECT.fullmatch(prefix)):
        raise Refusal("bad-value", f"{name}: {uri[:100]!r} is not a valid Cloud Storage URI.", param=name)
    return Place(bucket, prefix)


@dataclass(frozen=True)
class Stored:
    """One object, which is a clip of an order."""

    name: str
    job: Job
    number: int
    created: float  # seconds since 1970


class Storage:
    """What one service's orders wrote. `place_of` tells where an order writes, if anywhere."""

    def __init__(self, core: Emulator, service: str, place_of: Callable[[Job], Place | None]) -> None:
        self._core, self._service, self._place_of = core, service, place_of

    def routes(self) -> list[Route]:
        """Below the service's name."""
        bucket = "/storage/v1/b/{bucket}/o"
        return [
            Protocol.route("GET", bucket, _worded(self.listing)),
            Protocol.route("GET", bucket + "/{name:path}", _worded(self.one)),
        ]

    def objects_of(self, job: Job) -> list[Stored]:
        """The clips that an order has written to its bucket; of one that has `expired` only the names are left."""
        found, standing = self._place_of(job), self._core.standing(job)
        if found is None or standing.state != "done":
            return []
        parts = [part for part in (found.prefix, folder_of(job)) if part]
        return [
            Stored("/".join((*parts, f"sample_{index}.mp4")), job, clip.number, standing.ended or job.accepted)
            for index, clip in enumerate(standing.clips)
        ]

    async def listing(self, request: Request) -> Response:
        """A page of objects, by name."""
        strict.bearer(request, self._core.options.key)
        query = dict(request.query_params)
        strict.checked(query, {name: strict.Field(str) for name in ("prefix", "maxResults", "pageToken")})
        limit = query.get("maxResults", str(MOST_PAGE))
        if not limit.isdecimal() or int(limit) < 1:
            raise Refusal("bad-value", f"Invalid value for maxResults: {limit[:20]}.")
        found = sorted(self._found(self._bucket(request), query.get("prefix", "")), key=lambda one: one.name)
        after = _after(query.get("pageToken"))
        page = [one for one in found if one.name > after]
        more = page[: min(int(limit), MOST_PAGE)]
        told: dict[str, Any] = {"kind": "storage#objects"}
        if more:
            told["items"] = [self._metadata(request, one) for one in more]
        if len(page) > len(more):
            told["nextPageToken"] = base64.b64encode(more[-1].name.encode()).decode()
        return JSONResponse(told)

    async def one(self, request: Request) -> Response:
        """An object's metadata, or its bytes."""
        strict.bearer(request, self._core.options.key)
        query = dict(request.query_params)
        strict.checked(query, {"alt": strict.Field(str, choices=("json", "media"))})
        name, raw = request.path_params["name"], request.scope["raw_path"].decode("ascii", "replace")
        bucket = self._bucket(request)
        if "/" in raw.partition(f"/b/{bucket}/o/")[2]:
            raise Refusal("not-found", "Not Found")  # a slash that was not encoded is a path of the API
        for found in self._found(bucket, name):
            if found.name == name:
                media = query.get("alt") == "media"
                return (
                    self._core.clip(found.job, found.number) if media
                    else JSONResponse(self._metadata(request, found))
                )  # fmt: skip
        raise Refusal("not-found", f"No such object: {bucket}/{name[:200]}")

    def _bucket(self, request: Request) -> str:
        bucket = str(request.path_params["bucket"])
        if not BUCKET.fullmatch(bucket):
            raise Refusal("bad-value", f"Invalid bucket name: '{bucket[:80]}'.")
        return bucket

    def _found(self, bucket: str, prefix: str) -> Iterator[Stored]:
        for job in self._core.jobs(self._service):
            written = self._place_of(job)
            if written is not None and written.bucket == bucket:
                yield from (one for one in self.objects_of(job) if one.name.startswith(prefix))

    def _metadata(self, request: Request, stored: Stored) -> dict[str, Any]:
        bucket = request.path_params["bucket"]
        created = datetime.fromtimestamp(stored.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        size = clip_path(self._core.options.folder, stored.job.name, stored.number).stat().st_size
        return {
            "kind": "storage#object", "id": f"{bucket}/{stored.name}/1", "name": stored.name, "bucket": bucket,
            "generation": "1", "contentType": "video/mp4", "size": str(size), "timeCreated": created,
            "updated": created,
        }  # fmt: skip


def folder_of(job: Job) -> str:
    """The number that the service puts between the prefix and the clips of one order."""
    return str(int(job.name[:15], 16))


def _after(token: str | None) -> str:
    try:
        return base64.b64decode(token or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refusal("bad-value", "Invalid Value") from error


def _worded(handler: Handler) -> Handler:
    """A handler whose every no is in Cloud Storage's words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            status, reason = WORDS.get(refusal.kind, (400, "invalid"))
            told = {"message": refusal.message, "domain": "global", "reason": reason}
            error = {"code": status, "message": refusal.message, "errors": [told]}
            return JSONResponse({"error": error}, status_code=status)

    return answer
