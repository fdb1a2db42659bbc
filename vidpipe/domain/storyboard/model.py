"""A storyboard as vidpipe understands it: frozen, complete (every default filled in), free of YAML.

Files named in it are absolute paths inside the storyboard's folder that were seen to exist. Money is in US
dollars, time in seconds, sizes in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

SelectMode = Literal["greedy", "joint"]
ASSET_KINDS = ("character", "object", "environment", "prop", "vehicle", "style")
SHOTS = ("establishing", "wide", "full", "medium", "two-shot", "over-shoulder", "close-up", "insert", "pov")
CAMERAS = (
    "static", "pan-left", "pan-right", "tilt-up", "tilt-down", "zoom-in", "zoom-out",
    "dolly-in", "dolly-out", "track-left", "track-right", "crane-up", "crane-down", "handheld", "orbit",
)  # fmt: skip


@dataclass(frozen=True)
class AssetSpec:
    """Someone or something that should look the same wherever it appears."""

    tag: str  # CHAR_01, OBJ_01, ENV_01, PROP_01, VEH_01, STYLE_01
    kind: str  # one of ASSET_KINDS
    name: str
    description: str = ""
    images: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ManifestSpec:
    """The film's characters, places and props."""

    name: str
    assets: tuple[AssetSpec, ...] = ()


@dataclass(frozen=True)
class FrameSpec:
    """A key frame: given as an image, drawn by an image model, or the last frame of the scene before (`previous`)."""

    source: Literal["image", "drawn", "previous"]
    path: Path | None = None
    previous: str = ""  # the label of the scene whose last frame it is
    prompt: str = ""  # what is to be drawn
    service: str = ""  # that draws it
    model: str = ""


@dataclass(frozen=True)
class TransitionSpec:
    """How a scene comes in after the one before it."""

    kind: Literal["cut", "crossfade"] = "cut"
    seconds: float = 0.0


@dataclass(frozen=True)
class FootageSpec:
    """A stretch of a filmed file, for scenes whose service is `footage`."""

    path: Path
    start: float = 0.0
    end: float | None = None
    fit: Literal["pad", "crop"] = "pad"


@dataclass(frozen=True)
class SceneSpec:
    """One shot: one generated clip of the film."""

    label: str  # 'Shot 1A', unique in the film
    prompt: str
    service: str
    model: str
    duration: float
    candidates: int
    after: tuple[str, ...] = ()  # labels; what must be done before this scene starts
    fallback: str = ""  # a service name, or 'service/model'
    negative_prompt: str = ""
    shot: str = ""  # one of SHOTS or empty
    camera: str = ""  # one of CAMERAS or empty
    cast: tuple[str, ...] = ()  # tags
    first_frame: FrameSpec | None = None
    last_frame: FrameSpec | None = None
    references: tuple[str, ...] = ()  # tags, where the storyboard names them
    footage: FootageSpec | None = None
    transition: TransitionSpec = field(default_factory=TransitionSpec)
    seed: int | None = None
    critical: bool = True
    max_takes: int = 12
    max_cost: Decimal | None = None
    chosen: str = ""  # why this service and model, where the rules chose them


@dataclass(frozen=True)
class SequenceSpec:
    """Scenes that belong together."""

    title: str
    scenes: tuple[SceneSpec, ...]


@dataclass(frozen=True)
class Storyboard:
    """A whole film as asked for."""

    title: str
    sequences: tuple[SequenceSpec, ...]
    width: int = 1280
    height: int = 720
    fps: int = 24
    audio: bool = True
    quality_mode: bool = False
    candidate_count: int = 1
    seed: int = 1
    select: SelectMode = "greedy"
    budget: Decimal | None = None
    on_budget: Literal["finish", "cancel", "cheaper"] = "finish"
    on_uncertain: Literal["wait", "resubmit"] = "wait"
    weights: tuple[tuple[str, float], ...] = ()  # dimension and weight, where they differ from the defaults
    manifest: ManifestSpec | None = None
    source: Path | None = None
    fingerprint: str = ""  # sha256 (hex) over the content and every file it names

    @property
    def scenes(self) -> tuple[SceneSpec, ...]:
        """All scenes in the order of the film."""
        return tuple(scene for sequence in self.sequences for scene in sequence.scenes)
