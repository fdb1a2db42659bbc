"""The doctor before an embedded cluster with parts of it killed: it blames nothing healthy."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.findings import by_code, only
from tests.stories import story
from tests.waiting import until
from vidpipe.cli import codes
from vidpipe.cli.main import main
from vidpipe.cluster import ClusterOptions, Handle, start
from vidpipe.cluster.status import status
from vidpipe.db import projects
from vidpipe.db.models import GenerationCandidate
from vidpipe.doctor import Diagnosis, Severity, examine
from vidpipe.domain.states import CandidateState, ProjectState
from vidpipe.pipeline.deps import open_deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.settings import load


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handle]:
    """A whole cluster of its own."""
    with start(tmp_path_factory.mktemp("sick"), options=ClusterOptions(io=3, gpu=1, tick=2)) as handle:
        yield handle


def looked(cluster: Handle) -> Diagnosis:
    return examine(load({}, home=cluster.home))


def well(cluster: Handle) -> None:
    until(lambda: looked(cluster).findings == (), seconds=60, what="the cluster to be well")


@contextmanager
def without(cluster: Handle, name: str) -> Iterator[int]:
    """The cluster while a process of it is dead and nobody starts it again; the process's id."""
    well(cluster)
    pid = next(one.pid for one in status(cluster.home).processes if one.name == name)
    os.kill(cluster.pid, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        yield pid
    finally:
        os.kill(cluster.pid, signal.SIGCONT)
        until(lambda: pid not in [one.pid for one in status(cluster.home).processes], seconds=30, what=f"a new {name}")


def test_without_a_gpu_worker_the_clips_that_wait_for_one_are_named(
    cluster: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    with without(cluster, "gpu") as pid:
        deps = open_deps(load({}, home=cluster.home), "test")
        project_id = enroll(deps, story(title="Lighthouse", scenes=2)).project_id

        def stored() -> int:
            states = deps.db.run(lambda session: session.query(GenerationCandidate.state).all())
            return sum(state == CandidateState.STORED for (state,) in states)

        until(lambda: stored() == 2, seconds=40, what="two clips that wait for eyes")
        one = only(looked(cluster))
        assert main(["doctor", "--home", str(cluster.home)]) == codes.UNFINISHED
        said = capsys.readouterr().out
    assert one.code == "worker.gpu" and one.severity == Severity.BROKEN and "2 rows wait" in one.what
    assert f"({pid}) is gone" in one.why and "gpu.log" in one.remedy
    assert {place.what for place in one.places} == {f"Shot 1{c}, take 1.1, candidate 1" for c in "AB"}
    assert "BROKEN" in said and "Lighthouse" in said and "1 broken" in said
    until(
        lambda: deps.db.run(lambda session: projects.get(session, project_id)).state == ProjectState.DONE,
        seconds=60, what="the film to be made after all",
    )  # fmt: skip
    deps.close()


def test_without_a_tick_worker_beat_is_not_blamed(cluster: Handle) -> None:
    with without(cluster, "tick") as pid:
        found = until(lambda: looked(cluster).findings, seconds=30, what="the tick to be missed")
    (one,) = found
    assert one.code == "tick.tick" and one.severity == Severity.BROKEN and "The tick worker is missing" in one.what
    assert f"({pid}) is gone" in one.why and "in its queue" in one.why and "tick.log" in one.remedy
    assert one.age is not None and one.age > 0


def test_without_a_broker_no_worker_is_blamed(cluster: Handle) -> None:
    with without(cluster, "valkey") as pid:
        found = looked(cluster)
    one = only(found)
    assert one.code == "broker.unreachable" and f"({pid}) is gone" in one.why and "nothing is lost" in one.remedy
    assert "database" in found.figures and "store" in found.figures


def test_without_a_database_the_broker_is_looked_at_all_the_same(
    cluster: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    with without(cluster, "postgres") as pid:
        found = looked(cluster)
        assert main(["doctor", "--json", "--home", str(cluster.home)]) == codes.UNFINISHED
    one = only(found)
    assert one.code == "database.unreachable" and f"({pid}) is gone" in one.why and "postgres.log" in one.remedy
    assert "broker" in found.figures and '"code": "database.unreachable"' in capsys.readouterr().out


def test_servers_that_hang_are_given_up_within_seconds(cluster: Handle) -> None:
    well(cluster)
    pids = [one.pid for one in status(cluster.home).processes if one.name in ("valkey", "postgres")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = looked(cluster)
        took = time.monotonic() - began
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert set(by_code(found)) == {"database.unreachable", "broker.unreachable"} and took < 12
    assert all("gone" not in one.why for one in found.findings)


def test_where_no_cluster_runs_there_is_nothing_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--home", str(tmp_path)]) == codes.BAD_INPUT
    assert "no cluster runs" in capsys.readouterr().err
