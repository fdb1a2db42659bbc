"""What a worker counts: nothing while it is off, everything once while it is on, over threads and over forks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from vidpipe import telemetry
from vidpipe.settings import child_environment

FORKING = """
import os, sys
from pathlib import Path
from prometheus_client import generate_latest
from vidpipe import telemetry

folder = Path(sys.argv[1])
telemetry.turn_on(folder)
telemetry.submitted("veo", "accepted")
telemetry.worker("io")
for child in range(3):
    if os.fork() == 0:
        with telemetry.step("submit"):
            telemetry.outcome("again")
        telemetry.submitted("veo", "accepted")
        telemetry.worker("io")
        os._exit(0)
for child in range(3):
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
print(generate_latest(telemetry.registry()).decode())
"""


@pytest.fixture
def on() -> Iterator[None]:
    telemetry.turn_on()
    yield
    telemetry.turn_off()


def shown() -> list[str]:
    """The page's lines, save for those about the process."""
    registry = telemetry.registry()
    assert registry is not None
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if line.startswith("vidpipe_")]


def value(line: str) -> float:
    """The value of the series that `line` begins."""
    found = [shown_line for shown_line in shown() if shown_line.startswith(line)]
    assert len(found) == 1, found
    return float(found[0].rpartition(" ")[2])


def record() -> None:
    with telemetry.step("submit"):
        telemetry.outcome("again")
    telemetry.submitted("veo", "accepted")
    telemetry.polled("veo", "pending", 0.3)
    telemetry.resent("take", telemetry.LATE)
    telemetry.worker("io")


def test_off_nothing_is_counted_and_nothing_is_imported() -> None:
    record()
    assert telemetry.registry() is None
    code = "import sys\nfrom vidpipe import telemetry\nwith telemetry.step('a'): telemetry.outcome('b')\n"
    check = f"{code}telemetry.polled('a', 'b', 1.0)\nassert not [n for n in sys.modules if 'prometheus' in n]"
    subprocess.run([sys.executable, "-c", check], env=child_environment({}), check=True, timeout=30)


def test_a_step_is_counted_by_its_outcome(on: None) -> None:
    with telemetry.step("submit"):
        pass
    with telemetry.step("submit"):
        telemetry.outcome("again")
    with pytest.raises(ZeroDivisionError), telemetry.step("submit"):
        telemetry.outcome("again")
        raise ZeroDivisionError
    for outcome in ("done", "again", "error"):
        assert value(f'vidpipe_step_seconds_count{{outcome="{outcome}",step="submit"}}') == 1


def test_a_step_within_another_has_an_outcome_of_its_own(on: None) -> None:
    with telemetry.step("outer"):
        telemetry.outcome("stale")
        with telemetry.step("inner"):
            telemetry.outcome("waits")
    telemetry.outcome("nobody runs")
    assert value('vidpipe_step_seconds_count{outcome="stale",step="outer"}') == 1
    assert value('vidpipe_step_seconds_count{outcome="waits",step="inner"}') == 1


def test_the_sweeps_counters_begin_at_nothing_so_that_the_first_death_is_an_increase(on: None) -> None:
    for entity in ("project", "scene", "take", "candidate"):
        for why in (telemetry.DUE, telemetry.DIED, telemetry.CHANGED, telemetry.LATE):
            assert value(f'vidpipe_sweep_resent_total{{entity="{entity}",why="{why}"}}') == 0
    telemetry.resent("take", telemetry.DIED, 3)
    assert value('vidpipe_sweep_resent_total{entity="take",why="died"}') == 3


def test_a_question_is_counted_and_its_lateness_where_it_was_due(on: None) -> None:
    telemetry.polled("veo", "pending", None)
    telemetry.polled("veo", "pending", 7.0)
    telemetry.polled("veo", "delivered", -0.001)  # two clocks need not agree
    assert value('vidpipe_polls_total{outcome="pending",service="veo"}') == 2
    assert value('vidpipe_polls_total{outcome="delivered",service="veo"}') == 1
    assert value('vidpipe_poll_late_seconds_count{service="veo"}') == 2
    assert value('vidpipe_poll_late_seconds_bucket{le="5.0",service="veo"}') == 1
    assert value('vidpipe_poll_late_seconds_sum{service="veo"}') == 7


def test_no_count_of_many_threads_is_lost_and_outcomes_do_not_mix(on: None) -> None:
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for _ in range(500):
            with telemetry.step(f"step {number}"):
                telemetry.outcome(f"outcome {number}")
                telemetry.submitted("veo", "accepted")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value('vidpipe_submits_total{outcome="accepted",service="veo"}') == 4000
    for number in range(8):
        assert value(f'vidpipe_step_seconds_count{{outcome="outcome {number}",step="step {number}"}}') == 500
    assert len([line for line in shown() if line.startswith("vidpipe_step_seconds_count")]) == 8


def test_what_forked_processes_count_is_added_up_after_their_end(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    env = child_environment({"PROMETHEUS_MULTIPROC_DIR": str(folder)})
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(folder)], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert 'vidpipe_submits_total{outcome="accepted",service="veo"} 4.0' in lines
    assert 'vidpipe_step_seconds_count{outcome="again",step="submit"} 3.0' in lines
    assert 'vidpipe_worker_up{queue="io"} 1.0' in lines, "one worker, however many processes it has"
    assert len(list(folder.glob("counter_*.db"))) == 4


def test_figures_of_processes_that_are_gone_are_cleared_away_and_others_are_kept(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    for pid in (gone.pid, os.getpid()):
        (tmp_path / f"counter_{pid}.db").touch()
        (tmp_path / f"gauge_max_{pid}.db").touch()
    telemetry.turn_on(tmp_path)
    telemetry.turn_off()
    assert {path.name for path in tmp_path.iterdir()} == {f"counter_{os.getpid()}.db", f"gauge_max_{os.getpid()}.db"}
