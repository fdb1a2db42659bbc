"""Where the embedded cluster keeps things, and the addresses that follow from it.

Data lives in the home folder. Sockets live in a short private folder of their own, since a socket's path may
have 107 bytes (sun_path in unix(7)) and a home folder may be anywhere.
"""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vidpipe.errors import SetupError
from vidpipe.settings import SIGNING_KEY

MOST_SOCKET_PATH = 107  # bytes
POSTGRES_PORT = 5432  # part of the socket's name only; nothing listens on TCP
DATABASE = "vidpipe"
BUCKET = "vidpipe"  # as config/s3-policy.json names it
_LONGEST = "/vp-12345678/.s.PGSQL.5432.lock"
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True)
class Layout:
    """One cluster's folders. `home` must be absolute; `sockets` is gone when the cluster has stopped."""

    home: Path
    sockets: Path
    s3_ports: tuple[int, ...] = ()  # of the object store, clients use the first; empty: media lie in a folder
    emulator_port: int = 0  # on loopback; 0: none runs

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def note(self) -> Path:
        """cluster.json: what runs, and the settings by which it is reached."""
        return note_path(self.home)

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def valkey(self) -> Path:
        return self.home / "valkey"

    @property
    def procedural(self) -> Path:
        return self.home / "procedural"

    @property
    def emulator(self) -> Path:
        return self.home / "emulator"

    @property
    def s3(self) -> Path:
        return self.home / "s3"

    @property
    def s3_credentials(self) -> Path:
        """The keys of the object store's one user, as vidpipe.settings reads them."""
        return self.home / "s3-credentials.json"

    @property
    def s3_users(self) -> Path:
        """The same and what the user may do, as the object store reads it."""
        return self.home / "s3-users.json"

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """Where files are worked on (`Settings.work`, and the parts of the media folder): of no use after a kill."""
        return self.home / "work", self.home / "media" / ".part"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def procedural_socket(self) -> Path:
        return self.sockets / "procedural.sock"

    @property
    def tag(self) -> str:
        """A word by which this cluster's PostgreSQL processes are known in a list of processes."""
        return self.sockets.name

    def log(self, name: str) -> Path:
        """The log of the process `name`."""
        return self.logs / f"{name}.log"

    def settings(self) -> dict[str, str]:
        """The addresses, under the names that vidpipe.settings gives them."""
        return {
            "database_url": (
                f"postgresql+psycopg2://{DATABASE}@/{DATABASE}?host={quote(str(self.sockets))}&port={POSTGRES_PORT}"
            ),
            "broker_url": f"redis+socket://{self.valkey_socket}?virtual_host=0",
            "procedural_url": f"http+unix://{quote(str(self.procedural_socket), safe='')}",
            **self._storage(),
        }

    def _storage(self) -> dict[str, str]:
        if not self.s3_ports:
            return {"storage_root": str(self.home / "media")}
        return {
            "storage_kind": "s3",
            "s3_endpoint": f"127.0.0.1:{self.s3_ports[0]}",
            "s3_bucket": BUCKET,
            "s3_region": "us-east-1",
            "s3_secure": "false",
            "s3_credentials": str(self.s3_credentials),
        }


def free_port() -> int:
    """A port of this machine's loopback that nobody has now; the same over restarts of the server it is for."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def note_path(home: Path) -> Path:
    """Where the cluster of `home` says what runs."""
    return home / "cluster.json"


def failure_path(home: Path) -> Path:
    """Where a cluster that gave up says why."""
    return home / "cluster-failed.json"


def make_socket_folder(usual: str | None = None) -> Path:
    """A new folder that only this user may enter, in `usual` (else where temporary files go) or in /tmp.

    Its path is short enough for sockets and has no character that an address would have to quote. Raises
    SetupError where it cannot be made.
    """
    usual = usual or tempfile.gettempdir()
    fits = len(usual.encode()) + len(_LONGEST) <= MOST_SOCKET_PATH
    parent = usual if fits and _PLAIN.fullmatch(usual) else "/tmp"
    try:
        return Path(tempfile.mkdtemp(prefix="vp-", dir=parent))
    except OSError as error:
        raise SetupError(
            f"no folder for sockets can be made in {parent}: {error.strerror}",
            remedy="Free some space there, or set TMPDIR to a folder with a short name that can be written.",
        ) from error


def _make_signing_key(path: Path) -> None:
    """A key of this home's own, for links to media that run out; whole or not at all, for the owner's eyes."""
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(32) + "\n", encoding="utf-8")
    fresh.replace(path)


def prepare_home(home: Path, *, least_free: int = 200_000_000) -> None:
    """Make `home` with its folder for logs; raises SetupError where it cannot be used.

    `least_free` is in bytes: a fresh PostgreSQL takes 40 MB, its log 32 MB and more, films come on top.
    """
    try:
        (home / "logs").mkdir(parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.write_text("vidpipe\n", encoding="utf-8")
        probe.unlink()
        _make_signing_key(home / SIGNING_KEY)
    except OSError as error:
        raise SetupError(
            f"the folder {home} cannot be written: {error.strerror}",
            remedy="Mend its permissions or free space, or set VIDPIPE_HOME to another folder.",
        ) from error
    free = shutil.disk_usage(home).free
    if free < least_free:
        raise SetupError(
            f"the disk of {home} is full: {free // 1_000_000} MB are free, {least_free // 1_000_000} MB are needed",
            remedy="Free some space, or set VIDPIPE_HOME to a folder on another disk.",
        )
