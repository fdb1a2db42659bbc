"""The command line that a worker of many machines becomes."""

from __future__ import annotations

import sys

import pytest

from vidpipe.cli.worker import command
from vidpipe.errors import SetupError


def words(queue: str, threads: int | None = None, name: str | None = None) -> str:
    return " ".join(command(queue, threads=threads, name=name, loglevel="INFO"))


@pytest.mark.parametrize("queue", ["io", "gpu", "tick"])
def test_a_worker_serves_its_queue_alone(queue: str) -> None:
    said = words(queue)
    assert said.startswith(f"{sys.executable} -m celery -A tasks.app worker") and f" -Q {queue} " in said


def test_the_tick_sends_no_events_and_the_others_do() -> None:
    assert " -E" not in words("tick") and words("io").endswith("-E") and words("gpu").endswith("-E")


def test_two_workers_of_one_machine_have_two_names() -> None:
    assert "-n io-" in words("io") and "-n mine@%h" in words("io", name="mine@%h")


def test_beat_leaves_no_file_that_could_go_stale() -> None:
    assert "beat" in words("beat") and "--pidfile= " in words("beat")


@pytest.mark.parametrize("threads", [0, -1, 100_000])
def test_a_senseless_number_of_threads_is_refused(threads: int) -> None:
    with pytest.raises(SetupError):
        words("io", threads)
