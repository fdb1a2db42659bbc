"""`vidpipe flower`: the page on which Celery's workers and tasks are watched, behind a login."""

from __future__ import annotations

import argparse

from vidpipe.cli import codes, show
from vidpipe.cluster import flower
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Port and login."""
    parser.add_argument("--port", type=int, default=flower.PORT, help=f"on this machine's own address ({flower.PORT})")
    parser.add_argument("--login", default="", metavar="USER:PASSWORD", help="default: a password is made up")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; raises SetupError where there is nothing to watch."""
    command = flower.command(load(home=args.home), port=args.port, login=args.login)
    if args.json:
        show.line({"url": command.url, "user": command.user, "password": command.password})
    else:
        show.say(command.words)
    return codes.DONE if flower.serve(command) == 0 else codes.BAD_INPUT
