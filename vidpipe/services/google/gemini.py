"""Google's video models on the Gemini API, behind `interactions`, through the vendor's own SDK (google-genai 3.4.0).

Exactly one POST leaves a submit: the SDK sends one up to five times unless told not to (`attempts`), and with
`background=True` it leaves the chaining of further, billed ones to the server (_gaos/google_genai.py, `create`). What
an answer means for the purchase stands in gemini_api; one with an id is Accepted. The tasks are text_to_video,
image_to_video (a first frame) and reference_to_video (_gaos/types/interactions/videoconfig.py); edit, extend and
upscale take a video, which no request of ours has. A negative prompt and the wish for silence have no place and are not
sent.

An interaction's states (_gaos/types/interactions/interaction.py), and what a poll makes of them:

    queued, in_progress     Pending
    requires_continuation   Pending    at its limit of tokens; the server goes on with what runs in the background
                                       (google_genai.py, `automatic_continuation`)
    completed, incomplete   Delivered  with a video; `incomplete` stopped early, and what there is was bought
                            Refused    policy, without one and with a code of BLOCKED among its errors
                            Broken     without one for any other reason
    failed                  Refused or Broken, likewise
    requires_action         Broken     it waits for an answer to a tool's call, and no tool was sent
    cancelled, budget_exceeded  Broken
    any other               Transient  asked again, until the operation's time is over

There is no listing of interactions (interactions.py: create, get, delete, cancel) and `get` takes an id alone, so that
nothing finds a lost order: an uncertain one waits for a person. The token goes along as X-Client-Request-Id, for the
logs of whoever stands between; the field `labels` is left alone, since the Gemini API refuses it elsewhere.

A video is asked for by URI. Its file's id is all that is taken of that: it is fetched from the configured address (as
the SDK's files.download does), following one redirect to that host or to Google's own. A video that comes inline all
the same is left where it is, and fetched with the whole interaction in its turn: it never travels through a wave.
"""

from __future__ import annotations

import base64
import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google.genai import _interactions as gi

from vidpipe.domain.capabilities import aspect
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services.google import gemini_api
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire.answers import unread
from vidpipe.services.wire.asking import Line
from vidpipe.services.wire.fetching import Source, save, whole_file
from vidpipe.services.wire.pictures import fitted, lean

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,299}")
# As files.download reads it (_transformers.py, t_file_name), but whole.
FILE = re.compile(r"(?:https?://([^/?#@]+)/(?:[a-z0-9]+/){0,2})?files/([a-z0-9]{1,64})(?::download)?(?:\?alt=media)?")
GOOGLE = ".googleapis.com"
RESOLUTIONS = {2160: "4k"}  # by lines; the others are called by them: 720p
LONGEST_SIDE = 2048  # pixels of a reference
MOST_REFERENCES = 6
INLINE_LIMIT = 64 * 1024 * 1024  # bytes of an interaction that holds its video


