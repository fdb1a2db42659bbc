"""fal's queue through fal's own SDK (fal-client 1.0.3), kept to one POST a submit and to the addresses that are ours.

Left to itself the SDK posts a submit up to ten times (client.py, MAX_ATTEMPTS and _maybe_retry_request), always to
https://queue.fal.run, falls back to another domain (BackupDomainTransport), follows redirects with the order in hand,
and takes proxies from the environment. The retries act on httpx's errors and on those that it makes of an answer; all
the rest is in the HTTP client that it makes for itself (SyncClient._client). So it is given another one, whose
transport sends a request once, to the configured address, and raises what went wrong as an error of our own, which the
SDK hands on at once. Nothing is changed for others in the process.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import fal_client
import httpx
from fal_client.auth import FAL_QUEUE_RUN_HOST  # what the SDK asks for, which the environment may change

from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import ANSWER_LIMIT, Answer

NOT_SENT = calling.not_sent(httpx)
QUEUE, REST = "queue.fal.run", "rest.fal.ai"  # fal_client/client.py: QUEUE_URL_FORMAT, REST_URL
UPLOADS = (".fal.media", ".fal.ai", "storage.googleapis.com")  # where a picture may be put, over https
PAGE, MOST_REQUESTS = 50, 2_000  # read of a list
MOST_LIST = 32 * 1024 * 1024  # bytes: a page of it repeats whole orders
KEPT = fal_client.StorageSettings(expires_in="1d")  # a picture, which is needed until its clip is made


@dataclass(frozen=True)
class Place:
    """Where fal is."""

    queue: str  # https://queue.fal.run
    listing: str  # https://api.fal.ai/v1, its platform's API
    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Of every call."""
        return {"authorization": f"Key {self.key}"}


class Unanswered(Exception):
    """No answer came; `sent` tells whether a request may have arrived."""

    def __init__(self, error: Exception, *, sent: bool) -> None:
        super().__init__(f"{type(error).__name__} {error}"[:400])
        self.sent = sent


class Said(Exception):
    """An answer that is no success."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(words(answer))
        self.answer = answer


class Fal:
    """The SDK's calls, each of which sends what it sends once; raises Unanswered, Said, or what the SDK makes of an
    answer that it does not understand (KeyError, ValueError, TypeError, RecursionError). Safe in many threads."""

    def __init__(self, place: Place, timeout: float) -> None:
        """Timeout in seconds. Where the queue is not fal's own, pictures are uploaded beside it."""
        self._place, self._door = place, _Door(place, timeout)
        self._sdk = fal_client.SyncClient(key=place.key, default_timeout=timeout)
        client = httpx.Client(transport=self._door, trust_env=False, timeout=timeout)
        self._sdk.__dict__["_client"] = client  # a cached property: this stands in its place

    def submit(self, endpoint: str, arguments: Mapping[str, Any], *, token: str) -> str:
        """Put an order in the queue; its name."""
        handle = self._sdk.submit(endpoint, dict(arguments), headers={"X-Client-Request-Id": token})
        return handle.request_id

    def upload(self, picture: bytes, mime: str) -> str:
        """Keep a picture at fal for a day; its address."""
        return self._sdk.upload(picture, mime, "frame", repository="fal", fallback_repository=[], lifecycle=KEPT)

    def cancel(self, app: str, name: str) -> Answer | None:
        """Ask for an order to be stopped; None where fal has heard of it, else what it said instead."""
        try:
            self._sdk.cancel(app, name)
        except Said as said:
            return said.answer
        return None

    def get(self, path: str) -> Answer:
        """Ask the queue what the SDK has no call for that asks once."""
        return self._door.once(httpx.Request("GET", f"{self._place.queue}/{path}"))

    def requests(self, endpoints: Iterable[str], since: float) -> Iterator[dict[str, Any]]:
        """Every request that fal lists for these endpoints with what was ordered, from a time on (seconds since 1970);
        ValueError where the list is none, or does not end."""
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since))
        for endpoint in endpoints:
            asked = {"endpoint_id": endpoint, "start": start, "limit": str(PAGE), "expand": "payloads"}
            seen, cursor = 0, ""
            while True:
                found = self._page({**asked, **({"cursor": cursor} if cursor else {})})
                yield from found["items"]
                seen, cursor = seen + len(found["items"]), str(found.get("next_cursor") or "")
                if not found.get("has_more"):
                    break
                if seen >= MOST_REQUESTS or not cursor or not found["items"]:
                    raise ValueError("a list of requests does not end")

    def _page(self, asked: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._place.listing}/models/requests/by-endpoint"
        answer = self._door.once(httpx.Request("GET", url, params=dict(asked)), most=MOST_LIST)
        if answer.status != 200:
            raise Said(answer)
        found = answer.found
        if not isinstance(found.get("items"), list) or not all(isinstance(item, dict) for item in found["items"]):
            raise ValueError("a list of requests is none")
        return found


