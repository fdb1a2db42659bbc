"""The command lines, the lock, the life of one process, and the reaper's choice of what to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.waiting import until
from vidpipe.cluster import lock, postgres, processes, reaper, status
from vidpipe.cluster.child import MOST_QUICK_DEATHS, Child
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import ProcessSpec
from vidpipe.cluster.readiness import LogSays
from vidpipe.errors import SetupError
from vidpipe.settings import Timing, child_environment

REAPER = [sys.executable, "-I", "-S", reaper.__file__]
SLEEP = "import signal; print('up', flush=True); signal.pause()"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "logs").mkdir()
    (tmp_path / "vp-x").mkdir()
    return Layout(tmp_path, tmp_path / "vp-x")


@pytest.fixture
def plan(layout: Layout) -> processes.Plan:
    return processes.plan(layout, ClusterOptions(io=5, gpu=1, latency=0.25, renderers=3, faults="f"))


def test_no_script_with_an_interpreter_line_is_run(plan: processes.Plan) -> None:
    for spec in plan.workers:
        assert spec.argv[:3] == (sys.executable, "-m", "celery")
    assert plan.migration[:2] == (sys.executable, "-m")


def test_each_queue_has_a_worker_of_threads_and_the_ticks_send_no_events(plan: processes.Plan) -> None:
    workers = {spec.name: " ".join(spec.argv) for spec in plan.workers}
    assert list(workers) == ["beat", "tick", "gpu", "io"], "the order of stopping: what sends work first"
    assert "-Q io -P threads -c 5" in workers["io"] and " -E" in workers["io"]
    assert "-Q gpu -P threads -c 1" in workers["gpu"] and " -E" in workers["gpu"]
    assert "-Q tick -P threads -c 4" in workers["tick"] and " -E" not in workers["tick"]


def test_several_workers_of_a_queue_are_numbered_processes_of_their_own(layout: Layout) -> None:
    found = processes.plan(layout, ClusterOptions(io=3, io_workers=3, gpu_workers=2))
    workers = {spec.name: " ".join(spec.argv) for spec in found.workers}
    assert list(workers) == ["beat", "tick", "gpu", "gpu2", "io", "io2", "io3"]
    for name in ("io", "io2", "io3"):
        assert f"-n {name}@%h -Q io -P threads -c 3" in workers[name]
    assert "-n gpu2@%h -Q gpu" in workers["gpu2"]


def test_an_outside_call_in_hand_may_end_before_its_worker_is_killed(plan: processes.Plan) -> None:
    grace = {spec.name: spec.grace for spec in plan.workers}
    assert grace["io"] > Timing().call_timeout
    assert grace["tick"] > Timing().poll_timeout


def test_workers_stop_before_the_broker_and_the_broker_before_the_database(plan: processes.Plan) -> None:
    stages = {spec.name: spec.stage for spec in (*plan.workers, *plan.servers)}
    assert stages["io"] < stages["procedural"] < stages["valkey"] < stages["postgres"]


def test_options_reach_the_procedural_service(plan: processes.Plan) -> None:
    argv = next(spec.argv for spec in plan.servers if spec.name == "procedural")
    assert " ".join(argv).endswith("--latency 0.25 --renderers 3 --fault f")


def test_the_database_is_durable_and_has_no_network(plan: processes.Plan) -> None:
    argv = next(spec.argv for spec in plan.servers if spec.name == "postgres")
    assert "listen_addresses=" in argv
    assert not any(word.startswith(("fsync", "synchronous_commit", "full_page_writes")) for word in argv)


def test_a_stray_environment_does_not_reach_the_cluster(layout: Layout) -> None:
    stray = {
        "PGPORT": "1",
        "LANG": "xx_XX",
        "CELERY_BROKER_URL": "x",
        "VIDPIPE_DATABASE_URL": "x",
        "KEEP": "1",
    }
    extra = processes.environment(layout, ClusterOptions(extra_env={"MINE": "1"}))
    env = child_environment(extra, without=processes.LEFT_OUT, environ=stray)
    assert not {"PGPORT", "LANG", "CELERY_BROKER_URL"} & set(env)
    assert env["VIDPIPE_DATABASE_URL"] == layout.settings()["database_url"]
    assert (env["KEEP"], env["MINE"], env["OMP_NUM_THREADS"]) == ("1", "1", "1")


def test_a_locked_home_is_refused_with_the_holder_named(tmp_path: Path) -> None:
    held = lock.take(tmp_path)
    with pytest.raises(SetupError, match=f"process {os.getpid()}"):
        lock.take(tmp_path, seconds=5)
    assert lock.is_held(tmp_path)
    held.release()
    assert not lock.is_held(tmp_path)
    lock.take(tmp_path).release()


def test_a_lock_whose_holder_is_dead_is_waited_for_a_while(tmp_path: Path) -> None:
    held = lock.take(tmp_path)  # as a reaper holds it after its supervisor
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock.lock_path(tmp_path).write_text(f"{gone.pid}\n")
    with pytest.raises(SetupError, match="uses the folder"):
        lock.take(tmp_path, seconds=0.3)
    held.release()
    lock.take(tmp_path, seconds=0.3).release()


def test_a_note_without_a_held_lock_is_not_a_running_cluster(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text('{"pid": 1, "settings": {"database_url": "x"}}')
    (tmp_path / "lock").write_text("1\n")
    assert not status.alive(tmp_path)


def test_five_deaths_at_once_are_enough_and_a_settled_process_starts_counting_anew(tmp_path: Path) -> None:
    spec = ProcessSpec(
        "x", (sys.executable, "-c", "print('could not bind: in use'); raise SystemExit(3)"), LogSays("up")
    )
    child = Child(spec, tmp_path / "x.log", child_environment({}), tmp_path)
    again = []
    for _ in range(MOST_QUICK_DEATHS):
        child.start()
        assert until(child.see_end, seconds=10, what="its end") == 3
        again.append(child.plan_restart())
    assert again == [True] * (MOST_QUICK_DEATHS - 1) + [False]
    assert "could not bind" in child.failure("died").message
    child.ready_at = -100.0
    assert child.plan_restart() and child.quick_deaths == 0


def test_a_program_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    child = Child(ProcessSpec("x", ("/no/such/program",), LogSays("up")), tmp_path / "x.log", {}, tmp_path)
    with pytest.raises(SetupError, match=r"x cannot be started.*No such file"):
        child.start()


def test_a_process_that_ignores_the_signal_is_killed_with_its_group_after_its_grace(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN);"
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); print('child', p.pid, flush=True); p.wait()"
    )
    child = Child(
        ProcessSpec("x", (sys.executable, "-c", code), LogSays("up"), grace=0.1),
        tmp_path / "x.log",
        {},
        tmp_path,
    )
    child.start()
    until(child.ask_ready, what="its child")
    below = int(child.log.read_text().split()[1])
    child.ask_to_stop()
    until(child.kill_if_overdue, what="the end of its grace")
    assert until(child.see_end, what="its end") == -9
    until(lambda: reaper.read_process(below) is None, what="its child's end")


def start_reaper(layout: Layout, marker: str) -> subprocess.Popen[str]:
    argv = [*REAPER, str(layout.sockets), str(layout.note), marker, layout.tag]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, text=True)


def start_sleeper(marker: str = "") -> subprocess.Popen[bytes]:
    env = child_environment({reaper.MARKER_NAME: marker} if marker else {})
    found = subprocess.Popen([sys.executable, "-c", SLEEP], env=env, stdout=subprocess.PIPE, start_new_session=True)
    assert found.stdout is not None
    assert found.stdout.readline() == b"up\n"
    found.stdout.close()
    return found


def tell(process: subprocess.Popen[str], *lines: str) -> int:
    process.communicate("".join(f"{line}\n" for line in lines), timeout=15)
    return process.returncode


def test_the_reaper_ends_the_known_and_the_marked_and_clears_up(layout: Layout) -> None:
    marker = uuid.uuid4().hex
    known, marked = start_sleeper(), start_sleeper(marker)
    (layout.sockets / "a.sock").touch()
    layout.note.write_text("{}")
    assert tell(start_reaper(layout, marker), f"add {known.pid} {reaper.start_of(known.pid)} 0 15") == 0
    assert known.wait(5) == -signal.SIGTERM, "asked first"
    assert marked.wait(5) == -signal.SIGKILL
    assert not layout.sockets.exists() and not layout.note.exists()


def test_the_reaper_touches_nothing_after_bye_nor_what_ended_nor_a_number_used_again(layout: Layout) -> None:
    sleeper = start_sleeper()
    start = reaper.start_of(sleeper.pid)
    assert tell(start_reaper(layout, "m1"), f"add {sleeper.pid} {start} 0 15", "bye") == 0
    assert layout.sockets.exists()
    assert tell(start_reaper(layout, "m2"), f"add {sleeper.pid} {start} 0 15", f"del {sleeper.pid}") == 0
    assert tell(start_reaper(layout, "m3"), f"add {sleeper.pid} {int(start) - 1} 0 15") == 0
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_data_of_another_database_version_are_refused_with_both_named(layout: Layout) -> None:
    layout.postgres.mkdir()
    (layout.postgres / "PG_VERSION").write_text("16\n")
    with pytest.raises(SetupError, match=r"PostgreSQL 16.*brings PostgreSQL 18"):
        postgres.prepare(layout, postgres.Identity())


def test_a_dead_servers_note_is_removed_although_its_number_lives(layout: Layout) -> None:
    layout.postgres.mkdir()
    (layout.postgres / "PG_VERSION").write_text("18\n")
    pid_file = layout.postgres / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{layout.postgres}\n")
    postgres.prepare(layout, postgres.Identity(uid=os.geteuid()))
    assert not pid_file.exists()
