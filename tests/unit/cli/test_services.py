"""`vidpipe services`: as people want to see it, all of it for scripts, and never a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidpipe.cli import codes
from vidpipe.cli.main import main

HUSH = "hush-hush-0123456789"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key but fal's."""
    monkeypatch.setenv("VIDPIPE_HOME", str(tmp_path))
    for name in ("GOOGLE_CLOUD_PROJECT", "RUNWAYML_API_SECRET", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAL_KEY", HUSH)
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["services", *words]) == codes.DONE
    out, err = capsys.readouterr()
    assert HUSH not in out + err and "Traceback" not in out + err
    return out


def test_each_service_says_whether_its_keys_are_set_and_never_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    heads = {line.split()[0]: line for line in listed(capsys).splitlines() if line and not line.startswith((" ", "*"))}
    assert heads["pika"].endswith("its keys are set")
    assert heads["gemini"].endswith("not set up: GEMINI_API_KEY or GOOGLE_API_KEY")
    assert heads["procedural"].endswith("needs no key") and "used where a storyboard names none" in heads["procedural"]


@pytest.mark.parametrize(
    ("model", "cells"),
    [
        ("veo-3.1-generate-001", ("4, 6 or 8 s", "720p 1080p 4K", "first last", "$0.40 (silent $0.20)")),
        ("veo-3.1-fast-generate-001", ("720p $0.10, 1080p $0.12, 4K $0.30 a second",)),
        ("gen4.5", ("2 to 10 s, whole seconds", "6 sizes up to 1584x672", "$0.12 a second")),
        ("procedural-1", ("0.5 to 30 s", "1920x1080", "free")),
        ("gemini-3.1-flash-image", ("1K 2K 4K", "2026-10-29, then gemini-nano-banana-2.1")),
        ("gemini-3.8-flash", ("$0.75 in, $3.75 out a million until 2026-12-31",)),
    ],
)
def test_a_models_line_has_what_people_look_for(
    model: str, cells: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = [line for line in listed(capsys).splitlines() if line.split()[:1] == [model]]
    for cell in cells:
        assert cell in line


def test_the_page_of_a_model_tells_every_figure_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    page = listed(capsys, "veo/veo-3.1-lite-generate-001")
    figures = [line.split()[0] for line in page.splitlines() if line.startswith("  ") and line[2:3].strip()]
    assert {"durations", "sizes", "price_per_second", "requests_per_minute", "kept_seconds", "retires"} <= set(figures)
    assert "google-genai==3.4.0" in page and "2026-11-21" in page
    assert "veo-3.1-fast-generate-001 " not in figures
    assert listed(capsys, "veo").count("price_per_second") == 3


def test_for_scripts_there_is_everything(capsys: pytest.CaptureFixture[str]) -> None:
    found = {one["name"]: one for one in json.loads(listed(capsys, "--json"))["services"]}
    assert found["veo"]["lacking"] == ["GOOGLE_CLOUD_PROJECT"] and not found["veo"]["ready"] and found["pika"]["ready"]
    assert {one["kind"] for one in found.values()} == {"video", "image", "text"}
    veo = found["veo"]["models"][0]
    assert veo["prices"][1] == {"lines": 2160, "sound": "0.60", "silent": "0.40"} and veo["durations"] == [4, 6, 8]
    assert set(veo["sources"]) == {"ids", "abilities", "price", "limits", "dates", "pace", "rank"}
    assert all(set(source) == {"from", "read"} for source in veo["sources"].values())


def test_a_name_that_there_is_not_is_answered_with_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "runwy"]) == codes.BAD_INPUT
    assert "Did you mean runway?" in capsys.readouterr().err
