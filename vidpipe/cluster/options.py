"""What a person may choose about the embedded cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal, InvalidOperation

from vidpipe.errors import SetupError

MOST_THREADS = 256
MOST_WORKERS = 32  # processes for one queue


@dataclass(frozen=True)
class ClusterOptions:
    """`io`, `gpu` and `tick` are threads of each worker; `latency`, `renderers`, `faults` are of each local service."""

    io: int = 8
    gpu: int = 2
    tick: int = 4
    io_workers: int = 1  # processes
    gpu_workers: int = 1
    tick_workers: int = 1
    latency: float | None = None  # seconds an operation takes at least; None: as the service has it
    renderers: int | None = None  # processes that render; None: as the service has it
    price: str = ""  # US dollars a second of one clip of the service `procedural`; empty: as the configuration has it
    storage: str = ""  # where media lie: folder, or s3 for a server of the cluster's own; empty: as the home has it
    faults: str = ""  # one for every order, or `prompts`: as the prompts say, and as is injected while it runs
    rehearse: bool = False  # with the emulator in place of the paid services
    scenario: str = ""  # a file of what goes wrong there
    extra_env: Mapping[str, str] = field(default_factory=dict)  # for every process of the cluster

    def __post_init__(self) -> None:
        for name in ("io", "gpu", "tick"):
            if not 1 <= getattr(self, name) <= MOST_THREADS:
                raise SetupError(
                    f"a {name} worker with {getattr(self, name)} threads cannot be started",
                    remedy=f"Give a number from 1 to {MOST_THREADS}.",
                )
            workers = getattr(self, f"{name}_workers")
            if not 1 <= workers <= MOST_WORKERS:
                raise SetupError(
                    f"{workers} {name} workers cannot be started", remedy=f"Give a number from 1 to {MOST_WORKERS}."
                )
        if self.price:
            _check_price(self.price)
        if self.storage not in ("", "folder", "s3"):
            raise SetupError(f"media cannot be kept in {self.storage!r}", remedy="Give folder or s3.")
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


def _check_price(text: str) -> None:
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise SetupError(f"the price {text!r} is not an amount", remedy="Give US dollars a second: 0.40.") from error
    if not price.is_finite() or price < 0:
        raise SetupError(f"the price {text!r} cannot be used", remedy="Give US dollars a second, 0 or more.")
