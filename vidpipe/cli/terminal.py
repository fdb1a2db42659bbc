"""Tables and colours, through rich; its console knows terminals, pipes and NO_COLOR."""

from __future__ import annotations

import sys
from collections.abc import Collection

from rich.console import Console
from rich.table import Table

WIDE = 160  # columns where nobody looks: in a file or a pipe, lines should not be folded early


def console() -> Console:
    """Standard output; made anew each time, so that whatever it is by now is meant."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)


def table(*columns: str, right: Collection[str] = ()) -> Table:
    """An open table: headings and no lines."""
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made
