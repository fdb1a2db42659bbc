"""What the tests of docker/ share: compose's own reading of its file, and the image without an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import composed, image, inflight, typed
from tests.machines import World


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """docker/compose.yaml, as docker-compose reads it."""
    return composed.read(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="session")
def services(model: dict[str, Any]) -> dict[str, Any]:
    """Its services."""
    found: dict[str, Any] = model["services"]
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> image.Image:
    """The wheel that an image would have, unpacked."""
    return image.build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Everything but workers, for a film in flight (they are machines of their own)."""
    with inflight.servers(tmp_path) as found:
        yield found


@pytest.fixture
def operator(world: World, tmp_path: Path) -> typed.Operator:
    """Who types what docker/README.md says, on the machine `one`."""
    return typed.Operator(world, world.machine("one"), tmp_path)
