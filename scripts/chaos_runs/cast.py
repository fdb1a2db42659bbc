"""Who sells clips in a run, and in which words their own logs tell what they did to an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.chaos_runs import terms
from scripts.chaos_runs.terms import ASKABLE, BACKUP, BLIND


@dataclass(frozen=True)
class Cast:
    """The services of a run."""

    processes: Mapping[str, str]  # of each service; several may share one
    blind: frozenset[str]  # services that cannot be asked what became of an order
    routes: Sequence[tuple[str, str]]  # a service, and what is gone on to where it fails
    model: str  # of the services that are ordered from by name
    fps: int
    config: Callable[[], dict[str, Any]]  # the configuration file of a run: see config/defaults.yaml
    unsure: frozenset[str]  # troubles after which nobody knows whether an order was taken
    kept_back: str  # the trouble by which the answer to an order that was taken comes late
    endless: str  # the trouble by which an operation never ends
    scenario: Callable[[int, int], str] | None = None  # what the emulator plays, by the seed and how many orders come

    @property
    def names(self) -> tuple[str, ...]:
        """The processes, each once."""
        return tuple(dict.fromkeys(self.processes.values()))


# Three priced services on this machine: one that can be asked and told, its fallback, one that can be neither.
LOCAL = Cast(
    processes={name: name if name == ASKABLE else f"procedural-{name}" for name in terms.SERVICES},
    blind=frozenset({BLIND}),
    routes=((ASKABLE, BACKUP),) * 4 + ((BACKUP, ASKABLE),) * 2 + ((BLIND, BACKUP), (BLIND, "")),
    model=terms.MODEL,
    fps=12,
    config=terms.config,
    unsure=frozenset({"500-after", "timeout-after", "lost-answer", "500"}),
    kept_back="stall",
    endless="hang",
)
