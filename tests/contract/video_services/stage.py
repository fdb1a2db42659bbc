"""What the contract suite of the video services shares: a real server, requests it can serve, ways to wait for it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.waiting import until
from vidpipe.domain.requests import Delivered, VideoRequest
from vidpipe.errors import NotStored, ServiceError
from vidpipe.services.base import VideoService
from vidpipe.services.footage import OpenMedia

PRICE = Decimal("0.1")
LITE_PRICE = Decimal("0.0371")
_numbers = count(1)


@dataclass
class Server:
    """A real procedural server on a unix socket."""

    folder: Path
    arguments: tuple[str, ...] = (
        *("--faults", "--price", str(PRICE), "--price", f"procedural-lite={LITE_PRICE}"),
        *("--renderers", "1"),
    )
    process: subprocess.Popen[str] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def url(self) -> str:
        return f"http+unix://{quote(str(self.socket), safe='')}"

    def start(self) -> None:
        command = [sys.executable, "-m", "vidpipe.services.procedural.server", "--dir", str(self.folder / "d")]
        self.process = subprocess.Popen(
            [*command, "--uds", str(self.socket), *self.arguments], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "ready on http+unix://" in line, line

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None and self.process.stdout is not None
        self.process.send_signal(number)
        status = self.process.wait(10)
        self.process.stdout.close()
        return status

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://x") as client:
            return client.request(method, path, **more)

    def get(self, path: str) -> dict[str, Any]:
        return dict(self.ask("GET", path).json())

    def bill(self, token: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", "/v1/bill", params={"token": token}).json()["rows"])

    def posts(self, token: str) -> int:
        """How many operations were accepted, and billed, under a token."""
        return len({row["operation"] for row in self.bill(token)})


def request_for(prompt: str = "a lighthouse at dusk", **changes: object) -> VideoRequest:
    """A small request with a token of its own."""
    base = VideoRequest(
        token=f"token-{next(_numbers)}", model="procedural-1", prompt=prompt, duration=1.0, width=192, height=108,
        fps=12, seed=7, label="Shot 1A",
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def order(prompt: str = "a lighthouse at dusk", **changes: Any) -> VideoRequest:
    """One that the emulated services can serve."""
    return request_for(prompt, **{"model": "tiny", "fps": 24, **changes})


def shelf(**files: Path) -> OpenMedia:
    """A media store that holds these files under these keys."""

    @contextmanager
    def open_local(key: str) -> Iterator[Path]:
        if key not in files:
            raise NotStored(f"the media store holds no {key}")
        yield files[key]

    return open_local


def delivered(service: VideoService, operation: str, seconds: float = 15) -> Delivered:
    """What an operation brings, once it is done."""

    def ask() -> Delivered | None:
        answer = asyncio.run(service.poll(operation))  # a loop of its own each time, as the wave does
        return answer if isinstance(answer, Delivered) else None

    found = until(ask, seconds=seconds, what=f"{operation} to be done")
    assert found is not None
    return found


def bring(service: VideoService, request: VideoRequest, dest: Path) -> bytes:
    """Submit, wait, fetch the first clip."""
    name = service.submit(request).name
    service.fetch(name, delivered(service, name).clips[0], dest)
    return dest.read_bytes()


def outcome(service: VideoService, operation: str, seconds: float = 15) -> ServiceError:
    """The error that an operation ends in."""

    def ask() -> ServiceError | None:
        try:
            asyncio.run(service.poll(operation))
        except ServiceError as error:
            return error
        return None

    found = until(ask, seconds=seconds, what=f"{operation} to end badly")
    assert found is not None
    return found
