"""What every suite of the contracts speaks to: an emulator, and a server that answers whatever a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.emulated import Emulated
from tests.hostile import Hostile


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Emulated]]:
    """One a suite, begun when it is first wanted: what one suite orders is in no listing of another's."""
    made: dict[str, Emulated] = {}

    def of(suite: str) -> Emulated:
        if suite not in made:
            found = Emulated(tmp_path_factory.mktemp("emulated"))
            found.start()
            made[suite] = found
        return made[suite]

    yield of
    for emulated in made.values():
        emulated.end()


@pytest.fixture
def emulator(emulators: Callable[[str], Emulated], request: pytest.FixtureRequest) -> Emulated:
    """The suite's, with nothing going wrong."""
    found = emulators(request.path.parent.name)
    found.play("rules: []")
    return found


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with Hostile() as server:
        yield server


@pytest.fixture
def other() -> Iterator[Hostile]:
    """One that nobody has any business with."""
    with Hostile() as server:
        yield server


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """A picture, of no size that any clip has."""
    Image.new("RGB", (3000, 500), (220, 30, 30)).save(tmp_path / "red.png")
    return tmp_path / "red.png"
