"""A request in Veo's words: what is sent, and what cannot be said."""

from __future__ import annotations

import re
from pathlib import Path

from google.genai import types

from vidpipe.domain.capabilities import aspect
from vidpipe.domain.requests import VideoRequest
from vidpipe.errors import Refused
from vidpipe.services.wire.pictures import fitted, lean

MODEL = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
LABEL = re.compile(r"[a-z0-9_-]{1,63}")  # Google Cloud, Requirements for labels
MOST_CLIPS, MOST_REFERENCES = 4, 3  # of one operation
LARGEST = 1920  # pixels of a picture's longer side: a frame of 4K as PNG can exceed the 20 MB that a picture may have


def asked(
    service: str, request: VideoRequest, place: str | None
) -> tuple[types.GenerateVideosSource, types.GenerateVideosConfig]:
    """What the SDK is given; `place` is where clips are written. Raises Refused for what has no words."""
    _check(service, request)
    first, last = (_frame(path, request) for path in (request.first_frame, request.last_frame))
    seed = None if request.seed is None else request.seed % 2**32
    config = types.GenerateVideosConfig(
        number_of_videos=request.count, duration_seconds=int(request.duration), seed=seed,
        aspect_ratio=aspect(request.width, request.height), resolution=_resolution(request),
        negative_prompt=request.negative_prompt or None, generate_audio=request.audio, last_frame=last,
        reference_images=_references(request) or None, output_gcs_uri=place,
        labels={"vidpipe": request.token} if LABEL.fullmatch(request.token) else None,
    )  # fmt: skip
    return types.GenerateVideosSource(prompt=request.prompt, image=first), config


def _check(service: str, request: VideoRequest) -> None:
    frames = request.first_frame is not None or request.last_frame is not None
    wrong = {
        f"{request.count} clips in one order: it makes 1 to {MOST_CLIPS}": not 1 <= request.count <= MOST_CLIPS,
        f"{request.duration:g} s: it makes whole seconds": request.duration != int(request.duration),
        f"{len(request.references)} references: it takes {MOST_REFERENCES}": len(request.references) > MOST_REFERENCES,
        "references beside a first or last frame: it takes one kind": bool(request.references) and frames,
        "a last frame without a first": request.last_frame is not None and request.first_frame is None,
        f"the model {request.model[:60]!r}, which cannot be a name": not MODEL.fullmatch(request.model),
    }
    for what, is_so in wrong.items():
        if is_so:
            raise Refused(f"{service} was asked for {what}")


def _resolution(request: VideoRequest) -> str:
    """`720p`, `1080p`, `4k` (google-genai 3.4.0, types.py: GenerateVideosConfig.resolution)."""
    lines = min(request.width, request.height)
    return "4k" if lines == 2160 else f"{lines}p"


def _frame(path: Path | None, request: VideoRequest) -> types.Image | None:
    if path is None:
        return None
    scale = min(1.0, LARGEST / max(request.width, request.height))
    data = fitted(path, round(request.width * scale), round(request.height * scale))
    return types.Image(image_bytes=data, mime_type="image/png")


def _references(request: VideoRequest) -> list[types.VideoGenerationReferenceImage]:
    return [
        types.VideoGenerationReferenceImage(
            image=types.Image(image_bytes=lean(one.path, LARGEST), mime_type="image/png"),
            reference_type=types.VideoGenerationReferenceType.ASSET,
        )
        for one in request.references
    ]
