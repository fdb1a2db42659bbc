"""`vidpipe plan`: what a film would take, before anything is bought; or everything that keeps it from being made."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

from rich.table import Table
from rich.text import Text

from vidpipe import runner
from vidpipe.cli import codes, show
from vidpipe.cli.terminal import console, table
from vidpipe.domain.forecast import Forecast, forecast
from vidpipe.domain.preflight import IMPOSSIBLE, Note, as_problems, preflight
from vidpipe.domain.pricing import Choice, DrawnFrame, Estimate, SceneEstimate, estimate
from vidpipe.domain.storyboard import Reading, SceneSpec, Storyboard
from vidpipe.domain.storyboard.text import quote
from vidpipe.errors import Problem, StoryboardInvalid
from vidpipe.pipeline import given
from vidpipe.settings import Settings, load

_ROLES = {"fallback": "else", "cheaper": "short of money"}


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument("storyboard", type=Path, metavar="STORYBOARD", help="a YAML or JSON file")


def run(args: argparse.Namespace) -> int:
    """Print the plan; raises StoryboardInvalid where there can be none, with all that can't be had as well."""
    settings = load(home=args.home)
    reading = runner.examine(args.storyboard, settings)
    if reading.problems:
        raise _impossible(reading, settings)
    film = reading.film
    given.check(film)
    costs = estimate(film, settings.services)
    time = forecast(film, settings.services)
    notes = _notes(reading, film, settings)
    if args.json:
        show.document(_document(film, costs, time, notes))
    else:
        _print(film, costs, time, notes)
    return codes.DONE


def _notes(reading: Reading, film: Storyboard, settings: Settings) -> tuple[Note, ...]:
    today = datetime.now(UTC).date()
    return preflight(film, settings.services, today=today, lacking=settings.lacking, places=reading.places)


def _impossible(reading: Reading, settings: Settings) -> StoryboardInvalid:
    """All that is wrong with the film and all that its models can't do for it, by scene, in the order of the file."""
    labelled = list(zip_longest(reading.labels, reading.problems, fillvalue=""))
    found = [(label, problem) for label, problem in labelled if isinstance(problem, Problem)]
    sound = replace(
        reading.film,
        sequences=tuple(
            replace(part, scenes=tuple(scene for scene in part.scenes if scene.model))
            for part in reading.film.sequences
        ),
    )
    notes = tuple(note for note in _notes(reading, sound, settings) if note.label)
    file = next((problem.file for _, problem in found), "")
    told = [note.label for note in notes if note.kind in IMPOSSIBLE]
    found += list(zip(told, as_problems(notes, reading.places, file), strict=True))
    found.sort(key=lambda one: one[1].line or 0)
    return StoryboardInvalid(
        [replace(one, what=f"{quote(label)}: {one.what}") if label else one for label, one in found]
    )


def _document(film: Storyboard, costs: Estimate, time: Forecast, notes: Sequence[Note]) -> dict[str, object]:
    return {
        "title": film.title, "width": film.width, "height": film.height, "fps": film.fps, "budget": film.budget,
        "scenes": [
            {
                "label": scene.label, "service": cost.service, "model": cost.model, "seconds": scene.duration,
                "candidates": cost.candidates, "operations": cost.operations, "after": scene.after,
                "cost": cost.cost, "worst": cost.worst, "choices": cost.choices, "chosen": scene.chosen,
                "drawn": cost.drawn,
            }
            for scene, cost in zip(film.scenes, costs.scenes, strict=True)
        ],
        "cost": costs.total, "worst": costs.worst, "seconds": time.seconds, "longest": time.longest, "notes": notes,
    }  # fmt: skip


def _print(film: Storyboard, costs: Estimate, time: Forecast, notes: Sequence[Note]) -> None:
    out = console()
    seconds = sum(scene.duration for scene in film.scenes)
    sound = "with sound" if film.audio else "silent"
    head = f"{len(film.scenes)} scenes, {seconds:g} s, {film.width}x{film.height} at {film.fps} a second, {sound}"
    out.print(Text.assemble((show.clean(film.title), "bold"), f"   {head}"))
    out.print()
    out.print(_scenes(film, costs))
    out.print()
    worst = f", at worst {show.money(costs.worst)}" if costs.worst > costs.total else ""
    budget = f", of a budget of {show.money(film.budget)}" if film.budget is not None else ""
    out.print(Text(f"Cost  {show.money(costs.total)}{worst}{budget}"))
    longest = "" if len(time.longest) < 2 else f"; it hangs on {', then '.join(time.longest[:6])}"
    more = "" if len(time.longest) <= 6 else f" and {len(time.longest) - 6} more"
    out.print(Text(show.clean(f"Time  {show.roughly(time.seconds)}, as far as can be told{longest}{more}")))
    chosen = [scene for scene in film.scenes if scene.chosen]
    if chosen:
        out.print()
        out.print(Text("Chosen by rule", style="bold"))
    for scene in chosen:
        out.print(Text(show.clean(f"  {scene.label}: {scene.service}/{scene.model}: {scene.chosen}")))
    if notes:
        out.print()
        out.print(Text("To know before you start", style="bold"))
    for note in notes:
        where = f"{note.label} (line {note.line}): " if note.label else ""
        style = "yellow" if note.kind in ("cannot", "money", "retires", "setup") else ""
        out.print(Text(show.clean(f"  {where}{note.text}"), style=style))


def _scenes(film: Storyboard, costs: Estimate) -> Table:
    rows = table(
        "Scene", "Made by", "Length", "Candidates", "After", "Cost", "At worst",
        right=("Length", "Candidates", "Cost", "At worst"),
    )  # fmt: skip
    number = 0
    for sequence in film.sequences:
        if len(film.sequences) > 1:
            rows.add_row(Text(show.clean(sequence.title), style="bold"))
        for scene in sequence.scenes:
            cost = costs.scenes[number]
            rows.add_row(*(Text(show.clean(cell)) for cell in _row(scene, cost)))
            for frame in cost.drawn:
                rows.add_row(*(Text(show.clean(cell)) for cell in _frame(frame)))
            for choice in cost.choices[1:]:
                rows.add_row(*(Text(show.clean(cell), style="dim") for cell in _other(scene, choice)))
            number += 1
    return rows


def _row(scene: SceneSpec, cost: SceneEstimate) -> tuple[str, ...]:
    candidates = str(cost.candidates) if cost.operations == 1 else f"{cost.candidates} in {cost.operations}"
    return (
        scene.label, _maker(cost.service, cost.model), _length(scene, cost.seconds), candidates, ", ".join(scene.after),
        show.money(cost.choices[0].cost), show.money(cost.choices[0].worst),
    )  # fmt: skip


def _frame(frame: DrawnFrame) -> tuple[str, ...]:
    """A key frame that is drawn before the scene is made."""
    maker = f"{frame.which} frame by {_maker(frame.service, frame.model)}"
    return ("", maker, "", "", "", show.money(frame.cost), show.money(frame.worst))


def _other(scene: SceneSpec, choice: Choice) -> tuple[str, ...]:
    """What the scene may be made by instead, and what that costs."""
    maker = f"{_ROLES[choice.role]} {_maker(choice.service, choice.model)}"
    return ("", maker, _length(scene, choice.seconds), "", "", show.money(choice.cost), show.money(choice.worst))


def _maker(service: str, model: str) -> str:
    return service if service == model else f"{service} ({model})"


def _length(scene: SceneSpec, bought: float) -> str:
    return f"{scene.duration:g} s" + ("" if bought == scene.duration else f" (bought {bought:g} s)")
