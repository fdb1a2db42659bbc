"""The pages of figures and the logs of a real cluster: its own workers, its own exporter, a film of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import pytest
from celery import Celery
from sqlalchemy import text

from tests.figures import DASHBOARD, DOCKER, Page, alerts, expressions, named, read
from tests.stories import story
from tests.waiting import until
from vidpipe.cluster.embedded import start
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import celery, python_environment
from vidpipe.db import projects
from vidpipe.domain.states import ProjectState
from vidpipe.exporter import Exporter, serve
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.settings import Settings, child_environment, load

WORKERS = ("io", "gpu", "tick")
pytestmark = pytest.mark.timeout(300)  # a cluster and four workers are begun on a machine that may be busy


@dataclass
class Watched:
    """A cluster, and where its pages are."""

    home: Path
    deps: Deps
    exporter: str  # its address, without a path
    workers: dict[str, str]  # the pages, by queue

    @property
    def rows(self) -> Page:
        return read(f"{self.exporter}/metrics")

    def worker(self, queue: str) -> Page:
        return read(self.workers[queue])

    def log(self, name: str) -> list[dict[str, object]]:
        lines = (self.home / "logs" / f"{name}.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def exporting(home: Path, *, settings: Settings | None = None) -> Iterator[str]:
    """`vidpipe metrics` on a free port; its address."""
    names = {"VIDPIPE_HOME": str(home)}
    if settings is not None:
        names |= {"VIDPIPE_DATABASE_URL": settings.database_url, "VIDPIPE_BROKER_URL": settings.broker_url}
    argv = [sys.executable, "-m", "vidpipe", "metrics", "--port", "0", "--json"]
    env = child_environment({**python_environment(), **names})
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"].removesuffix("/metrics")
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A whole cluster that shows its figures and logs as JSON, with a film made on it."""
    home = tmp_path_factory.mktemp("watched") / "home"
    options = ClusterOptions(io=4, extra_env={"VIDPIPE_METRICS_PORT": "0", "VIDPIPE_LOG": "json"})
    with start(home, options=options), exporting(home) as exporter:
        deps = open_deps(load({"VIDPIPE_HOME": str(home)}), "test")
        found = Watched(home, deps, exporter, {queue: page_of(home, queue) for queue in WORKERS})
        film = enroll(deps, story(scenes=2, candidates=2)).project_id
        until(lambda: state(deps, film) == ProjectState.DONE, seconds=60, what="the film", every=0.2)
        until(lambda: found.rows("vidpipe_films", state="done") == 1, seconds=40, what="the sums", every=0.5)
        yield found
        deps.close()


def state(deps: Deps, film: UUID) -> str:
    return deps.db.run(lambda session: projects.get(session, film)).state


def page_of(home: Path, queue: str) -> str:
    """Where a worker of the embedded cluster shows its figures, as its log says."""

    def told() -> str:
        words = (home / "logs" / f"{queue}.log").read_text(encoding="utf-8")
        return "".join(part.partition('"')[0] for part in words.partition("metrics: ")[2:3])

    return until(told, what=f"the page of {queue}")


def test_what_a_film_did_is_counted_where_it_was_done(watched: Watched) -> None:
    io, gpu, tick = (watched.worker(queue) for queue in WORKERS)
    for queue, page in zip(WORKERS, (io, gpu, tick), strict=True):
        assert page("vidpipe_worker_up", queue=queue) == 1 and page.total("vidpipe_worker_up") == 1
        assert page("process_resident_memory_bytes") > 10_000_000
    takes = io("vidpipe_submits_total", service="procedural", outcome="accepted")
    assert takes >= 2
    assert io("vidpipe_step_seconds_count", step="submit", outcome="done") >= takes
    assert io("vidpipe_step_seconds_count", step="stitch", outcome="done") == 1
    assert gpu("vidpipe_step_seconds_count", step="score", outcome="done") == 4
    assert gpu("vidpipe_step_seconds_sum", step="score", outcome="done") > 0
    assert tick("vidpipe_step_seconds_count", step="sweep", outcome="done") >= 1
    asked = [page.total("vidpipe_polls_total", service="procedural", outcome="delivered") for page in (io, tick)]
    assert sum(asked) == takes, "each operation is delivered once"
    assert tick("vidpipe_poll_late_seconds_count", service="procedural") >= 1
    assert gpu.total("vidpipe_submits_total") == 0


