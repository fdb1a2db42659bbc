"""The environment that scripts/run makes: what it wants, when it is whole, what it never touches."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", SCRIPTS / "environment.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def whole(folder: Path, environment: ModuleType, requirements: list[str], fingerprint: str = "") -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    stamp = {"fingerprint": fingerprint or environment.fingerprint(), "requirements": requirements}
    (folder / environment.STAMP).write_text(json.dumps(stamp))


def test_every_requirement_is_pinned(environment: ModuleType) -> None:
    pins = {
        line.split("==")[0].lower()
        for line in (SCRIPTS.parent / "config" / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    wanted = environment.requirements(["embedded", "dev"])
    assert len(wanted) > 25
    assert not {line.split("==")[0].split("[")[0].lower() for line in wanted} - pins


def test_an_extra_adds_to_the_base(environment: ModuleType) -> None:
    assert set(environment.requirements([])) < set(environment.requirements(["embedded"]))


def test_only_a_stamp_with_these_pins_and_all_packages_counts_as_made(environment: ModuleType, tmp_path: Path) -> None:
    whole(tmp_path / "good", environment, ["a==1", "b==2"])
    whole(tmp_path / "old", environment, ["a==1", "b==2"], fingerprint="other pins")
    (tmp_path / "half" / "bin").mkdir(parents=True)
    assert environment.is_made(tmp_path / "good", ["a==1"])
    assert not environment.is_made(tmp_path / "good", ["a==1", "c==1"])
    assert not environment.is_made(tmp_path / "old", ["a==1"])
    assert not environment.is_made(tmp_path / "half", ["a==1"])
    (tmp_path / "good" / "bin" / "python").unlink()
    assert not environment.is_made(tmp_path / "good", ["a==1"]), "its interpreter was removed"


def test_an_environment_of_the_users_own_is_left_alone(environment: ModuleType, tmp_path: Path) -> None:
    theirs = tmp_path / ".venv"
    theirs.mkdir()
    (theirs / "pyvenv.cfg").write_text("home = /usr")
    with pytest.raises(environment.Trouble, match="was not made by vidpipe"):
        environment.begin(theirs)
    assert (theirs / "pyvenv.cfg").read_text() == "home = /usr"


def test_a_folder_that_cannot_be_made_is_said_in_words(environment: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(environment.Trouble, match="cannot be made"):
        environment.begin(tmp_path / "file" / ".venv")


def test_a_machine_without_a_new_enough_python_is_told_what_to_do(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for tool in ("dirname", "bash"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    done = subprocess.run(
        ["/usr/bin/bash", str(SCRIPTS / "run")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr
