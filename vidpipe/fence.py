"""The fence of a rehearsal: this process dials nothing but this machine, whatever it is asked to.

It is an audit hook of the interpreter (PEP 578), so it stands before every socket that Python code opens, a vendor's
SDK included, and cannot be taken down again. Unix sockets and loopback addresses pass; a name is looked up only where
it means this machine. Whoever tried is told so by an error, which a library may well swallow; so each attempt leaves a
line on the standard error stream, too.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import sys
from typing import Any

_DIALS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_HERE = ("localhost", "localhost.localdomain", "ip6-localhost")
_up = False


class Fenced(PermissionError):
    """Somebody tried to leave the machine while a film is rehearsed."""

    def __init__(self, host: str) -> None:
        super().__init__(errno.EACCES, f"a rehearsal dials nothing but this machine, and this was for {host[:200]!r}")


def install() -> None:
    """Put the fence up for the rest of this process's life."""
    global _up
    if not _up:
        _up = True
        sys.addaudithook(_look)


def is_here(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".") in _HERE
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _look(event: str, args: tuple[Any, ...]) -> None:
    if event in _DIALS:
        address = args[1] if len(args) > 1 else None
        host = address[0] if isinstance(address, tuple) and address else None  # a unix socket's is text or bytes
    elif event in _LOOKS_UP:
        host = args[0] if args else None
    else:
        return
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if isinstance(host, str) and host and not is_here(host):
        refused = Fenced(host)
        # Straight to the descriptor: what stands in for sys.stderr may take locks, or dial. Nothing more can be done
        # where the stream is closed.
        with contextlib.suppress(OSError):
            os.write(2, f"vidpipe: {refused.strerror}\n".encode("ascii", "backslashreplace"))
        raise refused