def test_the_rows_page_says_how_the_cluster_stands(watched: Watched) -> None:
    page = watched.rows
    assert page("vidpipe_database_up") == page("vidpipe_broker_up") == page("vidpipe_buying_allowed") == 1
    assert page("vidpipe_tick_age_seconds") < 15
    assert page("vidpipe_scenes", state="done") == 2 and page("vidpipe_candidates", state="selected") == 2
    assert page("vidpipe_candidate_composite_count") == 4
    assert page("vidpipe_workable_rows", queue="io") == page("vidpipe_workable_rows", queue="gpu") == 0
    assert {dict(at)["what"] for name, at in page.values if name == "vidpipe_changed_timestamp_seconds"} == {
        "broker", "database",
    }  # fmt: skip


def test_health_tells_whether_films_can_move_and_liveness_only_that_the_page_is_there(watched: Watched) -> None:
    well = httpx.get(f"{watched.exporter}/healthz", trust_env=False)
    assert well.status_code == 200 and "the tick was here" in well.text
    assert httpx.get(f"{watched.exporter}/livez", trust_env=False).status_code == 200
    assert httpx.get(f"{watched.exporter}/", trust_env=False).status_code == 404


def test_every_figure_that_is_alerted_on_drawn_or_described_is_shown_by_a_process_and_no_other(
    watched: Watched,
) -> None:
    shown = watched.rows.names.union(*(watched.worker(queue).names for queue in WORKERS))
    ours = {name for name in shown if name.startswith("vidpipe_")}
    drawn = expressions(json.loads(DASHBOARD.read_text(encoding="utf-8")))
    for what, wanted in (
        ("alerts", named(rule["expr"] for rule in alerts())),
        ("dashboard", named(drawn)),
    ):
        assert wanted and wanted <= shown, f"{what}: {wanted - shown}"
    told = named([(DOCKER / "prometheus" / "README.md").read_text(encoding="utf-8")])
    whole = {name.removesuffix(end) for name in ours for end in ("_bucket", "_count", "_sum")} | ours
    parts = {name for name in ours if name.endswith(("_bucket", "_count", "_sum"))}
    assert {name for name in told if name.startswith("vidpipe_")} <= whole
    assert ours - parts <= told, "docker/prometheus/README.md tells of every figure"


def test_every_line_of_a_workers_log_is_json_and_names_the_film_it_is_about(watched: Watched) -> None:
    """A file stands where the film's folder should be: its clips wait, which the log says and the figures show."""
    film = enroll(watched.deps, story(title="No place for it")).project_id
    blocked = watched.deps.settings.storage_root / str(film)
    blocked.touch()
    until(lambda: waits(watched) == 1, seconds=30, what="the clip to wait", every=0.2)
    for name in WORKERS:
        whole = (watched.home / "logs" / f"{name}.log").read_text(encoding="utf-8").splitlines()
        told = [line for line in whole if line.strip() and not line.startswith((" ", ".", "["))]
        assert [line for line in told if line.startswith("{")] == told[-len(watched.log(name)) :]
    line = next(each for each in watched.log("io") if "waits:" in str(each["message"]))
    assert line["film"] == str(film) and line["step"] == "download" and line["level"] == "WARNING"
    for name in ("scene", "take", "candidate", "task", "root"):
        assert str(UUID(str(line[name]))) == line[name]
    assert watched.worker("io")("vidpipe_step_seconds_count", step="download", outcome="waits") >= 1
    blocked.unlink()
    until(lambda: state(watched.deps, film) == ProjectState.DONE, seconds=60, what="the film", every=0.2)
    until(lambda: waits(watched) == 0, seconds=10, what="nothing to wait", every=0.2)


