"""Scenes that leave their service to the rules: how they say so, what the reader makes of it, and what it refuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.unit.domain.storyboard.desk import SERVICES, said, scenes
from vidpipe.domain.storyboard import Defaults, SceneSpec, read_storyboard

VEO = SERVICES["veo"]["models"]
RANKED = {"veo-3.1": {**VEO["veo-3.1"], "quality": 5}, "veo-lite": {**VEO["veo-lite"], "quality": 3}}
PRICED = {**SERVICES, "veo": {**SERVICES["veo"], "models": RANKED}}


def made_by(folder: Path, text: str, default: str = "procedural", **lacking: tuple[str, ...]) -> list[SceneSpec]:
    path = folder / "film.yaml"
    path.write_text(text, encoding="utf-8")
    defaults = Defaults(default, PRICED, lacking, date(2026, 11, 21))
    return list(read_storyboard(path, defaults=defaults).scenes)


def test_auto_chooses_scene_by_scene_and_keeps_the_reason(tmp_path: Path) -> None:
    text = scenes(
        "prompt: a, duration: 4, service: auto",
        "prompt: b, duration: 4",
        "prompt: c, duration: 4, choose: {quality: draft}",
        head="budget: 9\n",
    )
    first, second, third = made_by(tmp_path, text)
    assert (first.service, second.service, third.service) == ("veo", "procedural", "procedural")
    assert first.model == "veo-3.1" and "a plain scene" in first.chosen
    assert second.chosen == "" and "a draft" in third.chosen


def test_what_is_named_goes_before_what_is_asked_of_the_rules(tmp_path: Path) -> None:
    text = scenes("prompt: a, service: procedural, choose: {quality: finest}", head="choose: {quality: finest}\n")
    assert [(scene.service, scene.chosen) for scene in made_by(tmp_path, text)] == [("procedural", "")]


def test_video_provider_may_leave_it_to_the_rules(tmp_path: Path) -> None:
    text = scenes("prompt: a, duration: 4", "footage: clip.mp4")
    (tmp_path / "clip.mp4").write_bytes(b"video")
    found = made_by(tmp_path, text, "auto", veo=("VEO_KEY",))
    assert [scene.service for scene in found] == ["procedural", "footage"]
    assert "VEO_KEY" in found[0].chosen and found[1].chosen == ""


def test_the_budget_is_shared_out_by_the_seconds_that_are_made(tmp_path: Path) -> None:
    pair = ["prompt: a, duration: 4", "prompt: b, duration: 8"]
    head = "service: auto\nchoose: {quality: finest}\naudio: false\n"
    dear = [scene.model for scene in made_by(tmp_path, scenes(*pair, head=head + "budget: 4.80\n"))]
    assert dear == ["veo-3.1", "veo-3.1"], "a third and two thirds of it are exactly enough"
    less = [scene.model for scene in made_by(tmp_path, scenes(*pair, head=head + "budget: 4.70\n"))]
    assert less == ["veo-lite", "veo-lite"]


def test_the_reason_is_no_part_of_what_a_film_is(tmp_path: Path) -> None:
    by_rule = tmp_path / "film.yaml"
    by_rule.write_text(scenes("prompt: a, service: auto, duration: 4", head="budget: 9\n"), encoding="utf-8")
    defaults = Defaults("procedural", PRICED, {}, date(2026, 11, 21))
    chosen = read_storyboard(by_rule, defaults=defaults)
    by_rule.write_text(scenes("prompt: a, service: veo, duration: 4", head="budget: 9\n"), encoding="utf-8")
    assert chosen.scenes[0].chosen and chosen.fingerprint == read_storyboard(by_rule, defaults=defaults).fingerprint


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("prompt: a, service: auto, model: veo-3.1", 'the model "veo-3.1" is named, but its service is to be chosen'),
        ("prompt: a, service: auto, duration: 600", "nothing that is set up can make this scene"),
        ("prompt: a, choose: {qualty: draft}", 'unknown key "qualty"; did you mean "quality"?'),
        ("prompt: a, choose: {quality: best}", 'unknown quality "best"'),
        ("prompt: a, choose: {deadline: 0}", "out of range"),
        ("prompt: a, choose: {}", "choose is empty"),
    ],
)
def test_what_cannot_be_chosen_is_said_with_its_line(tmp_path: Path, scene: str, words: str) -> None:
    (line,) = said(tmp_path, scenes("prompt: x", scene))
    assert line.startswith("film.yaml:4: ") and words in line
