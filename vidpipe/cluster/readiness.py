"""How each process is known to be ready. A check is asked again and again and never waits long."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg2

from vidpipe.cluster import seaweed, valkey
from vidpipe.cluster.layout import DATABASE, POSTGRES_PORT, Layout
from vidpipe.errors import StorageError

PATIENCE = 2.0  # seconds one question may take


class ReadyCheck(Protocol):
    """Whether a process is ready, from outside. `since` is where its log stood when it was started."""

    def __call__(self, log: Path, since: int) -> bool: ...


@dataclass(frozen=True)
class LogSays:
    """Ready when `words` stand in what the process has logged since its start."""

    words: str

    def __call__(self, log: Path, since: int) -> bool:
        with log.open("rb") as file:
            file.seek(since if since <= log.stat().st_size else 0)
            return self.words.encode() in file.read()


@dataclass(frozen=True)
class SocketAnswers:
    """Ready when something accepts connections on the unix socket."""

    path: Path

    def __call__(self, log: Path, since: int) -> bool:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(PATIENCE)
            try:
                door.connect(str(self.path))
            except OSError:
                return False
            return True


@dataclass(frozen=True)
class PortAnswers:
    """Ready when something accepts connections on the port of this machine."""

    port: int

    def __call__(self, log: Path, since: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE):
                return True
        except OSError:
            return False


@dataclass(frozen=True)
class ValkeyAnswers:
    """Ready when PING brings PONG, which it does once the log has been read back."""

    path: Path

    def __call__(self, log: Path, since: int) -> bool:
        try:
            return valkey.command(self.path, "PING") == b"+PONG"
        except OSError:
            return False


@dataclass(frozen=True)
class PostgresAnswers:
    """Ready when a connection succeeds, which it does once recovery is over."""

    folder: Path

    def __call__(self, log: Path, since: int) -> bool:
        try:
            connection = psycopg2.connect(
                host=str(self.folder), port=POSTGRES_PORT, user=DATABASE, dbname="postgres", connect_timeout=2
            )
        except psycopg2.OperationalError:
            return False
        connection.close()
        return True


@dataclass(frozen=True)
class StoreAnswers:
    """Ready when the object store lets its user in and the bucket is there with its rules."""

    layout: Layout

    def __call__(self, log: Path, since: int) -> bool:
        try:
            seaweed.make_bucket(self.layout, PATIENCE)
        except StorageError:
            return False
        return True
