"""What the doctor says: findings, each with what is wrong, since when, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from vidpipe.report.words import count

MOST_PLACES = 50  # named in a finding; `total` tells how many there are


class Severity(StrEnum):
    """How bad it is. The first two make a cluster unwell."""

    BROKEN = "broken"  # a part of the cluster does not do what it is for
    STUCK = "stuck"  # films or takes do not go on by themselves
    NOTE = "worth knowing"


@dataclass(frozen=True)
class Place:
    """A film, or something of it: 'Shot 1A, take 1.1'."""

    project_id: UUID
    film: str
    what: str = ""

    @property
    def short(self) -> str:
        """As much of the film's id as a person types."""
        return str(self.project_id)[:8]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing. `what`, `why` and `remedy` are sentences; commands between backticks.

    `code` is for scripts, and does not change with the words. `age` is seconds since it began.
    """

    code: str
    severity: Severity
    what: str
    why: str = ""
    remedy: str = ""
    age: float | None = None
    places: tuple[Place, ...] = ()
    total: int = 0  # places there are
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unwell(self) -> bool:
        """Whether it keeps the cluster from being well."""
        return self.severity != Severity.NOTE


@dataclass(frozen=True)
class Diagnosis:
    """Everything found, the worst first, and the figures that were looked at, by what they are of."""

    at: datetime  # by this machine's clock
    seconds: float  # that looking took
    findings: tuple[Finding, ...]
    figures: Mapping[str, Mapping[str, Any]]

    @property
    def healthy(self) -> bool:
        """Whether nothing is broken or stuck."""
        return not any(finding.unwell for finding in self.findings)


ORDER = tuple(Severity)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By severity; within one, as they were found: causes come before what follows from them."""
    return tuple(sorted(findings, key=lambda finding: ORDER.index(finding.severity)))


def sentence(text: object) -> str:
    """What somebody else wrote, as a sentence on one line: an error's message, a reason on a row."""
    line = " ".join(str(text).split())
    if not line:
        return ""
    return line if line[-1] in ".!?" else f"{line}."


def listed(words: Iterable[str], most: int = 4) -> str:
    """'a, b and 3 more'."""
    found = list(dict.fromkeys(words))
    if len(found) <= most:
        return " and ".join((", ".join(found[:-1]), found[-1])) if len(found) > 1 else "".join(found)
    return f"{', '.join(found[:most])} and {len(found) - most} more"


def form(number: int, one: str, many: str) -> str:
    """'is' or 'are', 'it' or 'them': the word that goes with so many."""
    return one if number == 1 else many


def are(number: int, one: str, many: str = "") -> str:
    """'1 take is', '2 takes are'."""
    return f"{count(number, one, many)} {form(number, 'is', 'are')}"
