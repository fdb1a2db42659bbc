"""`vidpipe plan`: all that can't be had at once, by scene and line; what each choice costs; who was chosen and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from vidpipe.cli import codes
from vidpipe.cli.main import main

KEYS = {
    "GOOGLE_CLOUD_PROJECT": "p", "RUNWAYML_API_SECRET": "r", "FAL_KEY": "f", "GEMINI_API_KEY": "g",
    "OPENAI_API_KEY": "o", "VIDPIPE_SERVICE_URLS": '{"openai_videos": "http://127.0.0.1:1/v1"}',
}  # fmt: skip

# Each scene but the first asks for one thing that its model can't do; the words that must be told about it.
TEN = """\
title: Ten things
budget: 100
audio: false
duration: 8
service: veo
manifest:
  name: M
  assets: [{tag: CHAR_01, name: Ann, images: [a.png]}, {tag: CHAR_02, name: Bob}]
scenes:
  - {label: Fine, prompt: the sea}
  - {label: Length, prompt: the sea, duration: 9}
  - {label: Nobody, prompt: the sea, service: veoo}
  - {label: Model, prompt: the sea, model: veo-4}
  - {label: Together, prompt: the sea, first_frame: a.png, references: [CHAR_01]}
  - {label: Pictures, prompt: the sea, references: [CHAR_02]}
  - {label: Ending, prompt: the sea, service: runway, first_frame: a.png, last_frame: a.png}
  - {label: Words, prompt: the sea, service: runway, model: gen4_turbo}
  - {label: Without, prompt: the sea, service: gemini, negative_prompt: boats}
  - {label: Again, prompt: the sea, service: openai_videos, seed: 7}
  - {label: Nothing, prompt: the sea, max_cost: 1}
"""
TOLD = {
    "Length": (11, "scenes[1].duration", "can't make a clip of 9 s"),
    "Nobody": (12, "scenes[2].service", 'unknown service "veoo"'),
    "Model": (13, "scenes[3].model", 'veo has no model "veo-4"'),
    "Together": (14, "scenes[4].references", "takes no references beside a first or last frame"),
    "Pictures": (15, "scenes[5].references", "CHAR_02 can't be a reference without images"),
    "Ending": (16, "scenes[6].last_frame", "gen4.5 takes no last frame"),
    "Words": (17, "scenes[7].model", "gen4_turbo makes nothing without a first frame"),
    "Without": (18, "scenes[8].negative_prompt", "takes no negative prompt"),
    "Again": (19, "scenes[9].seed", "sora-2 takes no seed"),
    "Nothing": (20, "scenes[10].max_cost", "one take of veo-3.1-generate-001 costs $1.60"),
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a picture, and all keys."""
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    monkeypatch.setenv("VIDPIPE_HOME", str(tmp_path / "home"))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    Image.new("RGB", (64, 36)).save(desk / "a.png")
    return desk


def planned(desk: Path, text: str, capsys: pytest.CaptureFixture[str], *more: str, code: int = codes.DONE) -> str:
    (desk / "film.yaml").write_text(text, encoding="utf-8")
    assert main(["plan", "film.yaml", *more]) == code
    out, err = capsys.readouterr()
    return err if code and not more else out


def test_ten_things_that_cannot_be_had_are_named_at_once_by_scene_and_line(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = planned(desk, TEN, capsys, code=codes.BAD_INPUT).splitlines()
    assert len(lines) == len(TOLD) == 10
    for told, (label, (line, field, words)) in zip(lines, TOLD.items(), strict=True):
        assert told.startswith(f'film.yaml:{line}: {field}: "{label}": ') and words in told


def test_for_scripts_they_are_data(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(planned(desk, TEN, capsys, "--json", code=codes.BAD_INPUT))["error"]
    assert [(one["line"], one["field"]) for one in found["problems"]] == [place[:2] for place in TOLD.values()]


def test_the_same_film_without_what_forbids_it_is_planned_and_the_rest_is_a_note_with_its_line(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [
        line
        for line in TEN.splitlines()
        if not any(f"label: {name}," in line for name in ("Length", "Nobody", "Model"))
    ]
    found = json.loads(planned(desk, "\n".join(kept), capsys, "--json"))
    notes = {note["label"]: note["line"] for note in found["notes"] if note["kind"] == "cannot"}
    assert notes == {
        "Together": 11,
        "Pictures": 12,
        "Ending": 13,
        "Words": 14,
        "Without": 15,
        "Again": 16,
        "Nothing": 17,
    }


def test_each_choice_has_its_price_estimate_and_worst(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "title: T\nbudget: 99\non_budget: cheaper\nscenes:\n"
        "  - {prompt: the sea, duration: 8, service: veo, fallback: runway/veo3.1_fast, max_takes: 2}\n"
    )
    (scene,) = json.loads(planned(desk, text, capsys, "--json"))["scenes"]
    assert [(one["role"], one["model"], one["cost"], one["worst"]) for one in scene["choices"]] == [
        ("own", "veo-3.1-generate-001", "3.200000", "6.400000"),
        ("fallback", "veo3.1_fast", "1.200000", "2.400000"),
        ("cheaper", "veo-3.1-fast-generate-001", "0.800000", "1.600000"),
    ]
    said = planned(desk, text, capsys)
    assert "else runway (veo3.1_fast)" in said and "short of money veo (veo-3.1-fast-generate-001)" in said
    assert "$1.20" in said and "$2.40" in said


def test_references_that_make_a_clip_longer_are_told_and_paid_for(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TEN.partition("scenes:")[0] + "scenes:\n  - {prompt: the sea, duration: 4, references: [CHAR_01]}\n"
    said = planned(desk, text, capsys)
    assert "4 s (bought 8 s)" in said and "Shot 1A (line 10): references make veo-3.1-generate-001 give 8 s" in said
    assert "$1.60" in said


def test_a_service_without_its_key_is_told_and_nothing_else_is_disturbed(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAL_KEY")
    said = planned(desk, "title: T\nbudget: 9\nscenes:\n  - {prompt: a, duration: 5, service: pika}\n", capsys)
    assert "Shot 1A (line 4): pika can't be used from here: FAL_KEY is not set" in said


def test_who_was_chosen_by_rule_and_why_is_told(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "title: T\nbudget: 9\nservice: auto\nscenes:\n  - {prompt: the sea, duration: 4}\n"
    said = planned(desk, text, capsys)
    assert "Chosen by rule" in said
    assert "Shot 1A: veo/veo-3.1-lite-generate-001: by rule (a plain scene): the cheapest of quality 3" in said
    assert json.loads(planned(desk, text, capsys, "--json"))["scenes"][0]["chosen"].startswith(
        "by rule (a plain scene)"
    )
