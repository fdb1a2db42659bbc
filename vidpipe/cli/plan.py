"""`vidpipe plan`: what a film would take, before anything is bought."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from vidpipe import runner
from vidpipe.cli import codes, show
from vidpipe.cli.terminal import console, table
from vidpipe.domain.forecast import Forecast, forecast
from vidpipe.domain.preflight import Note, preflight
from vidpipe.domain.pricing import Estimate, SceneEstimate, estimate
from vidpipe.domain.storyboard import SceneSpec, Storyboard
from vidpipe.pipeline import given
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument("storyboard", type=Path, metavar="STORYBOARD", help="a YAML or JSON file")


def run(args: argparse.Namespace) -> int:
    """Print the plan; raises StoryboardInvalid where there can be none."""
    settings = load(home=args.home)
    film = runner.read(args.storyboard, settings)
    given.check(film)
    costs = estimate(film, settings.services)
    time = forecast(film, settings.services)
    notes = preflight(film, settings.services, today=datetime.now(UTC).date())
    if args.json:
        show.document(_document(film, costs, time, notes))
    else:
        _print(film, costs, time, notes)
    return codes.DONE


def _document(film: Storyboard, costs: Estimate, time: Forecast, notes: Sequence[Note]) -> dict[str, object]:
    return {
        "title": film.title, "width": film.width, "height": film.height, "fps": film.fps, "budget": film.budget,
        "scenes": [
            {
                "label": scene.label, "service": cost.service, "model": cost.model, "seconds": scene.duration,
                "candidates": cost.candidates, "operations": cost.operations, "after": scene.after,
                "cost": cost.cost, "worst": cost.worst,
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
    if notes:
        out.print()
        out.print(Text("To know before you start", style="bold"))
    for note in notes:
        where = f"{note.label}: " if note.label else ""
        style = "yellow" if note.kind in ("cannot", "money", "retires") else ""
        out.print(Text(show.clean(f"  {where}{note.text}"), style=style))


def _scenes(film: Storyboard, costs: Estimate) -> Table:
    rows = table("Scene", "Made by", "Length", "Candidates", "After", "Cost", right=("Length", "Candidates", "Cost"))
    number = 0
    for sequence in film.sequences:
        if len(film.sequences) > 1:
            rows.add_row(Text(show.clean(sequence.title), style="bold"))
        for scene in sequence.scenes:
            rows.add_row(*(Text(show.clean(cell)) for cell in _row(scene, costs.scenes[number])))
            number += 1
    return rows


def _row(scene: SceneSpec, cost: SceneEstimate) -> tuple[str, ...]:
    made_by = cost.service if cost.service == cost.model else f"{cost.service} ({cost.model})"
    if scene.fallback:
        made_by += f", else {scene.fallback}"
    bought = "" if cost.seconds == scene.duration else f" (bought {cost.seconds:g} s)"
    candidates = str(cost.candidates) if cost.operations == 1 else f"{cost.candidates} in {cost.operations}"
    return (
        scene.label, made_by, f"{scene.duration:g} s{bought}", candidates, ", ".join(scene.after),
        show.money(cost.cost),
    )  # fmt: skip
