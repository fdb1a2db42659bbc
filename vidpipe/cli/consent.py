"""What a person says about money before a film that pays may start: --yes, --budget, --no-budget; or is asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from vidpipe.cli import show
from vidpipe.errors import Unconfirmed
from vidpipe.pipeline.enroll import Consent

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every command that can begin a film."""
    parser.add_argument("--yes", action="store_true", help="agree to what the film is estimated to cost")
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--budget", type=dollars, metavar="DOLLARS", help="what the film may cost at most (default: the storyboard's)"
    )
    limit.add_argument("--no-budget", action="store_true", help="let it cost whatever it costs")
    parser.add_argument(
        "--priority", type=int, default=5, metavar="1-9", choices=range(1, 10),
        help="5 is usual; each step up doubles the film's share of a service that is busy",
    )  # fmt: skip


def dollars(text: str) -> Decimal:
    """An amount of US dollars; raises argparse's error for anything else."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount > 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of dollars; give a number like 25 or 12.50")
    return amount


def given(args: argparse.Namespace) -> Consent:
    """What was said on the command line."""
    return Consent(confirmed=args.yes, budget=args.budget, no_budget=args.no_budget)


def asking(args: argparse.Namespace, begin: Callable[[Consent], T]) -> T:
    """`begin` with what was said; a person at a terminal is asked for what is missing.

    Raises Unconfirmed where nobody can be asked, or says no.
    """
    said = given(args)
    try:
        return begin(said)
    except Unconfirmed as missing:
        if args.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        return begin(_ask(said, missing))


def _ask(said: Consent, missing: Unconfirmed) -> Consent:
    show.warn(show.clean(missing.message))
    budget = said.budget
    if missing.lacks_budget:
        words = _answer("Its budget in dollars (empty: do not start): ")
        if not words:
            raise missing
        try:
            budget = dollars(words)
        except argparse.ArgumentTypeError as error:
            raise Unconfirmed(f"{error}", cost=missing.cost, worst=missing.worst, lacks_budget=True) from error
    elif _answer("Start it? [y/N] ").lower() not in ("y", "yes"):
        raise missing
    return Consent(confirmed=True, budget=budget, no_budget=said.no_budget)


def _answer(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
