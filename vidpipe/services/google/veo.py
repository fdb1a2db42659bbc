"""Veo on Google Cloud's Vertex AI, through the vendor's own SDK (google-genai 3.4.0).

Exactly one POST leaves a submit; what an answer means for the purchase stands in vertex.py.

With a bucket (option `bucket`: gs://my-bucket/folder) results go to FOLDER/TOKEN/COUNT, and `find` lists FOLDER/TOKEN/.
Veo writes there once a clip is done: an object proves that the order was accepted; no object proves nothing until the
longest operation would be over (so `settling_seconds` is 1,800), and by then that nothing was delivered, which Google
does not bill. Operations cannot be listed, so what is found is watched by the folder's own name, gs://FOLDER/TOKEN/COUNT:
done once COUNT clips are there, or once nothing was added for QUIET seconds. Without a bucket clips come inside the
answer: a poll reads past them (inline.Cut), `fetch` asks again and writes one to its file, and there is no `find`.
The token is also the label `vidpipe`, which Google's billing reports show.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError
from google.auth.exceptions import GoogleAuthError
from google.genai.errors import APIError

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.google import gcs, gemini_api, veo_answers, vertex
from vidpipe.services.google.gcloud import Login, login
from vidpipe.services.google.inline import Cut, unpacked
from vidpipe.services.google.veo_asked import asked
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire import answers, calling
from vidpipe.services.wire.asking import Line
from vidpipe.services.wire.fetching import NOT_THERE, save, steady, whole_file

INSIDE = "bytesBase64Encoded"  # the key of a clip that comes inside an answer
NAME = re.compile(
    r"(projects/[a-z0-9:.-]{1,63}/locations/[a-z0-9-]{1,40}/publishers/google/models/[a-z0-9.-]{1,63})"
    r"/operations/[A-Za-z0-9_-]{1,128}"
)
STORAGE = "https://storage.googleapis.com"
LOCATION = re.compile(r"[a-z][a-z0-9-]{1,39}")
PROJECT = re.compile(r"[a-z][a-z0-9:.-]{4,62}")
QUIET = 180.0  # seconds after its last clip from which a found folder is taken to be whole
ANSWERED_BADLY = (ValueError, TypeError, AttributeError, KeyError, RecursionError)


class BareService:
    """Veo without a bucket (`services.base`); safe in many threads."""

    def __init__(self, name: str, url: str, who: Login, project: str, location: str, *, timeouts: tuple[float, float]):
        """`timeouts` of a call and of a poll, in seconds."""
        self.name, self._url, self._login = name, url, who
        self._timeout, poll_timeout = timeouts
        parts = urlsplit(url)
        self._line = Line(f"{parts.scheme}://{parts.netloc}", timeout=poll_timeout)
        self._path = f"{parts.path.rstrip('/')}/{vertex.VERSION}"
        # What buys never tries again; what asks and fetches does without the SDK (see poll).
        self._buyer = vertex.client(url, who, project, location, timeout=self._timeout)

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy: one POST, no retries."""
        source, config = asked(self.name, request, self._place(request))
        self._login.headers()  # so that no token has to be got between here and the POST
        try:
            name = self._buyer.models.generate_videos(model=request.model, source=source, config=config).name
        except APIError as error:
            raise vertex.failure(self.name, error) from error
        except (*gemini_api.NOT_SENT, GoogleAuthError) as error:
            raise self._away(error) from error
        except httpx2.HTTPError as error:
            raise Uncertain(f"{self.name} did not answer a submit: {type(error).__name__} {error}") from error
        except ANSWERED_BADLY as error:
            raise Uncertain(f"{self.name} answered a submit with something else: {type(error).__name__}") from error
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        return Accepted(name)

    def _place(self, request: VideoRequest) -> str | None:
        """Where the clips are to be written; None: inside the answer."""
        return None

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once, by the wave's own connections: 0.13 to 0.19 ms of a core; the SDK's takes 0.9 ms."""
        path, body = self._question(operation)
        cut = Cut(INSIDE)
        try:
            headers = {"accept-encoding": "identity", **await self._login.headers_async()}
            async with (
                self._line.session() as session,
                session.post(self._path + path, json=body, headers=headers, allow_redirects=False) as stream,
            ):
                if stream.headers.get("content-encoding", "identity") != "identity":
                    raise Transient(f"{self.name} sent an answer packed, though asked not to")
                async for piece in stream.content.iter_any():
                    cut.feed(piece)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise self._away(error) from error
        except (ClientError, TimeoutError) as error:
            raise Transient(f"{self.name} did not answer a poll: {type(error).__name__} {error}") from error
        return self._read(operation, answers.Answer(stream.status, stream.headers, bytes(cut.kept)))

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def _question(self, operation: str) -> tuple[str, dict[str, str]]:
        """operations.py: the operation's own path up to its model, and :fetchPredictOperation."""
        found = NAME.fullmatch(operation)
        if found is None:
            raise Expired(f"{operation[:80]!r} is no operation of this service")
        return f"/{found[1]}:fetchPredictOperation", {"operationName": operation}

    def _read(self, operation: str, answer: answers.Answer) -> Pending | Delivered:
        if answer.status == 200:
            return veo_answers.told(self.name, operation, answer.found)
        message = f"{self.name}: {veo_answers.in_words(answer.message)} (status {answer.status})"
        # 404 is NOT_FOUND (google/rpc/code.proto): outputs are kept for two days.
        raise answers.unread(message, answer.status, answer.retry_after)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService: the answer again, of which one clip is written to its file as it comes."""
        path, body = self._question(operation)
        wanted, cut = clip.handle.get("inline"), Cut(INSIDE)
        if "uri" in clip.handle:
            raise Unavailable(f"{self.name}: clip {clip.number} lies in a bucket, and the option `bucket` is not set")
        if not isinstance(wanted, int):
            raise Broken(f"{self.name} gave no place for clip {clip.number}")
        headers = self._login.headers()
        url = f"{self._url}/{vertex.VERSION}{path}"
        try:
            with (
                whole_file(dest) as part,
                calling.client(httpx, self._timeout, most=None) as client,
                client.stream("POST", url, json=body, headers=headers) as stream,
            ):
                if stream.status_code != 200:
                    self._read(operation, answers.read(stream))
                save(unpacked(steady(stream.iter_raw(), self._timeout), cut, wanted), part, announced=None)
                found = self._read(operation, answers.Answer(200, stream.headers, bytes(cut.kept)))
                if not isinstance(found, Delivered) or clip.handle not in [one.handle for one in found.clips]:
                    raise Transient(f"{self.name} told other clips of {operation[-60:]} than before")
        except NOT_THERE as error:
            raise self._away(error) from error
        except httpx.HTTPError as error:
            raise Transient(f"{self.name} broke off a download: {type(error).__name__} {error}") from error

    def _away(self, error: BaseException) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached: {str(error)[:400]}")


class BucketService(BareService):
    """Veo with a bucket: what it wrote is fetched from there, and a lost submit is found there."""

    def __init__(self, store: gcs.Store, *more: Any, **options: Any) -> None:
        super().__init__(*more, **options)
        self._store = store

    def _place(self, request: VideoRequest) -> str:
        try:
            return self._store.home.below(request.token, str(request.count)).uri
        except ValueError as error:
            raise Refused(f"{self.name}: {error}") from error

    async def poll(self, operation: str) -> Pending | Delivered:
        """As without a bucket; of an order that was found in the bucket, whether its clips are there."""
        if not operation.startswith("gs://"):
            return await super().poll(operation)
        return await asyncio.to_thread(self._watch, operation)

    def _watch(self, found: str) -> Pending | Delivered:
        token, _, count = found.removeprefix(f"{self._store.home.uri}/").partition("/")
        try:
            place = self._store.home.below(token, str(int(count)))
        except ValueError as error:
            raise Expired(f"{found[:80]!r} is no operation of this service") from error
        stored, now = self._store.listed(place)
        missing = int(count) - len(stored)
        if not stored or (missing > 0 and now - max(one.created for one in stored) < QUIET):
            return Pending(min(1.0, len(stored) / max(1, int(count))))
        uris = [f"gs://{place.bucket}/{one.name}" for one in stored[: int(count)]]
        clips = tuple(RemoteClip(number, {"uri": uri}) for number, uri in enumerate(uris, start=1))
        return Delivered(clips, max(0, missing), ("never written to the bucket",) if missing > 0 else ())

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService."""
        uri = clip.handle.get("uri")
        if isinstance(uri, str):
            self._store.fetch(uri, dest)
        else:
            super().fetch(operation, clip, dest)

    def find(self, token: str) -> Accepted | None:
        """The folder of an order that has begun to deliver; None where nothing is in it: see the module's words."""
        try:
            place = self._store.home.below(token)
        except ValueError:
            return None
        stored, _now = self._store.listed(place)
        if not stored:
            return None
        count = stored[0].name.removeprefix(f"{place.prefix}/").partition("/")[0]
        if not re.fullmatch("[1-9][0-9]?", count):
            raise Transient(f"{self.name}: what lies in {place.uri} is not as it was asked for")
        return Accepted(place.below(count).uri)


