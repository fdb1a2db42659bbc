"""The procedural service seen from vidpipe: plain HTTP to an address of this machine, and what each answer means.

Exactly one POST leaves a submit. What it means for the purchase:

    cannot connect                          Unavailable  nothing was sent
    429 with the code quota, requests or    Unavailable  the server answers so before it writes anything down (app.py);
      operations, 503 with maintenance                   it is about all orders and not about this one
    429, 503                                Transient    likewise
    400, 404, 405, 413, 415, 422            Refused      invalid; checked before it is accepted
    451                                     Refused      policy
    202 with a name                         Accepted
    anything after the connection stood     Uncertain    timeout, reset, another status, an answer without a name

A service may be one that cannot be asked what it accepted, or whose operations cannot be stopped: `open_procedural`
then gives an object without `find` or without `cancel`.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError

from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.opening import Opening
from vidpipe.services.wire.answers import Answer, amount, number, read, read_async
from vidpipe.services.wire.asking import CONNECT, Line
from vidpipe.services.wire.fetching import PIECE, length, save, whole_file

INVALID = (400, 404, 405, 413, 415, 422)
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
OPEN_ENDED_SEED = 2**32
# Status and code: not this request, but every one that came now.
WHOLE_SERVICE = {(429, "quota"), (429, "requests"), (429, "operations"), (503, "maintenance")}
START = "Start the cluster (vidpipe cluster start), or set VIDPIPE_PROCEDURAL_URL."
URL = "Start the cluster again (vidpipe cluster stop, start), or give the service an `url` among its options."
NOT_THERE = (httpx.ConnectError, httpx.ConnectTimeout)  # nothing was sent


class BareService:
    """A video service (`services.base`) that can only be bought from; holds no connection, so any thread may use it."""

    def __init__(
        self, url: str, *, name: str = "procedural", call_timeout: float = 30.0, poll_timeout: float = 10.0
    ) -> None:
        """`url` is http://host:port or http+unix://percent-encoded-path; timeouts in seconds."""
        self.name = name
        self._base, self._socket = _address(url)
        self._call = httpx.Timeout(call_timeout, connect=min(CONNECT, call_timeout))
        self._line = Line(self._base, self._socket, poll_timeout)
        # httpx would read the system's certificates for each client (20 ms); nothing here is https.
        self._no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def submit(self, request: VideoRequest) -> Accepted:
        """Buy: one POST, no retries."""
        with ExitStack() as stack:
            parts = _parts(request, stack)
            try:
                with self._client() as client, client.stream("POST", "/v1/operations", files=parts) as stream:
                    answer = read(stream)
            except NOT_THERE as error:
                raise self._away(error) from error
            except httpx.HTTPError as error:
                raise Uncertain(f"{self.name} did not answer a submit: {type(error).__name__} {error}") from error
        return self._accepted(answer)

    def _accepted(self, answer: Answer) -> Accepted:
        if answer.status == 202:
            name = answer.found.get("name")
            if isinstance(name, str) and NAME.fullmatch(name):
                return Accepted(name, number(answer.found.get("ready_in")) or None)
            raise Uncertain(f"{self.name} accepted a submit without telling its name")
        message = f"{self.name}: {answer.message}"
        if answer.status in (429, 503):
            raise _passing(answer, message)
        if answer.status in INVALID:
            raise Refused(message, kind="invalid")
        if answer.status == 451:
            raise Refused(message, kind="policy")
        raise Uncertain(f"{message} (status {answer.status})")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once."""
        path = f"/v1/operations/{_checked(operation)}"
        try:
            async with self._line.session() as session, session.get(path, allow_redirects=False) as stream:
                answer = await read_async(stream)
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise self._away(error) from error
        except (ClientError, TimeoutError) as error:
            raise Transient(f"{self.name} did not answer a poll: {type(error).__name__} {error}") from error
        self._readable(answer, f"the operation {operation}")
        return self._status(operation, answer.found)

    def connection(self) -> AbstractAsyncContextManager[None]:
        """See base.Connected."""
        return self._line.held()

    def _status(self, operation: str, found: dict[str, Any]) -> Pending | Delivered:
        state, reason = found.get("state"), str(found.get("reason") or "")[:500]
        if state in ("queued", "running"):
            return Pending(number(found.get("progress")), number(found.get("ready_in")))
        if state == "done":
            return self._delivered(operation, found)
        if state == "refused":
            raise Refused(f"{self.name} refused {operation}: {reason}", kind="policy")
        if state in ("failed", "cancelled"):
            raise Broken(f"{self.name}: {operation} {state}: {reason}")
        raise Transient(f"{self.name} told a state of {operation} that is not known: {str(state)[:40]!r}")

    def _delivered(self, operation: str, found: dict[str, Any]) -> Delivered:
        clips, listed = [], found.get("clips")
        for clip in listed if isinstance(listed, list) else []:
            if clip.get("state") == "done":
                clips.append(RemoteClip(int(clip["number"]), {"number": int(clip["number"])}, clip.get("seed")))
        filtered = int(found.get("filtered") or 0)
        if not clips and filtered:
            raise Refused(
                f"{self.name}: all {filtered} clips of {operation} were withheld by its filter", kind="policy"
            )
        if not clips:
            raise Broken(f"{self.name}: {operation} is done and brought no clip")
        reasons = ("withheld by the service's filter",) * filtered
        return Delivered(tuple(clips), filtered, reasons, amount(found.get("charged")), str(found.get("model") or ""))

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Write the clip under a name of its own, check its length, then give it its name."""
        what = f"clip {clip.number} of {operation}"
        with (
            whole_file(dest) as part,
            self._asking(what) as client,
            client.stream("GET", self._clip(operation, clip)) as answer,
        ):
            if answer.status_code != 200:
                self._readable(read(answer), what)
            save(answer.iter_bytes(PIECE), part, announced=length(answer.headers))

    def health(self) -> str:
        """What is wrong with the server, in its own words; empty where it works. Raises Transient where it is away."""
        with self._asking("how it is") as client, client.stream("GET", "/healthz") as stream:
            answer = read(stream)
        return "" if answer.status == 200 else str(answer.found.get("problem") or answer.message)

    def _clip(self, operation: str, clip: RemoteClip) -> str:
        return f"/v1/operations/{_checked(operation)}/clips/{int(clip.handle['number'])}"

    def _client(self) -> httpx.Client:
        """A client for one call; raises httpx.ConnectError where nobody listens."""
        if self._socket is not None:
            _knock(self._socket)
        transport = httpx.HTTPTransport(verify=self._no_tls, uds=self._socket)
        return httpx.Client(transport=transport, base_url=self._base, timeout=self._call, trust_env=False)

    @contextmanager
    def _asking(self, what: str) -> Iterator[httpx.Client]:
        """A client whose failures are Transient: nothing but a submit buys."""
        try:
            with self._client() as client:
                yield client
        except NOT_THERE as error:
            raise self._away(error) from error
        except httpx.HTTPError as error:
            raise Transient(f"{self.name} did not answer {what}: {type(error).__name__} {error}") from error

    def _readable(self, answer: Answer, what: str) -> None:
        """Raise what a status other than 200 means for anything but a submit."""
        if answer.status == 200:
            return
        message = f"{self.name}, {what}: {answer.message}"
        if answer.status in (404, 410):
            raise Expired(message)
        raise _passing(answer, f"{message} (status {answer.status})")

    def _away(self, error: Exception) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached: {error}")


