"""The very commands of compose.yaml, as processes: they make films, say how they are, and end when they are asked."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import create_engine, text

from tests.deployment import composed, kustomized
from tests.deployment.containers import Containers
from tests.deployment.image import Image
from tests.waiting import until
from vidpipe.cluster import seaweed, valkey
from vidpipe.cluster.embedded import Handle

pytestmark = [pytest.mark.timeout(240)]
WORKERS = ("beat", "tick", "gpu", "io")
PAGES = ("flower", "metrics")
_databases = count(1)


def free_ports(number: int) -> list[int]:
    """Ports that are free, as are those 10,000 above them (SeaweedFS takes both)."""
    found: list[int] = []
    for port in range(13_000, 22_000):
        if all(_is_free(each) for each in (port, port + 10_000)):
            found.append(port)
        if len(found) == number:
            return found
    raise AssertionError("no ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def database_url(servers: Handle) -> Iterator[str]:
    """A database with nothing in it: `migrate` makes it what it should be."""
    url = servers.settings["database_url"]
    name = f"deployed_{next(_databases)}"
    admin = create_engine(url.replace("/vidpipe?", "/postgres?"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.replace("/vidpipe?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="module")
def containers(
    services: dict[str, Any], built: Image, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    """All of them at their places here; none runs yet."""
    broker, s3, master, volume, filer, admin, *pages = free_ports(11)
    password = composed.filled()["POSTGRES_PASSWORD"]
    places = {
        f"postgresql+psycopg2://vidpipe:{password}@postgres:5432/vidpipe": database_url,
        "@valkey:6379": f"@127.0.0.1:{broker}",
        "exec valkey-server": f"exec valkey-server --bind 127.0.0.1 --port {broker}",
        "s3:8333": f"127.0.0.1:{s3}",
        "-s3.port=8333": f"-s3.port={s3}",
        "127.0.0.1:8333": f"127.0.0.1:{s3}",
        "0.0.0.0": "127.0.0.1",
    }
    shared = Path(tempfile.mkdtemp(prefix="vp-"))
    ports = dict(zip((*PAGES, "io", "gpu", "tick"), pages, strict=True))
    inner = {"master": master, "volume": volume, "filer": filer, "admin": admin}
    more = {"s3": [f"-{part}.port={port}" for part, port in inner.items()]}
    for name, path in (("valkey-server", valkey.binary()), ("weed", seaweed.binary())):
        built.program(name, path)
    folder = tmp_path_factory.mktemp("containers")
    found = Containers(services, built, folder, shared, places, ports, more)
    yield found
    found.close()
    shutil.rmtree(shared)
    for port in (s3, *inner.values(), *(each + 10_000 for each in (s3, *inner.values()))):
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink()


def answers_ping(containers: Containers) -> bool:
    """What valkey's healthcheck asks, with a program that is not here."""
    url = containers.environment("io")["VIDPIPE_BROKER_URL"]
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False


def answers_healthz(containers: Containers) -> bool:
    """What the S3 server's healthcheck asks, with a program that is not here."""
    url = containers.here("s3", containers.services["s3"]["healthcheck"]["test"][-1])
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def cluster(containers: Containers) -> Containers:
    """Everything that `docker compose up` starts, in its order, healthy by its own checks."""
    containers.start("valkey", "s3", "procedural")
    migrated = containers.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    until(lambda: answers_ping(containers), seconds=30, what="valkey to answer")
    until(lambda: answers_healthz(containers), seconds=60, what="the S3 server to answer")
    made = containers.run("bucket")
    assert made.returncode == 0, made.stderr
    containers.start(*WORKERS, *PAGES)
    containers.healthy("procedural", *WORKERS, *PAGES)
    return containers


def story(folder: Path, title: str, **film: Any) -> str:
    """A small film where the command line finds it."""
    path = folder / f"{title}.json"
    scenes = [{"prompt": "a harbour at dawn"}, {"prompt": "the sea at night"}]
    whole = {"title": title, "size": "160x90", "fps": 12, "duration": 1, "scenes": scenes, **film}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return str(path)


def ordered(containers: Containers) -> list[tuple[str, str]]:
    """What the procedural service accepted: (name, token), from its own books."""
    books = containers.home("procedural") / "procedural" / "service.sqlite3"
    with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as connection:
        return list(connection.execute("SELECT name, token FROM operations"))


