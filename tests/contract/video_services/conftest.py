"""One server for the whole suite, and the adapters that speak to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.video_services.cases import CASES, LASTING, PAID, Case, Stage
from tests.contract.video_services.stage import Server, bring, request_for
from tests.emulated import Emulated
from vidpipe.services.procedural.adapter import ProceduralService


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="vp"))  # a socket's path may have 107 bytes
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="vp"))
    made = Server(folder)
    made.start()
    yield made
    made.end()
    shutil.rmtree(folder)


@pytest.fixture
def serve(short_folder: Path) -> Iterator[Callable[..., Server]]:
    """A server of this test's own, with arguments of its own; it may be killed."""
    made: list[Server] = []

    def begin(*arguments: str) -> Server:
        server = Server(short_folder, (*arguments, "--renderers", "1"))
        server.start()
        made.append(server)
        return server

    yield begin
    for server in made:
        server.end()


@pytest.fixture
def procedural(server: Server) -> ProceduralService:
    return ProceduralService(server.url, call_timeout=3, poll_timeout=3)


@pytest.fixture
def stage(server: Server, emulator: Emulated, film_file: Path) -> Stage:
    """What the adapters speak to."""
    emulator.play(f"rules: [{{fault: stuck, prompt: {LASTING}}}]")
    return Stage(server, emulator, film_file)


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, stage: Stage) -> Case:
    """Every adapter, as the registry hands it out."""
    return CASES[request.param](stage)


@pytest.fixture(params=PAID)
def paid(request: pytest.FixtureRequest, stage: Stage) -> Case:
    """Those that speak to the emulator."""
    return CASES[request.param](stage)


@pytest.fixture(scope="session")
def film_file(server: Server) -> Path:
    """A file as people might have filmed it: another size and rate than asked for."""
    service = ProceduralService(server.url)
    path = server.folder / "filmed.mp4"
    bring(service, request_for("waves on a beach", duration=3.0, width=256, height=144, fps=15), path)
    return path
