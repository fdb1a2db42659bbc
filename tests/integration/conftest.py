"""The whole route in this process, where tasks run as they are sent, without a broker; a line to the object store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tasks import base
from tasks.app import app
from tasks.route import send
from tests.meddler import Meddler, meddler
from tests.object_store import ObjectStore
from tests.scripted import Scripted
from tests.waiting import until
from vidpipe.db import projects
from vidpipe.db.models import Project
from vidpipe.domain.states import ProjectState
from vidpipe.pipeline import poll
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.sweep import sweep
from vidpipe.storage.s3 import S3Storage

AT_REST = {ProjectState.DONE, ProjectState.FAILED, ProjectState.CANCELLED, ProjectState.WAITING, ProjectState.PAUSED}
SEEDS = 6  # films of chance that the suite plays; --seeds N plays more


@pytest.fixture
def eager(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deps]:
    """Every task that is sent is run at once, with this test's dependencies."""
    monkeypatch.setattr(base, "_deps", deps)
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield deps
    app.conf.update(task_always_eager=False, task_eager_propagates=False)


@pytest.fixture
def tick(eager: Deps) -> Callable[[], None]:
    """One beat: a sweep and a wave for every service that has something under way."""

    def once() -> None:
        send(eager, sweep(eager, "one broker"))
        for service in eager.settings.services:
            send(eager, poll.wave(eager, service))

    return once


@pytest.fixture
def play(eager: Deps, tick: Callable[[], None]) -> Callable[[UUID], Project]:
    """Tick until the film is at rest; the film."""

    def until_at_rest(project_id: UUID, seconds: float = 40.0) -> Project:
        def look() -> Project | None:
            tick()
            project = eager.db.run(lambda session: projects.get(session, project_id))
            return project if project.state in AT_REST else None

        began = time.monotonic()
        found = until(look, seconds=seconds, what="the film to come to rest")
        assert found and time.monotonic() - began < seconds + 5
        return found

    return until_at_rest


@pytest.fixture
def service(eager: Deps) -> Iterator[Scripted]:
    """The only service of this test."""
    found = Scripted()
    eager.opener = lambda *_: found
    yield found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """What the object store takes for one: ten thousand bytes, in one part."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(range(250)) * 40)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Three parts."""
    path = tmp_path / "large.mp4"
    path.write_bytes(b"".join(bytes([number]) * 1_000_000 for number in range(20)))
    return path


@pytest.fixture
def between(object_server: ObjectStore, bucket: S3Storage) -> Iterator[Meddler]:
    """Somebody on the line to the store."""
    with meddler(object_server.address.endpoint) as found:
        yield found


@pytest.fixture
def meddled(between: Meddler, object_server: ObjectStore, tmp_path: Path) -> S3Storage:
    """The store, reached through them."""
    return S3Storage(replace(object_server.address, endpoint=between.address), tmp_path / "work", seconds=5)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=SEEDS, help="how many films of chance are played")
    parser.addoption("--seed", type=int, default=1, help="the first of them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames and metafunc.module.__name__.endswith("test_hand"):
        first = metafunc.config.getoption("--seed", 1)
        count = metafunc.config.getoption("--seeds", SEEDS)
        metafunc.parametrize("seed", range(first, first + count))
