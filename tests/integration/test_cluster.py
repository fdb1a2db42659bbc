"""The embedded cluster with real servers: nothing is left behind, whatever is killed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from scripts.chaos_runs.left import belonging
from tests.waiting import until
from vidpipe.cluster import ClusterOptions, Handle, alive, lock, note, reaper, start, stop, valkey
from vidpipe.cluster.layout import Layout, note_path
from vidpipe.cluster.processes import python_environment
from vidpipe.cluster.status import status
from vidpipe.errors import SetupError
from vidpipe.settings import child_environment

SMALL = "tests.integration.small_cluster"
OWNER = """
import signal, sys
from pathlib import Path
from vidpipe.cluster import start
handle = start(Path(sys.argv[1]), supervisor=sys.argv[2])
print(handle.pid, flush=True)
signal.pause()
"""
STARTER = """
import sys
from pathlib import Path
from vidpipe.cluster import start
start(Path(sys.argv[1]), detached=True, supervisor=sys.argv[2])
"""
BLOCK = """
import sys
from pathlib import Path
from vidpipe.cluster import start
with start(Path(sys.argv[1]), supervisor=sys.argv[2]) as cluster:
    print(cluster.settings["broker_url"])
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a home"
    yield folder
    stop(folder)
    assert belonging(folder) == {}, "processes were left behind"


def pids(home: Path) -> dict[str, int]:
    return {process.name: process.pid for process in status(home).processes}


def layout_of(home: Path) -> Layout:
    return Layout(home, Path(note.read(note_path(home))["sockets"]))


