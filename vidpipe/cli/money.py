"""`vidpipe money [FILM]`: what films have cost and may still cost; of one film by scene, take and candidate.

`vidpipe money adjust ORDER AMOUNT --why WORDS` corrects what an order has cost (`vidpipe/pipeline/adjust.py`).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from rich.text import Text

from vidpipe.cli import codes, films, show
from vidpipe.cli.terminal import console, table
from vidpipe.errors import UserError
from vidpipe.pipeline import accounts, adjust
from vidpipe.pipeline.accounts import Correction, FilmAccount, TakeAccount
from vidpipe.reach import connect

_FIGURES = ("Spent", "Reserved")
ADJUST = "adjust"


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The film, if one is meant; or the order to be corrected, with what the correction needs."""
    films.add_argument(parser, optional="all films")
    parser.usage = f"{parser.prog} [FILM] | {parser.prog} {ADJUST} ORDER AMOUNT --why WORDS"
    order = f"after `{ADJUST}`: the order's token or its take's id, or the beginning of one, or its name at the service"
    parser.add_argument("order", metavar="ORDER", nargs="?", help=order)
    amount = "what its bill was more (+0.10) or less (-0.10) than was entered, in dollars"
    parser.add_argument("amount", metavar="AMOUNT", nargs="?", help=amount)
    parser.add_argument("--why", metavar="WORDS", help="why, for those who read the ledger later")


def run(args: argparse.Namespace) -> int:
    """Print the account, or correct an order; raises UserError where that can't be done."""
    if args.film == ADJUST:
        return _adjust(args)
    if args.order or args.why:
        raise UserError(
            f"only `money {ADJUST}` takes an order and words",
            remedy=f"`vidpipe money FILM`, or `vidpipe money {ADJUST} ORDER AMOUNT --why WORDS`.",
        )
    with connect(home=args.home) as connection:
        if args.film is None:
            found = accounts.films(connection.deps)
            if args.json:
                show.document({"films": [asdict(one) for one in found]})
            else:
                _print_all(found)
            return codes.DONE
        account = accounts.film(connection.deps, films.chosen(connection, args.film))
    if args.json:
        show.document(asdict(account))
    else:
        _print(account)
    return codes.DONE


def _adjust(args: argparse.Namespace) -> int:
    if args.order is None or args.amount is None or args.why is None:
        missing = "an order" if args.order is None else "an amount" if args.amount is None else "--why"
        raise UserError(f"`money {ADJUST}` needs {missing}", remedy=f"{show.program()} money --help")
    amount = difference(args.amount)
    with connect(home=args.home) as connection:
        said = adjust.adjust(connection.deps, args.order, amount, args.why)
    if args.json:
        show.document({"order": args.order, "amount": amount, "said": said})
    else:
        show.say(show.clean(said))
    return codes.DONE


def difference(text: str) -> Decimal:
    """What is to be added or taken off, US dollars; raises UserError where it has no sign: is it all that it cost?"""
    read = re.fullmatch(r"([+-])\$?(\d{1,12}(?:\.\d{1,6})?)", text.strip())
    if read is None:
        raise UserError(
            f"{text!r} is no difference",
            remedy="Give what the bill was more or less than was entered, with its sign, like +0.10 or -0.10.",
        )
    return Decimal("".join(read.groups()))


def _print_all(found: Sequence[FilmAccount]) -> None:
    if not found:
        show.say("There is no film yet.")
        return
    rows = table("Film", "", "State", "Estimate", "Budget", *_FIGURES, right=("Estimate", "Budget", *_FIGURES))
    for one in found:
        rows.add_row(*(Text(show.clean(cell)) for cell in (str(one.id)[:8], one.title, one.state, *_money(one))))
    console().print(rows)


def _money(one: FilmAccount) -> tuple[str, ...]:
    budget = "none" if one.budget is None else show.money(one.budget)
    return show.money(one.estimate), budget, show.money(one.balance.settled), show.money(one.balance.open)


def _print(account: FilmAccount) -> None:
    estimate, budget, spent, reserved = _money(account)
    show.say(
        show.clean(f"{account.title}: {spent} spent, {reserved} reserved (estimate {estimate}, budget {budget})\n")
    )
    rows = table("Scene", "Take", "Order", "Bought from", "State", *_FIGURES, "Candidates", right=_FIGURES)
    for scene in account.scenes:
        figures = show.money(scene.balance.settled), show.money(scene.balance.open)
        rows.add_row(*(Text(show.clean(cell), style="bold") for cell in (scene.label, "", "", "", "", *figures, "")))
        for take in scene.takes:
            rows.add_row(*(Text(show.clean(cell)) for cell in _take(take)))
    console().print(rows)
    if account.corrections:
        show.say("\nCorrected, and counted above:")
        for correction in account.corrections:
            show.say(f"  {show.clean(_correction(correction))}")


def _correction(one: Correction) -> str:
    when = f"{one.at:%Y-%m-%d}"
    return f"{when}  {one.scene}, {one.take} (order {str(one.order)[:8]}): {adjust.signed(one.amount)}, {one.why}"


def _take(take: TakeAccount) -> tuple[str, ...]:
    version = "" if take.version == 1 else f" of version {take.version}"
    clips = ", ".join(f"{clip.number} {clip.state} {show.money(clip.cost)}" for clip in take.candidates)
    return (
        "", f"{take.name}{version}", str(take.order)[:8] if take.order else "", f"{take.service} ({take.model})",
        take.state, show.money(take.balance.settled), show.money(take.balance.open), clips,
    )  # fmt: skip
