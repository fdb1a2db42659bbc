"""The strictness that all protocols share. Everything that is wrong raises Refusal, which the protocol words."""

from __future__ import annotations

import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, UnidentifiedImageError
from starlette.requests import Request

from vidpipe.emulator.troubles import Refusal
from vidpipe.services.procedural.wire import Malformed, split_multipart

MOST_BODY = 64 * 1024 * 1024  # bytes
MOST_JSON_DEPTH = 64


@dataclass(frozen=True)
class Field:
    """What one field of a request may hold."""

    kinds: type | tuple[type, ...]
    needed: bool = False
    choices: tuple[Any, ...] = ()
    within: tuple[float, float] | None = None  # of a number
    longest: int | None = None  # characters of a text, members of a list
    fields: Mapping[str, Field] | None = None  # of a mapping; None: anything
    each: Field | None = None  # of a list


async def read_body(request: Request, most: int = MOST_BODY) -> bytes:
    """The request's body."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise Refusal("too-large", f"The request is larger than {most} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


async def read_json(request: Request, most: int = MOST_BODY) -> Any:
    """The request's JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal("malformed", "The Content-Type should be application/json.")
    try:
        return json.loads(await read_body(request, most))
    except (ValueError, RecursionError) as error:
        raise Refusal("malformed", f"The request's body is not JSON: {error}") from error


async def read_form(request: Request, most: int = MOST_BODY) -> dict[str, bytes]:
    """The parts of a multipart form."""
    try:
        return split_multipart(await read_body(request, most), request.headers.get("content-type", ""))
    except Malformed as error:
        raise Refusal("malformed", str(error)) from error


def text(parts: Mapping[str, bytes], name: str) -> str | None:
    """A form's field as text; None where it was not sent."""
    if name not in parts:
        return None
    try:
        return parts[name].decode()
    except UnicodeDecodeError as error:
        raise Refusal("wrong-type", f"{name} is not UTF-8.", param=name) from error


def checked(found: Any, shape: Mapping[str, Field], where: str = "") -> dict[str, Any]:
    """`found`, which has exactly the fields that `shape` allows."""
    if not isinstance(found, dict):
        raise Refusal("wrong-type", f"{where or 'the request'} should be an object.", param=where)
    for key in found:
        if key not in shape:
            name = _path(where, str(key))
            raise Refusal("unknown-field", f"Unknown parameter: '{name}'.", param=name)
    for key, field in shape.items():
        name = _path(where, key)
        if key not in found:
            if field.needed:
                raise Refusal("missing", f"Missing required parameter: '{name}'.", param=name)
            continue
        _value(found[key], field, name)
    return found


def _value(value: Any, field: Field, name: str) -> None:
    kinds = field.kinds if isinstance(field.kinds, tuple) else (field.kinds,)
    typed: Any = value
    if not isinstance(typed, kinds) or (isinstance(typed, bool) and bool not in kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise Refusal("wrong-type", f"Invalid type for '{name}': expected {wanted}.", param=name)
    if field.choices and value not in field.choices:
        wanted = ", ".join(repr(choice) for choice in field.choices)
        raise Refusal("bad-value", f"Invalid value: {value!r}. Supported values are: {wanted}.", param=name)
    if field.within is not None and not field.within[0] <= value <= field.within[1]:
        raise Refusal("bad-value", f"'{name}' is from {field.within[0]:g} to {field.within[1]:g}.", param=name)
    if field.longest is not None and len(value) > field.longest:
        raise Refusal("bad-value", f"'{name}' is longer than {field.longest}.", param=name)
    if field.fields is not None and isinstance(value, dict):
        checked(value, field.fields, name)
    if field.each is not None and isinstance(value, list):
        for number, one in enumerate(value):
            _value(one, field.each, f"{name}[{number}]")


def _path(where: str, key: str) -> str:
    return f"{where}.{key[:60]}" if where else key[:60]


def bearer(request: Request, key: str, *, header: str = "authorization", scheme: str = "Bearer ") -> None:
    """The key that every request carries."""
    given = request.headers.get(header, "")
    if not given:
        raise Refusal("unauthorised", "You didn't provide an API key.")
    if not hmac.compare_digest(given.encode(), f"{scheme}{key}".encode()):
        raise Refusal("unauthorised", "Incorrect API key provided.")


@dataclass(frozen=True)
class Picture:
    """An image that was sent."""

    mime: str
    width: int
    height: int


def picture(data: bytes, name: str, *, most_bytes: int, kinds: tuple[str, ...] = ("PNG", "JPEG", "WEBP")) -> Picture:
    """What an image is; it is whole, and not too large."""
    if len(data) > most_bytes:
        raise Refusal("too-large", f"'{name}' has {len(data)} bytes; {most_bytes} is the most.", param=name)
    try:
        with Image.open(io.BytesIO(data), formats=kinds) as image:
            image.verify()
            return Picture(f"image/{str(image.format).lower()}", *image.size)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refusal("bad-image", f"'{name}' is not a valid image ({', '.join(kinds)}).", param=name) from error
