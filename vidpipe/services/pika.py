"""Pika, which is reached through fal's queue (fal-client 1.0.3, see fal.py).

Exactly one POST leaves a submit. The queue takes any order of its account (fal, `Queue`: requests are never rejected
for concurrency), and what a model finds wrong with one is its result. What an answer means for the purchase, and who
says so (fal's pages `Queue`, `Model errors` and `Request errors`, as stored):

    cannot connect               Unavailable  nothing was sent (httpx: no connection, or none free)
    2xx with a request_id        Accepted     fal_client/client.py: submit
    422 content_policy_violation Refused      policy (Model errors)
    400, 404, 405, 413, 415, 422 Refused      invalid (Request errors: bad_request; Model errors: validation)
    401, 403                     Unavailable  the key is wrong, or the account locked for want of credits (`FAQ`)
    429                          Unavailable  a limit of the account
    503 with Retry-After         Transient    RFC 9110, 15.6.4: not handled now, and the server says when it will be
    anything else                Uncertain    408, 409 and a gateway's 5xx, which the SDK tries again (client.py,
                                              RETRY_CODES, INGRESS_ERROR_CODES), and no source says that nothing was
                                              begun; a timeout or a reset after the connection stood, no request_id

An order has no field that is the client's own, and one that a model does not know may be refused. So the token travels
at the prompt's end as characters without width (marks.py), and `find` looks for them in fal's list of requests, which
repeats orders where asked to (`List requests by endpoint`, expand=payloads). Whether that list has orders that still
run is not told: it is sorted by their end. `settling_seconds` is longer than one may take, therefore. `askable: false`
among the options leaves the prompt alone; the service then has no `find`. X-Client-Request-Id is for logs alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from httpx import InvalidURL

from vidpipe.domain.capabilities import aspect
from vidpipe.domain.catalogue import read_service
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.fal import QUEUE, Fal, Place, Said, Unanswered, kinds, words
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire.answers import INVALID, Answer, unread, unsold
from vidpipe.services.wire.asking import Line
from vidpipe.services.wire.fetching import Source
from vidpipe.services.wire.marks import is_marked, mark
from vidpipe.services.wire.pictures import fitted

APP = "fal-ai/pika"
LISTING = "https://api.fal.ai/v1"  # fal's platform API
HOSTS = (".fal.media",)  # fal's CDN, where results are (`FAQ`)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
POLICY, CANCELLED, UPLOAD = "content_policy_violation", "client_cancelled", "an upload"
# Errors of a model that are not the order's fault (Model errors).
FAILED = {
    "internal_server_error", "generation_timeout", "downstream_service_error", "downstream_service_unavailable",
    "no_media_generated",
}  # fmt: skip
LOOKED_BACK = 3 * 86_400.0  # seconds; the listing's own default is a day
ANSWERED_BADLY = (KeyError, ValueError, RecursionError, TypeError, AttributeError, InvalidURL)


class BarePika:
    """A video service (`services.base`); safe in many threads."""

    marks = False  # whether prompts carry the token

    def __init__(
        self, name: str, place: Place, models: Collection[str], *, call_timeout: float, poll_timeout: float
    ) -> None:
        """`models` by their versions; timeouts in seconds."""
        self.name, self._place, self._models, parts = name, place, models, urlsplit(place.queue)
        self._line = Line(f"{parts.scheme}://{parts.netloc}", timeout=poll_timeout)
        self._path = f"{parts.path.rstrip('/')}/{APP}/requests"
        self._files = Source(name, place.queue, hosts=HOSTS, timeout=call_timeout)
        self._fal = Fal(place, call_timeout)

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy: one POST, no retries; before it the picture is uploaded, where there is one."""
        if request.count != 1 or request.last_frame is not None or request.references:
            raise Refused(f"{self.name} makes one clip a call, from a prompt and at most a first frame")
        if request.duration != int(request.duration) or request.model not in self._models:
            raise Refused(f"{self.name} makes clips of whole seconds, with the models {', '.join(self._models)}")
        endpoint, arguments = self._asked(request)
        try:
            name = self._fal.submit(endpoint, arguments, token=request.token)
        except Said as said:
            raise self._placed(said.answer) from said
        except Unanswered as error:
            if not error.sent:
                raise Unavailable(f"{self.name} cannot be reached: {error}") from error
            raise Uncertain(f"{self.name} did not answer a submit: {error}") from error
        except ANSWERED_BADLY as error:
            raise Uncertain(f"{self.name} answered a submit with something else: {type(error).__name__}") from error
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        return Accepted(name)

    def _asked(self, request: VideoRequest) -> tuple[str, dict[str, Any]]:
        """Endpoint and fields (fal's page of each endpoint)."""
        asked: dict[str, Any] = {
            "prompt": request.prompt + (mark(request.token) if self.marks else ""),
            "duration": int(request.duration), "resolution": f"{min(request.width, request.height)}p",
        }  # fmt: skip
        if request.seed is not None:
            asked["seed"] = request.seed
        if request.negative_prompt:
            asked["negative_prompt"] = request.negative_prompt
        if request.first_frame is None:
            asked["aspect_ratio"] = aspect(request.width, request.height)
            return f"{APP}/{request.model}/text-to-video", asked
        picture = fitted(request.first_frame, request.width, request.height)
        asked["image_url"] = str(self._safely(lambda: self._fal.upload(picture, "image/png"), UPLOAD))
        return f"{APP}/{request.model}/image-to-video", asked

    def _placed(self, answer: Answer) -> ServiceError:
        """What a status means for a submit; see the module's table."""
        status, pause = answer.status, answer.retry_after
        message = f"{self.name}: {words(answer)} (status {status})"
        return unsold(message, status, pause, kind="policy" if POLICY in kinds(answer) else "invalid")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once, and for the result where there is one, by the wave's own connections."""
        path = f"{self._path}/{_checked(operation)}"
        status = await self._line.get(f"{path}/status", headers=self._place.headers, of=self.name)
        if self._state(status, operation) != "COMPLETED":
            return Pending()
        result = status  # which tells of errors of the queue
        if not kinds(status):
            result = await self._line.get(path, headers=self._place.headers, of=self.name)
        self._video(result, operation)
        return Delivered((RemoteClip(1),))

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def _state(self, answer: Answer, operation: str) -> str:
        """IN_QUEUE, IN_PROGRESS or COMPLETED (fal's page `Queue`); anything else is raised."""
        found = answer.found
        if answer.status not in (200, 202):
            self._unread(answer, operation)
        if found.get("request_id") not in (operation, None):
            raise Transient(f"{self.name} answered a poll of {operation} about something else")
        if found.get("status") not in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED"):
            told = str(found.get("status"))[:40]
            raise Transient(f"{self.name} told a state of {operation} that is not known: {told!r}")
        return str(found["status"])

    def _video(self, answer: Answer, operation: str) -> str:
        """The address of a result's clip; a result that is an error is raised for what it means."""
        reason, found = f"{self.name}: {operation} failed: {words(answer)} (status {answer.status})", {*kinds(answer)}
        video = answer.found.get("video")
        if not found and answer.status == 200:
            if isinstance(video, dict) and isinstance(video.get("url"), str):
                return str(video["url"])
            raise Transient(f"{self.name} told no address of the clip of {operation}")
        if POLICY in found:
            raise Refused(reason, kind="policy")
        if found and answer.status in INVALID and not found & FAILED:
            raise Refused(reason)
        if found and (answer.status in (200, 400, 422) or answer.status >= 499):
            raise Broken(reason)  # not charged (`FAQ`: HTTP 500 and above never are)
        self._unread(answer, operation)

    def _unread(self, answer: Answer, operation: str) -> NoReturn:
        message = f"{self.name}, {operation}: {words(answer)} (status {answer.status})"
        raise unread(message, answer.status, answer.retry_after)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService. Asks for the address again, which is as good as a key to who has it: it is stored
        nowhere."""
        result = self._safely(lambda: self._fal.get(f"{APP}/requests/{_checked(operation)}"))
        self._files.download(self._video(result, operation), dest)

    def cancel(self, operation: str) -> bool:
        """See base.Cancellable. One that waits is removed from the queue; one that runs is told, and may go on."""
        name = _checked(operation)
        refusal = self._safely(lambda: self._fal.cancel(APP, name))
        if refusal is not None and refusal.status == 400:  # ALREADY_COMPLETED
            return False
        if refusal is not None:
            self._unread(refusal, name)
        status = self._safely(lambda: self._fal.get(f"{APP}/requests/{name}/status"))
        return status.status == 404 or CANCELLED in kinds(status)

    def _safely(self, call: Callable[[], Any], what: str = "a question") -> Any:
        """A call that buys nothing."""
        try:
            return call()
        except Said as said:
            meant = self._placed(said.answer)
            if isinstance(meant, Unavailable) or (what == UPLOAD and isinstance(meant, Refused)):
                raise meant from said
            raise Transient(meant.message, retry_after=said.answer.retry_after) from said
        except Unanswered as error:
            raise Unavailable(f"{self.name} did not answer {what}: {error}") from error
        except ANSWERED_BADLY as error:
            raise Transient(f"{self.name} answered {what} with something else: {error!r}"[:500]) from error


class AskablePika(BarePika):
    """One whose prompts carry the token, so that fal's list of requests tells what became of an order."""

    marks = True

    def find(self, token: str) -> Accepted | None:
        """The request whose prompt carries `token`; None where there is none now.

        Transient where the listing cannot tell: it leaves orders out, repeats none of ours, or does not end.
        """
        ends = [f"{APP}/{model}/{kind}" for model in self._models for kind in ("text-to-video", "image-to-video")]
        items = self._safely(lambda: list(self._fal.requests(ends, time.time() - LOOKED_BACK)), "a search")
        orders = [item["json_input"] if isinstance(item.get("json_input"), dict) else {} for item in items]
        prompts = [order["prompt"] for order in orders if isinstance(order.get("prompt"), str)]
        for item, order in zip(items, orders, strict=True):
            if str(order.get("prompt")).endswith(mark(token)):
                return Accepted(_checked(str(item.get("request_id"))))
        if len(prompts) < len(items) or (items and not any(is_marked(prompt) for prompt in prompts)):
            raise Transient(f"{self.name} lists orders that it does not repeat, so that it cannot be asked for one")
        return None


def open_service(opening: Opening) -> BarePika:
    """The adapter; url, listing and askable are its options. Raises SetupError where one or its key can't be used."""
    options, own = opening.options(url=str, listing=str, askable=bool), opening.url
    queue = address(opening.name, own or f"https://{QUEUE}")
    listing = opening.at("listing") or (f"{queue}/v1" if own else LISTING)
    place = Place(queue, address(opening.name, listing), opening.key())
    made, timing = AskablePika if options.get("askable", True) else BarePika, opening.settings.timing
    models = tuple(read_service(opening.name, opening.entry).models)
    return made(opening.name, place, models, call_timeout=timing.call_timeout, poll_timeout=timing.poll_timeout)


def _checked(operation: str) -> str:
    if not NAME.fullmatch(operation):
        raise Expired(f"{operation[:80]!r} is no operation of this service")
    return operation