def query(settings: dict[str, str], statement: str) -> object:
    with closing(psycopg2.connect(settings["database_url"].replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None


def assert_gone(home: Path, sockets: Path) -> None:
    until(lambda: not lock.is_held(home), seconds=20, what="the end of the cluster")
    assert belonging(home) == {}
    assert not sockets.exists() and not note_path(home).exists()


def test_data_outlive_a_stop_and_nothing_else_does(home: Path) -> None:
    with start(home, supervisor=SMALL) as cluster:
        assert alive(home)
        query(dict(cluster.settings), "CREATE TABLE kept AS SELECT 7 AS number")
        assert query(dict(cluster.settings), "SHOW fsync") == ("on",)
        valkey.command(layout_of(home).valkey_socket, "SET", "kept", "7")
        sockets = layout_of(home).sockets
        assert json.loads(note_path(home).read_text())["settings"] == dict(cluster.settings)
    assert_gone(home, sockets)
    assert not alive(home)
    with start(home, supervisor=SMALL) as cluster:
        assert query(dict(cluster.settings), "SELECT number FROM kept") == (7,)
        assert valkey.command(layout_of(home).valkey_socket, "STRLEN", "kept") == b":1"


def test_a_second_start_is_refused_with_the_first_named(home: Path) -> None:
    with start(home, supervisor=SMALL) as cluster:
        with pytest.raises(SetupError, match=f"process {cluster.pid}"):
            start(home, supervisor=SMALL)
        assert alive(home), "the first one goes on"


def test_a_detached_cluster_lives_on_without_its_starter_and_stop_ends_it(home: Path) -> None:
    argv = [sys.executable, "-c", STARTER, str(home), SMALL]
    subprocess.run(argv, env=child_environment(python_environment()), check=True, timeout=30)
    assert alive(home)
    sockets = layout_of(home).sockets
    assert stop(home)
    assert_gone(home, sockets)
    assert not stop(home)


def restarted(home: Path, name: str, old: int) -> bool:
    found = pids(home).get(name, old)
    return found != old and reaper.read_process(found) is not None


@pytest.mark.parametrize("name", ["io", "valkey", "postgres"])
def test_a_killed_process_is_started_again_and_the_sweep_is_told_of_lost_messages(home: Path, name: str) -> None:
    with start(home, supervisor=SMALL) as cluster:
        layout = layout_of(home)
        query(dict(cluster.settings), "CREATE TABLE kept AS SELECT 7 AS number")
        valkey.command(layout.valkey_socket, "SET", valkey.EPOCH_KEY, "1")
        valkey.command(layout.valkey_socket, "WAITAOF", "1", "0", "2000")
        old = pids(home)[name]
        os.kill(old, signal.SIGKILL)
        until(lambda: restarted(home, name, old), what=f"another {name}")
        if name == "postgres":
            until(lambda: answers(dict(cluster.settings)), what="the database")
        else:
            until(lambda: epoch(layout) == b":0", what="the epoch to be forgotten")
        entry = next(process for process in status(home).processes if process.name == name)
        assert entry.restarts == 1
        cluster.check()


def answers(settings: dict[str, str]) -> bool:
    try:
        return query(settings, "SELECT number FROM kept") == (7,)
    except psycopg2.OperationalError:
        return False


def epoch(layout: Layout) -> bytes:
    try:
        return valkey.command(layout.valkey_socket, "EXISTS", valkey.EPOCH_KEY)
    except OSError:
        return b""


def test_a_killed_reaper_is_replaced_and_the_new_one_reaps(home: Path) -> None:
    cluster = start(home, supervisor=SMALL)
    sockets = layout_of(home).sockets
    old = reapers(home)
    os.kill(old.pop(), signal.SIGKILL)
    until(lambda: reapers(home) - old, what="another reaper")
    os.kill(cluster.pid, signal.SIGKILL)
    assert_gone(home, sockets)
    assert "its supervisor was killed" in until(lambda: complaint(cluster), what="the handle to complain")


def complaint(cluster: Handle) -> str:
    try:
        cluster.check()
    except SetupError as error:
        return error.message
    return ""


def reapers(home: Path) -> set[int]:
    return {pid for pid, words in belonging(home).items() if "reaper.py" in words}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_after_the_supervisors_end(home: Path, number: signal.Signals) -> None:
    cluster = start(home, supervisor=SMALL)
    sockets = layout_of(home).sockets
    assert len(belonging(home)) >= 8, "supervisor, reaper, two servers, two workers and their children"
    os.kill(cluster.pid, number)
    assert_gone(home, sockets)
    cluster.stop()  # of a cluster that is gone: nothing to do


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_after_the_owners_end(home: Path, number: signal.Signals) -> None:
    env = child_environment(python_environment())
    with subprocess.Popen([sys.executable, "-c", OWNER, str(home), SMALL], stdout=subprocess.PIPE, env=env) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline(), "it should have started"
        sockets = layout_of(home).sockets
        owner.send_signal(number)
    assert_gone(home, sockets)


def test_what_a_killed_supervisor_and_its_killed_reaper_left_is_ended_by_the_next_start(home: Path) -> None:
    cluster = start(home, supervisor=SMALL)
    query(dict(cluster.settings), "CREATE TABLE kept AS SELECT 7 AS number")
    sockets = layout_of(home).sockets
    os.kill(cluster.pid, signal.SIGSTOP)  # so that it starts no other reaper
    for pid in (*reapers(home), cluster.pid):
        os.kill(pid, signal.SIGKILL)
    cluster.stop()
    assert not lock.is_held(home)
    left = set(belonging(home))
    assert len(left) >= 6
    assert not alive(home), "a stale note is no cluster"
    with start(home, supervisor=SMALL) as again:
        assert not left & set(belonging(home))
        assert not sockets.exists()
        assert query(dict(again.settings), "SELECT number FROM kept") == (7,)


def test_a_process_that_dies_at_once_fails_the_start_with_its_last_words(home: Path) -> None:
    options = ClusterOptions(extra_env={"SMALL_CLUSTER": "dies"})
    with pytest.raises(SetupError, match=r"dies could not be started: it ended with code 3;(.|\n)*no module for this"):
        start(home, supervisor=SMALL, options=options)
    assert belonging(home) == {}


def test_broker_data_that_cannot_be_read_are_moved_aside(home: Path) -> None:
    with start(home, supervisor=SMALL):
        valkey.command(layout_of(home).valkey_socket, "SET", "lost", "x" * 2000)
    log = next((home / "valkey" / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(b"garbage\r\n" * 200)
    with start(home, supervisor=SMALL):
        assert valkey.command(layout_of(home).valkey_socket, "EXISTS", "lost") == b":0"
    assert (home / "valkey.unreadable-1").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; the other tests ran as one")
def test_it_runs_as_an_ordinary_user_too() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    folder = Path(tempfile.mkdtemp(prefix="vidpipe-test-"))
    home = folder / "home"
    home.mkdir(mode=0o700)
    for path in (folder, home):
        os.chown(path, nobody, -1)
    # Not root, but able to enter folders that only root may enter, where this interpreter may be.
    enter = "+dac_override,+dac_read_search"
    prefix = ["setpriv", f"--reuid={nobody}", "--clear-groups", f"--inh-caps={enter}", f"--ambient-caps={enter}"]
    argv = [*prefix, sys.executable, "-c", BLOCK, str(home), SMALL]
    try:
        done = subprocess.run(
            argv, env=child_environment(python_environment()), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "redis+socket" in done.stdout
        assert (home / "postgres").stat().st_uid == nobody
        assert belonging(home) == {}
    finally:
        shutil.rmtree(folder)


def test_a_handle_of_a_cluster_that_gave_up_says_why(home: Path) -> None:
    cluster: Handle = start(home, supervisor=SMALL)
    # Its data gone, the database cannot come back: after five tries the cluster ends.
    (home / "postgres").rename(home / "moved")
    (home / "postgres").mkdir()
    os.kill(pids(home)["postgres"], signal.SIGKILL)
    until(lambda: not lock.is_held(home), seconds=20, what="the cluster to give up")
    words = until(lambda: complaint(cluster), what="the handle to complain")
    assert "holds data of PostgreSQL unknown" in words
    assert "holds data of PostgreSQL unknown" in status(home).failure


def test_the_whole_cluster_is_ready_soon_and_a_killed_worker_comes_back(home: Path) -> None:
    with start(home):
        found = status(home)
        assert {process.name for process in found.processes} == {
            *("valkey", "postgres", "procedural", "beat", "tick", "gpu", "io"),
        }
        assert all(process.rss > 0 and process.restarts == 0 for process in found.processes)
        old = pids(home)["io"]
        os.kill(old, signal.SIGKILL)
        until(lambda: restarted(home, "io", old), what="another io worker")
        log = home / "logs" / "io.log"
        until(lambda: log.read_text().count(" ready.") == 2, seconds=20, what="it to be ready")
