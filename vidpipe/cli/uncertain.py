"""`vidpipe uncertain list|show|found|lost|billed|resubmit`: orders of which nobody knows what became.

What each answer does is told in `vidpipe/pipeline/uncertain.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from vidpipe.cli import codes, consent, films, show
from vidpipe.cli.terminal import console, table
from vidpipe.errors import UserError
from vidpipe.pipeline import uncertain
from vidpipe.pipeline.uncertain import Unknown
from vidpipe.reach import Connection, connect

_ACTIONS = {
    "list": "every one of them (the default)",
    "show": "all that is known of one, and where to look",
    "found": "the service took it: give the name it goes by there",
    "lost": "the service never took it and will not bill it",
    "billed": "the service billed it and nothing will come of it: give the dollars",
    "resubmit": "order it again, at the risk of paying twice",
}


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The action, the order, and what the action needs."""
    words = "; ".join(f"{action}: {what}" for action, what in _ACTIONS.items())
    parser.add_argument("action", nargs="?", choices=tuple(_ACTIONS), default="list", metavar="ACTION", help=words)
    parser.add_argument("order", nargs="?", metavar="ORDER", help="the beginning of its token, as `list` shows it")
    parser.add_argument("value", nargs="?", metavar="NAME|DOLLARS", help="for `found` and `billed`")
    parser.add_argument("--film", metavar="FILM", help="list those of one film")


def run(args: argparse.Namespace) -> int:
    """Show them, or write down what a person found out; raises UserError where it can't be done."""
    with connect(home=args.home) as connection:
        if args.action == "list":
            film = films.chosen(connection, args.film) if args.film else None
            return _list(uncertain.listed(connection.deps, film), as_json=args.json)
        if args.order is None:
            raise UserError(f"`uncertain {args.action}` needs an order", remedy="`vidpipe uncertain list` shows them.")
        if args.action == "show":
            return _show(connection, uncertain.named(connection.deps, args.order), as_json=args.json)
        said = _do(connection, args)
    if args.json:
        show.document({"order": args.order, "said": said})
    else:
        show.say(show.clean(said))
    return codes.DONE


def _do(connection: Connection, args: argparse.Namespace) -> str:
    match args.action:
        case "found":
            return uncertain.found(connection.deps, args.order, _needed(args, "the operation's name at the service"))
        case "billed":
            try:
                amount = consent.dollars(_needed(args, "what it cost, in dollars"))
            except argparse.ArgumentTypeError as error:
                raise UserError(str(error)) from error
            return uncertain.billed(connection.deps, args.order, amount)
        case "lost":
            return uncertain.lost(connection.deps, args.order)
        case _:
            return uncertain.resubmit(connection.deps, args.order)


def _needed(args: argparse.Namespace, what: str) -> str:
    if args.value is None:
        raise UserError(f"`uncertain {args.action}` needs {what}", remedy=f"{show.program()} uncertain --help")
    return str(args.value)


def _list(found: Sequence[Unknown], *, as_json: bool) -> int:
    if as_json:
        show.document({"uncertain": [_document(one) for one in found]})
        return codes.DONE
    if not found:
        show.say("Nothing is uncertain: it is known of every order what became of it.")
        return codes.DONE
    rows = table("Order", "Film", "Scene", "Take", "Service", "May cost", "Since", "What is known", right=("May cost",))
    for one in found:
        cells = (
            str(one.token)[:8], one.film, one.scene, one.take, f"{one.service} ({one.model})", show.money(one.price),
            f"{one.since:%Y-%m-%d %H:%M}", f"{one.detail}{'; the service is being asked' if one.asked else ''}",
        )  # fmt: skip
        rows.add_row(*(Text(show.clean(cell)) for cell in cells))
    console().print(rows)
    total = show.money(sum((one.price for one in found), start=found[0].price * 0))
    show.say(f"\nThey may have cost {total}.  {show.program()} uncertain show ORDER  tells where to look.")
    return codes.DONE


def _show(connection: Connection, one: Unknown, *, as_json: bool) -> int:
    if as_json:
        show.document(_document(one))
        return codes.DONE
    facts = (
        ("order", str(one.token)), ("film", f"{one.film} ({one.project_id})"), ("scene", one.scene),
        ("take", f"{one.take}, now {one.take_state}"), ("service", f"{one.service}, model {one.model}"),
        ("sent at", f"{one.since:%Y-%m-%d %H:%M:%S %Z}"), ("may cost", show.money(one.price)),
        ("known as", one.operation or "unknown: its answer never came"), ("what happened", one.detail),
        ("prompt", one.prompt),
    )  # fmt: skip
    for name, words in facts:
        show.say(f"{name:<14}{show.clean(words)}")
    show.say(f"\n{show.clean(_where_to_look(connection, one))}")
    order, program = str(one.token)[:8], show.program()
    show.say(f"\n  {program} uncertain found {order} NAME     it is there: watch it, and keep what it brings")
    show.say(f"  {program} uncertain lost {order}           it is not there, and not billed")
    show.say(f"  {program} uncertain billed {order} DOLLARS it was billed, and nothing will come of it")
    show.say(f"  {program} uncertain resubmit {order}       order it again, whatever became of it")
    return codes.DONE


def _where_to_look(connection: Connection, one: Unknown) -> str:
    described = connection.deps.settings.services.get(one.service, {})
    console_ = described.get("console") if isinstance(described, dict) else None
    place = f"Look at {console_}" if console_ else f"Look at the console or the usage page of {one.service}"
    return f"{place} for an order of {one.since:%H:%M:%S} with this prompt, or with the token as its reference."


def _document(one: Unknown) -> dict[str, Any]:
    return {**one.__dict__, "since": one.since.isoformat()}
