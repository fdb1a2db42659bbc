"""A server of operations that never end, over HTTP/1.1 with kept connections; it knows when each was asked about.

    GET /operations/NAME    {"name", "progress"}
    GET /figures            {"asked", "late": [seconds], "cpu"} since the last such question

`late` has, for every question but an operation's first, how much later it came than `--every` seconds after the
one before. A server of its own, and a plain one, so that it takes as little as possible of the machine that is
measured: it parses just what clients of HTTP send.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field


@dataclass
class Asked:
    """Every question, by operation."""

    every: float
    last: dict[str, float] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    count: int = 0

    def note(self, name: str) -> None:
        """One was asked about now."""
        now = time.monotonic()
        before = self.last.get(name)
        self.last[name] = now
        self.count += 1
        if before is not None:
            self.late.append(now - before - self.every)

    def take(self) -> dict[str, object]:
        """The figures, which then begin anew."""
        found: dict[str, object] = {"asked": self.count, "late": self.late, "cpu": sum(os.times()[:2])}
        self.late, self.count = [], 0
        return found


class Connection(asyncio.Protocol):
    """One client; requests have no body."""

    def __init__(self, asked: Asked, latency: float) -> None:
        self._asked, self._latency = asked, latency
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        *whole, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in whole:
            self._answer(request.split(b" ", 2)[1].decode("ascii"))

    def _answer(self, path: str) -> None:
        if path.startswith("/operations/"):
            name = path.removeprefix("/operations/")
            self._asked.note(name)
            body = json.dumps({"name": name, "progress": 0.5}).encode()
            asyncio.get_running_loop().call_later(self._latency, self._write, body)
        else:
            self._write(json.dumps(self._asked.take()).encode())

    def _write(self, body: bytes) -> None:
        assert self._transport is not None
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def serve(every: float, latency: float) -> None:
    """Answer on a free port of the loopback, whose address is the one line on standard output, until it is closed."""
    asked = Asked(every)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(asked, latency), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # the caller lives as long as it holds the other end
    server.close()


def main() -> None:
    """Parse and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, required=True, help="seconds between two questions")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds until an answer")
    args = parser.parse_args()
    asyncio.run(serve(args.every, args.latency))


if __name__ == "__main__":
    main()
