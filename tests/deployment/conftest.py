"""What the tests of docker/ share: compose's own reading of its file, and the image without an engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployment import composed, image


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
