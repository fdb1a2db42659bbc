"""Any server that speaks OpenAI's videos, through the vendor's own SDK (openai 3.52.0).

Exactly one POST leaves a submit. What it means for the purchase, and who says so:

    cannot connect                   Unavailable  nothing was sent (httpx2: no connection, or none free)
    200 with an id                   Accepted     resources/videos.py: create returns a Video
    400 moderation_blocked, ...      Refused      policy
    400, 404, 405, 413, 415, 422     Refused      invalid (_exceptions.py: BadRequest, NotFound, UnprocessableEntity)
    401, 403                         Unavailable  the key is wrong (Authentication, PermissionDenied)
    429                              Unavailable  limits and quota are the account's (RateLimitError)
    503 with Retry-After             Transient    RFC 9110, 15.6.4: not handled now, and the server says when it will be
    anything else                    Uncertain    408, 409 and 5xx (the SDK tries them all again, _base_client.py
                                                  _should_retry: none says that nothing was begun), a timeout or a
                                                  reset after the connection stood, an answer without an id

The protocol has no field for a client's own name of an order, and no answer but a video's `prompt` repeats what was
sent. So the token travels at the prompt's end, as characters without width (marks.py), and `find` looks for them in
the listing. `askable: false` among the options leaves the prompt alone; the service then has no `find`. The token is
also sent as X-Client-Request-Id, for the server's own logs. DELETE is for videos that have ended (resources/videos.py),
so nothing can be cancelled. A seed, a negative prompt and the wish for sound have no place and are not sent.
"""

from __future__ import annotations

import json
import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.pagination import SyncConversationCursorPage
from openai.types import Video

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, ServiceError, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import number, retry_after, unread, unsold
from vidpipe.services.wire.asking import Line
from vidpipe.services.wire.fetching import Source
from vidpipe.services.wire.marks import is_marked, mark
from vidpipe.services.wire.pictures import fitted

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
ENDED = "api.openai.com"  # and its regions: eu.api.openai.com, ...
# Users met these at OpenAI and at Azure's servers of the same shape; the SDK's own list is only of examples.
POLICY = ("moderation_blocked", "content_policy_violation", "content_filter", "sentinel_block")
NOT_SENT = calling.not_sent(httpx2)
PAGE, MOST_VIDEOS = 100, 5_000  # read of a listing
ANSWERED_BADLY = (openai.OpenAIError, ValueError, RecursionError, TypeError, AttributeError)


class BareService:
    """A video service (`services.base`); safe in many threads."""

    marks = False  # whether prompts carry the token

    def __init__(self, name: str, url: str, key: str, *, call_timeout: float, poll_timeout: float) -> None:
        """`url` as the SDK's base_url, https://host/v1; timeouts in seconds."""
        self.name, self._url = name, url
        self._headers = {"Authorization": f"Bearer {key}"}
        parts = urlsplit(url)
        self._line = Line(f"{parts.scheme}://{parts.netloc}", timeout=poll_timeout)
        self._path = f"{parts.path.rstrip('/')}/videos"
        self._files = Source(name, url, timeout=call_timeout, headers=self._headers)
        # Two clients: what buys never tries again, what only asks may.
        self._buyer = self._client(key, call_timeout, retries=0)
        self._asker = self._client(key, call_timeout, retries=2)

    def _client(self, key: str, timeout: float, *, retries: int) -> openai.OpenAI:
        return openai.OpenAI(
            api_key=key, base_url=self._url, max_retries=retries, http_client=calling.client(httpx2, timeout),
            organization="", project="",  # else the SDK reads them from the environment
        )  # fmt: skip

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy: one POST, no retries."""
        body, files = self._asked(request)
        headers = {"Content-Type": "multipart/form-data", "X-Client-Request-Id": request.token}
        try:
            # What `videos.create` does; that itself warns at each call of the end of OpenAI's own service.
            video = self._buyer.post(
                "/videos", cast_to=Video, body=body, files=files, options={"headers": headers, "max_retries": 0}
            )
            name = video.id
        except openai.APIStatusError as error:
            raise self._placed(error) from error
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, NOT_SENT):
                raise self._away(error.__cause__) from error
            raise Uncertain(f"{self.name} did not answer a submit: {_words(error)}") from error
        except ANSWERED_BADLY as error:
            raise Uncertain(f"{self.name} answered a submit with something else: {_words(error)}") from error
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        return Accepted(name)

    def _asked(self, request: VideoRequest) -> tuple[dict[str, str], list[tuple[str, Any]]]:
        if request.count != 1 or request.last_frame is not None or request.references:
            raise Refused(f"{self.name} makes one clip a call, from a prompt and at most a first frame")
        if request.duration != int(request.duration):
            raise Refused(f"{self.name} makes clips of whole seconds, not of {request.duration:g}")
        prompt = request.prompt + (mark(request.token) if self.marks else "")
        size = f"{request.width}x{request.height}"
        body = {"prompt": prompt, "model": request.model, "seconds": str(int(request.duration)), "size": size}
        if request.first_frame is None:
            return body, []
        picture = fitted(request.first_frame, request.width, request.height)
        return body, [("input_reference", ("first.png", picture, "image/png"))]

    def _placed(self, error: openai.APIStatusError) -> ServiceError:
        """What a status means for a submit; see the module's table."""
        status, pause = error.status_code, retry_after(error.response.headers)
        message = f"{self.name}: {_words(error)} (status {status})"
        if status == 400 and error.code in POLICY:
            return Refused(message, kind="policy")
        return unsold(message, status, pause)

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once, by the wave's own connections: 0.17 ms of a core, where the SDK's async client takes 1.3 ms."""
        answer = await self._line.get(f"{self._path}/{_checked(operation)}", headers=self._headers, of=self.name)
        if answer.status != 200:
            message = f"{self.name}, {operation}: {answer.message} (status {answer.status})"
            raise unread(message, answer.status, answer.retry_after)
        return self._status(operation, answer.found)

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def _status(self, operation: str, found: dict[str, Any]) -> Pending | Delivered:
        """types/video.py: queued, in_progress, completed, failed; a failed one has an error with a code."""
        state = found.get("status")
        if found.get("id") != operation:
            raise Transient(f"{self.name} answered a poll of {operation} about something else")
        if state in ("queued", "in_progress"):
            done = number(found.get("progress"))
            return Pending(None if done is None else min(1.0, done / 100))
        if state == "completed":
            return Delivered((RemoteClip(1),), model_version=str(found.get("model") or "")[:200])
        if state == "failed":
            error = found.get("error")
            told = error if isinstance(error, dict) else {}
            reason = f"{self.name}: {operation} failed: {str(told.get('code'))[:100]}: {str(told.get('message'))[:400]}"
            raise Refused(reason, kind="policy") if told.get("code") in POLICY else Broken(reason)
        raise Transient(f"{self.name} told a state of {operation} that is not known: {str(state)[:40]!r}")

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService."""
        self._files.download(f"{self._url}/videos/{_checked(operation)}/content", dest)

    def _away(self, error: BaseException) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached: {error}")


