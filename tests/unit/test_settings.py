"""Settings: later sources win, secrets stay out of logs, and what cannot be used is said in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidpipe.cluster.layout import prepare_home
from vidpipe.errors import SetupError
from vidpipe.settings import child_environment, load


def test_the_environment_goes_before_the_cluster_and_that_before_the_defaults(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert load({"VIDPIPE_HOME": str(home)}).default_service == "procedural"
    (home / "cluster.json").write_text(json.dumps({"settings": {"broker_url": "redis://one", "database_url": "a"}}))
    found = load({"VIDPIPE_HOME": str(home), "VIDPIPE_DATABASE_URL": "b", "VIDEO_PROVIDER": "footage"})
    assert (found.broker_url, found.database_url, found.default_service) == ("redis://one", "b", "footage")


def test_the_nearest_home_folder_upwards_is_used(tmp_path: Path) -> None:
    (tmp_path / ".vidpipe").mkdir()
    below = tmp_path / "films" / "one"
    below.mkdir(parents=True)
    assert load({}, cwd=below).home == tmp_path / ".vidpipe"


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    found = load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_DATABASE_URL": "postgresql://me:hush@host/db"})
    assert len(found.signing_key) > 20
    assert found.signing_key not in repr(found) and "hush" not in repr(found)
    assert (tmp_path / "signing-key").stat().st_mode & 0o077 == 0


def test_a_home_keeps_its_signing_key(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    first = load({"VIDPIPE_HOME": str(tmp_path)}).signing_key
    prepare_home(tmp_path)
    assert load({"VIDPIPE_HOME": str(tmp_path)}).signing_key == first


def test_a_users_own_file_adds_services_and_changes_defaults(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("timing: {lease: 30}\nservices: {mine: {default_model: one, models: {one: {}}}}\n")
    found = load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(own)})
    assert found.timing.lease == 30 and {"mine", "procedural"} <= set(found.services)


def test_what_the_cluster_runs_goes_before_the_users_file_and_the_environment_before_that(tmp_path: Path) -> None:
    def price(env: dict[str, str]) -> str:
        found = load({"VIDPIPE_HOME": str(tmp_path), **env})
        assert found.services["procedural"]["default_model"] == "procedural-1", "the rest stays"
        return str(found.services["procedural"]["models"]["procedural-1"]["price_per_second"])

    def priced(amount: str) -> dict[str, object]:
        return {"procedural": {"models": {"procedural-1": {"price_per_second": amount}}}}

    own = tmp_path / "own.yaml"
    own.write_text(json.dumps({"services": priced("0.1")}))
    assert price({"VIDPIPE_CONFIG": str(own)}) == "0.1"
    (tmp_path / "cluster.json").write_text(
        json.dumps({"settings": {"services": priced("0.2"), "service_urls": {"backup": "http://x"}}})
    )
    assert price({"VIDPIPE_CONFIG": str(own)}) == "0.2"
    assert price({"VIDPIPE_SERVICES": json.dumps(priced("0.3"))}) == "0.3"
    env = {"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_SERVICE_URLS": '{"other": "http://y"}'}
    assert load(env).service_urls == {"backup": "http://x", "other": "http://y"}


@pytest.mark.parametrize("name", ["VIDPIPE_SERVICES", "VIDPIPE_SERVICE_URLS"])
@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_services_in_the_environment_that_are_none_are_said_to_be(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(SetupError, match=name):
        load({"VIDPIPE_HOME": str(tmp_path), name: text})


def test_a_child_that_works_elsewhere_finds_the_users_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert child_environment({}, environ={"VIDPIPE_CONFIG": "own.yaml"})["VIDPIPE_CONFIG"] == str(tmp_path / "own.yaml")
    assert "VIDPIPE_CONFIG" not in child_environment({}, environ={})


@pytest.mark.parametrize("text", ["- a list", "{", "timing: {lease: soon}", "timing: {leese: 3}"])
def test_a_file_that_cannot_be_used_is_said_to_be(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(SetupError):
        load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(own)})


S3 = {"VIDPIPE_STORAGE": "s3", "VIDPIPE_S3_ENDPOINT": "store:9000"}


def test_the_keys_of_an_object_store_come_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"access_key": "from a file", "secret_key": "hush"}))
    found = load({**S3, "VIDPIPE_HOME": str(tmp_path), "VIDPIPE_S3_CREDENTIALS": str(file)})
    assert (found.s3_access_key, found.s3_secret_key, found.s3_secure) == ("from a file", "hush", True)
    own = {"VIDPIPE_S3_ACCESS_KEY": "given", "VIDPIPE_S3_SECRET_KEY": "hush hush", "VIDPIPE_S3_SECURE": "false"}
    found = load({**S3, **own, "VIDPIPE_HOME": str(tmp_path), "VIDPIPE_S3_CREDENTIALS": str(file)})
    assert (found.s3_access_key, found.s3_secret_key, found.s3_secure) == ("given", "hush hush", False)
    assert "given" not in repr(found) and "hush" not in repr(found)


def test_keys_of_one_object_store_are_not_shown_to_another(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"access_key": "inside", "secret_key": "hush"}))
    noted = {"storage_kind": "s3", "s3_endpoint": "127.0.0.1:1", "s3_credentials": str(file), "s3_secure": "false"}
    (tmp_path / "cluster.json").write_text(json.dumps({"settings": noted}))
    assert load({"VIDPIPE_HOME": str(tmp_path)}).s3_access_key == "inside"
    assert load({"VIDPIPE_HOME": str(tmp_path), **S3}).s3_access_key == ""


@pytest.mark.parametrize("text", [None, "", "[]", '{"access_key": "x"}'])
def test_a_file_of_keys_that_cannot_be_used_is_said_to_be_and_not_shown(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "keys.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SetupError, match=r"keys of the object store cannot be read from .*keys\.json"):
        load({**S3, "VIDPIPE_HOME": str(tmp_path), "VIDPIPE_S3_CREDENTIALS": str(file)})


def test_whether_tls_is_used_is_yes_or_no(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="VIDPIPE_S3_SECURE"):
        load({**S3, "VIDPIPE_HOME": str(tmp_path), "VIDPIPE_S3_SECURE": "perhaps"})


def test_a_worker_shows_its_figures_only_where_a_port_is_named(tmp_path: Path) -> None:
    home = {"VIDPIPE_HOME": str(tmp_path)}
    plain = load(home)
    assert (plain.metrics_port, plain.metrics_host, plain.metrics_folder) == (None, "127.0.0.1", None)
    own = {"VIDPIPE_METRICS_PORT": "0", "VIDPIPE_METRICS_HOST": "0.0.0.0", "PROMETHEUS_MULTIPROC_DIR": "/run/figures"}
    found = load(home | own)
    assert (found.metrics_port, found.metrics_host, found.metrics_folder) == (0, "0.0.0.0", Path("/run/figures"))


@pytest.mark.parametrize("port", ["65536", "-1", "http", "9.5"])
def test_a_port_for_figures_that_is_none_is_said_to_be(tmp_path: Path, port: str) -> None:
    with pytest.raises(SetupError, match="is no port to show metrics on"):
        load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_METRICS_PORT": port})


def test_logs_are_for_people_unless_json_is_asked_for(tmp_path: Path) -> None:
    assert load({"VIDPIPE_HOME": str(tmp_path)}).log_format == "plain"
    assert load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_LOG": "json"}).log_format == "json"
    with pytest.raises(SetupError, match="'xml'"):
        load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_LOG": "xml"})


def test_a_service_without_its_keys_is_told_by_the_variables_it_wants_and_not_by_their_values(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("services: {mine: {keys: [MY_URL, [MY_KEY, MY_TOKEN]], models: {one: {}}}}")
    env = {"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(own)}
    found = load(env)
    assert found.lacking["mine"] == ("MY_URL", "MY_KEY or MY_TOKEN") and "mine" not in found.waves
    assert load({**env, "MY_URL": "u", "MY_KEY": ""}).lacking["mine"] == ("MY_KEY or MY_TOKEN",)
    whole = load({**env, "MY_URL": "u", "MY_TOKEN": "hush"})
    assert "mine" not in whole.lacking and "mine" in whole.waves and "hush" not in repr(whole)
    assert {"procedural", "footage"} <= set(found.waves), "who needs none can always be asked"
    own.write_text("services: {mine: {options: {url: ''}, models: {one: {}}}}")
    assert load(env).lacking["mine"] == ("its option url",)
    assert "mine" in load({**env, "VIDPIPE_SERVICE_URLS": '{"mine": "https://host"}'}).waves
    own.write_text("services: {mine: {keys: MY_KEY, models: {one: {}}}}")
    with pytest.raises(SetupError, match=r"services\.mine\.keys should be a list"):
        load(env)