class AskableService(BareService):
    """One that can also be asked what it accepted."""

    def find(self, token: str) -> Accepted | None:
        """The operation accepted under `token`, the oldest if there are several; None where there is none now."""
        with self._asking("a search") as client:
            with client.stream("GET", "/v1/operations", params={"token": token}) as stream:
                answer = read(stream)
            self._readable(answer, "a search")
            names = answer.found.get("operations")
        if not isinstance(names, list):
            raise Transient(f"{self.name} answered a search with something else")
        return Accepted(_checked(str(names[0]))) if names else None


class StoppableService(BareService):
    """One whose operations can also be stopped."""

    def cancel(self, operation: str) -> bool:
        """Stop it; nothing of it is charged then. False where it has ended already."""
        with self._asking(f"cancelling {operation}") as client:
            with client.stream("DELETE", f"/v1/operations/{_checked(operation)}") as stream:
                answer = read(stream)
            self._readable(answer, f"cancelling {operation}")
            return answer.found.get("cancelled") is True


class ProceduralService(AskableService, StoppableService):
    """One that can do both, as the service does unless the configuration says otherwise."""


def open_procedural(
    url: str, *, name: str, askable: bool, cancellable: bool, call_timeout: float, poll_timeout: float
) -> BareService:
    """The adapter with `find` where the service can be asked, and `cancel` where it can be told to stop."""
    kinds: dict[tuple[bool, bool], type[BareService]] = {
        (True, True): ProceduralService,
        (True, False): AskableService,
        (False, True): StoppableService,
        (False, False): BareService,
    }
    made = kinds[askable, cancellable]
    return made(url, name=name, call_timeout=call_timeout, poll_timeout=poll_timeout)


