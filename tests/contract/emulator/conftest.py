"""Emulators that a test may stop and start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.emulated import Emulated


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Emulated]]:
    """Starts emulators of the test's own, each in a folder of its name."""
    made: list[Emulated] = []

    def start(name: str = "one", *arguments: str) -> Emulated:
        (tmp_path / name).mkdir(exist_ok=True)
        emulated = Emulated(tmp_path / name, arguments)
        emulated.start()
        made.append(emulated)
        return emulated

    yield start
    for emulated in made:
        if emulated.process is not None and emulated.process.poll() is None:
            emulated.end()
