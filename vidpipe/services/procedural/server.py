"""Starts the local procedural service: python -m vidpipe.services.procedural.server --dir DIR (--uds PATH | --port N)

Prints one line once it can be asked ('procedural ready on URL') and ends cleanly on SIGTERM or SIGINT. What it had
accepted is rendered by the next server on the same folder.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO
from urllib.parse import quote

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vidpipe.errors import SetupError
from vidpipe.services.procedural.app import Options, make_app
from vidpipe.services.procedural.faults import read_faults
from vidpipe.services.procedural.wire import MODELS, Unable

SOCKET_LIMIT = 107  # bytes of a unix socket's path (sockaddr_un)
GRACE = 3  # seconds that running answers get at the end


class Protocol(H11Protocol):
    """HTTP/1.1 whose requests can hang up (the faults lost-answer and cut-off)."""

    def connection_made(self, transport: object) -> None:
        """Put the connection where a request finds it."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Says when it is ready, and ends with status 0 when it is asked to end."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        sys.stdout.write(f"{self._ready}\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT without dying of them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def listen(uds: Path | None, port: int | None, host: str = "127.0.0.1") -> tuple[socket.socket, str]:
    """A listening socket and its address; raises SetupError where the place is taken or cannot be used."""
    try:
        if uds is None:
            tcp = socket.create_server((host, port or 0))
            return tcp, f"http://{host}:{tcp.getsockname()[1]}"
        return _listen_unix(uds), f"http+unix://{quote(str(uds), safe='')}"
    except OSError as error:
        place = f"the port {port}" if uds is None else str(uds)
        raise SetupError(
            f"the procedural service cannot listen on {place}: {error}", remedy="Choose another."
        ) from error


def _listen_unix(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > SOCKET_LIMIT:
        raise SetupError(
            f"the socket's path {path} is longer than {SOCKET_LIMIT} bytes", remedy="Choose a shorter folder."
        )
    if path.is_socket() and not _answers(path):
        path.unlink()  # left by a server that was killed
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    made.listen(256)
    return made


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(path)) == 0


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[IO[str]]:
    """Hold a folder for this process alone; raises SetupError where another server has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise SetupError(f"the folder {folder} cannot be used: {error}", remedy="Choose another with --dir.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SetupError(
                f"another procedural service works in {folder}", remedy="Stop it, or choose another --dir."
            ) from error
        yield lock


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="procedural", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dir", type=Path, required=True, help="where it keeps its books and clips")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--uds", type=Path, help="unix socket to listen on")
    place.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="H",
        help="with --port: 127.0.0.1 is this machine alone; whoever reaches another address may order, without a login",
    )  # fmt: skip
    parser.add_argument("--name", default="procedural", help="what it calls itself")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an operation takes at least")
    parser.add_argument("--renderers", type=int, default=2, help="renderer processes")
    parser.add_argument(
        "--price", type=_price, action="append", default=[], metavar="[MODEL=]DOLLARS",
        help="US dollars a second of one clip, of all models or of one; can be given for each",
    )  # fmt: skip
    parser.add_argument("--most-operations", type=_count, metavar="N", help="in flight at once; more are answered 429")
    parser.add_argument("--requests-per-minute", type=_count, metavar="N", help="orders within 60 s; likewise")
    parser.add_argument(
        "--faults", action="store_true", help="heed [fault: ...] in prompts, take injections; see faults.py"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="FAULT", help="for every request, e.g. '503 x2'"
    )
    options = parser.parse_args(argv)
    if not 1 <= options.renderers <= 32 or not 0 <= options.latency <= 86_400:
        parser.error("--renderers is 1 to 32, --latency 0 to 86400")
    try:
        read_faults("", options.fault, from_prompt=False)
    except Unable as error:
        parser.error(str(error))
    return options


def _price(text: str) -> tuple[str, Decimal]:
    """A model (empty: all of them) and its price."""
    model, _, amount = text.rpartition("=")
    if model and model not in MODELS:
        raise argparse.ArgumentTypeError(f"there is no model {model!r}; there is {', '.join(MODELS)}")
    try:
        price = Decimal(amount)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{amount!r} is not an amount") from error
    if not price.is_finite() or price < 0:
        raise argparse.ArgumentTypeError("a price is 0 or more")
    return model, price


def _prices(given: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """The price of every model; the price of one goes before that of all."""
    named = dict(given)
    return {model: named.get(model, named.get("", Decimal(0))) for model in MODELS}


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a limit is a whole number from 1")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    """Serve until told to end; the exit status."""
    given = _arguments(argv)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    try:
        with owned(given.dir):
            made, url = listen(given.uds, given.port, given.host)
            options = Options(
                folder=given.dir.absolute(),
                name=given.name,
                latency=given.latency,
                renderers=given.renderers,
                prices=_prices(given.price),
                most_operations=given.most_operations,
                requests_per_minute=given.requests_per_minute,
                prompt_faults=given.faults,
                always=tuple(given.fault),
            )
            config = uvicorn.Config(
                make_app(options), http=Protocol, ws="none", loop="asyncio", log_level="warning", access_log=False,
                timeout_graceful_shutdown=GRACE, server_header=False, timeout_keep_alive=30,
            )  # fmt: skip
            Server(config, f"{given.name} ready on {url}").run(sockets=[made])
            if given.uds is not None:
                given.uds.unlink(missing_ok=True)
    except SetupError as error:
        sys.stderr.write(f"{given.name}: {error.message} {error.remedy}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
