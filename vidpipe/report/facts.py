"""What an execution report says of a film: frozen, complete, read from the rows in one snapshot.

Times are aware datetimes by the database's clock, durations seconds, money US dollars, scores 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from vidpipe.domain.states import CandidateState, DrawingState, Entity, ProjectState, SceneState, TakeState
from vidpipe.report.bought import DrawingFacts, Money, TakeFacts

_LOST = frozenset({SceneState.BLOCKED, SceneState.CANCELLED, SceneState.SKIPPED})


@dataclass(frozen=True)
class Chapter:
    """A chapter mark of the film."""

    title: str
    start: float
    end: float


@dataclass(frozen=True)
class CutFacts:
    """The stitched film; `key` is None where stitching has not come to an end."""

    number: int
    state: str
    key: str | None
    duration: float | None
    chapters: tuple[Chapter, ...]
    stitch_seconds: float | None
    error: str


@dataclass(frozen=True)
class FilmFacts:
    """The film as it was asked for, and where it stands."""

    id: UUID
    title: str
    state: ProjectState
    note: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    as_of: datetime  # of the last thing that happened; a report of an unfinished film speaks of this moment
    wall_seconds: float | None  # from its start to its end, or to `as_of`
    width: int
    height: int
    fps: int
    audio: bool
    quality_mode: bool
    budget: Decimal | None
    weights: Mapping[str, float]
    cut: CutFacts | None


@dataclass(frozen=True)
class MeasureFacts:
    """One measured quantity of a clip."""

    name: str
    value: float
    unit: str
    score: float | None
    note: str


@dataclass(frozen=True)
class DimensionFacts:
    """One dimension of the composite, with what it was made of or why there is none."""

    name: str
    status: str  # measured, unmeasured, failed
    score: float | None
    weight: float  # as used
    reason: str
    measures: tuple[MeasureFacts, ...] = ()


@dataclass(frozen=True)
class FaultFacts:
    """Why a clip could not be used."""

    code: str
    reason: str


@dataclass(frozen=True)
class CandidateFacts:
    """One delivered clip."""

    id: UUID
    take_id: UUID
    version: int
    round: int
    slot: int
    number: int
    state: CandidateState
    service: str
    model: str
    model_version: str
    seed: int | None
    prompt_sent: str
    cost: Decimal | None
    key: str | None
    poster_key: str | None
    size: int | None
    sha256: str
    duration: float | None
    width: int | None
    height: int | None
    fps: float | None
    sound: bool | None
    composite: float | None
    dimensions: tuple[DimensionFacts, ...]
    faults: tuple[FaultFacts, ...]
    selected: bool
    selected_by: str  # auto, user, or empty
    error: str

    @property
    def take(self) -> str:
        """'1.2': round and slot of its take."""
        return f"{self.round}.{self.slot}"


@dataclass(frozen=True)
class TransitionFacts:
    """One move of one row."""

    at: datetime
    entity: str
    entity_id: UUID
    name: str  # 'scene', 'take 1.1', 'take 1.1, candidate 2'
    from_state: str
    to_state: str
    event: str
    reason: str


@dataclass(frozen=True)
class Span:
    """A stretch of one step, in seconds after the film's start."""

    step: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True)
class StepTime:
    """What one step took over the whole film.

    `waited` is how long scenes waited for this step and nothing further behind it, summed over the scenes;
    `worked` sums every stretch of it, also those that ran beside each other.
    """

    step: str
    waited: float
    worked: float
    times: int
    mean: float
    longest: float


@dataclass(frozen=True)
class SceneFacts:
    """One shot."""

    id: UUID
    position: int  # from 0
    label: str
    sequence: str
    state: SceneState
    note: str
    prompt: str
    negative_prompt: str
    shot: str
    camera: str
    service: str  # asked for
    model: str
    fallback: str
    critical: bool
    asked_duration: float
    wanted_candidates: int
    version: int
    rounds: int
    started_at: datetime | None
    finished_at: datetime | None
    wall_seconds: float | None
    money: Money
    chosen: CandidateFacts | None
    why: str  # why this candidate was chosen
    service_why: str  # why this service was, where a rule chose it
    candidates: tuple[CandidateFacts, ...]  # of every version, in the order they were bought
    takes: tuple[TakeFacts, ...]
    drawings: tuple[DrawingFacts, ...]  # of every version, in the order they were asked for
    transitions: tuple[TransitionFacts, ...]
    lane: tuple[Span, ...]

    @property
    def number(self) -> int:
        """Its place in the film, from 1."""
        return self.position + 1

    @property
    def current(self) -> tuple[CandidateFacts, ...]:
        """The candidates of the present version."""
        return tuple(candidate for candidate in self.candidates if candidate.version == self.version)

    @property
    def earlier(self) -> tuple[CandidateFacts, ...]:
        """The candidates of versions that were sent back."""
        return tuple(candidate for candidate in self.candidates if candidate.version != self.version)

    @property
    def fallback_used(self) -> bool:
        """A take of the present version was bought from another model than the one asked for."""
        asked = (self.service, self.model)
        return any((take.service, take.model) != asked for take in self.takes if take.version == self.version)

    @property
    def tries(self) -> int:
        """Rounds of takes that were bought for the present version."""
        return len({take.round for take in self.takes if take.version == self.version})

    @property
    def reason(self) -> str:
        """Why it stands where it stands, or the last error of its takes."""
        ended = self._last.reason if self._last and self.state in _LOST else ""
        errors = [take.error for take in self.takes if take.version == self.version and take.error]
        return ended or self.note or (errors[-1] if errors else "")

    @property
    def unclear(self) -> bool:
        """It waits on a take, or a picture, of which nobody knows whether it was bought."""
        mine = [take for take in self.takes if take.version == self.version]
        drawn = [one.state for one in self.drawings if one.version == self.version]
        unknown = DrawingState.UNCERTAIN in drawn or TakeState.UNCERTAIN in [take.state for take in mine]
        return self.state == SceneState.GENERATING and unknown

    @property
    def troubled(self) -> bool:
        """It isn't in the film and won't be by itself, and nobody wanted that."""
        wanted = self.state == SceneState.SKIPPED and self._last is not None and self._last.event == "skipped"
        return self.unclear or (self.state in _LOST and not wanted)

    @property
    def _last(self) -> TransitionFacts | None:
        own = [move for move in self.transitions if move.entity == Entity.SCENE]
        return own[-1] if own else None


@dataclass(frozen=True)
class ServiceMoney:
    """What one model of one service cost, by kind of purchase."""

    service: str
    model: str
    kind: str  # take, image, text, judgement
    purchases: int
    money: Money


@dataclass(frozen=True)
class Totals:
    """The film in figures."""

    scenes: int
    completed: int
    failed: int  # blocked or cancelled
    skipped: int
    open: int  # none of these yet
    takes: int
    candidates: int
    unusable: int
    mean_quality: float | None  # mean composite of the chosen clips
    technical_only: bool  # no model looked: the composite is made of technical measures alone
    asked_seconds: float
    delivered_seconds: float
    money: Money
    by_service: tuple[ServiceMoney, ...] = ()
    steps: tuple[StepTime, ...] = field(default=())


@dataclass(frozen=True)
class Report:
    """Everything."""

    film: FilmFacts
    totals: Totals
    scenes: tuple[SceneFacts, ...]
    film_lane: tuple[Span, ...]  # held, stitch: what happened to the film as a whole
    film_transitions: tuple[TransitionFacts, ...]

    @property
    def troubled(self) -> tuple[SceneFacts, ...]:
        """The scenes that a person should look at."""
        return tuple(scene for scene in self.scenes if scene.troubled)
