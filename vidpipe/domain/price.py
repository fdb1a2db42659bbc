"""What one purchase of clips costs: the sum that is reserved, charged and compared with a bill."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from vidpipe.domain.capabilities import Capabilities
from vidpipe.domain.requests import VideoRequest

MILLIONTH = Decimal("0.000001")  # of a US dollar: what a bill's row and a ledger's entry are rounded to


@dataclass(frozen=True)
class Price:
    """What a model asks for clips of one size, with sound or without, in US dollars."""

    per_second: Decimal  # of one clip

    def of(self, seconds: float, clips: int) -> Decimal:
        """US dollars for `clips` clips of `seconds` each; a bill has a row a clip, so each clip is rounded."""
        return (self.per_second * Decimal(str(seconds))).quantize(MILLIONTH) * clips


def cost_of(able: Capabilities, request: VideoRequest) -> Decimal:
    """US dollars for what `request` buys: the one price that is reserved, charged and compared with a bill."""
    rate = able.per_second(request.width, request.height, audio=request.audio)
    return Price(rate).of(request.duration, request.count)
