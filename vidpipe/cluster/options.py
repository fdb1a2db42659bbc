"""What a person may choose about the embedded cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from vidpipe.errors import SetupError

MOST_THREADS = 256


@dataclass(frozen=True)
class ClusterOptions:
    """Counts are threads of a worker; `latency`, `renderers` and `price` are the local procedural service's."""

    io: int = 8
    gpu: int = 2
    tick: int = 4
    latency: float | None = None  # seconds an operation takes at least; None: as the service has it
    renderers: int | None = None  # processes that render; None: as the service has it
    price: str = ""  # US dollars a second of one clip that the service charges; empty: as the service has it
    faults: str = ""  # of the procedural service: one for every order, or `prompts`: as the prompts say
    extra_env: Mapping[str, str] = field(default_factory=dict)  # for every process of the cluster

    def __post_init__(self) -> None:
        for name in ("io", "gpu", "tick"):
            if not 1 <= getattr(self, name) <= MOST_THREADS:
                raise SetupError(
                    f"a {name} worker with {getattr(self, name)} threads cannot be started",
                    remedy=f"Give a number from 1 to {MOST_THREADS}.",
                )
        if self.latency is not None and not 0 <= self.latency <= 3600:
            raise SetupError(f"a latency of {self.latency} s cannot be used", remedy="Give 0 to 3600 seconds.")
        if self.renderers is not None and not 1 <= self.renderers <= 64:
            raise SetupError(f"{self.renderers} renderers cannot be started", remedy="Give 1 to 64.")

    def to_json(self) -> str:
        """One line that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ClusterOptions:
        """The options as `to_json` wrote them; raises SetupError on anything else."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise SetupError(f"the cluster's options cannot be read: {error}") from error
        known = {item.name for item in fields(cls)}
        if not isinstance(found, dict) or not known.issuperset(found):
            raise SetupError(f"the cluster's options should be a mapping of {', '.join(sorted(known))}")
        return cls(**found)
