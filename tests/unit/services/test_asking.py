"""Connections are held for as long as a wave lasts, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError

from vidpipe.services.wire.asking import Line

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers every request on a unix socket, and counts who called."""

    def __init__(self) -> None:
        self.calls, self.open = 0, 0
        self.silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.calls += 1
        self.open += 1
        while line := await reader.readline():
            if line == b"\r\n" and not self.silent:  # the end of a request
                writer.write(ANSWER)
                await writer.drain()
        self.open -= 1
        writer.close()


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[tuple[Server, Line]]:
    server, path = Server(), str(folder / "s")
    async with await asyncio.start_unix_server(server.serve, path):
        yield server, Line("http://service", path, timeout=0.5)


def played(scene: Callable[[Server, Line], Awaitable[None]], folder: Path) -> None:
    async def play() -> None:
        async with listening(folder) as (server, line):
            await scene(server, line)

    asyncio.run(play())


async def ask(line: Line) -> str:
    async with line.session() as session, session.get("/") as answer:
        return await answer.text()


def test_the_questions_of_a_wave_share_their_connections(tmp_path: Path) -> None:
    async def scene(server: Server, line: Line) -> None:
        async with line.held():
            for _ in range(5):
                assert await asyncio.gather(*(ask(line) for _ in range(3))) == ["ok"] * 3
            assert server.calls == 3
        await gone(server)

    played(scene, tmp_path)


def test_a_question_by_itself_leaves_no_connection(tmp_path: Path) -> None:
    async def scene(server: Server, line: Line) -> None:
        assert [await ask(line), await ask(line)] == ["ok", "ok"]
        assert server.calls == 2
        await gone(server)

    played(scene, tmp_path)


def test_a_loop_of_its_own_has_connections_of_its_own(tmp_path: Path) -> None:
    async def scene(server: Server, line: Line) -> None:
        async with line.held():
            assert await ask(line) == "ok"
            assert await asyncio.to_thread(lambda: asyncio.run(ask(Line(line.base, line.socket, 0.5)))) == "ok"
        assert server.calls == 2

    played(scene, tmp_path)


def test_who_does_not_answer_is_waited_for_no_longer_than_was_said(tmp_path: Path) -> None:
    async def scene(server: Server, line: Line) -> None:
        server.silent = True
        with pytest.raises(TimeoutError):
            await ask(line)
        await gone(server)

    played(scene, tmp_path)


def test_nobody_there_is_an_error_of_the_client(tmp_path: Path) -> None:
    with pytest.raises(ClientError):
        asyncio.run(ask(Line("http://service", str(tmp_path / "nobody"))))


async def gone(server: Server) -> None:
    """Wait until the server has seen every connection end."""
    async with asyncio.timeout(5):
        while server.open:
            await asyncio.sleep(0)