class _Door(httpx.BaseTransport):
    """Sends each request once, where it may go."""

    def __init__(self, place: Place, timeout: float) -> None:
        beside = f"https://{REST}" if urlsplit(place.queue).hostname == QUEUE else place.queue
        self._homes = {FAL_QUEUE_RUN_HOST: place.queue, REST: beside}
        self._own = (place.queue, place.listing, beside)
        self._clients = {most: calling.client(httpx, timeout, most=most) for most in (ANSWER_LIMIT, MOST_LIST)}
        self._headers = place.headers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """For the SDK."""
        answer = self.once(request)
        if not 200 <= answer.status < 300:
            raise Said(answer)
        return httpx.Response(answer.status, content=answer.content)

    def once(self, request: httpx.Request, *, most: int = ANSWER_LIMIT) -> Answer:
        """The answer to a request, whatever its status; the key goes to fal and the configured address alone."""
        home = self._homes.get(request.url.host)
        url = home + request.url.raw_path.decode() if home else str(request.url)
        own, host = any(_same(url, base) for base in self._own), request.url.host
        if not own and not (request.url.scheme == "https" and any(host.endswith(one) for one in UPLOADS)):
            raise ValueError(f"fal names an address that nothing is sent to: {str(request.url)[:200]}")
        told = request.headers.items()
        headers = {name: value for name, value in told if name not in ("host", "authorization", "accept-encoding")}
        if own:
            headers |= self._headers
        try:
            found = self._clients[most].request(request.method, url, content=request.read(), headers=headers)
        except NOT_SENT as error:
            raise Unanswered(error, sent=False) from error
        except httpx.HTTPError as error:
            raise Unanswered(error, sent=True) from error
        return Answer(found.status_code, found.headers, found.content)


def _same(url: str, base: str) -> bool:
    one, other = urlsplit(url), urlsplit(base)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def kinds(answer: Answer) -> tuple[str, ...]:
    """The types of an answer's errors: {"detail": [{"type", "msg", "loc"}]} of a model, {"detail", "error_type"} of the
    queue, whose type stands in a header too."""
    detail = answer.found.get("detail")
    if isinstance(detail, list):
        return tuple(str(one.get("type"))[:100] for one in detail if isinstance(one, dict))
    kind = answer.found.get("error_type") or answer.headers.get("x-fal-error-type")
    return (str(kind)[:100],) if kind else ()


def words(answer: Answer) -> str:
    """What an answer says went wrong, short."""
    detail = answer.found.get("detail")
    if isinstance(detail, list):
        detail = "; ".join(str(one.get("msg"))[:200] for one in detail[:3] if isinstance(one, dict))
    text = str(detail)[:400] if detail else ""
    return " ".join(filter(None, [text, f"({', '.join(kinds(answer))[:200]})" if kinds(answer) else ""])) or (
        f"status {answer.status}"
    )
