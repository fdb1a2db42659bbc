"""A cluster that keeps its media in an object store of its own: the store dies, comes back, and is left nowhere."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.chaos_runs.left import belonging
from tests.integration.test_cluster import SMALL, assert_gone, layout_of, pids, restarted
from tests.waiting import until
from vidpipe.cluster import ClusterOptions, start, stop
from vidpipe.cluster.layout import note_path
from vidpipe.errors import StorageError
from vidpipe.settings import load
from vidpipe.storage.base import Stored
from vidpipe.storage.registry import open_storage

KEY = "project/clip.mp4"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a home"
    yield folder
    stop(folder)
    assert belonging(folder) == {}, "processes were left behind"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"frames" * 1000)
    return path


def stored(home: Path) -> Stored | None:
    try:
        return open_storage(load({}, home=home)).stat(KEY)
    except StorageError:
        return None


def test_media_outlive_the_stores_death_and_the_clusters_and_nothing_else_does(home: Path, clip: Path) -> None:
    cluster = start(home, supervisor=SMALL, options=ClusterOptions(storage="s3"))
    kept = open_storage(load({}, home=home)).put(KEY, clip)
    keys = json.loads((home / "s3-credentials.json").read_text())
    note = note_path(home).read_text()
    assert not [key for key in keys.values() if key in note], "the note names the file, not the keys"

    layout = layout_of(home)
    ports = json.loads((home / "s3/ports.json").read_text()).values()
    old = pids(home)["s3"]
    os.kill(old, signal.SIGKILL)
    until(lambda: restarted(home, "s3", old), what="another object store")
    assert until(lambda: stored(home), seconds=20, what="what was stored") == kept

    os.kill(cluster.pid, signal.SIGKILL)
    assert_gone(home, layout.sockets)
    cluster.stop()
    with start(home, supervisor=SMALL):
        assert stored(home) == kept, "the home has an object store, so it is started unasked"
        logs = "".join(path.read_text(errors="replace") for path in (home / "logs").glob("*.log"))
    assert not [key for key in keys.values() if key in logs]
    left = [path.name for path in Path("/tmp").glob("seaweedfs-*") for port in ports if str(port + 10_000) in path.name]
    assert len(ports) == 5 and left == [], "not even a socket"
