"""Flower, the page on which Celery's workers and tasks are watched, behind a login."""

from __future__ import annotations

import errno
import secrets
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from vidpipe.cluster.processes import celery, python_environment
from vidpipe.errors import SetupError
from vidpipe.settings import Settings, child_environment

PORT = 5555
COLUMNS = "name,args,state,received,runtime,worker"  # args: film, scene and take in words
MOST_TASKS = 50_000  # kept in memory by Flower; the 45-shot film has about 500


@dataclass(frozen=True)
class FlowerCommand:
    """How Flower is started and reached. The login is in the environment, so that `ps` hides it."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    url: str
    user: str
    password: str

    @property
    def words(self) -> str:
        """What to tell a person."""
        return f"Flower: {self.url}  user {self.user}  password {self.password}  (Ctrl-C ends it)"


def command(settings: Settings, *, port: int = PORT, login: str = "") -> FlowerCommand:
    """Flower on this machine's own address and `port`; `login` is USER:PASSWORD, else one is made up.

    Raises SetupError where there is no broker to watch, or the port or login cannot be used.
    """
    if not settings.broker_url:
        raise SetupError(
            "there is no cluster to watch",
            remedy="Start one: `vidpipe cluster start`, or set VIDPIPE_BROKER_URL.",
        )
    if not 1 <= port <= 65535:
        raise SetupError(f"port {port} cannot be used", remedy="Give a number from 1024 to 65535.")
    _must_be_free(port)
    user, colon, password = (login or f"vidpipe:{secrets.token_urlsafe(12)}").partition(":")
    if not (user and colon and password):
        raise SetupError("Flower's login should read USER:PASSWORD", remedy="Leave it out to have one made up.")
    env = {
        **python_environment(),
        "VIDPIPE_HOME": str(settings.home),
        "VIDPIPE_BROKER_URL": settings.broker_url,
        "VIDPIPE_DATABASE_URL": settings.database_url,
        "FLOWER_BASIC_AUTH": f"{user}:{password}",
    }
    words = (
        "flower",
        "--address=127.0.0.1",
        f"--port={port}",
        f"--max-tasks={MOST_TASKS}",
        f"--tasks-columns={COLUMNS}",
    )
    return FlowerCommand(celery(*words), env, f"http://127.0.0.1:{port}/", user, password)


def _must_be_free(port: int) -> None:
    """Flower itself ends with a traceback where its port is taken."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        raise SetupError(
            f"port {port} cannot be used: {'it is taken' if error.errno == errno.EADDRINUSE else error.strerror}",
            remedy="Give another one: `--port N`.",
        ) from error


def serve(flower: FlowerCommand) -> int:
    """Run Flower in the foreground until it ends or Ctrl-C is typed; its exit code, 0 after Ctrl-C."""
    env = child_environment(flower.env, without=("FLOWER_",))
    with subprocess.Popen(flower.argv, env=env) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            return 0
