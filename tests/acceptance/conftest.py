"""A stage for every acceptance test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stage import Stage
from tests.waiting import until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A home folder with a space in its name; nothing of it may be left running."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    found = Stage(folder / "home", folder / "out")
    yield found
    until(lambda: not found.left_behind(), seconds=30, what=f"nothing left behind: {found.left_behind()}")
