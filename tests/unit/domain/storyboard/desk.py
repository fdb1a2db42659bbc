"""What the storyboard tests share: a small world of services, and a way to write a film and read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidpipe.domain.storyboard import Defaults, Storyboard, read_storyboard
from vidpipe.errors import Problem, StoryboardInvalid

SERVICES: dict[str, Any] = {
    "procedural": {
        "default_model": "procedural-1",
        "operations": 8,
        "models": {
            "procedural-1": {
                "max_duration": 30,
                "max_pixels": 1920 * 1080,
                "frame_rates": [12, 24, 25, 30],
                "max_candidates": 4,
                "audio": True,
                "seed": True,
                "first_frame": True,
                "last_frame": True,
                "max_references": 3,
                "price_per_second": "0",
                "poll_seconds": 0.5,
            }
        },
    },
    "painter": {
        "kind": "image",
        "default_model": "oil",
        "models": {
            "oil": {"resolutions": ["1K"], "price_per_image": {"1K": "0.10"}, "typical_seconds": 10},
            "ink": {"resolutions": ["1K"], "price_per_image": {"1K": "0"}},
        },
    },
    "footage": {
        "default_model": "footage",
        "models": {"footage": {"max_duration": 600, "audio": True, "price_per_second": "0"}},
    },
    "veo": {
        "default_model": "veo-3.1",
        "operations": 2,
        "models": {
            "veo-3.1": {
                "durations": [4, 6, 8],
                "sizes": [[1280, 720], [1920, 1080]],
                "frame_rates": [24],
                "max_candidates": 4,
                "audio": True,
                "seed": True,
                "first_frame": True,
                "last_frame": True,
                "max_references": 3,
                "durations_with_references": [8],
                "price_per_second": "0.40",
                "typical_seconds": 60,
            },
            "veo-lite": {
                "durations": [4, 6, 8],
                "sizes": [[1280, 720]],
                "frame_rates": [24],
                "price_per_second": "0.05",
                "retires": "2026-12-31",
                "replacement": "veo-lite-2",
            },
        },
    },
}
DEFAULTS = Defaults("procedural", SERVICES, painter="painter")


def read(folder: Path, text: str | bytes, name: str = "film.yaml") -> Storyboard:
    """The storyboard of `text`, written to a file of `folder`."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return read_storyboard(path, defaults=DEFAULTS)


def problems(folder: Path, text: str | bytes, name: str = "film.yaml") -> list[Problem]:
    """What is wrong with `text`; AssertionError where nothing is."""
    try:
        read(folder, text, name)
    except StoryboardInvalid as error:
        assert error.problems, "a refusal without a reason"
        return list(error.problems)
    raise AssertionError("the storyboard was taken as it is")


def said(folder: Path, text: str | bytes, name: str = "film.yaml") -> list[str]:
    """The same as lines, without the folder."""
    return [str(problem).removeprefix(f"{folder}/") for problem in problems(folder, text, name)]


def scenes(*lines: str, head: str = "") -> str:
    """A film of scenes in flow style, each without its braces; the first scene is on line 3 without a `head`."""
    return f"title: T\n{head}scenes:\n" + "".join(f"  - {{{line}}}\n" for line in lines)
