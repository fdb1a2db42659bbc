"""One emulator for the suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulated import Emulated
from tests.hostile import Hostile


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    made = Emulated(tmp_path_factory.mktemp("emulated"))
    made.start()
    yield made
    made.end()


@pytest.fixture
def emulator(shared: Emulated) -> Emulated:
    """With nothing going wrong."""
    shared.play("rules: []")
    return shared


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with Hostile() as server:
        yield server
