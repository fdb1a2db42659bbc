"""The storyboard: what a film is asked to be, and how the file that asks for it is read."""

from vidpipe.domain.storyboard.model import (
    AssetSpec,
    FootageSpec,
    FrameSpec,
    ManifestSpec,
    SceneSpec,
    SequenceSpec,
    Storyboard,
    TransitionSpec,
)
from vidpipe.domain.storyboard.read import Defaults, Reading, examine, read_storyboard

__all__ = [
    "AssetSpec",
    "Defaults",
    "FootageSpec",
    "FrameSpec",
    "ManifestSpec",
    "Reading",
    "SceneSpec",
    "SequenceSpec",
    "Storyboard",
    "TransitionSpec",
    "examine",
    "read_storyboard",
]
