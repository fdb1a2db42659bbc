"""The pictures that came with an order, kept until its clips are rendered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def keep_inputs(folder: Path, operation: str, images: Mapping[str, bytes]) -> None:
    """Write an operation's images, where there are any; on the disk when this returns."""
    if not images:
        return
    inputs = folder / "inputs" / operation
    inputs.mkdir(parents=True)
    for image, data in images.items():
        _write_durably(inputs / image, data)
    _sync_folder(inputs)
    _sync_folder(inputs.parent)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
