"""Every table. Later work seldom adds one."""

from vidpipe.db.models.assets import Asset, AssetAppearance, AssetCleanReference, Manifest
from vidpipe.db.models.base import Base, Workable
from vidpipe.db.models.drawings import Drawing
from vidpipe.db.models.film import (
    Cut,
    Keyframe,
    Project,
    Scene,
    SceneDependency,
    SceneManifest,
    Sequence,
    VideoClip,
)
from vidpipe.db.models.money import Attempt, LedgerEntry, Purchase
from vidpipe.db.models.record import ClusterSign, Label, ReviewIssue, ServiceLane, Transition
from vidpipe.db.models.takes import GenerationCandidate, Take

__all__ = [
    "Asset",
    "AssetAppearance",
    "AssetCleanReference",
    "Attempt",
    "Base",
    "ClusterSign",
    "Cut",
    "Drawing",
    "GenerationCandidate",
    "Keyframe",
    "Label",
    "LedgerEntry",
    "Manifest",
    "Project",
    "Purchase",
    "ReviewIssue",
    "Scene",
    "SceneDependency",
    "SceneManifest",
    "Sequence",
    "ServiceLane",
    "Take",
    "Transition",
    "VideoClip",
    "Workable",
]
