"""A server that answers every request with the one answer a test gives it, however wrong, and remembers who asked."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MOST_SENT = 512 * 1024 * 1024  # bytes, after which even what is endless has an end


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None  # as announced, where that is a lie
    endless: bytes = b""  # follows the body again and again, until nobody listens; no length is announced
    unending: bytes = b""  # likewise, in place of the end of the headers
    pause: float = 0.0  # seconds between two pieces of what has no end


def as_json(found: Any, status: int = 200, **headers: str) -> Answer:
    """An answer that is JSON, and may be of the right shape."""
    return Answer(status=status, body=json.dumps(found).encode(), headers=headers)


# Answers that tell nobody whether an order was taken, whatever the protocol.
VOID = (
    Answer(), Answer(body=b"no json"), Answer(body=b"<html>", kind="text/html"), as_json({}), as_json([]),
    Answer(body=b"[" * 10_000), Answer(body=b'{"x": "' + b"x" * 3_000_000 + b'"}'), Answer(body=b'{"x"', length=1000),
    Answer(body=b"\x1f\x8b", headers={"content-encoding": "gzip"}), as_json({}, 307, location="/elsewhere"),
    as_json({}, 408), as_json({}, 409), as_json({}, 504), Answer(status=502, body=b"<html>", kind="text/html"),
)  # fmt: skip


class Hostile:
    """On a loopback port, as long as the block lasts."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.paths: dict[str, Answer] = {}  # what is answered on one path, in place of that
        self.requests: list[tuple[str, str]] = []
        self.over = threading.Event()
        self.sent = 0  # bytes of what is endless
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def _reply(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                hostile.requests.append((self.command, self.path.partition("?")[0]))
                answer = hostile.paths.get(self.path.partition("?")[0], hostile.answer)
                self.close_connection = True
                self.send_response(answer.status)
                length = len(answer.body) if answer.length is None else answer.length
                given = {"content-type": answer.kind, "content-length": str(length), "connection": "close"}
                if answer.endless:
                    del given["content-length"]
                for name, value in (given | answer.headers).items():
                    self.send_header(name, value)
                with contextlib.suppress(OSError):  # nobody listens any more
                    if answer.unending:
                        self.flush_headers()
                        self._repeat(answer.unending, answer.pause)
                    self.end_headers()
                    self.wfile.write(answer.body)
                    if answer.endless:
                        self._repeat(answer.endless, answer.pause)

            def _repeat(self, piece: bytes, pause: float) -> None:
                while hostile.sent < MOST_SENT and not hostile.over.wait(pause):
                    self.wfile.write(piece)
                    hostile.sent += len(piece)

            do_GET = do_POST = do_PUT = do_DELETE = _reply

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Hostile:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
