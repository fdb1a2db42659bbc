"""`vidpipe metrics` where it cannot begin: it says why, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidpipe.cli import codes
from vidpipe.cli.main import main


def test_without_a_cluster_there_is_nothing_to_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDPIPE_DATABASE_URL", raising=False)
    assert main(["metrics", "--home", str(tmp_path)]) == codes.BAD_INPUT
    said = capsys.readouterr().err
    assert "there is no cluster to measure" in said and "VIDPIPE_DATABASE_URL" in said


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("VIDPIPE_DATABASE_URL", "postgresql+psycopg2://me@/x?host=/nowhere")
    assert main(["metrics", "--home", str(tmp_path), "--port", port]) == codes.BAD_INPUT
    assert f"port {port} cannot be used" in capsys.readouterr().err
