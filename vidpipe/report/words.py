"""How the report speaks: states, steps, dimensions and figures in a person's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from vidpipe.report.bought import Money
from vidpipe.report.facts import MeasureFacts, Report

STEPS: Mapping[str, tuple[str, str]] = {
    "waiting": ("Waiting", "for the shots it comes after, or for its turn"),
    "draw": ("Draw", "a key frame is drawn"),
    "queue": ("Queue", "for a worker, or between two tries"),
    "submit": ("Submit", "the call that buys"),
    "service": ("At the service", "being made"),
    "unclear": ("Unclear", "nobody knows whether the service took the order"),
    "download": ("Download", "fetched, probed and stored"),
    "score": ("Score", "decoded, checked and measured"),
    "choose": ("Choose", "deciding which clip, or what to buy next"),
    "analyze": ("Analyze", "what the chosen clip is, for the shots after it"),
    "stitch": ("Stitch", "clips to film"),
    "held": ("Held", "the film was paused or waited for a person"),
}

DIMENSIONS: Mapping[str, str] = {
    "manifest_adherence": "Cast and places",
    "visual_quality": "Picture and sound",
    "continuity": "Continuity",
    "prompt_adherence": "Prompt",
}

# state -> (word, tone); tones are good, busy, quiet, warn, bad
STATES: Mapping[str, tuple[str, str]] = {
    "draft": ("draft", "quiet"),
    "active": ("being made", "busy"),
    "waiting": ("waiting", "quiet"),
    "needs_a_person": ("waits for you", "warn"),  # a film that is waiting
    "stitching": ("being stitched", "busy"),
    "done": ("done", "good"),
    "failed": ("failed", "bad"),
    "paused": ("paused", "warn"),
    "cancelling": ("being cancelled", "warn"),
    "cancelled": ("cancelled", "quiet"),
    "generating": ("being made", "busy"),
    "selecting": ("being chosen", "busy"),
    "analyzing": ("being analyzed", "busy"),
    "blocked": ("failed", "bad"),
    "skipped": ("left out", "quiet"),
    "queued": ("queued", "quiet"),
    "submitting": ("being submitted", "busy"),
    "submitted": ("at the service", "busy"),
    "delivered": ("delivered", "busy"),
    "settled": ("settled", "good"),
    "refused": ("refused", "bad"),
    "overdue": ("overdue, still watched", "warn"),
    "uncertain": ("uncertain", "warn"),
    "drawing": ("being drawn", "busy"),
    "drawn": ("drawn", "good"),
    "announced": ("to be fetched", "busy"),
    "stored": ("to be scored", "busy"),
    "scored": ("scored", "quiet"),
    "selected": ("chosen", "good"),
    "passed": ("not chosen", "quiet"),
    "unusable": ("unusable", "bad"),
}

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` without control characters and without those that turn the direction of what follows."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def duration(seconds: float | None) -> str:
    """'0.84 s', '31 s', '1 min 12 s', '2 h 05 min'."""
    if seconds is None:
        return "–"
    if seconds < 9.995:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def money(amount: Decimal | None) -> str:
    """'$0.00', '$1.20', '$0.0375'; to the cent, or as far as there is more."""
    if amount is None:
        return "–"
    sign = "-" if amount < 0 else ""
    whole, _, cents = f"{abs(amount):,f}".partition(".")
    return f"{sign}${whole}.{cents.rstrip('0').ljust(2, '0')}"


def about(amount: Decimal) -> str:
    """To the cent, for headlines; below a cent in full: '$1.04', '$0.0004'."""
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return money(cents if cents else amount)


def score(value: float | None) -> str:
    """'0.74'."""
    return "–" if value is None else f"{value:.2f}"


def moment(when: datetime | None) -> str:
    """'3 November 2026, 09:30:00 UTC'."""
    return f"{when.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC" if when else "–"


def measure(found: MeasureFacts) -> str:
    """The value alone: '12.5 %', '-18.2', '3.12', '0'."""
    if found.unit.startswith("share of "):
        return f"{found.value * 100:.1f} %"
    digits = 0 if float(found.value).is_integer() and abs(found.value) < 1e6 else 1 if abs(found.value) >= 10 else 2
    return f"{found.value:.{digits}f}"


def unit(found: MeasureFacts) -> str:
    """What `measure` leaves out, where the name doesn't say it: 'of time', 'LUFS'."""
    return "" if found.unit in found.name else found.unit.removeprefix("share ")


def count(number: int, one: str, many: str = "") -> str:
    """'1 shot', '2 shots'."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def spent(found: Money) -> str:
    """To the cent: '$1.20', '$0.00 and $1.20 reserved'."""
    held = f" and {about(found.reserved)} reserved" if found.reserved else ""
    return f"{about(found.settled)}{held}"


def quality_name(report: Report) -> str:
    """What the mean is a mean of; technical measures are called that."""
    return "mean technical quality" if report.totals.technical_only else "mean quality"


def result(report: Report) -> str:
    """One sentence: '6 of 6 shots done in 31 s, $0.00; mean technical quality 0.74.'"""
    totals = report.totals
    done = f"{totals.completed} of {count(totals.scenes, 'shot')} done"
    if report.film.wall_seconds is not None:
        done += f" {'in' if report.film.finished_at else 'so far, after'} {duration(report.film.wall_seconds)}"
    mean = f"; {quality_name(report)} {score(totals.mean_quality)}" if totals.mean_quality is not None else ""
    return f"{done}, {spent(totals.money)}{mean}."
