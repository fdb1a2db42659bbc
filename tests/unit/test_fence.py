"""The fence of a rehearsal: nothing but this machine is dialled, and it cannot be taken down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vidpipe.fence import is_here


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST.", "::1%lo"]
)
def test_this_machine_is_here(host: str) -> None:
    assert is_here(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "8.8.8.8", "::", "0.0.0.0", "::ffff:8.8.8.8", "fe80::1",
             "example.com", "localhost.example.com", "127.0.0.1.example.com", "metadata.google.internal", ""],
)  # fmt: skip
def test_everything_else_is_not(host: str) -> None:
    assert not is_here(host)


PROGRAM = """
import asyncio, socket, sys, urllib.request
from vidpipe import fence
fence.install()
fence.install()
import httpx

def tried(words, call):
    try:
        call()
    except BaseException as error:
        found = error
        while found is not None and "nothing but this machine" not in str(found):
            found = found.__cause__ or found.__context__ or getattr(found, "reason", None)
        print(words, "fenced" if found is not None else f"FAILED OTHERWISE: {error!r}")
    else:
        print(words, "WENT THROUGH")

async def open_it():
    await asyncio.open_connection("203.0.113.7", 80)

datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tried("connect", lambda: socket.create_connection(("203.0.113.7", 443), timeout=1))
tried("name", lambda: socket.create_connection(("api.example.com", 443), timeout=1))
tried("lookup", lambda: socket.gethostbyname("api.example.com"))
tried("datagram", lambda: datagram.sendto(b"x", ("203.0.113.7", 53)))
tried("six", lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 80)))
tried("urllib", lambda: urllib.request.urlopen("http://203.0.113.7/", timeout=1))
tried("httpx", lambda: httpx.get("https://api.example.com/v1", timeout=1))
tried("asyncio", lambda: asyncio.run(open_it()))
with socket.create_server(("127.0.0.1", 0)) as door:
    socket.create_connection(door.getsockname(), timeout=1).close()
    socket.create_connection(("localhost", door.getsockname()[1]), timeout=1).close()
with socket.socket(socket.AF_UNIX) as door:
    door.bind(sys.argv[1]); door.listen()
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(sys.argv[1])
print("here reached")
"""


def test_no_way_of_dialling_leaves_the_machine_and_what_is_here_is_reached(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "s")], capture_output=True, text=True, timeout=60, check=False
    )
    ways = ("connect", "name", "lookup", "datagram", "six", "urllib", "httpx", "asyncio")
    assert done.stdout.splitlines() == [*(f"{way} fenced" for way in ways), "here reached"], done.stderr
    told = done.stderr.splitlines()
    assert len(told) >= len(ways) and all("dials nothing but this machine" in line for line in told), done.stderr


SWALLOWED = """
import contextlib, os, socket, sys
from vidpipe import fence
fence.install()
with contextlib.suppress(Exception):
    socket.gethostbyname("api.example.com\\nfaked \u00e9")
sys.stderr.close()
with contextlib.suppress(Exception):
    socket.create_connection(("203.0.113.7", 443), timeout=1)
os.close(2)
try:
    socket.gethostbyname("api.example.com")
except fence.Fenced:
    print("still up")
"""


def test_an_attempt_that_nobody_told_of_is_seen_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=60, check=False)
    told = "vidpipe: a rehearsal dials nothing but this machine, and this was for "
    assert done.stderr.splitlines() == [told + r"'api.example.com\nfaked \xe9'", told + "'203.0.113.7'"]
    assert done.stdout == "still up\n"