def open_service(opening: Opening) -> BareService:
    """An instance of the procedural service: url, askable and cancellable are its options."""
    options = opening.options(url=str, askable=bool, cancellable=bool)
    first = opening.settings.procedural_url if opening.name == "procedural" else ""
    url = opening.url or first
    if not url:
        raise SetupError(
            f"the address of the service {opening.name} is not set.",
            remedy=START if opening.name == "procedural" else URL,
        )
    timing = opening.settings.timing
    return open_procedural(
        url, name=opening.name, askable=options.get("askable", True), cancellable=options.get("cancellable", True),
        call_timeout=timing.call_timeout, poll_timeout=timing.poll_timeout,
    )  # fmt: skip


def _address(url: str) -> tuple[str, str | None]:
    """The base for requests, and the unix socket's path where it is one."""
    if url.startswith("http+unix://"):
        return "http://procedural", unquote(url.removeprefix("http+unix://").rstrip("/"))
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise SetupError(
            f"the procedural service's address {url!r} cannot be used",
            remedy="Start the cluster, or set VIDPIPE_PROCEDURAL_URL to http://host:port or http+unix://path.",
        )
    return f"http://{parts.netloc}", None


def _knock(path: str) -> None:
    """Connect to a unix socket and hang up: httpcore 1.0 leaves its socket open where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT)
        try:
            probe.connect(path)
        except OSError as error:
            raise httpx.ConnectError(f"{path}: {error}") from error


def _parts(request: VideoRequest, stack: ExitStack) -> list[tuple[str, tuple[str | None, Any, str]]]:
    """The multipart form of a request; images are opened on `stack`."""
    order = {
        "token": request.token, "model": request.model, "prompt": request.prompt, "duration": request.duration,
        "width": request.width, "height": request.height, "fps": request.fps, "count": request.count,
        "audio": request.audio, "negative_prompt": request.negative_prompt, "label": request.label,
        "shot": request.shot, "camera": request.camera,
        "references": [ref.description or ref.tag for ref in request.references],
    }  # fmt: skip
    if request.seed is not None:
        order["seed"] = request.seed % OPEN_ENDED_SEED
    images = {f"reference-{index + 1}": ref.path for index, ref in enumerate(request.references)}
    for name, path in (("first", request.first_frame), ("last", request.last_frame)):
        if path is not None:
            images[name] = path
    parts: list[tuple[str, tuple[str | None, Any, str]]] = [("request", (None, json.dumps(order), "application/json"))]
    for name, path in images.items():
        try:
            parts.append((name, (name, stack.enter_context(path.open("rb")), "application/octet-stream")))
        except OSError as error:
            raise Refused(f"the image {name} cannot be read: {error}") from error
    return parts


def _passing(answer: Answer, message: str) -> Transient:
    """The error of an answer that says `not now`: Unavailable where nobody is served now."""
    whole = (answer.status, answer.code) in WHOLE_SERVICE
    return (Unavailable if whole else Transient)(message, retry_after=answer.retry_after)


def _checked(operation: str) -> str:
    if not NAME.fullmatch(operation):
        raise Expired(f"{operation[:80]!r} is no operation of this service")
    return operation
