"""Small storyboards for tests, as the reader would give them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from vidpipe.domain.storyboard.model import FrameSpec, SceneSpec, SequenceSpec, Storyboard


def story(
    *,
    scenes: int = 1,
    candidates: int = 1,
    prompt: str = "a harbour at dawn, a boat",
    prompts: Mapping[int, str] | None = None,
    chained: bool = False,
    critical: bool = True,
    fallback: str = "",
    title: str = "A test",
    duration: float = 1.0,
    first: FrameSpec | None = None,
    last: FrameSpec | None = None,
    on_uncertain: Literal["wait", "resubmit"] = "wait",
) -> Storyboard:
    """A film of `scenes` short scenes at 160x90; `prompts` by position from 0, `chained` by last frames."""
    made = [
        SceneSpec(
            label=f"Shot 1{chr(65 + n)}", prompt=(prompts or {}).get(n, prompt), service="procedural",
            model="procedural-1", duration=duration, candidates=candidates, critical=critical, fallback=fallback,
            after=(f"Shot 1{chr(64 + n)}",) if chained and n else (),
            first_frame=FrameSpec("previous", previous=f"Shot 1{chr(64 + n)}") if chained and n else first,
            last_frame=last,
        )
        for n in range(scenes)
    ]  # fmt: skip
    board = Storyboard(
        title=title, sequences=(SequenceSpec("One", tuple(made)),), width=160, height=90, fps=12,
        quality_mode=candidates > 1, candidate_count=candidates, on_uncertain=on_uncertain,
    )  # fmt: skip
    return Storyboard(**{**board.__dict__, "fingerprint": hashlib.sha256(repr(asdict(board)).encode()).hexdigest()})
