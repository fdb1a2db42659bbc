"""What is printed: plain lines, one JSON document, or JSON lines; never a control character of someone's text."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from vidpipe.errors import StoryboardInvalid, UserError, VidpipeError

# A terminal obeys control characters, and the order-of-reading ones make a line read as what it is not.
_UNFIT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: object, *, lines: bool = False) -> str:
    """`text` fit for a terminal, on one line unless `lines`."""
    kept = _UNFIT.sub(" ", str(text))
    return kept if lines else kept.replace("\n", " ")


def say(text: object = "") -> None:
    """To standard output; at once, since whoever reads a pipe wants to see progress."""
    print(clean(text, lines=True), flush=True)


def warn(text: object) -> None:
    """To standard error."""
    print(clean(text, lines=True), file=sys.stderr, flush=True)


def document(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False), flush=True)


def line(value: Any) -> None:
    """One JSON document on one line."""
    print(json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")), flush=True)


def plain(value: Any) -> Any:
    """`value` as JSON has it: dataclasses as objects, amounts as strings, times as ISO 8601."""
    match value:
        case UUID() | Decimal() | Path():
            return str(value)
        case date():  # a datetime is one too
            return value.isoformat()
        case float():
            return round(value, 3)
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return plain(asdict(value))
        case _:
            return value


def error(problem: VidpipeError, *, as_json: bool, code: int) -> None:
    """A message, where and what to do, on standard error; as JSON on standard output too."""
    remedy = spoken(problem.remedy) if isinstance(problem, UserError) else ""
    if as_json:
        problems = problem.problems if isinstance(problem, StoryboardInvalid) else ()
        found = {"message": spoken(problem.message), "remedy": remedy, "problems": problems, "exit": code}
        line({"event": "error", "error": found})
    if isinstance(problem, StoryboardInvalid):
        warn(problem.message)
        return
    warn(f"vidpipe: {spoken(problem.message)}")
    if remedy:
        warn(remedy)


def spoken(text: str) -> str:
    """`text` with the commands in it as they can be typed here."""
    return text.replace("`vidpipe ", f"`{program()} ")


@cache
def program() -> str:
    """How vidpipe was called, to be typed again: `vidpipe`, `./scripts/vidpipe`, `python -m vidpipe`."""
    called = Path(sys.argv[0])
    script = Path(__file__).resolve().parents[2] / "scripts" / "vidpipe"
    if called.name == "__main__.py" and (Path(sys.prefix) / "made-by-vidpipe").exists() and script.exists():
        return quoted(near(script))
    return "python -m vidpipe" if called.name == "__main__.py" else "vidpipe"


def near(path: Path) -> str:
    """`path` as one would type it: from the working folder where it is in it."""
    try:
        inside = path.absolute().relative_to(Path.cwd())
    except (ValueError, OSError):
        return str(path)
    return f".{os.sep}{inside}"


def quoted(text: str) -> str:
    """`text` for a shell."""
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else "'" + text.replace("'", "'\"'\"'") + "'"


def clock(seconds: float | None) -> str:
    """0:07, 2:41, 1:02:03; a dash where it isn't known."""
    if seconds is None:
        return "-"
    whole = int(seconds + 0.5)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def roughly(seconds: float) -> str:
    """'a few seconds', 'about 40 s', 'about 3 min', 'about 2 h 10 min': no more exact than it is known."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    hours, minutes = divmod(5 * round(minutes / 5), 60)
    return f"about {hours} h {minutes} min" if minutes else f"about {hours} h"


def money(amount: Decimal) -> str:
    """$0.00; more digits for amounts below a cent."""
    return f"${amount:.4f}" if 0 < abs(amount) < Decimal("0.01") else f"${amount:.2f}"
