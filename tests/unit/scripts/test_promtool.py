"""promtool is found, or got, or it is said how it can be had."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "promtool.py"


@pytest.fixture
def promtool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("promtool", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return path


def test_the_systems_own_goes_before_the_one_that_was_kept(
    promtool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = executable(tmp_path / "env" / "tools" / "promtool")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert promtool.ensure(tmp_path / "env") == kept
    own = executable(tmp_path / "bin" / "promtool")
    monkeypatch.setenv("PATH", str(own.parent))
    assert promtool.ensure(tmp_path / "env") == own


def test_a_machine_without_apt_is_told_how_to_get_it(
    promtool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert promtool.main([str(tmp_path / "env")]) == 2
    said = capsys.readouterr().err
    assert "no apt-get to get it with" in said and "sudo apt install prometheus" in said


def test_what_apt_says_is_told_where_it_cannot_download_and_nothing_half_made_is_left(
    promtool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dpkg-deb", "tar"):
        executable(tmp_path / "bin" / name)
    executable(tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(promtool.Trouble, match="no network"):
        promtool.ensure(tmp_path / "env")
    assert not list((tmp_path / "env" / "tools").iterdir())


def test_a_package_without_it_is_said_to_have_none(
    promtool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dpkg-deb", "tar"):
        executable(tmp_path / "bin" / name)
    executable(tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\n: > prometheus_1_all.deb\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(promtool.Trouble, match="holds no promtool"):
        promtool.ensure(tmp_path / "env")
