"""Reaching a cluster: the one that runs for a home folder, one that settings name, or one started for the while.

A connection outlives a restart of the servers behind it, and says in words when nothing will come back.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import InterfaceError, OperationalError

from vidpipe.cluster import ClusterOptions, Handle, alive, start
from vidpipe.cluster import note as cluster_note
from vidpipe.cluster.layout import note_path
from vidpipe.db import migrate
from vidpipe.errors import FilmUnfinished, SetupError
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import Settings, load

AWAY = (OperationalError, InterfaceError)  # what a database that cannot be reached raises
PATIENCE = 60.0  # seconds for which a database may be away
_CONNECTIONS = 3


class Connection:
    """The dependencies by which a cluster is used, made anew where it comes back under another address."""

    def __init__(self, settings: Settings, *, embedded: bool, handle: Handle | None = None) -> None:
        self.settings = settings
        self.embedded = embedded  # the home folder's own cluster, not one that settings name
        self.handle = handle  # of a cluster that was started for this connection
        self._deps: Deps | None = None
        self._away_since: float | None = None

    @property
    def deps(self) -> Deps:
        """What the pipeline's functions are handed."""
        if self._deps is None:
            self._deps = open_deps(self.settings, socket.gethostname(), pool_size=_CONNECTIONS)
        return self._deps

    def close(self) -> None:
        """Give all connections back."""
        if self._deps is not None:
            self._deps.close()
            self._deps = None

    def check(self) -> None:
        """Raise FilmUnfinished if the cluster that was started for this connection has ended by itself."""
        if self.handle is None:
            return
        try:
            self.handle.check()
        except SetupError as error:
            raise FilmUnfinished(f"{error.message} {error.remedy}".strip(), remedy=_AGAIN) from error

    def here(self) -> None:
        """The database answered."""
        self._away_since = None

    def away(self) -> str:
        """The database did not answer: what to tell a person meanwhile.

        Raises FilmUnfinished where it cannot come back, or was away for longer than PATIENCE.
        """
        self.check()
        now = time.monotonic()
        self._away_since = self._away_since or now
        gone = self.embedded and self.handle is None and not _runs(self.settings.home)
        what = f"the cluster of {self.settings.home} has stopped" if gone else "the database cannot be reached"
        if now - self._away_since > PATIENCE:
            raise FilmUnfinished(f"{what}; nothing is lost", remedy=_RESTART if gone else _LATER)
        if self.embedded and not gone:
            self._find_again()
        left = PATIENCE - (now - self._away_since)
        return f"{what}; waiting for it for up to {left:.0f} s more"

    def _find_again(self) -> None:
        """A cluster that was started anew has other sockets."""
        fresh = load(home=self.settings.home)
        if fresh.database_url and fresh.database_url != self.settings.database_url:
            self.close()
            self.settings = fresh


_AGAIN = "Type the same command again: it goes on with this film."
_RESTART = "`vidpipe cluster start` starts it again, and the film goes on; `vidpipe follow` shows it."
_LATER = "See whether the server runs; the film goes on when it is back, and `vidpipe follow` shows it."


@contextmanager
def connect(*, home: Path | None = None) -> Iterator[Connection]:
    """The cluster that runs; raises SetupError where there is none, or its database is of another version."""
    settings = load(home=home)
    embedded = _is_embedded(settings)
    if embedded and not _runs(settings.home):
        raise SetupError(
            f"no cluster runs in {settings.home}",
            remedy="Start one: `vidpipe cluster start`; or `vidpipe run STORYBOARD`, which starts one for the while.",
        )
    with _checked(Connection(settings, embedded=embedded)) as connection:
        yield connection


@contextmanager
def connect_or_start(
    settings: Settings, options: ClusterOptions | None, on_progress: Callable[[str], None]
) -> Iterator[Connection]:
    """The cluster that runs, or an embedded one that is stopped again at the end of the block."""
    embedded = _is_embedded(settings)
    if not embedded or _runs(settings.home):
        with _checked(Connection(load(home=settings.home), embedded=embedded)) as connection:
            yield connection
        return
    with start(settings.home, options=options, on_progress=on_progress) as handle:
        # Its addresses are in its note now; what the environment says of the store holds for its workers too.
        connection = Connection(load(home=settings.home), embedded=True, handle=handle)
        try:
            yield connection
        finally:
            connection.close()
            on_progress("stopping the cluster")


def _is_embedded(settings: Settings) -> bool:
    """Whether the home folder's own cluster is meant: no address is set, or the one that its note gives."""
    if not settings.database_url:
        return True
    noted = cluster_note.read(note_path(settings.home)) if settings.home.is_dir() else {}
    return bool(settings.database_url == noted.get("settings", {}).get("database_url"))


def _runs(home: Path) -> bool:
    return home.is_dir() and alive(home)


@contextmanager
def _checked(connection: Connection) -> Iterator[Connection]:
    try:
        migrate.check(connection.settings.database_url)
        yield connection
    except AWAY as error:
        said = str(error.orig).strip().splitlines()[0]
        raise SetupError(f"the database cannot be reached: {said}", remedy="See whether its server runs.") from error
    finally:
        connection.close()
