"""`vidpipe pause | resume | cancel | retry | skip | budget | priority`: the hand on the wheel."""

from __future__ import annotations

import argparse
from decimal import Decimal
from uuid import UUID

from vidpipe.cli import codes, consent, films, show
from vidpipe.db import projects
from vidpipe.errors import UserError
from vidpipe.pipeline import control
from vidpipe.reach import Connection, connect


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """FILM, and the scene where one is meant."""
    films.add_argument(parser)
    if name == "skip":
        parser.add_argument("scene", metavar="SCENE", help="the scene's label, like 'Shot 1A'")
    if name == "budget":
        parser.add_argument("dollars", metavar="DOLLARS", help="what it may cost at most; `none` for no budget")
    if name == "priority":
        parser.add_argument("priority", type=int, metavar="1-9", help="5 is usual; each step up doubles its share")
    if name == "retry":
        every = "every scene that is blocked or cancelled"
        parser.add_argument(
            "scene", metavar="SCENE", nargs="?", help=f"the scene's label, like 'Shot 1A' (default: {every})"
        )


def run(args: argparse.Namespace) -> int:
    """Do it, and say what happened; raises UserError where it can't be done."""
    with connect(home=args.home) as connection:
        project_id = films.chosen(connection, args.film)
        said = _do(connection, args, project_id)
        film = connection.deps.db.run(lambda session: projects.get(session, project_id))
        ticking = films.ticking(connection)
    if args.json:
        show.document(
            {"project_id": film.id, "title": film.title, "state": film.state, "said": said, "ticking": ticking}
        )
        return codes.DONE
    show.say(f"{show.clean(film.title)}: {show.clean(said)}")
    if not ticking:
        show.warn(films.NO_TICK)
    return codes.DONE


def _do(connection: Connection, args: argparse.Namespace, project_id: UUID) -> str:
    match args.command:
        case "pause":
            return control.pause(connection.deps, project_id)
        case "resume":
            return control.resume(connection.deps, project_id)
        case "cancel":
            return control.cancel(connection.deps, project_id)
        case "retry":
            scene = _label(connection, project_id, args.scene) if args.scene else None
            return control.retry(connection.deps, project_id, scene)
        case "skip":
            return control.skip(connection.deps, project_id, _label(connection, project_id, args.scene))
        case "budget":
            return control.set_budget(connection.deps, project_id, _dollars(args.dollars))
        case "priority":
            return control.set_priority(connection.deps, project_id, args.priority)
        case other:
            raise ValueError(f"{other} is no way to steer")


def _dollars(text: str) -> Decimal | None:
    if text.casefold() == "none":
        return None
    try:
        return consent.dollars(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(str(error)) from error


def _label(connection: Connection, project_id: UUID, words: str) -> str:
    """The label as the film spells it: labels are unique whatever their case."""
    scenes = connection.deps.db.run(lambda session: projects.scenes(session, project_id))
    return next((scene.label for scene in scenes if scene.label.casefold() == words.casefold()), words)