def waits(watched: Watched) -> float:
    return watched.rows("vidpipe_troubled_rows", entity="candidate", which="waits")


def test_a_row_whose_worker_died_is_counted_when_the_sweep_takes_it_over(watched: Watched) -> None:
    def died() -> float:
        return watched.worker("tick")("vidpipe_sweep_resent_total", entity="scene", why="died")

    before = died()
    film = enroll(watched.deps, story(title="Its worker dies")).project_id
    lost = text(
        "UPDATE scenes SET lease_token = gen_random_uuid(), lease_until = now() - interval '1 s'"
        " WHERE project_id = :film AND state IN ('waiting', 'selecting', 'analyzing')"
    )

    def lose() -> bool:
        watched.deps.db.run(lambda session: session.execute(lost, {"film": film}))
        return died() > before

    until(lose, seconds=20, what="the death to be counted", every=0.1)
    until(lambda: state(watched.deps, film) == ProjectState.DONE, seconds=60, what="the film", every=0.2)


def test_the_page_outlives_its_database_and_says_so(watched: Watched, tmp_path: Path) -> None:
    nowhere = replace(watched.deps.settings, database_url="postgresql+psycopg2://me@/x?host=/nowhere&port=5432")
    with exporting(tmp_path, settings=nowhere) as address:
        page = read(f"{address}/metrics")
        assert page("vidpipe_database_up") == 0 and page("vidpipe_broker_up") == 1
        assert not [name for name in page.names if name.startswith(("vidpipe_films", "vidpipe_workable"))]
        sick = httpx.get(f"{address}/healthz", trust_env=False)
        assert sick.status_code == 503 and "the database cannot be asked" in sick.text
        assert httpx.get(f"{address}/livez", trust_env=False).status_code == 200


def test_a_cluster_whose_tick_is_silent_is_not_well(settings: Settings, tmp_path: Path) -> None:
    with exporting(tmp_path, settings=settings) as address:
        sick = httpx.get(f"{address}/healthz", trust_env=False)
        assert sick.status_code == 503 and "no tick was ever here" in sick.text
        assert read(f"{address}/metrics")("vidpipe_tick_age_seconds") == float("inf")


def test_an_exporter_whose_port_is_taken_says_so_and_what_to_do(watched: Watched) -> None:
    taken = watched.exporter.rpartition(":")[2]
    argv = [sys.executable, "-m", "vidpipe", "metrics", "--home", str(watched.home), "--port", taken]
    env = child_environment(python_environment())
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"port {taken} of 127.0.0.1 cannot be used: it is taken" in done.stderr and "--port N" in done.stderr


