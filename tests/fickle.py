"""A paid service whose moods are drawn from a seed: it takes orders or loses them, and brings clips or does not.

What becomes of an order depends on the seed, the scene and how many orders came for it before, never on the order in
which calls happen to come, so that a seed can be played again. Time is the stage's own (`Clock`): it is moved on
between two ticks, by seconds or by days.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tests.paid import Service
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, Transient, Unavailable, Uncertain

SETTLING = 30.0  # seconds within which an order whose answer was lost may still turn up
TIMEOUT = 60.0  # seconds after which an operation is given up
NEVER = float("inf")
_ORDERS = {
    "taken": 58, "unheard": 7, "lost": 6, "on its way": 5, "broken off": 4, "busy": 8, "away": 4, "refused": 6,
    "nonsense": 2,
}  # fmt: skip
_ENDS = {
    "delivered": 58, "spoiled": 8, "fewer": 6, "filtered": 5, "filtered and billed": 4, "broke": 7, "refused": 4,
    "expired": 4, "cheaper": 4,
}  # fmt: skip
_SPANS = {"at once": 45, "a while": 35, "long": 12, "for ever": 8}


class Killed(BaseException):
    """The worker that met this is dead: nothing of what it was about to do happens."""


@dataclass
class Clock:
    """The stage's time, in seconds: what was let pass, and what did pass."""

    passed: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> float:
        return self.passed + time.monotonic() - self.began


@dataclass
class Operation:
    """One order that the service took: what will come of it, and what it is billed at."""

    name: str
    count: int
    end: str
    ready_at: float
    price: Decimal
    dice: random.Random
    over: bool = False  # it brings nothing more, and was told so or stopped
    asked: int = 0  # how often about its end
    stops: int = 0  # how often to stop

    @property
    def never(self) -> bool:
        """Whether nobody will ever hear of its end."""
        return self.ready_at == NEVER and not self.over


@dataclass
class Fickle(Service):
    """It can be asked for nothing, and stops nothing."""

    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    clip: Path = Path()  # what a good clip is
    moment: Callable[[str], None] = lambda where: None  # something may happen here
    kind: bool = False  # it takes and brings everything from now on
    operations: dict[str, Operation] = field(default_factory=dict)
    coming: list[tuple[float, VideoRequest, random.Random]] = field(default_factory=list)
    tokens: Counter[str] = field(default_factory=Counter)  # how often each was sent
    _orders: Counter[str] = field(default_factory=Counter)  # by scene

    def submit(self, request: VideoRequest) -> Accepted:
        self.moment("before an order")
        self.tokens[request.token] += 1
        self._orders[request.label] += 1
        dice = random.Random(f"{self.seed} {self.name} {request.label} {self._orders[request.label]}")
        what = "taken" if self.kind else _drawn(dice, _ORDERS)
        match what:
            case "busy":
                raise Transient("busy", retry_after=dice.choice((None, 3.0)))
            case "away":
                raise Unavailable("out of quota", retry_after=dice.choice((None, 20.0)))
            case "refused":
                raise Refused("it will not make that", kind=dice.choice(("policy", "invalid")))
            case "lost":
                raise Uncertain("the order was lost")
            case "nonsense":
                raise ValueError("the answer made no sense")
            case "on its way":
                self.coming.append((self.clock.now + dice.uniform(0, SETTLING * 0.9), request, dice))
                raise Uncertain("the order is on its way")
        accepted = self._accept(request, dice)
        if what in ("unheard", "broken off"):
            raise Uncertain("no answer") if what == "unheard" else RuntimeError("the connection broke off")
        self.moment("after an order")
        return accepted

    def _accept(self, request: VideoRequest, dice: random.Random) -> Accepted:
        name = self.take(request)
        spans = {"at once": 0.0, "a while": dice.uniform(2, 45), "long": dice.uniform(90, 3000), "for ever": NEVER}
        span = 0.0 if self.kind else spans[_drawn(dice, _SPANS)]
        end = "delivered" if self.kind else _drawn(dice, _ENDS)
        self.operations[name] = Operation(name, request.count, end, self.clock.now + span, self.bill[name], dice)
        return Accepted(name)

    def arrive(self) -> None:
        """Orders that were on their way and have come by now."""
        due = [one for one in self.coming if one[0] <= self.clock.now]
        self.coming = [one for one in self.coming if one not in due]
        for _, request, dice in due:
            self._accept(request, dice)

    async def poll(self, operation: str) -> Pending | Delivered:
        self.moment("a question")
        found = self.operations[operation]
        found.asked += 1
        if found.asked == 2 and not self.kind and found.dice.random() < 0.4:
            raise found.dice.choice((Transient("busy"), RuntimeError("no JSON")))
        if found.over and found.end == "stopped":
            raise Broken("it was stopped")
        if found.ready_at > self.clock.now:
            return Pending(retry_in=2.0)
        found.over = True
        return self._ended(found)

    def _ended(self, found: Operation) -> Delivered:
        price = self.bill[found.name]
        match found.end:
            case "broke" | "refused":
                self.bill[found.name] = Decimal(0)
                raise Broken("it broke") if found.end == "broke" else Refused("what it made was withheld")
            case "expired":
                raise Expired("it was made, and is gone")
            case "filtered":
                self.bill[found.name] = Decimal(0)
                return Delivered((), filtered=found.count, cost=Decimal(0))
            case "filtered and billed":
                return Delivered((), filtered=found.count, filter_reasons=("a face",), cost=price)
            case "cheaper":
                self.bill[found.name] = (found.price / 2).quantize(Decimal("0.000001"))
                return Delivered(_clips(found.count), cost=self.bill[found.name])
            case "fewer" if found.count > 1:
                return Delivered(_clips(found.count - 1), filtered=1, cost=price)
        return Delivered(_clips(found.count), cost=price)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        self.moment("a fetch")
        found = self.operations[operation]
        if found.end == "spoiled" and clip.number == found.count:
            dest.write_bytes(self.clip.read_bytes()[:200])
            return
        shutil.copyfile(self.clip, dest)

    def stop(self, name: str) -> None:
        """It is not made, and not billed."""
        found = self.operations[name]
        found.end, found.over = "stopped", True
        self.bill[name] = Decimal(0)

    def running(self) -> list[str]:
        """Names of operations that are still being made."""
        return [name for name, found in self.operations.items() if not found.over]


class Findable(Fickle):
    """One that can be asked for a token."""

    def find(self, token: str) -> Accepted | None:
        self.moment("a search")
        self.arrive()
        name = f"{self.name}-{token}"
        return Accepted(name) if name in self.operations else None


class Cancellable(Fickle):
    """One whose operations can be stopped, mostly."""

    def cancel(self, operation: str) -> bool:
        self.moment("a stop")
        found = self.operations[operation]
        found.stops += 1
        if found.end == "stopped":
            return True
        if found.over or found.ready_at <= self.clock.now or found.dice.random() < 0.2:
            return False
        if found.stops == 1 and found.dice.random() < 0.2:
            raise Transient("busy")
        self.stop(operation)
        return True


class Obliging(Findable, Cancellable):
    """Both."""


def _drawn(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def _clips(count: int) -> tuple[RemoteClip, ...]:
    return tuple(RemoteClip(number) for number in range(1, count + 1))
