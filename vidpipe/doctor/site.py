"""The cluster that is looked at: the one of a home folder on this machine, or servers that the settings name."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from vidpipe.cluster import note
from vidpipe.cluster.layout import note_path
from vidpipe.cluster.status import ClusterStatus, ProcessStatus, status
from vidpipe.errors import SetupError
from vidpipe.settings import Settings


@dataclass(frozen=True)
class Site:
    """`cluster` is None where the settings name servers of one's own."""

    settings: Settings
    cluster: ClusterStatus | None = None

    @property
    def database(self) -> str:
        """Where the database is, without a secret."""
        try:
            url = make_url(self.settings.database_url)
        except ArgumentError:
            return "an address that cannot be read"
        folder = url.query.get("host")
        place = f"{url.host}:{url.port or 5432}" if url.host else str(folder or "this machine")
        return f"{place}, database {url.database}"

    @property
    def broker(self) -> str:
        """Where the broker is, without a secret."""
        scheme, _, rest = self.settings.broker_url.partition("://")
        return re.sub(r"^.*@", "", rest.partition("?")[0]) or scheme or "nowhere"

    def process(self, name: str) -> ProcessStatus | None:
        """What the home's cluster knows of one of its processes."""
        found = (one for one in (self.cluster.processes if self.cluster else ()) if one.name == name)
        return next(found, None)

    def processes(self, queue: str) -> tuple[ProcessStatus, ...]:
        """The processes of the home's cluster for a queue: io, io2, io3 ..., or beat."""
        every = self.cluster.processes if self.cluster else ()
        return tuple(one for one in every if re.fullmatch(rf"{queue}\d*", one.name))

    def gone(self, process: ProcessStatus | None) -> str:
        """That a process has ended, as a clause; empty where it is there or nothing is known of it."""
        return f"its process ({process.pid}) is gone" if process is not None and not process.rss else ""

    def is_gone(self, worker: str) -> bool:
        """Whether a worker, by Celery's name for it, was a process of this home's cluster that has ended."""
        name, _, host = worker.partition("@")
        return host == socket.gethostname() and bool(self.gone(self.process(name)))

    def log(self, name: str) -> Path:
        """The log of a process of the home's cluster."""
        return self.settings.home / "logs" / f"{name}.log"

    def start(self, name: str, elsewhere: str) -> str:
        """What to do about a part that is missing; `elsewhere` where the settings name it."""
        if self.cluster is None:
            return elsewhere
        return (
            f"The cluster starts it again by itself. If it does not, {self.log(name)} tells why;"
            " `vidpipe cluster stop` and `vidpipe cluster start` start everything anew. No film is lost by it."
        )


def find(settings: Settings) -> Site:
    """The cluster that `settings` mean; raises SetupError where there is none to look at."""
    home = settings.home
    noted = note.read(note_path(home)).get("settings", {}) if home.is_dir() else {}
    if settings.database_url and settings.database_url != noted.get("database_url"):
        return Site(settings)
    found = status(home) if home.is_dir() else ClusterStatus(home, running=False)
    if not found.running:
        failure = f" The last one gave up: {found.failure}" if found.failure else ""
        raise SetupError(
            f"no cluster runs in {home}, so there is nothing to look at.{failure}",
            remedy="Start one: `vidpipe cluster start`; or set VIDPIPE_DATABASE_URL and VIDPIPE_BROKER_URL.",
        )
    return Site(settings, found)
