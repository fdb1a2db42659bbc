"""The report as one HTML page: opens from disk, needs no network, and treats every word from outside as hostile.

Style, script and small pictures are inside it; clips and whole posters are referred to beside it. A content
security policy names the style and the script by their hashes, so that nothing that slipped in would run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vidpipe.report import layout as lay
from vidpipe.report import remedies, words
from vidpipe.report.document import TECHNICAL
from vidpipe.report.facts import CandidateFacts, MeasureFacts, Report, StepTime
from vidpipe.report.gantt import BAR, LANE, gantt
from vidpipe.report.layout import Layout
from vidpipe.report.pictures import Pictures

_HERE = Path(__file__).resolve().parent
_LONG = 4000  # characters of one text; the rest is in report.json


@dataclass(frozen=True)
class Row:
    """One measure over all candidates of a scene, a cell each."""

    name: str
    cells: tuple[MeasureFacts | None, ...]

    @property
    def unit(self) -> str:
        """The unit that stands beside the row's name."""
        return next((words.unit(cell) for cell in self.cells if cell is not None), "")

    @property
    def best(self) -> float | None:
        """The best score of the row, where the scores differ enough to be seen."""
        known = [cell.score for cell in self.cells if cell is not None and cell.score is not None]
        return max(known) if len(known) > 1 and max(known) - min(known) >= 0.005 else None


@dataclass(frozen=True)
class Share:
    """A step in the summary bar; `x` and `width` in per cent."""

    step: StepTime
    x: str
    width: str
    share: float


def page(report: Report, layout: Layout | None = None, pictures: Pictures | None = None) -> str:
    """The page; `layout` says which files lie beside it (default: all), `pictures` what is embedded."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: 'self' file:; "
        f"media-src 'self' file:; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    return _environment().get_template("page.html").render(
        report=report, film=report.film, totals=report.totals, where=layout or lay.plan(report),
        pictures=pictures or Pictures(), chart=gantt(report), shares=tuple(_shares(report)), bar=BAR, lane=LANE,
        style=Markup(style), script=Markup(script), policy=policy, technical=TECHNICAL,
    )  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printed,
    )
    environment.filters.update(
        shown=shown, seconds=words.duration, money=words.money, score=words.score, moment=words.moment,
        measure=words.measure, spent=words.spent, about=words.about, percent=lambda value: f"{100 * (value or 0):.1f}%",
        state=lambda state: words.STATES[state][0], tone=lambda state: words.STATES[state][1],
        clock=lambda when: f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}", named=measure_name,
    )  # fmt: skip
    environment.globals.update(
        words=words, remedies=remedies, measure_rows=measure_rows, count=words.count, together=together
    )
    return environment


def _printed(value: object) -> object:
    """Whatever the page prints: text from anywhere, but for our own markup, without characters that play tricks."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def shown(text: str | None) -> str:
    """`text` no longer than a person would read it on the page."""
    clean = text or ""
    return clean if len(clean) <= _LONG else f"{clean[:_LONG]} … ({len(clean):,} characters; whole in {lay.JSON})"


def measure_name(name: str) -> str:
    """'hidden_cuts' as 'hidden cuts'."""
    return name.replace("_", " ")


def together(candidates: tuple[CandidateFacts, ...], at: int) -> bool:
    """None of the candidates has a score in dimension `at`, all for one reason: said once."""
    parts = [one.dimensions[at] for one in candidates]
    return all(part.score is None for part in parts) and len({(part.status, part.reason) for part in parts}) == 1


def measure_rows(candidates: tuple[CandidateFacts, ...], dimension: str) -> list[Row]:
    """The measures of one dimension, a row each, a cell a candidate."""
    tables = [
        {found.name: found for part in one.dimensions if part.name == dimension for found in part.measures}
        for one in candidates
    ]
    names = dict.fromkeys(name for table in tables for name in table)
    return [Row(name, tuple(table.get(name) for table in tables)) for name in names]


def _shares(report: Report) -> Iterator[Share]:
    """Every step's share in the time that the scenes waited; the film's own steps aren't part of it."""
    steps = [step for step in report.totals.steps if step.waited]
    whole = sum(step.waited for step in steps)
    x = 0.0
    for step in steps:
        width = 100 * step.waited / whole
        yield Share(step, f"{x:.3f}%", f"{width:.3f}%", step.waited / whole)
        x += width


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
