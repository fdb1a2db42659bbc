"""`vidpipe db upgrade|check`: the database's schema. An embedded cluster brings its own up to date by itself."""

from __future__ import annotations

import argparse

from vidpipe.cli import codes, show
from vidpipe.db import migrate
from vidpipe.errors import SetupError
from vidpipe.reach import AWAY
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """upgrade or check."""
    parser.add_argument("action", choices=("upgrade", "check"))


def run(args: argparse.Namespace) -> int:
    """Raises SetupError where the database can't be used, with what to do."""
    url = load(home=args.home).database_url
    if not url:
        raise SetupError(
            "no database is set",
            remedy="Set VIDPIPE_DATABASE_URL, or start a cluster on this machine: `vidpipe cluster start`.",
        )
    try:
        if args.action == "upgrade":
            migrate.upgrade(url)
        migrate.check(url)
    except AWAY as error:
        raise SetupError(f"the database cannot be reached: {str(error.orig).strip()}") from error
    if args.json:
        show.document({"schema": migrate.head(), "ready": True})
    else:
        show.say(f"The database has the schema of this version ({migrate.head()}).")
    return codes.DONE
