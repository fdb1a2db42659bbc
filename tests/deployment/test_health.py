"""`vidpipe health`: each kind of process is well or not for a reason; a restart is asked for only where it mends."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from vidpipe import heartbeat
from vidpipe.cli import codes, health
from vidpipe.cli.main import main
from vidpipe.cluster import flower
from vidpipe.db.engine import Database
from vidpipe.heartbeat import GONE, Heartbeat
from vidpipe.pipeline import overview
from vidpipe.settings import Settings, config_file, read_yaml

LONGEST = float(read_yaml(config_file("celery.yaml"))["task_time_limit"])
NOWHERE = "redis://127.0.0.1:1/0"


def at(now: float) -> str:
    """What is wrong with a worker of two threads, one idle, that signed at 100 s."""
    return Heartbeat(at=100.0, threads=2, busy=(5.0,)).trouble(now, LONGEST)


def test_a_worker_is_well_while_it_signs() -> None:
    assert at(100.0) == at(100.0 + GONE) == ""
    assert at(101.0 + GONE) == f"no sign of life for {GONE + 1:.0f} s"


def test_a_sign_from_before_the_machine_was_started_is_none() -> None:
    assert "before this machine was started" in at(99.0)


def test_a_worker_hangs_when_all_its_threads_do_and_not_before() -> None:
    long = LONGEST + 1
    assert Heartbeat(100.0, 2, (long, 3.0)).trouble(100.0, LONGEST) == ""
    assert Heartbeat(100.0, 2, (long,)).trouble(100.0, LONGEST) == ""
    assert "all its 2 threads hang" in Heartbeat(100.0, 2, (long, long + 5)).trouble(100.0, LONGEST)


def test_a_sign_is_read_as_it_was_written_and_rubbish_is_none(tmp_path: Path) -> None:
    sign = Heartbeat(at=12.5, threads=8, busy=(0.25, 3.0))
    assert heartbeat.read(tmp_path, "io") is None
    sign.write(tmp_path, "io")
    assert heartbeat.read(tmp_path, "io") == sign and heartbeat.read(tmp_path, "gpu") is None
    for rubbish in ("", "{", "[]", '{"at": "soon", "threads": 1, "busy": []}'):
        heartbeat.place(tmp_path, "io").write_text(rubbish)
        assert heartbeat.read(tmp_path, "io") is None


@pytest.mark.parametrize("role", ["io", "gpu", "tick", "beat"])
def test_one_that_never_signed_is_not_well(settings: Settings, role: str) -> None:
    assert "gave no sign of life" in health.signs(settings, role, alive=False)
    assert "gave no sign of life" in health.signs(settings, role, alive=True), "the broker is here: a restart may help"


@pytest.mark.parametrize("role", ["io", "beat"])
def test_without_its_broker_one_is_not_well_but_no_restart_would_mend_it(settings: Settings, role: str) -> None:
    settings = replace(settings, broker_url=NOWHERE)
    Heartbeat(at=100.0, threads=2).write(settings.home, role)
    later = 100.0 + GONE + 30
    assert "its broker does not answer" in health.signs(settings, role, alive=False, clock=lambda: later)
    assert health.signs(settings, role, alive=True, clock=lambda: later) == ""


def test_a_broker_is_known_over_a_socket_and_over_tcp(settings: Settings) -> None:
    assert settings.broker_url.startswith("redis+socket://") and health.broker_answers(settings.broker_url)
    assert not health.broker_answers(NOWHERE)
    assert health.broker_answers("sentinel://somewhere"), "one that cannot be asked here counts as there"


def test_ticks_are_told_by_the_databases_clock(database: Database, database_url: str) -> None:
    assert health.sweeps(database_url) == "no sweep was ever here"
    sign = "INSERT INTO cluster_signs (name, changed_at, seen_at) VALUES ('tick', now(), clock_timestamp())"
    with database.transaction() as session:
        session.execute(text(sign))
    assert health.sweeps(database_url) == ""
    with database.transaction() as session:
        session.execute(text("UPDATE cluster_signs SET seen_at = clock_timestamp() - interval '40 s'"))
    assert health.sweeps(database_url) == "no sweep was here for 40 s"


def test_a_database_that_is_away_or_empty_is_told(database_url: str) -> None:
    away = health.sweeps("postgresql+psycopg2://vidpipe@127.0.0.1:1/vidpipe")
    assert away.startswith("the database cannot be asked: ") and "refused" in away
    empty = re.sub(r"/test_\d+\?", "/postgres?", database_url)
    assert 'relation "cluster_signs" does not exist' in health.sweeps(empty)


def test_it_says_gone_when_the_command_line_does() -> None:
    assert heartbeat.GONE == overview.TICK_GONE


def test_the_usual_ports_are_the_commands_own() -> None:
    assert health.PAGES["flower"][0] == flower.PORT


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A page that answers every question with `status`; its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing, which would stand in pytest's output."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_is_well_if_it_says_so_and_alive_if_it_says_anything() -> None:
    with answering(200) as port:
        assert health.page(port, "/livez", alive=False) == health.page(port, "/livez", alive=True) == ""
    with answering(503) as port:
        assert health.page(port, "/livez", alive=False) == "it answers 503 on /livez"
        assert health.page(port, "/livez", alive=True) == ""


def test_a_page_that_is_not_there_is_not_alive() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "nothing answers" in health.page(taken.getsockname()[1], "/livez", alive=True)


def test_the_command_ends_with_0_or_1_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDPIPE_BROKER_URL", NOWHERE)
    home = ["--home", str(tmp_path)]
    assert main(["health", "io", *home]) == codes.UNFINISHED
    assert "io is not well: it gave no sign of life" in capsys.readouterr().err
    assert main(["health", "io", "--alive", *home]) == codes.DONE
    Heartbeat(at=heartbeat.clock(), threads=2).write(tmp_path, "io")
    assert main(["health", "io", "--json", *home]) == codes.DONE
    assert json.loads(capsys.readouterr().out.partition("\n")[2]) == {"role": "io", "well": True, "problem": ""}
