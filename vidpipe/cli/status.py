"""`vidpipe status`: how all films stand, or one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from vidpipe.cli import codes, films, show
from vidpipe.cli.lines import film_document, film_state, tick_words
from vidpipe.cli.terminal import console, table
from vidpipe.domain.states import PROJECT_ENDED
from vidpipe.pipeline.overview import FilmLine, FilmStatus, overview
from vidpipe.pipeline.overview import films as all_films
from vidpipe.reach import connect


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    films.add_argument(parser, optional="a list of all films")


def run(args: argparse.Namespace) -> int:
    """Print how films stand; the code is 0 whatever their state is."""
    with connect(home=args.home) as connection:
        db = connection.deps.db
        if args.film is None:
            _list(all_films(db), ticking=films.ticking(connection), as_json=args.json)
            return codes.DONE
        film = overview(db, films.chosen(connection, args.film))
    if args.json:
        show.document(film_document(film))
    else:
        _print(film)
    return codes.DONE


def _list(found: Sequence[FilmLine], *, ticking: bool, as_json: bool) -> None:
    if as_json:
        show.document({"films": found, "ticking": ticking})
        return
    if not found:
        show.say(show.spoken("There is no film yet; `vidpipe enqueue STORYBOARD` begins one."))
        return
    rows = table("Film", "Title", "State", "Scenes", "Begun", right=("Scenes",))
    for film in found:
        state = f"{film.state}: {film.note}" if film.note else film.state
        cells = (str(film.id)[:8], film.title, state, f"{film.done}/{film.total}", _ago(film.created_at))
        rows.add_row(*(Text(show.clean(cell)) for cell in cells))
    console().print(rows)
    if not ticking:
        show.warn(films.NO_TICK)


def _ago(at: datetime) -> str:
    seconds = (datetime.now(UTC) - at).total_seconds()
    return f"{show.roughly(max(seconds, 0))} ago" if seconds < 86400 else f"{at:%Y-%m-%d}"


def _print(film: FilmStatus) -> None:
    out = console()
    out.print(Text.assemble((show.clean(film.title), "bold"), f"   {film_state(film)}   {film.id}"))
    if film.note:
        out.print(Text(show.clean(film.note), style="yellow"))
    far = f"{film.done} of {film.total} scenes done ({100 * film.progress:.0f} %)"
    ended = film.state in PROJECT_ENDED
    words = [far, f"took {show.clock(film.seconds)}" if ended else f"{show.clock(film.seconds)} so far"]
    if film.eta is not None:
        words.append(f"{show.roughly(film.eta)} left")
    held = f", {show.money(film.reserved)} on hold" if film.reserved else ""
    words.append(f"{show.money(film.settled)} spent{held}")
    if film.cut is not None and film.cut.duration is not None:
        words.append(f"cut {film.cut.number} lasts {film.cut.duration:.2f} s")
    out.print(Text("; ".join(words)))
    out.print()
    rows = table("Scene", "State", "", "Takes", "Clips", "Time", right=("Takes", "Clips", "Time"))
    for scene in film.scenes:
        clips = f"{scene.usable}/{scene.candidates}" if scene.candidates else "-"
        cells = (scene.label, scene.state, scene.doing, str(scene.takes), clips, show.clock(scene.seconds))
        rows.add_row(*(Text(show.clean(cell)) for cell in cells))
    out.print(rows)
    if words_ := tick_words(film):
        show.warn(words_)
