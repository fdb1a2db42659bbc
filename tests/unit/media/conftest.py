"""Clips that many tests look at, made once a run, and never written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import clips
from vidpipe.media import probe

Shelf = Callable[[str], Path]

_MAKERS: dict[str, Callable[[Path], Path]] = {
    "clean.mp4": lambda path: clips.clean(path),
    "other.mp4": lambda path: clips.clean(path, seed=2),
    "third.mp4": lambda path: clips.clean(path, seed=3),
    "two_seconds.mp4": lambda path: clips.clean(path, seconds=2, seed=4),
    "long.mp4": lambda path: clips.clean(path, seconds=4, width=640, height=360),
    "front.mp4": lambda path: clips.clean(path, seconds=2, container={"movflags": "+faststart"}),
    "clean.webm": lambda path: clips.clean(path, codec="libvpx-vp9"),
    "silent.mp4": lambda path: clips.silent(path),
    "mute.mp4": lambda path: clips.write(path),
    "black.mp4": lambda path: clips.black_between(path, 2.1, 2.9),
    "frozen.mp4": lambda path: clips.frozen_from(path, 2.0),
    "night.mp4": lambda path: clips.night(path),
    "static.mp4": lambda path: clips.static_camera(path),
}


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The clip of a name."""
    folder = tmp_path_factory.mktemp("clips")
    made: dict[str, Path] = {}

    def take(name: str) -> Path:
        if name not in made:
            made[name] = _MAKERS[name](folder / name)
        return made[name]

    yield take
    probe.close()
