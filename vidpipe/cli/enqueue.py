"""`vidpipe enqueue`: hand a storyboard to the cluster that runs, and go."""

from __future__ import annotations

import argparse
from pathlib import Path

from vidpipe import runner
from vidpipe.cli import codes, consent, films, show
from vidpipe.pipeline.enroll import enroll
from vidpipe.pipeline.overview import overview
from vidpipe.reach import connect
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument("storyboard", type=Path, metavar="STORYBOARD", help="a YAML or JSON file")
    consent.add_arguments(parser)
    parser.add_argument("--again", action="store_true", help="a new film, though this storyboard was enqueued before")


def run(args: argparse.Namespace) -> int:
    """Enqueue it, or find it; say which film it is and whether anybody moves it."""
    storyboard = runner.read(args.storyboard, load(home=args.home))
    with connect(home=args.home) as connection:
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
