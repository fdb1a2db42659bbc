"""The vendors' services as the bench's server plays them, and the two ways to ask about an operation there.

`adapter` is vidpipe's own, opened by the registry under the bench's name; `sdk` is the vendor's own asynchronous
client, as its pages show it. Each answer is the smallest that tells the vendor's own types that the operation goes on.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.bench.polled import PolledService
from scripts.bench.service import MODEL, NAME, described
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Refused, Transient
from vidpipe.services.base import VideoService
from vidpipe.services.opening import OpenMedia
from vidpipe.services.registry import guarded, open_service
from vidpipe.services.wire.calling import trusted
from vidpipe.settings import Settings

# The certificates are read once a process and not once a wave, so that a client is made as cheaply as it can be.
TRUSTED: dict[str, Any] = {"verify": trusted()}
PROJECT = "bench-project"  # also what every key is
GOOGLE = f"projects/{PROJECT}/locations/us-central1/publishers/google/models/veo-3.1-generate-001/operations/"
Ask = Callable[[str], Awaitable[object]]
Asking = Callable[[str], AbstractAsyncContextManager[Ask]]


@dataclass(frozen=True)
class Vendor:
    """How one is asked."""

    prefix: str  # of an operation's name
    path: str  # below the server's address, that the adapter is given
    answer: Mapping[str, Any]  # besides the operation's name
    named: str  # the field that has it
    sdk: Asking


@asynccontextmanager
async def _genai_vertex(url: str) -> AsyncIterator[Ask]:
    from google import genai  # noqa: PLC0415
    from google.genai.types import GenerateVideosOperation, HttpOptions  # noqa: PLC0415
    from google.oauth2.credentials import Credentials  # noqa: PLC0415

    client = genai.Client(
        vertexai=True, project=PROJECT, location="us-central1",
        credentials=Credentials(PROJECT),  # type: ignore[no-untyped-call]
        http_options=HttpOptions(
            base_url=url, api_version="v1beta1", timeout=10_000, client_args=TRUSTED, async_client_args=TRUSTED
        ),
    )  # fmt: skip
    yield lambda name: client.aio.operations.get(GenerateVideosOperation(name=name))
    await client.aio.aclose()


@asynccontextmanager
async def _genai_gemini(url: str) -> AsyncIterator[Ask]:
    from google import genai  # noqa: PLC0415
    from google.genai.types import HttpOptions  # noqa: PLC0415

    options = HttpOptions(base_url=url, timeout=10_000, client_args=TRUSTED, async_client_args=TRUSTED)
    client: Any = genai.Client(vertexai=False, api_key=PROJECT, http_options=options)
    yield client.aio.interactions.get
    await client.aio.aclose()


@asynccontextmanager
async def _openai(url: str) -> AsyncIterator[Ask]:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415

    http = DefaultAsyncHttpxClient(**TRUSTED)
    async with AsyncOpenAI(api_key=PROJECT, base_url=f"{url}/v1", timeout=10.0, http_client=http) as client:
        yield client.videos.retrieve


@asynccontextmanager
async def _runway(url: str) -> AsyncIterator[Ask]:
    from runwayml import AsyncRunwayML, DefaultAsyncHttpxClient  # noqa: PLC0415

    http = DefaultAsyncHttpxClient(**TRUSTED)
    async with AsyncRunwayML(api_key=PROJECT, base_url=url, timeout=10.0, http_client=http) as client:
        yield client.tasks.retrieve


@asynccontextmanager
async def _fal(url: str) -> AsyncIterator[Ask]:
    from fal_client import AsyncClient  # noqa: PLC0415
    from fal_client import client as module  # noqa: PLC0415

    vars(module)["QUEUE_URL_FORMAT"] = f"{url}/"  # it speaks https to fal alone, and is asked by plain http here
    client = AsyncClient(key=PROJECT, default_timeout=10.0)
    yield lambda name: client.status("fal-ai/pika", name)


VENDORS: Mapping[str, Vendor] = {
    "veo": Vendor(GOOGLE, "", {}, "name", _genai_vertex),
    "gemini": Vendor("", "", {"status": "in_progress", "object": "interaction"}, "id", _genai_gemini),
    "openai_videos": Vendor("video_", "/v1", {
        "object": "video", "status": "in_progress", "progress": 50, "created_at": 1, "model": "sora-2",
        "seconds": "4", "size": "1280x720",
    }, "id", _openai),
    "runway": Vendor("", "", {
        "status": "RUNNING", "progress": 0.5, "createdAt": "2026-11-21T00:00:00Z", "estimatedCost": {"credits": 1},
    }, "id", _runway),
    "pika": Vendor("", "", {"status": "IN_PROGRESS", "logs": None}, "request_id", _fal),
}  # fmt: skip


def operation(vendor: str) -> str:
    """A new operation's name, as the vendor's look; any other's is a bare number."""
    return f"{VENDORS[vendor].prefix}{uuid.uuid4()}" if vendor else uuid.uuid4().hex


def opened(vendor: str, way: str, url: str, settings: Settings, media: OpenMedia) -> VideoService:
    """The bench's service: nobody's, or the vendor's at `url`, asked by the `adapter` or by the `sdk`."""
    if not vendor:
        return guarded(PolledService(url))
    if way == "sdk":
        return guarded(BySdk(VENDORS[vendor].sdk, url))
    entry = described()[NAME] | {
        "adapter": vendor, "keys": ["BENCH_KEY"], "optional_keys": ["BENCH_KEY"],
        "options": {"url": f"{url}{VENDORS[vendor].path}"},
    }  # fmt: skip
    return open_service(NAME, replace(settings, services={NAME: entry}, keys={"BENCH_KEY": PROJECT}), media)


class BySdk:
    """A service (`vidpipe.services.base`) that is asked by its vendor's client, one for every wave as an event loop's
    connections are; what an answer means is not looked at."""

    name = NAME

    def __init__(self, asking: Asking, url: str) -> None:
        self._asking, self._url = asking, url
        self._ask: ContextVar[Ask] = ContextVar("ask")

    def submit(self, request: VideoRequest) -> Accepted:
        """Nothing can be bought."""
        raise Refused(f"{MODEL} is only asked")

    async def poll(self, operation: str) -> Pending | Delivered:
        """Ask once."""
        try:
            await self._ask.get()(operation)
        except Exception as error:
            raise Transient(f"no answer: {type(error).__name__} {error}"[:500]) from error
        return Pending()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        """For all questions of a wave."""
        async with self._asking(self._url) as ask:
            token = self._ask.set(ask)
            try:
                yield
            finally:
                self._ask.reset(token)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Nothing is ever delivered."""
        raise Transient("nothing was delivered")
