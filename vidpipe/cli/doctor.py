"""`vidpipe doctor`: what is wrong with the cluster, and what is stuck: since when, why, and what to do.

It ends with 0 where nothing is (there may be things worth knowing), with 1 where something is broken or stuck, and
with 2 where there is no cluster to look at.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vidpipe.cli import codes, show
from vidpipe.cli.terminal import console
from vidpipe.doctor import Diagnosis, Finding, Place, Severity, examine
from vidpipe.doctor.broker import megabytes
from vidpipe.report.words import count, duration
from vidpipe.settings import load

_STYLES = {Severity.BROKEN: "bold red", Severity.STUCK: "bold yellow", Severity.NOTE: "bold cyan"}
_MOST_FILMS = 5  # named for one finding
_MOST_SCENES = 4  # and of one film
_INDENT = 4  # columns
_WIDEST = 112  # columns: longer lines of prose are hard to read


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """How far to look."""
    parser.add_argument(
        "--media", action="store_true",
        help="compare the media store with the films too, file by file: what is missing, and what nobody names",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Say what was found; raises SetupError where there is no cluster to look at."""
    found = examine(load(home=args.home), with_media=args.media)
    if args.json:
        show.document(document(found))
    else:
        _print(found)
    return codes.DONE if found.healthy else codes.UNFINISHED


def document(found: Diagnosis) -> dict[str, Any]:
    """A diagnosis as JSON has it."""
    return {
        "healthy": found.healthy, "at": found.at, "seconds": found.seconds,
        "findings": [_finding(one, found) for one in found.findings], "looked_at": found.figures,
    }  # fmt: skip


def _finding(one: Finding, found: Diagnosis) -> dict[str, Any]:
    since = None if one.age is None else found.at - timedelta(seconds=one.age)
    places = [{"film": place.film, "project_id": place.project_id, "what": place.what} for place in one.places]
    return {
        "code": one.code, "severity": str(one.severity), "what": one.what, "why": one.why,
        "remedy": show.spoken(one.remedy), "since": since, "seconds": one.age, "places": places, "total": one.total,
        "figures": one.figures,
    }  # fmt: skip


def _print(found: Diagnosis) -> None:
    out = console()
    width = min(out.width, _WIDEST)
    if not found.findings:
        out.print(Text(f"All is well: {looked_at(found.figures)}."), width=width)
        return
    for one in found.findings:
        out.print(Group(*_told(one, found)), width=width)
        out.print()
    out.print(Text(_summary(found)), width=width)


def _told(one: Finding, found: Diagnosis) -> Iterator[Text | Padding]:
    yield Text.assemble((f"{str(one.severity).upper()}  ", _STYLES[one.severity]), (show.clean(one.what), "bold"))
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, words in (
        ("since", _since(one, found)), ("why", one.why), ("do", show.spoken(one.remedy)), *_where(one)
    ):  # fmt: skip
        if words:
            lines.add_row(name, Text(show.clean(words)))
    yield Padding(lines, (0, 0, 0, _INDENT))


def _since(one: Finding, found: Diagnosis) -> str:
    if one.age is None:
        return ""
    began = (found.at - timedelta(seconds=one.age)).astimezone()
    day = "" if began.date() == found.at.astimezone().date() else f"{began:%Y-%m-%d} "
    return f"{day}{began:%H:%M:%S}, for {duration(max(one.age, 0.0))}"


def _where(one: Finding) -> Iterator[tuple[str, str]]:
    """A line a film, with what of it is meant."""
    told = [place for place in _sorted(one) if place.what]  # a film as a whole is named in words already
    films = [(film, list(places)) for film, places in groupby(told, key=lambda place: place.project_id)]
    for number, (_, places) in enumerate(films[:_MOST_FILMS]):
        parts = sorted((place.what for place in places), key=_as_read)
        more = f"; and {len(parts) - _MOST_SCENES} more" if len(parts) > _MOST_SCENES else ""
        words = f"{places[0].film} ({places[0].short}): {'; '.join(parts[:_MOST_SCENES])}{more}"
        yield "film" if number == 0 else "", words
    named = sum(len(places) for _, places in films[:_MOST_FILMS])
    if told and one.total > named:
        yield "", f"and {one.total - named} more"


def _as_read(words: str) -> list[tuple[int, str]]:
    """A key by which 'Shot 2A' comes before 'Shot 10A'."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", words)]


def _sorted(one: Finding) -> list[Place]:
    """By film, in the order in which the films are first named."""
    first: dict[UUID, int] = {}
    for place in one.places:
        first.setdefault(place.project_id, len(first))
    return sorted(one.places, key=lambda place: first[place.project_id])


def _summary(found: Diagnosis) -> str:
    numbers = {severity: sum(one.severity == severity for one in found.findings) for severity in Severity}
    told = [f"{number} {severity}" for severity, number in numbers.items() if number]
    head = "Nothing is broken or stuck; " if found.healthy else ""
    return f"{head}{', '.join(told)}. Looked at: {looked_at(found.figures)}."


def looked_at(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures in a sentence's length."""
    parts = (_database(figures), _broker(figures), _store(figures), _staff(figures), _films(figures))
    return "; ".join(part for part in parts if part) or "nothing answered"


def _database(figures: Mapping[str, Mapping[str, Any]]) -> str:
    found = figures.get("database")
    if found is None:
        return ""
    room = f"{found['connections']} of {found['most_connections']} connections"
    return f"database {_ms(found['round_trip'])}, schema {found['schema']}, {room}"


def _broker(figures: Mapping[str, Mapping[str, Any]]) -> str:
    found = figures.get("broker")
    if found is None:
        return ""
    return f"broker {_ms(found['round_trip'])}, {count(sum(found['queues'].values()), 'message')} waiting"


def _store(figures: Mapping[str, Mapping[str, Any]]) -> str:
    found = figures.get("store")
    if found is None:
        return ""
    free = f", {megabytes(found['free'])} free" if found["free"] is not None else ""
    return f"store {_ms(found['round_trip'])}{free}"


def _staff(figures: Mapping[str, Mapping[str, Any]]) -> str:
    found = figures.get("workers")
    if found is None:
        return ""
    age = found["tick_age"]
    tick = "no tick" if age is None else f"tick {duration(age)} ago"
    return f"{tick}, {_workers('io', found['io'])}, {_workers('gpu', found['gpu'])}"


def _workers(queue: str, found: Mapping[str, int]) -> str:
    return f"{count(found['workers'], f'{queue} worker')} ({found['busy']} of {found['threads']} busy)"


def _films(figures: Mapping[str, Mapping[str, Any]]) -> str:
    states = figures.get("films", {}).get("films")
    if states is None:
        return ""
    being_made = sum(states.get(state, 0) for state in ("active", "stitching", "cancelling"))
    there = sum(one["there"] for one in figures.get("services", {}).get("needed", {}).values())
    return f"{count(being_made, 'film')} being made, {count(there, 'take')} at services"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else duration(seconds)
