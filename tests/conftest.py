"""The real servers, started once for the tests that want them; a fresh database for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.object_store import ObjectStore, empty, object_store
from vidpipe.cluster.embedded import Handle, start
from vidpipe.cluster.options import ClusterOptions
from vidpipe.db.engine import Database
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import Settings, Timing, load
from vidpipe.storage.s3 import S3Storage

# Where the suite was started in the background, Ctrl-C is ignored by it and by all that it starts, which then could
# not be tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

_databases = count(1)
# Short, so that what waits for a lease or a pause is over soon.
QUICK = Timing(
    lease=4.0, heartbeat=1.0, call_timeout=10.0, poll_timeout=5.0, resend_after=1.0, backoff=0.05, backoff_most=0.2
)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handle]:
    """Valkey, PostgreSQL and the procedural service, which takes faults from the prompt's words."""
    home = tmp_path_factory.mktemp("servers")
    with start(home, supervisor="tests.servers_only", options=ClusterOptions(faults="prompts")) as handle:
        yield handle


@pytest.fixture(scope="session")
def template_url(servers: Handle) -> str:
    """A migrated database that nobody is connected to, to be copied."""
    return servers.settings["database_url"]


@pytest.fixture
def database_url(template_url: str) -> Iterator[str]:
    """A fresh, migrated database."""
    name = f"test_{next(_databases)}"
    admin = create_engine(template_url.replace("/vidpipe?", "/postgres?"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE vidpipe"))
    yield template_url.replace("/vidpipe?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database, open."""
    db = Database(database_url)
    yield db
    db.close()


@pytest.fixture
def settings(servers: Handle, database_url: str, tmp_path: Path) -> Settings:
    """Settings that point at the test's own database and folder."""
    base = load({"VIDPIPE_HOME": str(tmp_path / "home")})
    return replace(
        base, database_url=database_url, broker_url=servers.settings["broker_url"], timing=QUICK,
        procedural_url=servers.settings["procedural_url"], storage_root=tmp_path / "media", signing_key="test",
    )  # fmt: skip


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real object store with an empty bucket and our policy."""
    with object_store(tmp_path_factory.mktemp("objects")) as found:
        yield found


@pytest.fixture
def bucket(object_server: ObjectStore, tmp_path: Path) -> Iterator[S3Storage]:
    """The media store in its bucket, as the user who has our policy alone; emptied afterwards."""
    store = S3Storage(object_server.address, tmp_path / "work", seconds=10.0)
    yield store
    empty(store)


@pytest.fixture
def deps(settings: Settings) -> Iterator[Deps]:
    """Everything a step needs, real."""
    found = open_deps(settings, worker="test")
    found.storage.prepare()
    yield found
    found.close()
