"""Runway's API, through the vendor's own SDK (runwayml 5.24.0).

Exactly one POST leaves a submit. What it means for the purchase, and who says so (HTTP: docs.dev.runwayml.com,
`HTTP Errors`, as stored; SDK: runwayml/_exceptions.py and _base_client.py):

    cannot connect               Unavailable  nothing was sent (httpx: no connection, or none free)
    200 with an id               Accepted     types/image_to_video_create_response.py
    400 for want of credits      Unavailable  `You do not have enough credits to run this task.`, as users met it
    400, 404, 405, 413, 415, 422 Refused      HTTP: a problem with an input, not to be tried again
    401, 403                     Unavailable  HTTP: the key is not valid
    429                          Unavailable  HTTP: an account's limit (its tasks of 24 hours) is reached; more tasks at
                                              once than allowed are no error: they are THROTTLED
    503 with Retry-After         Transient    RFC 9110, 15.6.4: not handled now, and the server says when it will be
    anything else                Uncertain    408, 409 and 5xx, which the SDK tries again (_should_retry); HTTP allows
                                              it for 502, 503 and 504 (`shedding load`) and does not say that nothing
                                              was begun. A timeout or a reset after the connection stood, no id

Nothing can be asked what became of an order whose answer was lost: no field of an order is the client's own, and there
is no listing of tasks (resources/tasks.py: retrieve, delete). The token is sent as X-Client-Request-Id, for logs alone.

What a task tells stands in runway_tasks. DELETE stops one, and gives its credits back only while it is PENDING or
THROTTLED (resources/tasks.py, delete): one that is RUNNING is left to deliver.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import runwayml

from vidpipe.domain.catalogue import Capabilities, read_service
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.opening import Opening, address
from vidpipe.services.runway_tasks import error_of, meaning, output_of
from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import retry_after, unread, unsold
from vidpipe.services.wire.asking import Line
from vidpipe.services.wire.fetching import Source
from vidpipe.services.wire.pictures import data_uri

HOME = "https://api.dev.runwayml.com"  # runwayml/_client.py
# Where outputs are, as the API's reference (`Outputs`) and users' answers show them.
HOSTS = ("dnznrvs05pmza.cloudfront.net", "d2jqrm6oza8nb6.cloudfront.net")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
MOST_PICTURE = 5 * 1024 * 1024  # characters of a data URI; API reference, `Inputs`: under 5 MB as encoded
BROKE = "enough credits"
NOT_SENT = calling.not_sent(httpx)
ANSWERED_BADLY = (runwayml.RunwayMLError, ValueError, RecursionError, TypeError, AttributeError)


class RunwayService:
    """A video service (`services.base`); safe in many threads."""

    def __init__(
        self, name: str, url: str, key: str, models: Mapping[str, Capabilities], *, call_timeout: float,
        poll_timeout: float,
    ) -> None:  # fmt: skip
        """`url` as the SDK's base_url, https://host; timeouts in seconds."""
        self.name, self._models = name, models
        parts = urlsplit(url)
        self._line = Line(f"{parts.scheme}://{parts.netloc}", timeout=poll_timeout)
        self._path = f"{parts.path.rstrip('/')}/v1/tasks"
        self._files = Source(name, url, hosts=HOSTS, timeout=call_timeout)

        def client(retries: int) -> runwayml.RunwayML:
            http = calling.client(httpx, call_timeout)
            return runwayml.RunwayML(api_key=key, base_url=url, max_retries=retries, http_client=http)

        # Two clients: what buys never tries again, what only asks may.
        self._buyer, self._asker = client(0), client(2)
        self._headers = {"Authorization": f"Bearer {key}", "X-Runway-Version": self._buyer.runway_version}

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy: one POST, no retries."""
        asked = self._asked(request)
        create: Callable[..., Any] = (
            self._buyer.image_to_video.create if "prompt_image" in asked else self._buyer.text_to_video.create
        )
        try:
            name = create(**asked, extra_headers={"X-Client-Request-Id": request.token}).id
        except runwayml.APIStatusError as error:
            raise self._placed(error) from error
        except runwayml.APIConnectionError as error:
            if isinstance(error.__cause__, NOT_SENT):
                raise self._away(error.__cause__) from error
            raise Uncertain(f"{self.name} did not answer a submit: {_words(error)}") from error
        except ANSWERED_BADLY as error:
            raise Uncertain(f"{self.name} answered a submit with something else: {_words(error)}") from error
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        return Accepted(name)

    def _asked(self, request: VideoRequest) -> dict[str, Any]:
        """The order in the SDK's words: only what its model knows (types/image_to_video_create_params.py)."""
        model = self._models.get(request.model)
        if model is None or request.count != 1 or request.references or request.duration != int(request.duration):
            raise Refused(f"{self.name} makes one clip of whole seconds a call, with a model that it has, from frames")
        if request.last_frame is not None and request.first_frame is None:
            raise Refused(f"{self.name} takes a last frame only beside a first one")
        asked: dict[str, Any] = {
            "model": request.model, "prompt_text": request.prompt, "duration": int(request.duration),
            "ratio": f"{request.width}:{request.height}",
        }  # fmt: skip
        frames = [("first", request.first_frame), ("last", request.last_frame)]
        pictures = [
            {"uri": data_uri(path, request.width, request.height, most=MOST_PICTURE), "position": position}
            for position, path in frames
            if path is not None
        ]
        if pictures:
            asked["prompt_image"] = pictures
        if request.seed is not None:
            asked["seed"] = request.seed % 2**32
        if model.audio:
            asked["audio"] = request.audio
        if model.negative_prompt and request.negative_prompt:
            asked["negative_prompt"] = request.negative_prompt
        return asked

    def _placed(self, error: runwayml.APIStatusError) -> ServiceError:
        """What a status means for a submit; see the module's table."""
        status, pause, told = error.status_code, retry_after(error.response.headers), _words(error)
        message = f"{self.name}: {told} (status {status})"
        if status == 400 and BROKE in told:
            return Unavailable(message, retry_after=pause)
        return unsold(message, status, pause)

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once, by the wave's own connections: 0.2 ms of a core, where the SDK's async client takes 1.4 ms."""
        answer = await self._line.get(f"{self._path}/{_checked(operation)}", headers=self._headers, of=self.name)
        if answer.status != 200:
            words = error_of(answer.found) or answer.message
            message = f"{self.name}, {operation}: {words} (status {answer.status})"
            raise unread(message, answer.status, answer.retry_after)
        return meaning(self.name, operation, answer.found)

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService. Asks for a fresh address: each expires within 24 to 48 hours, and is as good as a key
        while it lasts, so that it is stored nowhere."""
        self._files.download(output_of(getattr(self._task(_checked(operation)), "output", None)), dest)

    def cancel(self, operation: str) -> bool:
        """See base.Cancellable; True only where nothing is charged."""
        name = _checked(operation)
        if getattr(self._task(name), "status", None) not in ("PENDING", "THROTTLED"):
            return False
        self._task(name, stop=True)
        # It may have begun meanwhile: what it is charged is known afterwards.
        return getattr(getattr(self._task(name), "cost", None), "credits", None) == 0

    def _task(self, name: str, *, stop: bool = False) -> Any:
        """A task, or its end: by the SDK, which may try again. What the SDK gives has not been checked."""
        try:
            return self._asker.tasks.delete(name) if stop else self._asker.tasks.retrieve(name)
        except runwayml.APIStatusError as error:
            message = f"{self.name}, {name}: {_words(error)} (status {error.status_code})"
            raise unread(message, error.status_code, retry_after(error.response.headers)) from error
        except runwayml.APIConnectionError as error:
            raise self._away(error.__cause__ or error) from error
        except ANSWERED_BADLY as error:
            raise Transient(f"{self.name} answered about {name} with something else: {_words(error)}") from error

    def _away(self, error: BaseException) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached: {error}")


def open_service(opening: Opening) -> RunwayService:
    """The adapter; url is its option. Raises SetupError where its address or key cannot be used."""
    opening.options(url=str)
    url, timing = address(opening.name, opening.url or HOME), opening.settings.timing
    models = read_service(opening.name, opening.entry).models
    return RunwayService(
        opening.name, url, opening.key(), models, call_timeout=timing.call_timeout, poll_timeout=timing.poll_timeout
    )


def _checked(operation: str) -> str:
    if not NAME.fullmatch(operation):
        raise Expired(f"{operation[:80]!r} is no operation of this service")
    return operation


def _words(error: Exception) -> str:
    """A vendor's message, short; the SDK's errors hold the answer's body and never the key."""
    cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
    return (error_of(getattr(error, "body", None)) or json.dumps(str(error)))[:400] + cause
