"""The object store's command line, its keys and users, and which home has one."""

from __future__ import annotations

import json
import os
import socket
import stat
import uuid
from pathlib import Path

import pytest

from vidpipe.cluster import processes, seaweed
from vidpipe.cluster.layout import Layout, prepare_home
from vidpipe.cluster.options import ClusterOptions
from vidpipe.errors import SetupError
from vidpipe.settings import config_file, load


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "vp-x").mkdir()
    return Layout(tmp_path, tmp_path / "vp-x", (12001, 12002, 12003, 12004, 12005))


def test_it_listens_on_this_machine_only_and_tells_nobody_of_itself(layout: Layout) -> None:
    words = seaweed.argv(layout)
    assert "-ip.bind=127.0.0.1" in words and "-s3.port=12001" in words and "-master.port=12002" in words
    assert {"-disableHttp", "-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.iam=false"} < set(words)


def test_its_one_user_may_do_what_the_shipped_policy_says(layout: Layout) -> None:
    seaweed.prepare(layout)
    (user,) = (users := json.loads(layout.s3_users.read_text()))["identities"]
    assert "actions" not in user, "rights beside the policy"
    (policy,) = users["policies"]
    assert user["policyNames"] == [policy["name"]]
    assert json.loads(policy["content"]) == json.loads(config_file("s3-policy.json").read_text())
    assert user["credentials"][0]["secretKey"] == json.loads(layout.s3_credentials.read_text())["secret_key"]


def test_the_keys_are_made_once_and_for_the_owners_eyes(layout: Layout) -> None:
    seaweed.prepare(layout)
    first = layout.s3_credentials.read_text()
    assert len(json.loads(first)["secret_key"]) > 30
    seaweed.prepare(layout)
    assert layout.s3_credentials.read_text() == first
    for path in (layout.s3_credentials, layout.s3_users):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_keys_stand_in_no_address_and_in_no_environment(layout: Layout) -> None:
    seaweed.prepare(layout)
    keys = json.loads(layout.s3_credentials.read_text())
    env = processes.environment(layout, ClusterOptions()) | seaweed.environment(layout)
    shown = json.dumps([layout.settings(), env, seaweed.argv(layout)])
    assert not [key for key in keys.values() if key in shown]
    found = load(env)
    assert (found.storage_kind, found.s3_endpoint, found.s3_secure) == ("s3", "127.0.0.1:12001", False)
    assert (found.s3_access_key, found.s3_secret_key) == (keys["access_key"], keys["secret_key"])


def test_a_login_of_this_machine_is_not_let_in_beside_it(layout: Layout) -> None:
    env = seaweed.environment(layout)
    assert env["AWS_ACCESS_KEY_ID"] == env["AWS_SECRET_ACCESS_KEY"] == env["S3_BUCKET"] == ""


def test_what_a_killed_server_left_is_cleared_away_and_the_data_are_not(layout: Layout) -> None:
    seaweed.prepare(layout)
    (layout.s3 / "m12002").mkdir()
    (layout.s3 / "mini.options").write_text("s3.port=1")
    (layout.s3 / "vidpipe_1.dat").write_text("media")
    (layout.sockets / "s3.sock").touch()
    seaweed.prepare(layout)
    left = sorted(path.name for path in layout.s3.iterdir())
    assert left == ["ports.json", "vidpipe_1.dat"] and not list(layout.sockets.iterdir())


def test_sockets_of_its_last_start_are_removed_unless_somebody_listens_on_them(layout: Layout) -> None:
    """The server has them in /tmp, under names that its ports make."""
    layout.s3.mkdir()
    mine = uuid.uuid4().int % 10_000_000 + 70_000  # no port: nobody else has such a name
    (layout.s3 / "ports.json").write_text(json.dumps({"filer": mine, "s3": mine}))
    dead, alive = (Path("/tmp", f"seaweedfs-{part}-grpc-{mine + 10_000}.sock") for part in ("filer", "s3"))
    with socket.socket(socket.AF_UNIX) as ended, socket.socket(socket.AF_UNIX) as other:
        ended.bind(str(dead))
        other.bind(str(alive))
        other.listen()
        try:
            seaweed.clear(layout)
            assert alive.exists() and not dead.exists()
        finally:
            alive.unlink()
            dead.unlink(missing_ok=True)


def test_it_stops_last_and_workers_wait_for_it(layout: Layout) -> None:
    plan = processes.plan(layout, ClusterOptions())
    store = next(spec for spec in plan.servers if spec.name == "s3")
    assert store.needed_first and store.stage == max(spec.stage for spec in (*plan.servers, *plan.workers))
    folder = processes.plan(Layout(layout.home, layout.sockets), ClusterOptions())
    assert "s3" not in [spec.name for spec in folder.servers]


def test_a_home_keeps_the_store_it_began_with(tmp_path: Path) -> None:
    assert seaweed.ports(tmp_path, "") == seaweed.ports(tmp_path, "folder") == ()
    assert len(set(seaweed.ports(tmp_path, "s3"))) == 5
    (tmp_path / "s3").mkdir()
    assert len(seaweed.ports(tmp_path, "")) == 5
    with pytest.raises(SetupError, match="keeps its media in an object store"):
        seaweed.ports(tmp_path, "folder")


def test_media_in_a_folder_are_not_left_behind_for_an_object_store(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    (tmp_path / "media" / ".part").mkdir(parents=True)
    assert seaweed.ports(tmp_path, "s3"), "nothing is in it"
    (tmp_path / "media" / "a film").mkdir()
    with pytest.raises(SetupError, match="keeps its media in a folder") as caught:
        seaweed.ports(tmp_path, "s3")
    assert "--storage folder" in caught.value.remedy


def test_a_store_that_the_environment_names_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDPIPE_S3_ENDPOINT", "elsewhere:9000")
    with pytest.raises(SetupError, match="VIDPIPE_S3_ENDPOINT in the environment"):
        seaweed.ports(tmp_path, "s3")
    assert seaweed.ports(tmp_path, "") == (), "then the environment's is used"


def test_ports_that_are_taken_are_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        monkeypatch.setattr(seaweed, "_PORTS", [number, number - seaweed._GRPC])
        with pytest.raises(SetupError, match="no ports are free"):
            seaweed._free_ports()


def test_options_name_a_store_that_there_is() -> None:
    assert ClusterOptions.from_json(ClusterOptions(storage="s3").to_json()).storage == "s3"
    with pytest.raises(SetupError, match="'tape'"):
        ClusterOptions(storage="tape")


def test_the_wheel_brings_a_server_that_runs() -> None:
    assert os.access(seaweed.binary(), os.X_OK)
