"""`vidpipe report`: write a film, its clips and its report to a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from vidpipe import runner
from vidpipe.cli import codes, films, out, show
from vidpipe.domain.states import ProjectState
from vidpipe.pipeline.overview import overview
from vidpipe.reach import connect
from vidpipe.report import bundle


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    films.add_argument(parser, optional="the newest that is not finished, else the newest")
    out.add(parser, "where it is written", required=True)


def run(args: argparse.Namespace) -> int:
    """Write what there is, whatever state the film is in."""
    out: Path = args.out.absolute()
    runner.check_out(out)
    with connect(home=args.home) as connection:
        project_id = films.chosen(connection, args.film)
        film = overview(connection.deps.db, project_id)
        written = bundle.write(connection.deps, project_id, out)
    if args.json:
        show.document(
            {
                "project_id": project_id, "state": film.state, "out": out, "film": written.film,
                "missing": written.missing,
            }
        )  # fmt: skip
        return codes.DONE
    for what, where in (("film", written.film), ("report", written.page), ("folder", out)):
        if where is not None:
            show.say(f"  {what:<7} {where}")
    for file in written.missing:
        show.warn(f"{file.path} could not be written: {show.clean(file.reason)}")
    if film.state != ProjectState.DONE:
        show.say(f"The film is {film.state}; the report tells how it stands.")
    return codes.DONE
