"""`vidpipe follow`: watch a film that is being made."""

from __future__ import annotations

import argparse
from contextlib import closing

from vidpipe import runner
from vidpipe.cli import codes, films, show, views
from vidpipe.domain.states import ProjectState
from vidpipe.pipeline.overview import FilmStatus
from vidpipe.reach import connect


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    films.add_argument(parser, optional="the newest that is not finished, else the newest")
    views.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Follow the film to its end, or until it waits for a person."""
    with connect(home=args.home) as connection:
        project_id = films.chosen(connection, args.film)
        last: FilmStatus | None = None
        view = views.choose(args)
        try:
            with view, closing(runner.follow(connection, project_id)) as events:
                for progress in events:
                    view.show(progress)
                    last = progress.film or last
        except KeyboardInterrupt:
            show.warn(f"The film goes on. Watch it again:  {show.program()} follow {str(project_id)[:8]}")
            raise
    return _tell(last, args)


def _tell(film: FilmStatus | None, args: argparse.Namespace) -> int:
    if film is None:
        return codes.UNFINISHED
    done = film.state == ProjectState.DONE
    problem = None if done else runner.unfinished(film)
    code = codes.DONE if problem is None else codes.WAITS if problem.waits else codes.UNFINISHED
    if args.json:
        show.line({"event": "end", "exit": code, "state": film.state, "project_id": film.id})
    if problem is not None:
        show.error(problem, as_json=False, code=code)
    elif not args.json:
        show.say(f"Write it to a folder:  {show.program()} report {str(film.id)[:8]} --out DIR")
    return code
