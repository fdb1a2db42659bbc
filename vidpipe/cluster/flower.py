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
HOST = "127.0.0.1"
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
    known: bool = False  # the login is the settings' own: it has no business in a log

    @property
    def words(self) -> str:
        """What to tell a person."""
        password = "as set" if self.known else self.password
        return f"Flower: {self.url}  user {self.user}  password {password}  (Ctrl-C ends it)"


def command(settings: Settings, *, port: int = PORT, host: str = HOST, login: str = "") -> FlowerCommand:
    """Flower on `host` and `port`; `login` is USER:PASSWORD, else the settings' own, else one is made up.

    Raises SetupError where there is no broker to watch, or the port or login cannot be used.
    """
    if not settings.broker_url:
        raise SetupError(
            "there is no cluster to watch",
            remedy="Start one: `vidpipe cluster start`, or set VIDPIPE_BROKER_URL.",
        )
    if not 1 <= port <= 65535:
        raise SetupError(f"port {port} cannot be used", remedy="Give a number from 1024 to 65535.")
    _must_be_free(port, host)
    known = bool(settings.flower_login and not login)
    given = login or settings.flower_login or f"vidpipe:{secrets.token_urlsafe(12)}"
    user, colon, password = given.partition(":")
    if not (user and colon and password):
        raise SetupError(
            "Flower's login should read USER:PASSWORD",
            remedy="Mend --login or VIDPIPE_FLOWER_LOGIN, or leave both out to have one made up.",
        )
    env = {
        **python_environment(),
        "VIDPIPE_HOME": str(settings.home),
        "VIDPIPE_BROKER_URL": settings.broker_url,
        "VIDPIPE_DATABASE_URL": settings.database_url,
        "FLOWER_BASIC_AUTH": f"{user}:{password}",
    }
    words = (
        "flower",
        f"--address={host}",
        f"--port={port}",
        f"--max-tasks={MOST_TASKS}",
        f"--tasks-columns={COLUMNS}",
    )
    url = f"http://{HOST if host == '0.0.0.0' else host}:{port}/"
    return FlowerCommand(celery(*words), env, url, user, password, known)


def _must_be_free(port: int, host: str) -> None:
    """Flower itself ends with a traceback where its port is taken."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
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
