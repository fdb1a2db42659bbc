"""The command line against real servers: what it says, and what its codes are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from tests.stories import story
from tests.waiting import until
from vidpipe.cli import codes
from vidpipe.cli.main import main
from vidpipe.cluster.embedded import start
from vidpipe.cluster.processes import python_environment
from vidpipe.db import migrate
from vidpipe.db.models import Project
from vidpipe.errors import FilmUnfinished
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.reach import Connection
from vidpipe.runner import follow
from vidpipe.settings import Settings, child_environment, load

Play = Callable[[UUID], Project]
Cli = Callable[..., tuple[int, str, str]]
STORY = "title: The Quay\nsize: 160x90\nfps: 12\nduration: 1\nscenes:\n  - prompt: a harbour at dawn\n"


@pytest.fixture
def desk(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose settings name the test's servers."""
    for name, value in {
        "VIDPIPE_HOME": tmp_path / "home", "VIDPIPE_DATABASE_URL": settings.database_url,
        "VIDPIPE_BROKER_URL": settings.broker_url, "VIDPIPE_PROCEDURAL_URL": settings.procedural_url,
        "VIDPIPE_STORAGE_ROOT": settings.storage_root,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    folder = tmp_path / "a desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "quay.yaml").write_text(STORY, encoding="utf-8")
    return folder


@pytest.fixture
def cli(desk: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """A command's code, what it printed, and what it said on stderr; never a traceback."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call


def last(out: str) -> Any:
    """The last JSON line."""
    return json.loads(out.splitlines()[-1])


def test_enqueuing_says_which_film_it_is_and_that_nobody_moves_it(cli: Cli) -> None:
    code, out, err = cli("enqueue", "quay.yaml")
    assert code == codes.DONE and "is enqueued as film" in out and "No tick is running" in err
    first = json.loads(cli("enqueue", "quay.yaml", "--json")[1])
    assert not first["fresh"] and first["state"] == "active" and not first["ticking"]
    again = json.loads(cli("enqueue", "quay.yaml", "--json", "--again")[1])
    assert again["fresh"] and again["project_id"] != first["project_id"]


def test_films_are_found_by_id_prefix_and_title(cli: Cli) -> None:
    film_id = json.loads(cli("enqueue", "quay.yaml", "--json")[1])["project_id"]
    for words in (film_id, film_id[:8], "The Quay", "the quay"):
        code, out, _ = cli("status", words, "--json")
        assert code == codes.DONE and json.loads(out)["project_id"] == film_id
    code, out, _ = cli("status")
    assert code == codes.DONE and film_id[:8] in out and "The Quay" in out and "0/1" in out
    code, _, err = cli("status", "nothing like it")
    assert code == codes.BAD_INPUT and "there is no film" in err


def test_no_film_yet_is_said_kindly(cli: Cli) -> None:
    assert "no film yet" in cli("status")[1]
    code, _, err = cli("follow")
    assert code == codes.BAD_INPUT and "there is no film yet" in err


def test_a_film_can_be_paused_resumed_and_cancelled_each_twice(cli: Cli) -> None:
    cli("enqueue", "quay.yaml")
    for command, said in (("pause", "paused"), ("resume", "goes on"), ("cancel", "cancelling")):
        code, out, err = cli(command, "the quay")
        assert code == codes.DONE and said in out and "No tick is running" in err
        assert cli(command, "the quay")[0] == codes.DONE
    assert json.loads(cli("status", "the quay", "--json")[1])["scenes"][0]["state"] == "cancelled"


def test_what_cannot_be_done_says_why(cli: Cli) -> None:
    cli("enqueue", "quay.yaml")
    code, _, err = cli("skip", "the quay", "Shot 9Z")
    assert code == codes.BAD_INPUT and "no scene 'Shot 9Z'" in err and "Shot 1A" in err
    code, _, err = cli("retry", "the quay", "Shot 1A")
    assert code == codes.BAD_INPUT and "waiting" in err


def test_a_film_that_is_done_is_followed_reported_and_found_again(
    cli: Cli, eager: Deps, play: Play, desk: Path
) -> None:
    film_id = json.loads(cli("enqueue", "quay.yaml", "--json")[1])["project_id"]
    assert play(UUID(film_id)).state == "done"
    code, out, _ = cli("follow")
    assert code == codes.DONE and "done, 1 of 1 scenes done" in out
    code, out, _ = cli("report", film_id[:8], "--out", "a report")
    assert code == codes.DONE and (desk / "a report" / "film.mp4").is_file() and str(desk / "a report") in out
    code, out, _ = cli("run", "quay.yaml", "--json")
    end = last(out)
    assert code == codes.DONE and end["finished_before"] and not end["fresh"] and end["project_id"] == film_id
    assert Path(end["film"]) == desk / "out" / "the-quay" / "film.mp4" and Path(end["film"]).is_file()
    code, out, _ = cli("run", "quay.yaml")
    assert code == codes.DONE and "finished before" in out and "--again" in out


def test_a_film_that_waits_ends_with_three_and_says_what_can_be_done(
    cli: Cli, eager: Deps, play: Play, desk: Path
) -> None:
    (desk / "black.yaml").write_text(STORY.replace("a harbour at dawn", "'a harbour [fault: black]'"), encoding="utf-8")
    film_id = json.loads(cli("enqueue", "black.yaml", "--json")[1])["project_id"]
    assert play(UUID(film_id)).state == "waiting"
    code, _, err = cli("follow", film_id)
    assert code == codes.WAITS and "black" in err and f"retry {film_id[:8]}" in err
    code, out, err = cli("run", "black.yaml", "--json")
    assert code == codes.WAITS and last(out)["exit"] == codes.WAITS and "run black.yaml --json --retry" in err
    assert (desk / "out" / "the-quay" / "report.html").is_file(), "the report tells what is wrong"
    assert "again: Shot 1A" in cli("retry", film_id)[1]
    assert json.loads(cli("status", film_id, "--json")[1])["state"] == "active"
    assert "is left out" in cli("skip", film_id, "Shot 1A")[1]


def test_a_cancelled_film_ends_with_one(cli: Cli, eager: Deps, tick: Callable[[], None]) -> None:
    cli("enqueue", "quay.yaml")
    cli("cancel", "the quay")
    tick()
    code, out, err = cli("follow", "--json")
    assert code == codes.UNFINISHED and last(out)["state"] == "cancelled" and "is cancelled" in err


def test_a_paused_film_ends_with_three(cli: Cli) -> None:
    cli("enqueue", "quay.yaml")
    cli("pause", "the quay")
    code, _, err = cli("follow")
    assert code == codes.WAITS and "resume" in err


def test_a_bill_that_turned_out_otherwise_is_corrected_and_shown(cli: Cli, eager: Deps, play: Play) -> None:
    film_id = json.loads(cli("enqueue", "quay.yaml", "--json")[1])["project_id"]
    play(UUID(film_id))
    (take,) = json.loads(cli("money", film_id, "--json")[1])["scenes"][0]["takes"]
    order = take["order"][:8]
    code, out, _ = cli("money", "adjust", order, "+0.10", "--why", "it was not free")
    assert code == codes.DONE and "Shot 1A, take 1.1 has cost $0.10, corrected by +$0.10" in out
    assert "already" in json.loads(cli("money", "adjust", order, "+0.10", "--why", "again", "--json")[1])["said"]
    out = cli("money", "the quay")[1]
    assert "$0.10 spent" in out and order in out and "+$0.10, it was not free" in out
    code, _, err = cli("money", "adjust", order, "-5", "--why", "a slip")
    assert code == codes.BAD_INPUT and "already" in err


def test_a_film_whose_media_are_gone_says_so(cli: Cli, eager: Deps, play: Play) -> None:
    film_id = json.loads(cli("enqueue", "quay.yaml", "--json")[1])["project_id"]
    play(UUID(film_id))
    for path in eager.settings.storage_root.rglob("*.mp4"):
        path.unlink()
    code, _, err = cli("report", film_id, "--out", "a report")
    assert code == codes.DONE and "film.mp4 could not be written" in err


def test_the_schema_is_checked_and_brought_up_to_date(
    cli: Cli, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate.head() in cli("db", "check")[1]
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffffffffffff'"))
    for words in (
        ("db", "check"),
        ("db", "upgrade"),
        ("status",),
        ("enqueue", "quay.yaml"),
        ("run", "quay.yaml"),
        ("worker", "io"),
    ):
        code, _, err = cli(*words)
        assert code == codes.BAD_INPUT and "newer version" in err, words
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    code, _, err = cli("status")
    assert code == codes.BAD_INPUT and "holds nothing yet" in err and "db upgrade" in err
    assert cli("db", "upgrade")[0] == codes.DONE and cli("status")[0] == codes.DONE


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, codes.INTERRUPTED), (signal.SIGTERM, codes.TERMINATED)])
def test_following_ends_when_told_to_and_the_film_goes_on(cli: Cli, desk: Path, number: int, code: int) -> None:
    cli("enqueue", "quay.yaml")
    env = child_environment(python_environment())
    with subprocess.Popen(
        [sys.executable, "-m", "vidpipe", "follow"], env=env, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "in the making" in process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code and "The film goes on" in err and "Traceback" not in err


def test_following_survives_a_restart_of_the_database_and_notices_the_end_of_the_cluster(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start(home, supervisor="tests.servers_only") as handle:
        connection = Connection(load({"VIDPIPE_HOME": str(home)}), embedded=True, handle=handle)
        film = enroll(connection.deps, story()).project_id
        watch = follow(connection, film, every=0.01)
        assert next(watch).kind == "film"
        note = json.loads((home / "cluster.json").read_text())
        os.kill(note["processes"]["postgres"]["pid"], signal.SIGKILL)
        assert until(lambda: next(watch).kind == "away", what="the database to be missed")
        assert until(lambda: next(watch).kind == "film", seconds=30, what="the database to be back")
        os.kill(handle.pid, signal.SIGKILL)
        with pytest.raises(FilmUnfinished, match="the cluster has stopped"):
            until(lambda: not next(watch), seconds=30, what="the end of the cluster")
        connection.close()
