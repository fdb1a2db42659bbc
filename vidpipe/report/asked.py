"""What a take's row says was sent, as the report tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from vidpipe.report.bought import Asked, Eased, Picture


def asked(request: Mapping[str, Any]) -> Asked:
    """The request of a take; what an older version did not write down is left open."""
    eased = request.get("policy")
    return Asked(
        seconds=request.get("duration"), width=request.get("width"), height=request.get("height"),
        fps=request.get("fps"), audio=request.get("audio"), negative_prompt=str(request.get("negative_prompt") or ""),
        pictures=tuple(_pictures(request)), left_out=tuple(str(words) for words in request.get("left_out") or ()),
        eased=None if not eased else Eased(
            int(eased["level"]), str(eased["name"]), tuple(str(one) for one in eased["changed"]), str(eased["why"])
        ),
    )  # fmt: skip


def pictures(references: Iterable[Mapping[str, Any]]) -> tuple[Picture, ...]:
    """The references that went with a prompt."""
    return tuple(_picture(str(one["tag"]), str(one["key"])) for one in references)


def _pictures(request: Mapping[str, Any]) -> Iterator[Picture]:
    for which in ("first", "last"):
        if request.get(f"{which}_frame"):
            yield _picture(which, str(request[f"{which}_frame"]))
    yield from pictures(request.get("references") or ())


def _picture(tag: str, key: str) -> Picture:
    """A given file is named by its content (domain/keys.py)."""
    path = PurePosixPath(key)
    return Picture(tag, key, path.stem if path.parent.name == "given" else "")
