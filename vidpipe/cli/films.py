"""Which film a command is about: an id, the beginning of one, or a title."""

from __future__ import annotations

import argparse
import time
from uuid import UUID

from vidpipe.db import projects
from vidpipe.domain.states import PROJECT_ENDED
from vidpipe.errors import UserError
from vidpipe.pipeline.overview import TICK_GONE, films, tick_seen
from vidpipe.reach import Connection


def add_argument(parser: argparse.ArgumentParser, *, optional: str = "") -> None:
    """FILM; `optional` says which film is meant without it."""
    words = "an id, the beginning of one (3 characters or more), or a title"
    if optional:
        parser.add_argument("film", metavar="FILM", nargs="?", help=f"{words} (default: {optional})")
    else:
        parser.add_argument("film", metavar="FILM", help=words)


NO_TICK = "No tick is running: nothing will move until workers and beat do."
_A_WHILE = 4.0  # seconds; it signs every two, so that one that has just been started is not overlooked


def ticking(connection: Connection) -> bool:
    """Whether somebody moves films here; an embedded cluster may have been started a moment ago."""
    end = time.monotonic() + (_A_WHILE if connection.embedded else 0.0)
    while True:
        seen = tick_seen(connection.deps.db)
        if seen is not None and seen < TICK_GONE:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.2)


def chosen(connection: Connection, words: str | None) -> UUID:
    """The film that is meant; raises UserError where there is none, or several fit."""
    if words is not None:
        return connection.deps.db.run(lambda session: projects.find(session, words)).id
    found = films(connection.deps.db)
    if not found:
        raise UserError("there is no film yet", remedy="`vidpipe enqueue STORYBOARD` begins one.")
    return next((film.id for film in found if film.state not in PROJECT_ENDED), found[0].id)
