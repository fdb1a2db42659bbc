"""Which view a film is shown in."""

from __future__ import annotations

import argparse

from vidpipe.cli.lines import JsonView, PlainView
from vidpipe.cli.terminal import console
from vidpipe.cli.view import LiveView

View = JsonView | PlainView | LiveView


def choose(args: argparse.Namespace) -> View:
    """JSON where asked for, live on a terminal that can, plain lines elsewhere."""
    if args.json:
        return JsonView()
    out = console()
    return LiveView(out) if out.is_terminal and not out.is_dumb_terminal and not args.plain else PlainView()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--plain."""
    parser.add_argument("--plain", action="store_true", help="plain lines on a terminal too")
