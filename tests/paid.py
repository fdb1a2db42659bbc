"""A service that is paid for, with a bill of its own in memory, and that does what a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests import clips
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent
from vidpipe.services.base import VideoService

PRICE = Decimal("0.40")  # US dollars a second
YES = Consent(confirmed=True, no_budget=True)


@dataclass
class Service:
    """Accepts, bills and delivers at once, unless a test says otherwise. It can be asked for nothing."""

    name: str = "procedural"
    on_submit: Callable[[VideoRequest], None] = lambda request: None  # may raise
    on_poll: Callable[[str], Pending | Delivered | None] = lambda operation: None  # None: delivered
    bill: dict[str, Decimal] = field(default_factory=dict)  # by operation
    orders: list[VideoRequest] = field(default_factory=list)

    def submit(self, request: VideoRequest) -> Accepted:
        self.orders.append(request)
        self.on_submit(request)
        return Accepted(self.take(request))

    def take(self, request: VideoRequest) -> str:
        """Accept an order and bill it, whether or not anybody hears of it."""
        name = f"{self.name}-{request.token}"
        rate = PRICE / 4 if request.model.endswith("lite") else PRICE
        self.bill[name] = (rate * Decimal(str(request.duration)) * request.count).quantize(Decimal("0.000001"))
        return name

    async def poll(self, operation: str) -> Pending | Delivered:
        answer = self.on_poll(operation)
        return answer or Delivered((RemoteClip(1),), cost=self.bill.get(operation, Decimal(0)))

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        clips.clean(dest, seconds=1.0, width=160, height=90, fps=12)

    @property
    def billed(self) -> Decimal:
        return sum(self.bill.values(), Decimal(0))


@dataclass
class Askable(Service):
    """One that can also be asked for a token, and stopped."""

    on_cancel: Callable[[str], bool] = lambda operation: True

    def find(self, token: str) -> Accepted | None:
        name = f"{self.name}-{token}"
        return Accepted(name) if name in self.bill else None

    def cancel(self, operation: str) -> bool:
        if not self.on_cancel(operation):
            return False
        self.bill.pop(operation, None)
        return True


def employ(deps: Deps, *services: Service, limits: Mapping[str, Any] | None = None, **model: Any) -> None:
    """Let `deps` have these services and no others, each with a dear model and a cheap one."""
    dear = {
        "price_per_second": str(PRICE), "max_candidates": 1, "audio": True, "poll_seconds": 0.05,
        "settling_seconds": 0.0, "cheaper": "procedural/procedural-lite", **model,
    }  # fmt: skip
    cheap = {**dear, "price_per_second": str(PRICE / 4), "cheaper": ""}
    entries = {
        service.name: {
            "default_model": "procedural-1", "operations": None, **(limits or {}),
            "models": {"procedural-1": dear, "procedural-lite": cheap},
        }
        for service in services
    }  # fmt: skip
    by_name: dict[str, VideoService] = {service.name: service for service in services}
    deps.settings = replace(deps.settings, services=entries)
    deps.opener = lambda name, *_: by_name[name]
