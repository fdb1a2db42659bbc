"""Which measurers look at clips."""

from __future__ import annotations

from vidpipe.settings import Settings
from vidpipe.vision.base import Measurer
from vidpipe.vision.technical import TechnicalMeasurer


def open_measurers(settings: Settings) -> tuple[Measurer, ...]:
    """Every measurer this process has; dimensions without one are reported as unmeasured."""
    return (TechnicalMeasurer(),)