class AskableService(BareService):
    """One whose prompts carry the token, so that its listing tells what became of an order."""

    marks = True

    def find(self, token: str) -> Accepted | None:
        """The video whose prompt carries `token`, the oldest if there are several; None where there is none now.

        Transient where the listing cannot tell: it leaves prompts out, repeats none of ours, or does not end.
        """
        wanted, seen, ours = mark(token), 0, False
        options: Any = {"params": {"limit": PAGE, "order": "desc"}}
        found: list[str] = []
        try:
            kind = SyncConversationCursorPage[Video]
            pages = self._asker.get_api_list("/videos", page=kind, model=Video, options=options).iter_pages()
            for video in (video for page in pages for video in self._listed(page.data)):
                seen += 1
                if not isinstance(video.prompt, str) or seen > MOST_VIDEOS:
                    raise Transient(f"{self.name} lists its videos without their prompts, or more than {MOST_VIDEOS}")
                ours = ours or is_marked(video.prompt)
                if video.prompt.endswith(wanted):
                    found.append(_checked(str(video.id)))
        except openai.APIConnectionError as error:
            raise self._away(error.__cause__ or error) from error
        except openai.APIStatusError as error:
            message = f"{self.name}, a search: {_words(error)} (status {error.status_code})"
            raise Transient(message, retry_after=retry_after(error.response.headers)) from error
        except ANSWERED_BADLY as error:
            raise Transient(f"{self.name} answered a search with something else: {_words(error)}") from error
        if seen and not ours:
            raise Transient(
                f"{self.name} repeats no prompt as it was sent, so that it cannot be asked: set its option"
                " askable to false"
            )
        return Accepted(found[-1]) if found else None

    def _listed(self, page: object) -> list[Video]:
        """What a page holds; the SDK takes an answer that is no page for one that holds nothing."""
        if not isinstance(page, list):
            raise Transient(f"{self.name} answered a search with something else")
        return page


def open_service(opening: Opening) -> BareService:
    """The adapter; url and askable are its options. Raises SetupError where its address or key cannot be used."""
    askable = opening.options(url=str, askable=bool).get("askable", True)
    if not opening.url:
        raise SetupError(
            f"the address of the service {opening.name} is not set.",
            remedy="Give your server's as its option `url`: https://host/v1.",
        )
    url = address(opening.name, opening.url)
    host = str(urlsplit(url).hostname).lower().rstrip(".")
    if host == ENDED or host.endswith(f".{ENDED}"):
        raise SetupError(
            f"the service {opening.name} is at {host}, whose videos ended on 2026-09-24.",
            remedy="Name a server of your own that speaks the same protocol, or choose another service.",
        )
    timing = opening.settings.timing
    made = AskableService if askable else BareService
    return made(opening.name, url, opening.key(), call_timeout=timing.call_timeout, poll_timeout=timing.poll_timeout)


def _checked(operation: str) -> str:
    if not NAME.fullmatch(operation):
        raise Expired(f"{operation[:80]!r} is no operation of this service")
    return operation


def _words(error: Exception) -> str:
    """A vendor's message, short; the SDK's errors hold the answer's body and never the key."""
    told = getattr(error, "body", None)
    text = told.get("message") if isinstance(told, dict) else None
    cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
    return str(text or json.dumps(str(error)))[:400] + cause
