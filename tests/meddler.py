"""Somebody between a client and an HTTP server who hands everything on, but for what a test has him do.

For what a real server does seldom: to hang, to break off, to damage an answer, to be older than others.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]  # names in small letters


@dataclass
class Answer:
    """What the server said; a meddler may change it."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None  # bytes of the body after which the line breaks


Hand = Callable[[Asked, Callable[[], Answer]], Answer | None]  # None: the line breaks without an answer


def hand_on(asked: Asked, go: Callable[[], Answer]) -> Answer:
    """Nothing is changed."""
    return go()


@dataclass
class Meddler:
    """`address` is where clients go; `hand` may be changed at any time."""

    address: str
    hand: Hand = hand_on
    seen: list[Asked] = field(default_factory=list)


@contextmanager
def meddler(target: str) -> Iterator[Meddler]:
    """Stands before `target` (host:port) while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    found = Meddler(f"127.0.0.1:{server.server_address[1]}")
    server.target, server.meddler = target, found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.meddler.seen.append(asked)
        try:
            answer = self.server.meddler.hand(asked, lambda: self._forward(body))
        except OSError:  # the server is gone
            answer = None
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer.body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer.body[: answer.cut])
        self.close_connection = answer.cut is not None

    def _forward(self, body: bytes) -> Answer:
        line = http.client.HTTPConnection(self.server.target, timeout=30)
        try:
            line.request(self.command, self.path, body=body, headers=dict(self.headers.items()))
            response = line.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            line.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def log_message(self, *words: object) -> None:
        """Nothing: the tests look at what was seen."""