def takes(database_url: str) -> list[str]:
    """The states of all takes."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = list(connection.execute(text("SELECT state FROM takes")).scalars())
    engine.dispose()
    return found


def test_a_film_is_enqueued_made_and_brought_home(cluster: Containers, tmp_path: Path) -> None:
    done = cluster.run("cli", "enqueue", story(tmp_path, "Two shots"))
    assert done.returncode == 0, done.stderr
    done = cluster.run("cli", "follow", "Two shots", seconds=120)
    assert done.returncode == 0, done.stdout + done.stderr
    done = cluster.run("cli", "report", "Two shots", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "film.mp4").stat().st_size > 1000
    done = cluster.run("cli", "storage", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_keda_scales_by_is_on_the_page_that_it_is_told_to_read(cluster: Containers) -> None:
    page = httpx.get(f"http://127.0.0.1:{cluster.ports['metrics']}/metrics", timeout=20).text
    samples = [line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")]
    for scaled in kustomized.documents(kustomized.BASE / "scaling.yaml"):
        assert samples.count(scaled["spec"]["triggers"][0]["metadata"]["valueLocation"]) == 1


def test_every_worker_shows_its_own_figures_where_prometheus_looks(cluster: Containers) -> None:
    for queue in ("io", "gpu", "tick"):
        page = httpx.get(f"http://127.0.0.1:{cluster.ports[queue]}/metrics", timeout=20).text
        assert f'vidpipe_worker_up{{queue="{queue}"}} 1.0' in page


def test_flower_asks_for_the_login_and_tells_nobody_what_it_is(cluster: Containers) -> None:
    login = cluster.environment("flower")["VIDPIPE_FLOWER_LOGIN"].partition(":")
    url = f"http://127.0.0.1:{cluster.ports['flower']}/api/workers"
    assert httpx.get(url, timeout=20).status_code == 401
    assert httpx.get(url, timeout=20, auth=(login[0], "wrong")).status_code == 401

    def workers() -> set[str]:
        found = httpx.get(url, timeout=20, auth=(login[0], login[2]), params={"refresh": True}).raise_for_status()
        return {name.partition("-")[0] for name in found.json()}

    until(lambda: workers() >= {"io", "gpu"}, seconds=30, what="Flower to know the workers")
    said = cluster.log("flower").read_text()
    assert "Flower: http" in said and login[2] not in said


def test_beat_leaves_nothing_at_the_broker_for_each_tick(cluster: Containers, database_url: str) -> None:
    engine = create_engine(database_url)

    def last_sweep() -> float:
        with engine.connect() as connection:
            words = text("SELECT extract(epoch FROM seen_at) FROM cluster_signs WHERE name = 'tick'")
            return float(connection.execute(words).scalar_one())

    with Redis.from_url(cluster.environment("io")["VIDPIPE_BROKER_URL"]) as client:
        first, before = last_sweep(), set(client.pubsub_channels())
        until(lambda: last_sweep() > first + 3, seconds=30, what="three seconds of ticks", every=0.2)
        assert set(client.pubsub_channels()) <= before
    engine.dispose()


def test_no_log_tells_a_secret(cluster: Containers) -> None:
    for name in composed.secrets():
        for log in cluster.folder.glob("*.log"):
            assert composed.filled()[name] not in log.read_text(errors="replace"), f"{name} in {log.name}"


def test_an_upgrade_with_a_film_in_flight_loses_and_buys_nothing_twice(
    cluster: Containers, database_url: str, tmp_path: Path
) -> None:
    before = len(ordered(cluster))
    scenes = [{"prompt": f"a ship in a storm, {number}", "duration": 2} for number in range(4)]
    done = cluster.run("cli", "enqueue", story(tmp_path, "In flight", scenes=scenes, size="320x180"))
    assert done.returncode == 0, done.stderr
    until(lambda: "submitted" in takes(database_url), seconds=30, what="a take to be at its service", every=0.05)
    took = cluster.stop(*WORKERS)
    assert set(took) == set(WORKERS)
    sick = cluster.check("io")
    assert sick.returncode == 1 and "io is not well: it gave no sign of life" in sick.stderr
    assert cluster.run("migrate").returncode == 0
    cluster.start(*WORKERS)
    done = cluster.run("cli", "follow", "In flight", seconds=150)
    assert done.returncode == 0, done.stdout + done.stderr
    bought = ordered(cluster)
    assert len(bought) == before + len(scenes) and len({token for _, token in bought}) == len(bought)
    cluster.healthy(*WORKERS)


def test_every_container_ends_within_its_grace(cluster: Containers) -> None:
    pages = cluster.stop(*PAGES)
    workers = cluster.stop(*WORKERS)
    servers = cluster.stop("procedural", "valkey", "s3")
    assert not cluster.running and {*pages, *workers, *servers} == {*PAGES, *WORKERS, "procedural", "valkey", "s3"}
