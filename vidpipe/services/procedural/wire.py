"""The service's own request: how it looks on the wire, and what of it the renderer can do.

Two kinds of no: `Malformed` (400: not a request at all) and `Unable` (422: a request that the model can't meet).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MODELS = ("procedural-1", "procedural-lite")
FRAME_RATES = (12, 15, 24, 25, 30)
MOST_SECONDS, LEAST_SECONDS = 30.0, 0.5
MOST_PIXELS, LEAST_SIDE, MOST_SIDE = 2_073_600, 64, 3840
MOST_CLIPS = 4
MOST_REFERENCES = 3
MOST_TEXT = 10_000  # characters of a prompt
MOST_IMAGE = 24 * 1024 * 1024  # bytes
MOST_BODY = 96 * 1024 * 1024  # bytes
SEED_RANGE = 2**32
IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # PNG, JPEG
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class Malformed(ValueError):
    """What came is not a request of this service."""


class Unable(ValueError):
    """The model cannot do what was asked."""


@dataclass(frozen=True)
class Order:
    """One accepted request, without its images."""

    token: str
    model: str
    prompt: str
    duration: float  # seconds
    width: int
    height: int
    fps: int
    count: int = 1
    seed: int = 1
    audio: bool = True
    negative_prompt: str = ""
    label: str = ""
    shot: str = ""
    camera: str = ""
    references: tuple[str, ...] = field(default=())  # descriptions, one an image

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `read_order` understands."""
        return asdict(self)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "token": (str,), "model": (str,), "prompt": (str,), "duration": (int, float), "width": (int,), "height": (int,),
    "fps": (int,), "count": (int,), "seed": (int,), "audio": (bool,), "negative_prompt": (str,), "label": (str,),
    "shot": (str,), "camera": (str,), "references": (list,),
}  # fmt: skip
_NEEDED = ("token", "model", "prompt", "duration", "width", "height", "fps")


def read_order(found: object) -> Order:
    """An order from decoded JSON; raises Malformed or Unable, each with a message."""
    if not isinstance(found, dict):
        raise Malformed("the request should be a JSON object")
    for key, value in found.items():
        if key not in _TYPES:
            raise Malformed(f"the request has a key that this service does not know: {str(key)[:60]!r}")
        if not isinstance(value, _TYPES[key]) or (isinstance(value, bool) and bool not in _TYPES[key]):
            raise Malformed(f"{key} should be {' or '.join(kind.__name__ for kind in _TYPES[key])}")
    missing = [key for key in _NEEDED if key not in found]
    if missing:
        raise Malformed(f"the request lacks {', '.join(missing)}")
    if not all(isinstance(text, str) for text in found.get("references", ())):
        raise Malformed("references should be texts")
    order = Order(**{**found, "references": tuple(found.get("references", ()))})
    _check(order)
    return order


def stored_order(found: Mapping[str, Any]) -> Order:
    """An order that was checked when it was accepted, from what `as_json` wrote."""
    return Order(**{**found, "references": tuple(found.get("references", ()))})


def _check(order: Order) -> None:
    if not TOKEN.fullmatch(order.token):
        raise Malformed("token should be 1 to 128 letters, digits, dots, colons, dashes and underscores")
    problem = next((message for wrong, message in _limits(order) if wrong), None)
    if problem:
        raise Unable(problem)


def _limits(order: Order) -> tuple[tuple[bool, str], ...]:
    sides = (order.width, order.height)
    return (
        (order.model not in MODELS, f"there is no model {order.model[:60]!r}; there is {', '.join(MODELS)}"),
        (not order.prompt.strip(), "the prompt is empty"),
        (len(order.prompt) > MOST_TEXT, f"the prompt has {len(order.prompt)} characters; {MOST_TEXT} is the most"),
        (len(order.negative_prompt) > MOST_TEXT, f"the negative prompt is longer than {MOST_TEXT} characters"),
        (not LEAST_SECONDS <= order.duration <= MOST_SECONDS,
         f"a clip lasts {LEAST_SECONDS:g} to {MOST_SECONDS:g} s; {order.duration:g} s were asked for"),
        (order.fps not in FRAME_RATES, f"{order.fps} frames a second; there are {', '.join(map(str, FRAME_RATES))}"),
        (any(side % 2 or not LEAST_SIDE <= side <= MOST_SIDE for side in sides) or sides[0] * sides[1] > MOST_PIXELS,
         f"{sides[0]}x{sides[1]}: sides are even, {LEAST_SIDE} or more, and {MOST_PIXELS} pixels is the most"),
        (not 1 <= order.count <= MOST_CLIPS, f"{order.count} clips: an operation brings 1 to {MOST_CLIPS}"),
        (not 0 <= order.seed < SEED_RANGE, f"the seed {order.seed} is not within 0 to {SEED_RANGE - 1}"),
        (len(order.references) > MOST_REFERENCES, f"{len(order.references)} references; {MOST_REFERENCES} is the most"),
        (max(map(len, (order.label, order.shot, order.camera, *order.references))) > 2_000, "a label is too long"),
    )  # fmt: skip


def read_images(images: Mapping[str, bytes], order: Order) -> dict[str, bytes]:
    """The images that belong to `order`, checked: first, last, reference-1 to reference-3."""
    allowed = ("first", "last", *(f"reference-{n + 1}" for n in range(len(order.references))))
    for name, data in images.items():
        if name not in allowed:
            raise Malformed(f"an image that belongs to nothing was sent: {name[:60]!r}")
        if len(data) > MOST_IMAGE:
            raise Unable(f"the image {name} has {len(data)} bytes; {MOST_IMAGE} is the most")
        if not data.startswith(IMAGE_STARTS):
            raise Unable(f"the image {name} is neither PNG nor JPEG")
    for n in range(len(order.references)):
        if f"reference-{n + 1}" not in images:
            raise Malformed(f"reference-{n + 1} was announced and not sent")
    return dict(images)


def split_multipart(body: bytes, content_type: str) -> dict[str, bytes]:
    """The parts of a multipart/form-data body by name (RFC 7578); raises Malformed."""
    found = re.search(r'boundary="?([^";,\s]{1,70})"?', content_type)
    if not content_type.lower().startswith("multipart/form-data") or not found:
        raise Malformed("the request should be multipart/form-data")
    mark = b"--" + found.group(1).encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Malformed("the request's parts are incomplete")
    if len(pieces) > 16:
        raise Malformed("the request has too many parts")
    parts: dict[str, bytes] = {}
    for piece in pieces[1:-1]:
        head, gap, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([A-Za-z0-9_-]{1,40})"', head)
        if not gap or not name:
            raise Malformed("a part of the request has no name")
        key = name.group(1).decode()
        if key in parts:
            raise Malformed(f"the part {key} was sent twice")
        parts[key] = data
    return parts
