"""A server of operations that never end, over HTTP/1.1 with kept connections; it knows when each was asked about.

    GET /operations/NAME    {"name", "progress"}; or, with --vendor, that vendor's question and its shortest answer
    GET /figures            {"asked", "late": [seconds], "cpu"} since the last such question

`late` has, for every question but an operation's first, how much later it came than `--every` seconds after the
one before. A server of its own, and a plain one, so that it takes as little as possible of the machine that is
measured: it parses just what clients of HTTP send, and every key is the right one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.bench.vendors import VENDORS

OWN: Mapping[str, Any] = {"progress": 0.5}


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
    """One client; a request's body, if it has one, is a JSON object with the operation's name."""

    def __init__(self, asked: Asked, latency: float, vendor: str) -> None:
        self._asked, self._latency = asked, latency
        self._named, self._told = (VENDORS[vendor].named, VENDORS[vendor].answer) if vendor else ("name", OWN)
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, rest = self._rest.partition(b"\r\n\r\n")
            found = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            length = int(found or 0)
            if len(rest) < length:
                return
            self._rest = rest[length:]
            self._answer(head.split(b" ", 2)[1].decode("ascii"), rest[:length])

    def _answer(self, path: str, body: bytes) -> None:
        if path == "/figures":
            self._write(json.dumps(self._asked.take()).encode())
            return
        asked = path.partition("?")[0].removesuffix("/status").rpartition("/")[2]
        name = json.loads(body)["operationName"] if body else asked
        self._asked.note(name)
        answer = json.dumps({**self._told, self._named: name}).encode()
        asyncio.get_running_loop().call_later(self._latency, self._write, answer)

    def _write(self, body: bytes) -> None:
        assert self._transport is not None
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def serve(every: float, latency: float, vendor: str) -> None:
    """Answer on a free port of the loopback, whose address is the one line on standard output, until it is closed."""
    asked = Asked(every)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(asked, latency, vendor), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # the caller lives as long as it holds the other end
    server.close()


def main() -> None:
    """Parse and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, required=True, help="seconds between two questions")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds until an answer")
    parser.add_argument("--vendor", default="", choices=["", *VENDORS], help="whose protocol is spoken")
    args = parser.parse_args()
    asyncio.run(serve(args.every, args.latency, args.vendor))


if __name__ == "__main__":
    main()
