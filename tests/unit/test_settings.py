"""Settings: later sources win, secrets stay out of logs, and what cannot be used is said in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidpipe.cluster.layout import prepare_home
from vidpipe.errors import SetupError
from vidpipe.settings import load


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


@pytest.mark.parametrize("text", ["- a list", "{", "timing: {lease: soon}", "timing: {leese: 3}"])
def test_a_file_that_cannot_be_used_is_said_to_be(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(SetupError):
        load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(own)})
