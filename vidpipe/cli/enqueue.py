"""`vidpipe enqueue`: hand a storyboard to the cluster that runs, and go."""

from __future__ import annotations

import argparse
from pathlib import Path

from vidpipe import runner
from vidpipe.cli import codes, consent, films, show
from vidpipe.domain.storyboard import Storyboard
from vidpipe.errors import SetupError
from vidpipe.pipeline.enroll import enroll
from vidpipe.pipeline.overview import overview
from vidpipe.reach import Connection, connect
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument("storyboard", type=Path, metavar="STORYBOARD", help="a YAML or JSON file")
    consent.add_arguments(parser)
    parser.add_argument("--again", action="store_true", help="a new film, though this storyboard was enqueued before")
    parser.add_argument(
        "--workers-have-keys", action="store_true",
        help="the workers have the keys of the film's services, though this command has not",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Enqueue it, or find it; say which film it is and whether anybody moves it."""
    storyboard = runner.read(args.storyboard, load(home=args.home))
    with connect(home=args.home) as connection:
        if not args.workers_have_keys:
            _check_keys(storyboard, connection)
        enrolled = consent.asking(
            args,
            lambda said: enroll(connection.deps, storyboard, again=args.again, consent=said, priority=args.priority),
        )
        film = overview(connection.deps.db, enrolled.project_id)
        ticking = films.ticking(connection)
    if args.json:
        show.document(
            {
                "project_id": film.id, "title": film.title, "fresh": enrolled.fresh, "state": film.state,
                "scenes": film.total, "ticking": ticking,
            }
        )  # fmt: skip
        return codes.DONE
    short = str(film.id)[:8]
    title = show.clean(film.title)
    if enrolled.fresh:
        show.say(f"{title} is enqueued as film {film.id}")
    else:
        show.say(f"{title} was enqueued before, as film {film.id}; it is {film.state} (--again makes a new one)")
    show.say(f"Watch it:  {show.program()} follow {short}")
    if not ticking:
        show.warn(films.NO_TICK)
    return codes.DONE


def _check_keys(storyboard: Storyboard, connection: Connection) -> None:
    """Refuse a film that this machine's own workers could not finish; of workers elsewhere, whose keys nobody here
    knows, only warn."""
    try:
        runner.check_set_up(storyboard, connection.settings)
    except SetupError as problem:
        said = "say --workers-have-keys where they were given it"
        if connection.embedded:
            problem.remedy = f"Set it and start the cluster again, name another service, or {said}."
            raise
        show.warn(f"{problem.message}\nIt waits for a person if the workers have none, either; {said}.")
