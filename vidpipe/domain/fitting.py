"""What is asked of a model for a scene: fitted to what it can do, with what that leaves out.

A scene's own model was checked when its storyboard was read; a fallback or a cheaper model may do less. What `plan`
says will be left out (preflight) is left out here, and stands with the take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidpipe.domain.capabilities import Capabilities


@dataclass(frozen=True)
class Wish:
    """What a scene would have: seconds, pixels, frames a second, media by key."""

    duration: float
    width: int
    height: int
    fps: int
    audio: bool
    negative_prompt: str = ""
    first_frame: str | None = None
    last_frame: str | None = None
    references: Sequence[Mapping[str, Any]] = ()


def fitted(wish: Wish, able: Capabilities) -> dict[str, Any]:
    """The wish as JSON that the model can do, and under `left_out` what it cannot, in words."""
    width, height = able.nearest_size(wish.width, wish.height)
    left_out: list[str] = []
    first = _frame("first", wish.first_frame, able.first_frame, left_out)
    last = _frame("last", wish.last_frame, able.last_frame, left_out)
    references = _references(wish, able, bool(first or last), (width, height), left_out)
    negative = wish.negative_prompt if able.negative_prompt else ""
    if wish.negative_prompt and not negative:
        left_out.append("the negative prompt: the model takes none")
    if wish.audio and not able.audio:
        left_out.append("the sound: the model makes none")
    duration = wish.duration if able.can_last(wish.duration) else able.nearest_duration(wish.duration)
    return {
        "duration": able.bought_seconds(duration, references=bool(references)), "width": width, "height": height,
        "fps": able.nearest_rate(wish.fps), "audio": wish.audio and able.audio, "negative_prompt": negative,
        "first_frame": first, "last_frame": last, "references": list(references), "left_out": left_out,
    }  # fmt: skip


def _frame(which: str, key: str | None, takes: bool, left_out: list[str]) -> str | None:
    if key and not takes:
        left_out.append(f"the {which} frame: the model takes none")
    return key if takes else None


def no_references(able: Capabilities, size: tuple[int, int], *, frames: bool) -> str:
    """Why a model takes no references with a clip of this size, beside a first or last frame or not; '' if it does."""
    if not able.max_references:
        return "the model takes none"
    if not able.takes_shape_with_references(*size):
        return f"the model takes none with a picture of {size[0]}x{size[1]}"
    if frames and not able.references_with_frames:
        return "the model takes none beside a first or last frame"
    return ""


def _references(
    wish: Wish, able: Capabilities, frames: bool, size: tuple[int, int], left_out: list[str]
) -> Sequence[Mapping[str, Any]]:
    if not wish.references:
        return ()
    why = no_references(able, size, frames=frames)
    kept = () if why else wish.references[: able.max_references]
    lost = [str(one["tag"]) for one in wish.references[len(kept) :]]
    if lost:
        why = why or f"the model takes {able.max_references}"
        left_out.append(f"{'the reference' if len(lost) == 1 else 'the references'} {', '.join(lost)}: {why}")
    return kept
