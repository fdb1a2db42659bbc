"""What a storyboard is, as one number: the same film asked for twice has the same one.

It depends on what the film means and on the bytes of the files it names, not on where they lie, how the YAML
is laid out, or its comments. A field that has its default is left out, so that a field added to the model
later changes no film that was begun before.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from vidpipe.domain.storyboard.files import content_hash
from vidpipe.domain.storyboard.model import Storyboard

_LEFT_OUT = ("source", "fingerprint", "chosen")


def fingerprint(film: Storyboard) -> str:
    """sha256 (hex) over the film's content and the files it names; raises OSError where one can't be read."""
    hashes: dict[Path, str] = {}
    text = json.dumps(_canonical(film, hashes), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(b"vidpipe storyboard 1\n" + text.encode()).hexdigest()


def _canonical(value: Any, hashes: dict[Path, str]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _canonical(getattr(value, each.name), hashes)
            for each in dataclasses.fields(value)
            if each.name not in _LEFT_OUT and not _is_default(each, getattr(value, each.name))
        }
    if isinstance(value, tuple):
        return [_canonical(one, hashes) for one in value]
    if isinstance(value, Path):
        if value not in hashes:
            hashes[value] = content_hash(value)
        return hashes[value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value


def _is_default(each: dataclasses.Field[Any], value: Any) -> bool:
    if each.default is not dataclasses.MISSING:
        return bool(value == each.default)
    return each.default_factory is not dataclasses.MISSING and bool(value == each.default_factory())
