"""What an execution report says of purchases: takes and drawn key frames, with what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from vidpipe.domain.states import DrawingState, TakeState


@dataclass(frozen=True)
class Money:
    """US dollars: what was settled, and what is still reserved."""

    settled: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    currency: str = "USD"


@dataclass(frozen=True)
class Picture:
    """A picture that went with a prompt."""

    tag: str  # CHAR_01; first, last for key frames
    key: str  # in the media store
    sha256: str  # of a file that a person gave; empty for one that was made


@dataclass(frozen=True)
class Eased:
    """What a level of the content-policy ladder changed, and why."""

    level: int
    name: str
    changed: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Asked:
    """What went to the service besides the prompt and the seed, so that it can be understood and asked for again."""

    seconds: float | None = None
    width: int | None = None  # pixels
    height: int | None = None
    fps: int | None = None
    audio: bool | None = None
    negative_prompt: str = ""
    pictures: tuple[Picture, ...] = ()
    left_out: tuple[str, ...] = ()  # what the model cannot do, in words
    eased: Eased | None = None


@dataclass(frozen=True)
class TakeFacts:
    """One purchase."""

    id: UUID
    version: int
    round: int
    slot: int
    state: TakeState
    service: str
    model: str
    model_version: str
    count: int
    filtered: int
    seed: int | None
    prompt: str  # as sent
    asked: Asked
    policy_level: int
    operation: str
    attempts: int  # calls to the service that may have bought
    error: str
    cost: Decimal | None
    submitted_at: datetime | None
    ended_at: datetime | None

    @property
    def name(self) -> str:
        """'1.2': round and slot."""
        return f"{self.round}.{self.slot}"


@dataclass(frozen=True)
class DrawingFacts:
    """One purchase of a picture: a key frame that was drawn."""

    id: UUID
    which: str  # first, last
    version: int
    round: int  # of takes that it was drawn for
    number: int
    state: DrawingState
    service: str
    model: str
    model_version: str
    seed: int
    prompt: str  # as sent
    policy_level: int
    aspect: str
    resolution: str
    pictures: tuple[Picture, ...]  # that went with the prompt
    attempts: int
    key: str  # in the media store; empty where there is none
    width: int | None  # pixels
    height: int | None
    money: Money
    error: str
    ended_at: datetime | None
