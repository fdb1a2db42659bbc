"""What the adapter of a service that speaks JSON over HTTP need not write itself; ../ADDING.md has one built on it.

For services whose vendor has no SDK, or one that brings nothing. No call is ever tried again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from vidpipe.domain.requests import Accepted
from vidpipe.errors import Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import INVALID, Answer, unread, unsold
from vidpipe.services.wire.asking import Line
from vidpipe.services.wire.fetching import Source

NOT_SENT = calling.not_sent(httpx)


class JsonService:
    """One service, reached with a key; safe in many threads. Its `url` is the one option."""

    def __init__(
        self, opening: Opening, url: str, *, names: str, key_in: str = "Authorization: Bearer ",
        file_hosts: Collection[str] = (),
    ) -> None:  # fmt: skip
        """`url` where the configuration names no other, with the path that all others stand below; `names` is what its
        operations' names look like, the key goes behind the words of the header `key_in`, and files may be at
        `file_hosts`, too (as `fetching.Source` says). Raises SetupError where the address or the key can't be used."""
        opening.options(url=str)
        self.name, self._url = opening.name, address(opening.name, opening.url or url)
        field, _, begins = key_in.partition(": ")
        self._headers, self._names = {field: begins + opening.key()}, re.compile(names)
        timing, parts = opening.settings.timing, urlsplit(self._url)
        self._line = Line(f"{parts.scheme}://{parts.netloc}", timeout=timing.poll_timeout)
        self._root = parts.path.rstrip("/")
        self._files = Source(self.name, self._url, file_hosts, timing.call_timeout, headers=self._headers)
        self._client = calling.client(httpx, timing.call_timeout)

    def order(self, path: str, body: Mapping[str, Any]) -> Answer:
        """POST what is bought, once; raises Unavailable where nothing was sent, Uncertain where no answer came."""
        return self._sent("POST", path, Uncertain, json=dict(body))

    def accepted(self, answer: Answer, field: str, *, policy: Collection[str] = ()) -> Accepted:
        """The operation that an order's answer names in `field`; else raises what the answer means for the purchase.

        `policy` are the codes of errors that the service's content policy makes. Placed are statuses that say of
        themselves that the request was not taken (RFC 9110, 15.5), or not handled now (15.6.4, a 503 with Retry-After).
        """
        message = f"{self.name}: {answer.message} (status {answer.status})"
        if answer.status in (200, 201, 202):
            name = answer.found.get(field)
            if isinstance(name, str) and self._names.fullmatch(name):
                return Accepted(name)
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        if answer.status in (*INVALID, 403, 451) and answer.code in policy:
            raise Refused(message, kind="policy")
        raise unsold(message, answer.status, answer.retry_after)

    async def ask(self, path: str, of: str, *, repeats: str) -> Answer:
        """GET, by the wave's own connections, what is told of the operation `of`, whose name the field `repeats` has.

        Raises Unavailable, Transient or Expired where nothing is.
        """
        answer = await self._line.get(self._root + path, headers=self._headers, of=self.name)
        if answer.status != 200:
            raise self.unread(answer, of)
        if answer.found.get(repeats) != of:
            raise Transient(f"{self.name} answered a poll of {of} about something else")
        return answer

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def call(self, method: str, path: str, of: str, *, good: Collection[int] = (200,), **query: str) -> Answer:
        """Any call that buys nothing and waits for its answer, which has one of the statuses `good`.

        Raises Unavailable, Transient or Expired where there is none.
        """
        answer = self._sent(method, path, Transient, params=query)
        if answer.status not in good:
            raise self.unread(answer, of)
        return answer

    def unread(self, answer: Answer, of: str) -> ServiceError:
        """What an answer means that does not tell what was asked."""
        message = f"{self.name}, {of}: {answer.message} (status {answer.status})"
        return unread(message, answer.status, answer.retry_after)

    def checked(self, operation: object) -> str:
        """A name that can stand in a path; raises Expired where it is none of this service's."""
        if not isinstance(operation, str) or not self._names.fullmatch(operation):
            raise Expired(f"{str(operation)[:80]!r} is no operation of this service")
        return operation

    def download(self, url: object, dest: Path) -> None:
        """Write a file to `dest`; the key goes to the service's own address alone. Raises as `Source.download`."""
        self._files.download(str(url), dest)

    def _sent(self, method: str, path: str, unanswered: type[ServiceError], **more: Any) -> Answer:
        try:
            found = self._client.request(method, self._url + path, headers=self._headers, **more)
        except NOT_SENT as error:
            raise Unavailable(f"{self.name} cannot be reached: {error}") from error
        except httpx.HTTPError as error:
            raise unanswered(f"{self.name} did not answer a {method}: {type(error).__name__} {error}") from error
        return Answer(found.status_code, found.headers, found.content)
