"""`vidpipe money [FILM]`: what films have cost and may still cost; of one film by scene, take and candidate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from vidpipe.cli import codes, films, show
from vidpipe.cli.terminal import console, table
from vidpipe.pipeline import accounts
from vidpipe.pipeline.accounts import FilmAccount, TakeAccount
from vidpipe.reach import connect

_FIGURES = ("Spent", "Reserved")


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The film, if one is meant."""
    films.add_argument(parser, optional="all films")


def run(args: argparse.Namespace) -> int:
    """Print the account."""
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
    rows = table("Scene", "Take", "Bought from", "State", *_FIGURES, "Candidates", right=_FIGURES)
    for scene in account.scenes:
        figures = show.money(scene.balance.settled), show.money(scene.balance.open)
        rows.add_row(*(Text(show.clean(cell), style="bold") for cell in (scene.label, "", "", "", *figures, "")))
        for take in scene.takes:
            rows.add_row(*(Text(show.clean(cell)) for cell in _take(take)))
    console().print(rows)


def _take(take: TakeAccount) -> tuple[str, ...]:
    version = "" if take.version == 1 else f" of version {take.version}"
    clips = ", ".join(f"{clip.number} {clip.state} {show.money(clip.cost)}" for clip in take.candidates)
    return (
        "", f"{take.name}{version}", f"{take.service} ({take.model})", take.state, show.money(take.balance.settled),
        show.money(take.balance.open), clips,
    )  # fmt: skip
