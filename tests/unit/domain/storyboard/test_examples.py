"""The published schema, and the examples that a stranger sees first."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from vidpipe import settings
from vidpipe.domain.storyboard import Defaults, Storyboard, read_storyboard
from vidpipe.domain.storyboard.model import ASSET_KINDS, CAMERAS, SHOTS
from vidpipe.domain.storyboard.schema import schema
from vidpipe.emulator.registry import ENDPOINTS, PROTOCOLS
from vidpipe.emulator.scenario import read_file
from vidpipe.services.registry import ADAPTERS

CONFIG = settings.config_file("storyboard.schema.json").parent
OTHERS = ("rehearsal.yaml", "every_service_scenario.yaml")  # examples of settings and of scenarios, not of stories
EXAMPLES = sorted(path for path in (CONFIG / "examples").rglob("*.yaml") if path.name not in OTHERS)


def example(name: str) -> Storyboard:
    services = settings.read_services()["services"]
    return read_storyboard(CONFIG / "examples" / name, defaults=Defaults("procedural", services))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_sound_and_names_its_schema(path: Path) -> None:
    film = example(str(path.relative_to(CONFIG / "examples")))
    assert len({scene.prompt for scene in film.scenes if scene.prompt}) >= 3
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
    assert named is not None and (path.parent / named[1]).resolve() == CONFIG / "storyboard.schema.json"


def test_the_lighthouse_is_six_scenes_of_which_five_can_start_at_once() -> None:
    film = example("lighthouse.yaml")
    assert (len(film.scenes), len(film.sequences), film.width, film.height, film.fps) == (6, 3, 640, 360, 24)
    assert [scene.candidates for scene in film.scenes] == [2] * 6
    assert sum(not scene.after for scene in film.scenes) == 5
    assert {scene.transition.kind for scene in film.scenes} == {"cut", "crossfade"}


def test_the_hybrid_mixes_filmed_and_made_scenes() -> None:
    film = example("hybrid/storyboard.yaml")
    assert {scene.service for scene in film.scenes} == {"footage", "procedural"}
    assert any(frame.source == "image" for scene in film.scenes if (frame := scene.first_frame))


def test_the_film_of_every_service_has_a_shot_of_each_and_its_scenario_can_be_played() -> None:
    film = example("hybrid/every_service.yaml")
    made_by = {scene.service for scene in film.scenes}
    assert made_by == set(ADAPTERS)
    scenario = read_file(
        CONFIG / "examples" / "hybrid" / "every_service_scenario.yaml", services=set(PROTOCOLS), endpoints=ENDPOINTS
    )
    assert {rule.service for rule in scenario.rules} == made_by - {"footage", "procedural"}


def test_the_forty_five_are_forty_five_different_short_shots_that_wait_for_nothing() -> None:
    film = example("forty_five.yaml")
    assert (len(film.scenes), len(film.sequences)) == (45, 5)
    assert len({scene.prompt for scene in film.scenes}) == 45
    assert all(1 <= scene.duration <= 2 and not scene.after for scene in film.scenes)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_schema_offers_what_the_model_knows() -> None:
    scene = schema()["$defs"]["scene"]["properties"]
    assert tuple(scene["shot"]["enum"]) == SHOTS
    assert tuple(scene["camera"]["enum"]) == CAMERAS
    assert tuple(schema()["$defs"]["asset"]["properties"]["kind"]["enum"]) == ASSET_KINDS


def test_every_key_tells_an_editor_what_it_is_for() -> None:
    def described(rules: dict[str, Any]) -> bool:
        target = schema()["$defs"][rules["$ref"].rpartition("/")[2]] if "$ref" in rules else rules
        return bool(rules.get("description") or target.get("description"))

    places = [schema(), *schema()["$defs"].values()]
    silent = [key for place in places for key, rules in place.get("properties", {}).items() if not described(rules)]
    assert silent == ["manifest_adherence", "visual_quality", "continuity", "prompt_adherence"]


def test_the_schema_alone_finds_what_an_editor_should_underline() -> None:
    validator = Draft202012Validator(json.loads((CONFIG / "storyboard.schema.json").read_text(encoding="utf-8")))
    wrong = {"title": "T", "scenes": [{"prompt": "a", "camera": "sideways"}]}
    assert not validator.is_valid(wrong)
    assert validator.is_valid({"title": "T", "scenes": [{"prompt": "a", "camera": "orbit"}]})