class GeminiService:
    """A video service (`services.base`); safe in many threads."""

    def __init__(self, name: str, url: str, key: str, *, call_timeout: float, poll_timeout: float) -> None:
        """`url` as the SDK's base_url, without a version; timeouts in seconds."""
        self.name, self._url = name, url
        self._headers = {"x-goog-api-key": key}
        parts = urlsplit(url)
        self._host = parts.netloc
        self._line = Line(f"{parts.scheme}://{parts.netloc}", timeout=poll_timeout)
        self._path = f"{parts.path.rstrip('/')}/{gemini_api.VERSION}/interactions"
        self._files = Source(name, url, hosts=(GOOGLE,), timeout=call_timeout, headers=self._headers, onward=True)
        # Two clients: what buys never tries again, what only asks may.
        self._buyer: Any = gemini_api.client(url, key, timeout=call_timeout, tries=1)
        self._asker: Any = gemini_api.client(url, key, timeout=call_timeout, tries=3, limit=INLINE_LIMIT)

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy: one POST, no retries."""
        asked = self._asked(request)
        try:
            name = self._buyer.interactions.create(**asked, extra_headers={"x-client-request-id": request.token}).id
        except (gi.GeminiNextGenAPIClientError, *gemini_api.ANSWERED_BADLY) as error:
            raise self._placed(error) from error
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        return Accepted(name)

    def _asked(self, request: VideoRequest) -> dict[str, Any]:
        pictures, task = self._pictures(request)
        if request.count != 1 or request.last_frame is not None:
            raise Refused(f"{self.name} makes one clip a call, without a last frame")
        lines = min(request.width, request.height)
        seed = {} if request.seed is None else {"seed": request.seed % 2**31}
        return {
            "model": request.model, "background": True, "store": True,
            "input": [*pictures, {"type": "text", "text": request.prompt}],
            "generation_config": {"video_config": {"task": task}, **seed},
            "response_format": {
                "type": "video", "aspect_ratio": aspect(request.width, request.height),
                "resolution": RESOLUTIONS.get(lines, f"{lines}p"), "duration": f"{request.duration:g}s",
                "delivery": "uri",
            },
        }  # fmt: skip

    def _pictures(self, request: VideoRequest) -> tuple[list[dict[str, str]], str]:
        """The images that go with the prompt, and the task that this makes of it."""
        if request.first_frame is not None:
            if request.references:
                raise Refused(f"{self.name} takes a first frame or references, not both")
            return [_image(fitted(request.first_frame, request.width, request.height))], "image_to_video"
        if len(request.references) > MOST_REFERENCES:
            raise Refused(f"{self.name} takes {MOST_REFERENCES} references at most")
        return [_image(lean(one.path, LONGEST_SIDE)) for one in request.references], (
            "reference_to_video" if request.references else "text_to_video"
        )

    def _placed(self, error: Exception) -> ServiceError:
        """What became of a submit that brought no interaction; see gemini_api."""
        if gemini_api.not_sent(error):
            return self._away(error.__cause__ or error)
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status != 200:
            return gemini_api.failure(self.name, error, status, getattr(error, "body", None))
        return Uncertain(f"{self.name} gave no usable answer to a submit: {type(error).__name__} {_words(error)}")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once, by the wave's own connections: 0.2 ms of a core each, 50 at once; 6 with the SDK's async client."""
        answer = await self._line.get(f"{self._path}/{_checked(operation)}", headers=self._headers, of=self.name)
        if answer.status != 200:
            message = f"{self.name}, {operation}: {answer.message} (status {answer.status})"
            raise unread(message, answer.status, answer.retry_after, account=(401, 402, 403))
        if answer.cut:  # only a video makes an interaction so long
            return Delivered((RemoteClip(1, {"inline": True}),))
        return self._status(operation, answer.found)

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def _status(self, operation: str, found: dict[str, Any]) -> Pending | Delivered:
        state = found.get("status")
        if found.get("id") != operation:
            raise Transient(f"{self.name} answered a poll of {operation} about something else")
        if state in ("queued", "in_progress", "requires_continuation"):
            return Pending()
        if state in ("completed", "incomplete"):
            handle = gemini_api.video_of(found)
            if handle is not None:
                return Delivered((RemoteClip(1, handle),), model_version=str(found.get("model") or "")[:200])
        elif state not in ("failed", "cancelled", "requires_action", "budget_exceeded"):
            raise Transient(f"{self.name} told a state of {operation} that is not known: {str(state)[:40]!r}")
        codes, words = gemini_api.errors_of(found)
        reason = f"{self.name}: {operation} ended as {state} without a video: {words}"
        raise Refused(reason, kind="policy") if codes & gemini_api.BLOCKED else Broken(reason)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """See base.VideoService."""
        if "inline" in clip.handle:
            self._fetch_inline(_checked(operation), dest)
            return
        found = FILE.fullmatch(str(clip.handle.get("uri")))
        if found is None or not (found[1] in (None, self._host) or str(found[1]).endswith(GOOGLE)):
            raise Broken(f"{self.name} gave an address that is not fetched from: {str(clip.handle)[:200]!r}")
        self._files.download(f"{self._url}/{gemini_api.VERSION}/files/{found[2]}:download?alt=media", dest)

    def _fetch_inline(self, operation: str, dest: Path) -> None:
        try:
            data = base64.b64decode(self._asker.interactions.get(operation).output_video.data, validate=True)
        except (gi.GeminiNextGenAPIClientError, *gemini_api.ANSWERED_BADLY) as error:
            raise self._unasked(error, f"the video of {operation}") from error
        with whole_file(dest) as part:
            save([data], part, announced=None)

    def cancel(self, operation: str) -> bool:
        """Stop a running interaction (interactions.py: `only applies to background interactions that are still
        running`). Whether what was made of it until then is billed is documented nowhere."""
        try:
            stopped = self._buyer.interactions.cancel(_checked(operation))
        except (gi.GeminiNextGenAPIClientError, *gemini_api.ANSWERED_BADLY) as error:
            if getattr(error, "status_code", None) in (400, 409):  # failed_precondition, aborted: it has ended
                return False
            raise self._unasked(error, f"the cancellation of {operation}") from error
        return bool(stopped.status == "cancelled")

    def _unasked(self, error: Exception, what: str) -> ServiceError:
        """What becomes of a question that buys nothing."""
        status, message = getattr(error, "status_code", None), f"{self.name}, {what}: {_words(error)}"
        if gemini_api.not_sent(error):
            return self._away(error.__cause__ or error)
        if status in (404, 410):
            return Expired(message)
        return Broken(message) if status == 200 else Transient(message)

    def _away(self, error: BaseException) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached: {error}")


def open_service(opening: Opening) -> GeminiService:
    """The adapter; url is its option. Raises SetupError where its address or key cannot be used."""
    opening.options(url=str)
    url, timing = address(opening.name, opening.url or gemini_api.HOST), opening.settings.timing
    return GeminiService(
        opening.name, url, opening.key(), call_timeout=timing.call_timeout, poll_timeout=timing.poll_timeout
    )


def _image(png: bytes) -> dict[str, str]:
    return {"type": "image", "mime_type": "image/png", "data": base64.b64encode(png).decode()}


def _checked(operation: str) -> str:
    if not NAME.fullmatch(operation):
        raise Expired(f"{operation[:80]!r} is no operation of this service")
    return operation


def _words(error: Exception) -> str:
    return gemini_api.short(str(error))
