"""What is wrong with a storyboard, gathered while it is read: all of it, in the order of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vidpipe.domain.storyboard.lines import Document, Where, field_name
from vidpipe.errors import Problem

SHOWN = 100  # problems in one report; a file with more has one cause, not a hundred


@dataclass
class Findings:
    """The problems found so far in one document."""

    file: str
    document: Document
    faulty: set[Where] = field(default_factory=set)  # places already spoken of; what is missing there is no news
    _found: dict[tuple[Where, str], tuple[int, Problem]] = field(default_factory=dict)

    def add(
        self, where: Where, what: str, remedy: str | Callable[[], str] = "", *, line: int = 0, missing: bool = False
    ) -> None:
        """Record a problem at `where`; saying the same of the same place twice is once.

        `remedy` may be a function where it takes a search: it is asked only while its answer may be shown, so
        that a file made of mistakes is no slower than another one. `missing`: what stands at `where` is good,
        something beside it is not there.
        """
        if not missing:
            self.faulty.add(where)
        if (where, what) in self._found:
            return
        line = line or self.document.line(where)
        if not isinstance(remedy, str):
            remedy = remedy() if len(self._found) < SHOWN else ""
        problem = Problem(what=what, remedy=remedy, file=self.file, line=line, field=field_name(where))
        self._found[where, what] = (line, problem)

    def __bool__(self) -> bool:
        return bool(self._found)

    def sorted(self) -> list[Problem]:
        """In the order of the file, and no more than a person can use."""
        found = [problem for _, problem in sorted(self._found.values(), key=lambda pair: pair[0])]
        if len(found) > SHOWN:
            rest = Problem(what=f"and {len(found) - SHOWN:,} more problems", file=self.file)
            return [*found[:SHOWN], rest]
        return found

    def wheres(self) -> list[Where]:
        """Where each of `sorted` stands."""
        return [where for (where, _), _ in sorted(self._found.items(), key=lambda pair: pair[1][0])][:SHOWN]
