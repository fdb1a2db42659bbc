"""Acme, the service that vidpipe/services/ADDING.md adds: a small server that takes exactly what its protocol says.

POST   /v1/jobs                    201 {"id", "state"}
GET    /v1/jobs/ID                 200 {"id", "state": waiting|working|done|blocked|failed|stopped, "url", "error"}
GET    /v1/jobs?reference=TOKEN    200 {"jobs": [ID]}
DELETE /v1/jobs/ID                 200, or 409 where it has ended
GET    /files/ID.mp4               the clip
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.clips import pattern, tone, write

KEY = "acme-key-0123456789"
LASTING = "without an end"  # in a prompt: such a job works until it is stopped
FPS = 24
# Every field of an order, with the types that JSON gives it.
FIELDS: Mapping[str, tuple[type, ...]] = {
    "reference": (str,), "model": (str,), "prompt": (str,), "duration": (int, float), "width": (int,),
    "height": (int,), "seed": (int,), "sound": (bool,),
}  # fmt: skip


class No(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, **headers: str) -> None:
        super().__init__(f"Acme says {code}.")
        self.status, self.code, self.headers = status, code, headers


@dataclass
class Job:
    """One that was taken, and so is billed."""

    asked: dict[str, Any]
    state: str = "waiting"
    clip: bytes = b""


@dataclass
class Books:
    """What the server knows."""

    folder: Path
    mood: str = ""  # what befalls the next order
    end: str = "done"  # how jobs end
    posts: Counter[str] = field(default_factory=Counter)  # that came, by reference
    jobs: dict[str, Job] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def bought(self, reference: str) -> list[str]:
        """The jobs of a reference."""
        return [name for name, job in self.jobs.items() if job.asked["reference"] == reference]

    def take(self, asked: dict[str, Any]) -> str:
        """A new job; raises No where the order is not as it should be."""
        if asked.keys() != FIELDS.keys() or any(type(asked[name]) not in kinds for name, kinds in FIELDS.items()):
            raise No(400, "invalid_request")
        if asked["model"] != "acme-2" or asked["duration"] not in (1, 2, 4, 8) or not asked["prompt"].strip():
            raise No(400, "invalid_request")
        name = f"job-{len(self.jobs)}"
        self.jobs[name] = Job(asked)
        return name

    def told(self, name: str, base: str) -> dict[str, Any]:
        """How a job is doing: further with every question."""
        job = self._job(name)
        if job.state == "working" and LASTING not in job.asked["prompt"]:
            job.state = self.end
            job.clip = job.clip or self._rendered(name, job.asked)
        elif job.state == "waiting":
            job.state = "working"
        found: dict[str, Any] = {"id": name, "state": job.state}
        if job.state == "done":
            found["url"] = f"{base}/files/{name}.mp4"
        if job.state in ("blocked", "failed", "stopped"):
            found["error"] = {"code": job.state, "message": f"The job was {job.state}."}
        return found

    def stop(self, name: str) -> None:
        """Stop a job; raises No where it has ended."""
        job = self._job(name)
        if job.state not in ("waiting", "working"):
            raise No(409, "ended")
        job.state = "stopped"

    def _job(self, name: str) -> Job:
        if name not in self.jobs:
            raise No(404, "not_found")
        return self.jobs[name]

    def _rendered(self, name: str, asked: Mapping[str, Any]) -> bytes:
        width, height, seconds = asked["width"], asked["height"], asked["duration"]
        path = write(
            self.folder / f"{name}.mp4", seconds=seconds, fps=FPS, width=width, height=height,
            painter=pattern(width, height, seed=asked["seed"]), sound=tone(seconds) if asked["sound"] else None,
            options={"preset": "ultrafast", "threads": "1"},  # others do not always give the same bytes
        )  # fmt: skip
        return path.read_bytes()


class Acme:
    """The server on a loopback port, as long as the block lasts."""

    def __init__(self, folder: Path) -> None:
        self.books = Books(folder)
        handler = type("Handler", (_Handler,), {"books": self.books})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Acme:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.books.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    books: ClassVar[Books]
    protocol_version = "HTTP/1.1"

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            if self.headers.get("authorization") != f"Bearer {KEY}":
                raise No(401, "unauthorized")
            with self.books.lock:
                self._answer(body)
        except No as no:
            self._write(no.status, {"error": {"code": no.code, "message": str(no)}}, **no.headers)

    def _answer(self, body: bytes) -> None:
        parts, books = urlsplit(self.path), self.books
        match self.command, parts.path.split("/")[1:]:
            case "POST", ["v1", "jobs"]:
                self._order(body)
            case "GET", ["v1", "jobs"] if parts.query:
                (reference,) = parse_qs(parts.query, strict_parsing=True)["reference"]
                self._write(200, {"jobs": books.bought(reference)})
            case "GET", ["v1", "jobs", name]:
                self._write(200, books.told(name, f"http://{self.headers['host']}"))
            case "DELETE", ["v1", "jobs", name]:
                books.stop(name)
                self._write(200, {"id": name, "state": "stopped"})
            case "GET", ["files", name] if books.jobs[name.removesuffix(".mp4")].clip:
                self._write(200, books.jobs[name.removesuffix(".mp4")].clip, **{"content-type": "video/mp4"})
            case _:
                raise No(404, "not_found")

    def _order(self, body: bytes) -> None:
        asked, books = json.loads(body), self.books
        books.posts[asked.get("reference")] += 1
        mood, books.mood = books.mood, ""
        refusals = {
            "429": No(429, "too_many", **{"retry-after": "2"}), "500": No(500, "oops"), "503": No(503, "busy"),
            "503 for 2 s": No(503, "busy", **{"retry-after": "2"}), "policy": No(422, "content_policy"),
            "invalid": No(400, "invalid_request"),
        }  # fmt: skip
        if mood in refusals:
            raise refusals[mood]
        name = "" if mood in ("reset", "hang") else books.take(asked)
        if mood.startswith("reset"):
            self._reset()
        elif mood.startswith("hang"):
            books.lock.release()  # others are answered meanwhile
            books.over.wait()
            books.lock.acquire()
        elif mood == "500 after":
            raise No(500, "oops")
        elif mood == "no name":
            self._write(201, {"state": "waiting"})
        else:
            self._write(201, {"id": name, "state": "waiting"})

    def _reset(self) -> None:
        """Close the connection so that the other side is told of a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        for file in (self.rfile, self.wfile, self.connection):
            file.close()

    def _write(self, status: int, found: dict[str, Any] | bytes, **headers: str) -> None:
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        with contextlib.suppress(OSError):  # nobody listens any more
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _reply

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