@contextmanager
def answering(exporter: Exporter) -> Iterator[str]:
    """Its page, served in this process; the address."""
    with serve(exporter, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    exporter.close()


def test_a_database_that_accepts_and_never_answers_holds_up_nobody_for_long(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"postgresql+psycopg2://vidpipe:hush@127.0.0.1:{deaf.getsockname()[1]}/vidpipe"
        exporter = Exporter(replace(watched.deps.settings, database_url=url), lambda: False, version="1", patience=0.3)
        with answering(exporter) as address:
            page = read(f"{address}/metrics")
            assert page("vidpipe_database_up") == page("vidpipe_broker_up") == 0
            assert httpx.get(f"{address}/healthz", trust_env=False).status_code == 503
            assert httpx.get(f"{address}/livez", trust_env=False).status_code == 200
    # The questions that still hang end with the connection.


@dataclass
class Worker:
    """A Celery worker of our app, on a queue of its own that nobody else uses."""

    process: subprocess.Popen[bytes]
    log: Path
    folder: Path  # for the figures of a worker that forks

    def says(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def page(self) -> str:
        return self.says().partition("metrics: http://")[2].partition("\n")[0]

    def listens(self) -> bool:
        return any(each.status == "LISTEN" for each in psutil.Process(self.process.pid).net_connections("tcp"))


@pytest.fixture(scope="module")
def workers(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Worker]]:
    """Workers that were told to show their figures in several ways, begun side by side."""
    folder = tmp_path_factory.mktemp("workers")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free, port, figures = "VIDPIPE_METRICS_PORT", str(taken.getsockname()[1]), str(folder / "forks")
        threads, forks = ("-P", "threads", "-c", "1"), ("-P", "prefork", "-c", "2")
        found = {
            "forks": begin(watched, folder, "forks", forks, {free: "0", "PROMETHEUS_MULTIPROC_DIR": figures}),
            "no folder": begin(watched, folder, "no folder", forks, {free: "0"}),
            "taken port": begin(watched, folder, "taken port", threads, {free: port}),
            "not asked": begin(watched, folder, "not asked", threads, {}),
        }
        for one in found.values():
            until(lambda each=one: " ready." in each.says(), seconds=60, what="the worker", every=0.1)  # type: ignore[misc]
        yield found
    for one in found.values():
        one.process.send_signal(signal.SIGTERM)
    for one in found.values():
        one.process.wait(60)


def begin(watched: Watched, folder: Path, name: str, words: tuple[str, ...], names: dict[str, str]) -> Worker:
    queue = name.replace(" ", "-")
    argv = celery("worker", "-n", f"{queue}@here", "-Q", queue, "-l", "INFO", "--without-gossip", *words)
    env = child_environment({**python_environment(), "VIDPIPE_HOME": str(watched.home), **names})
    log = folder / f"{queue}.log"
    with log.open("wb") as out:
        return Worker(subprocess.Popen(argv, env=env, stdout=out, stderr=out), log, folder / queue)


def test_a_worker_that_forks_shows_what_all_its_processes_count(watched: Watched, workers: dict[str, Worker]) -> None:
    worker = workers["forks"]
    app = Celery(broker=watched.deps.settings.broker_url)
    for _ in range(20):
        app.send_task("submit", args=[str(uuid4())], queue="forks", ignore_result=True)
    app.close()

    def counted() -> float:
        page = read(f"http://{worker.page()}")
        return page.total("vidpipe_step_seconds_count", step="submit", outcome="nothing")

    assert until(lambda: counted() == 20, seconds=30, what="every process's claims", every=0.2)
    page = read(f"http://{worker.page()}")
    assert page("vidpipe_worker_up", queue="forks") == 1
    assert page("vidpipe_step_seconds_bucket", step="submit", outcome="nothing", le="+Inf") == 20
    counting = {int(path.stem.rpartition("_")[2]) for path in worker.folder.glob("histogram_*.db")}
    children = {child.pid for child in psutil.Process(worker.process.pid).children()}
    assert len(counting & children) == 2, "each child counts in files of its own"


def test_a_worker_that_forks_without_a_folder_of_its_own_shows_nothing_and_says_why(
    workers: dict[str, Worker],
) -> None:
    worker = workers["no folder"]
    assert "no metrics: a worker that forks needs PROMETHEUS_MULTIPROC_DIR" in worker.says()
    assert not worker.page() and not worker.listens()


def test_a_worker_whose_port_is_taken_works_all_the_same_and_says_why_it_shows_nothing(
    workers: dict[str, Worker],
) -> None:
    worker = workers["taken port"]
    assert "no metrics: port" in worker.says() and "VIDPIPE_METRICS_PORT=0 takes a free one" in worker.says()
    assert worker.process.poll() is None and not worker.listens()


def test_a_worker_that_nobody_asked_to_opens_no_port(workers: dict[str, Worker]) -> None:
    assert not workers["not asked"].page() and not workers["not asked"].listens()
    assert workers["forks"].listens(), "or else nothing was looked at"