def open_service(opening: Opening) -> BareService:
    """The adapter. Options: location, bucket, storage_url, service_account, url. Raises SetupError."""
    options = opening.options(url=str, location=str, bucket=str, storage_url=str, service_account=str)
    project, location = opening.key(), options.get("location") or "us-central1"
    if not LOCATION.fullmatch(location) or not PROJECT.fullmatch(project):
        raise SetupError(f"the service {opening.name} has a location or a project that cannot be one.")
    place = "" if location == "global" else f"{location}-"
    url = address(opening.name, opening.url or f"https://{place}aiplatform.googleapis.com")
    base = address(opening.name, opening.at("storage_url") or (url if _abroad(url) else STORAGE))
    file, abroad = options.get("service_account", ""), _abroad(url) or _abroad(base)
    who = login(opening.name, token=opening.spare_key(), service_account_file=file, abroad=abroad)
    timing = opening.settings.timing
    timeouts = (timing.call_timeout, timing.poll_timeout)
    if not options.get("bucket"):
        return BareService(opening.name, url, who, project, location, timeouts=timeouts)
    store = gcs.Store(opening.name, base, gcs.folder(opening.name, options["bucket"]), who, timing.call_timeout)
    return BucketService(store, opening.name, url, who, project, location, timeouts=timeouts)


def _abroad(url: str) -> bool:
    """Whether an address is not Google's."""
    return not str(urlsplit(url).hostname).endswith(".googleapis.com")
