"""Options, folders, logs, the note and Flower: what needs no process."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url

from vidpipe.cluster import flower, logs, note, valkey
from vidpipe.cluster.layout import Layout, make_socket_folder, prepare_home
from vidpipe.cluster.options import ClusterOptions
from vidpipe.errors import SetupError
from vidpipe.settings import Settings


def test_options_survive_the_way_to_the_supervisor() -> None:
    options = ClusterOptions(
        io=3, io_workers=2, price="0.4", latency=0.5, renderers=2, faults="hang", extra_env={"A": "b c"}
    )
    assert ClusterOptions.from_json(options.to_json()) == options


@pytest.mark.parametrize(
    "text", ["", "[]", '{"nonsense": 1}', '{"io": 0}', '{"latency": -1}', '{"io_workers": 0}', '{"price": "dear"}']
)
def test_options_that_cannot_be_used_are_refused_in_words(text: str) -> None:
    with pytest.raises(SetupError):
        ClusterOptions.from_json(text)


def test_a_socket_folder_is_private_and_where_temporary_files_go(tmp_path: Path) -> None:
    short = make_socket_folder()
    folder = make_socket_folder(str(short))
    assert folder.parent == short
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()
    short.rmdir()


@pytest.mark.parametrize("name", ["x" * 90, "with space", "höhe", "a%41"])
def test_a_socket_folder_falls_back_to_tmp_where_the_usual_place_would_not_do(tmp_path: Path, name: str) -> None:
    usual = tmp_path / name
    usual.mkdir()
    folder = make_socket_folder(str(usual))
    assert folder.parent == Path("/tmp")
    assert len(str(Layout(tmp_path, folder).procedural_socket).encode()) <= 107
    folder.rmdir()


def test_the_addresses_lead_to_the_sockets(tmp_path: Path) -> None:
    layout = Layout(tmp_path, Path("/tmp/vp-abc"))
    settings = layout.settings()
    url = make_url(settings["database_url"])
    assert (url.database, url.username, url.query["host"]) == ("vidpipe", "vidpipe", "/tmp/vp-abc")
    assert settings["broker_url"] == "redis+socket:///tmp/vp-abc/valkey.sock?virtual_host=0"
    assert settings["procedural_url"] == "http+unix://%2Ftmp%2Fvp-abc%2Fprocedural.sock"


def test_a_home_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    with pytest.raises(SetupError, match="cannot be written"):
        prepare_home(tmp_path / "home")


def test_a_full_disk_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"disk of .* is full"):
        prepare_home(tmp_path / "home", least_free=10**18)


def test_a_large_log_is_moved_aside_and_a_small_one_is_not(tmp_path: Path) -> None:
    log = tmp_path / "io.log"
    log.write_bytes(b"x" * 100)
    assert not logs.keep_small(log, most=100)
    with log.open("ab") as writer:
        writer.write(b"y")
        writer.flush()
        assert logs.keep_small(log, most=100)
        writer.write(b"goes on")
    assert log.read_bytes() == b"goes on"
    assert (tmp_path / "io.log.1").stat().st_size == 101


def test_a_tail_has_the_last_lines_since_the_start_without_control_characters(tmp_path: Path) -> None:
    log = tmp_path / "io.log"
    log.write_bytes(b"old\n")
    began = log.stat().st_size
    with log.open("ab") as writer:
        writer.write(b"one\n\x1b[31mtwo\x07\x1b[0m\n\n" + "drei ü\n".encode())
    assert logs.tail(log, began) == "one\ntwo\ndrei ü"
    assert logs.tail(log, began, lines=1) == "drei ü"
    assert logs.tail(tmp_path / "none.log") == ""


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("FATAL: could not write: No space left on device", "disk is full"),
        ("could not map anonymous shared memory: Cannot allocate memory", "Memory ran out"),
        ("ModuleNotFoundError: No module named 'celery'", "pip install"),
        ("bind: Address already in use", "taken"),
        ("all is well", ""),
    ],
)
def test_what_a_server_says_becomes_something_to_do(said: str, word: str) -> None:
    assert word in logs.meaning(said)
    assert bool(word) == bool(logs.meaning(said))


def test_a_note_is_private_and_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    note.write(path, {"pid": 1})
    assert note.read(path) == {"pid": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("{half")
    assert note.read(path) == {}


def test_a_stale_note_of_any_shape_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    for content in (
        "{half",
        "[]",
        json.dumps({"processes": {"io": {"pid": "x"}}, "marker": "m", "sockets": "/"}),
    ):
        path.write_text(content)
        assert note.clean_stale(tmp_path)
        assert not path.exists()
    assert not note.clean_stale(tmp_path)


def test_broker_data_are_moved_aside_only_if_the_broker_cannot_read_them(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "vp-x")
    layout.valkey.mkdir()
    (layout.valkey / "data").write_text("broken")
    assert not valkey.set_aside_unreadable(layout, "Ready to accept connections")
    assert valkey.set_aside_unreadable(layout, "# Bad file format reading the append only file x")
    assert list(layout.valkey.iterdir()) == []
    assert (tmp_path / "valkey.unreadable-1" / "data").read_text() == "broken"


def test_flower_hides_its_login_from_the_list_of_processes(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="d", broker_url="b")
    made = flower.command(settings, port=5600)
    assert made.password not in " ".join(made.argv)
    assert made.env["FLOWER_BASIC_AUTH"] == f"{made.user}:{made.password}"
    assert made.url == "http://127.0.0.1:5600/" and made.password in made.words
    assert flower.command(settings).password != made.password
    assert flower.command(settings, login="me:a:b").password == "a:b"


def test_flower_takes_its_login_from_the_settings_and_does_not_say_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="d", broker_url="b", flower_login="me:hush")
    made = flower.command(settings, port=5600, host="0.0.0.0")
    assert (made.user, made.password, made.known) == ("me", "hush", True) and "hush" not in made.words
    assert "--address=0.0.0.0" in made.argv and made.url == "http://127.0.0.1:5600/"
    assert "hush" not in repr(settings)
    given = flower.command(settings, login="you:said it")
    assert given.password == "said it" and given.password in given.words


@pytest.mark.parametrize("how", [{"port": 0}, {"login": "me"}, {"login": ":x"}])
def test_flower_says_what_cannot_be_used(tmp_path: Path, how: dict[str, object]) -> None:
    with pytest.raises(SetupError):
        flower.command(Settings(home=tmp_path, database_url="d", broker_url="b"), **how)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="no cluster"):
        flower.command(Settings(home=tmp_path, database_url="", broker_url=""))
