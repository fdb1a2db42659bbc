"""What is asked of services that draw and write, and what they answer: frozen, vendor-free, as domain/requests.

Each call is one purchase that is answered at once: there is no operation, nothing to poll and nothing to find. What an
answer costs is said by the registry (`ImageModel.price`, `TextModel.price`), never by these services; what is to be
reserved before, by `reserved_for_image` and `reserved_for_text`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from vidpipe.domain.requests import Reference
from vidpipe.domain.side_services import ImageModel, TextModel

SIDES = {"1K": 1024, "2K": 2048, "4K": 4096}  # pixels of a square picture's side
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}  # what services draw, and its suffix
GRID = 32  # pixels: sides are multiples of it
MOST_TOKENS_A_PICTURE = 4096  # no vendor's figure: more than any picture is known to count for


@dataclass(frozen=True)
class ImageRequest:
    """One picture. `token` is unique to the attempt, as in VideoRequest."""

    token: str
    model: str
    prompt: str
    aspect: str = "16:9"
    resolution: str = "1K"  # one of the model's
    references: tuple[Reference, ...] = ()
    seed: int | None = None


@dataclass(frozen=True)
class TextRequest:
    """One answer in JSON that fits `schema` (JSON Schema 2020-12)."""

    token: str
    model: str
    prompt: str
    schema: Mapping[str, Any]
    system: str = ""  # who it is that answers, and how
    images: tuple[Path, ...] = ()
    most_tokens: int = 8192  # of the answer, thoughts included
    seed: int | None = None


@dataclass(frozen=True)
class Usage:
    """What was counted for one answer."""

    input_tokens: int
    output_tokens: int  # thoughts included


@dataclass(frozen=True)
class Drawn:
    """The picture lies where it was asked for, decoded once to its last pixel."""

    mime: str  # image/png
    width: int
    height: int
    model_version: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class Written:
    """The answer, which fits the schema."""

    value: Any  # as json.loads makes it
    model_version: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class Spent:
    """The service answered and charges for it, and gave nothing that can be used."""

    reason: str
    kind: Literal["policy", "broken"] = "broken"
    model_version: str = ""
    usage: Usage | None = field(default=None)  # None: it is not told; charge what was reserved


def reserved_for_image(model: ImageModel, request: ImageRequest) -> Decimal:
    """US dollars that a drawing costs: what is reserved before, and what a Drawn or a Spent is charged with."""
    return model.price(request.resolution)


def reserved_for_text(model: TextModel, request: TextRequest) -> Decimal:
    """US dollars that an answer can cost at most: no token is shorter than a byte."""
    sent = request.prompt + request.system + json.dumps(request.schema, ensure_ascii=False)
    most = len(sent.encode()) + MOST_TOKENS_A_PICTURE * len(request.images)
    return model.price(most, min(request.most_tokens, model.max_output_tokens))


def charged_for_text(model: TextModel, request: TextRequest, answer: Written | Spent) -> Decimal:
    """US dollars for what was counted; all that was reserved where nothing was told."""
    if answer.usage is None:
        return reserved_for_text(model, request)
    return model.price(answer.usage.input_tokens, answer.usage.output_tokens)


def pixels(aspect: str, resolution: str) -> tuple[int, int]:
    """Width and height in pixels: as many as a square of that resolution has, on a grid (1K, 16:9: 1376x768).

    Raises ValueError where either is no name of this kind.
    """
    across, _, down = aspect.partition(":")
    if resolution not in SIDES or not (across.isdecimal() and down.isdecimal() and int(across) and int(down)):
        raise ValueError(f"no such picture: {aspect!r} at {resolution!r}")
    ratio = math.sqrt(int(across) / int(down))
    side = SIDES[resolution]
    return max(1, round(side * ratio / GRID)) * GRID, max(1, round(side / ratio / GRID)) * GRID


def nearest(model: ImageModel, width: int, height: int) -> tuple[str, str]:
    """The aspect and the resolution to ask for where a picture of this size in pixels is wanted: the shape that is
    nearest, and the smallest resolution that has as many pixels, or the largest there is."""
    aspects = model.aspects or (f"{width}:{height}",)
    aspect = min(aspects, key=lambda one: abs(math.log(_ratio(one) * height / width)))
    known = sorted((one for one in model.resolutions or ("1K",) if one in SIDES), key=SIDES.__getitem__) or ["1K"]
    enough = (one for one in known if math.prod(pixels(aspect, one)) >= width * height * 0.98)
    return aspect, next(enough, known[-1])


def _ratio(aspect: str) -> float:
    across, _, down = aspect.partition(":")
    return int(across) / int(down)
