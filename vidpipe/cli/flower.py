"""`vidpipe flower`: the page on which Celery's workers and tasks are watched, behind a login."""

from __future__ import annotations

import argparse

from vidpipe.cli import codes, show
from vidpipe.cluster import flower
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Port and login."""
    parser.add_argument("--port", type=int, default=flower.PORT, help=f"({flower.PORT})")
    parser.add_argument(
        "--host", default=flower.HOST, metavar="H",
        help=f"the address to listen on: {flower.HOST} is this machine alone, 0.0.0.0 everywhere ({flower.HOST})",
    )  # fmt: skip
    parser.add_argument(
        "--login", default="", metavar="USER:PASSWORD", help="default: VIDPIPE_FLOWER_LOGIN, else one is made up"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; raises SetupError where there is nothing to watch."""
    command = flower.command(load(home=args.home), port=args.port, host=args.host, login=args.login)
    if args.json:
        password = None if command.known else command.password
        show.line({"url": command.url, "user": command.user, "password": password})
    else:
        show.say(command.words)
    return codes.DONE if flower.serve(command) == 0 else codes.BAD_INPUT
