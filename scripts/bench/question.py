"""What one question about an operation costs: the vendor's own client, and what the adapter does in its place.

A server in a process of its own answers the same few bytes on loopback. Each way asks about the same operations, 64
at a time as the wave does, in a process of its own; the best of several rounds is told, in ms of CPU and of time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from google import genai
from google.genai.types import GenerateVideosOperation, HttpOptions
from google.oauth2.credentials import Credentials

from vidpipe.services.google.gcloud import login
from vidpipe.services.google.veo import BareService

AT_ONCE, ROUNDS = 64, 4
MODEL = "projects/bench-1/locations/us-central1/publishers/google/models/veo-3.1-generate-001"
Ask = Callable[[str], Awaitable[object]]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Repeats the operation's name, as a service that is not done yet."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            name = json.loads(await reader.readexactly(length))["operationName"]
            body = json.dumps({"name": name}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def serve(pipe: Connection) -> None:
    """Answer until the process is ended; tells its address first."""

    async def forever() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()

    asyncio.run(forever())


async def _all(names: list[str], ask: Ask) -> None:
    line = iter(names)

    async def on() -> None:
        for name in line:
            await ask(name)

    await asyncio.gather(*(on() for _ in range(AT_ONCE)))


async def by_adapter(url: str, names: list[str]) -> None:
    """As the wave does."""
    who = login("veo", token="bench", service_account_file="", abroad=True)
    service = BareService("veo", url, who, "bench-1", "us-central1", timeouts=(10.0, 10.0))
    async with service.connection():
        await _all(names, service.poll)


async def by_sdk(url: str, names: list[str]) -> None:
    """The SDK's own asynchronous client, which uses aiohttp where that is installed."""
    client = genai.Client(
        vertexai=True, project="bench-1", location="us-central1",
        credentials=Credentials("bench"),  # type: ignore[no-untyped-call]
        http_options=HttpOptions(base_url=url, api_version="v1beta1", timeout=10_000),
    )  # fmt: skip

    async def ask(name: str) -> object:
        return await client.aio.operations.get(GenerateVideosOperation(name=name))

    await _all(names, ask)
    await client.aio.aclose()


WAYS = {"google-genai": by_sdk, "the adapter": by_adapter}


def measure(way: str, url: str, operations: int, pipe: Connection) -> None:
    """Seconds of CPU and of time that one question takes at best."""
    names = [f"{MODEL}/operations/{number:032x}" for number in range(operations)]
    found = []
    for _ in range(ROUNDS):
        used, begun = time.process_time(), time.perf_counter()
        asyncio.run(WAYS[way](url, names))
        found.append(((time.process_time() - used) / operations, (time.perf_counter() - begun) / operations))
    pipe.send(min(found))


def main() -> None:
    """See scripts/bench/question."""
    parser = argparse.ArgumentParser(prog="scripts/bench/question")
    parser.add_argument("--operations", type=int, default=1000)
    operations = parser.parse_args().operations
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = here.recv()
    print(f"{operations} operations of Veo, {AT_ONCE} asked at a time, {os.cpu_count()} cores; ms a question:")
    for way in WAYS:
        process = context.Process(target=measure, args=(way, url, operations, there))
        process.start()
        cpu, wall = here.recv()
        process.join()
        print(f"    {way:<14} {cpu * 1000:6.3f} CPU   {wall * 1000:6.3f} time")
    server.terminate()


if __name__ == "__main__":
    main()
