"""The main job, as a person does it: a storyboard to a film; interrupted, resumed, run twice."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests import clips
from tests.acceptance.stage import Stage, events, interrupt, write_story
from tests.waiting import until
from vidpipe.media.probe import probe
from vidpipe.settings import config_file

SCENES = [
    {"prompt": "a harbour at dawn", "candidates": 2},
    {"prompt": "the sea at night", "transition": {"crossfade": 0.25}},
    {"prompt": "a forest in fog", "first_frame": "previous"},
]


@pytest.fixture
def story(stage: Stage) -> Path:
    return write_story(stage.home.parent / "my story.json", SCENES, quality_mode=True)


def test_one_command_makes_the_film_its_report_and_its_clips(stage: Stage, story: Path) -> None:
    done = stage.film(story)
    assert done.returncode == 0, done.stderr
    info = probe(stage.out / "film.mp4")
    assert abs(info.duration - 2.75) < 0.1 and info.audio is not None and info.video is not None
    assert (info.video.width, info.video.height) == (320, 180)
    report = json.loads((stage.out / "report.json").read_text())
    jsonschema.validate(report, json.loads(config_file("report.schema.json").read_text()))
    assert len(list((stage.out / "clips").glob("*.mp4"))) == 3
    assert "Shot 1A" in (stage.out / "report.html").read_text() and str(stage.out / "film.mp4") in done.stdout


def test_a_film_that_was_interrupted_resumed_and_run_twice_is_one_film_and_one_bill(stage: Stage, story: Path) -> None:
    process = stage.start("run", str(story), "--out", str(stage.out), "--latency", "3")
    until(lambda: len(stage.operations()) >= 2, seconds=60, what="two orders at the service")
    code, said = interrupt(process)
    assert code == 130 and "nothing is lost" in said and " run " in said and story.name in said
    assert not stage.left_behind()
    assert not (stage.out / "film.mp4").exists()

    resumed = stage.film(story, "--json")
    assert resumed.returncode == 0, resumed.stderr
    bill = stage.operations()
    assert len(bill) == 3 and stage.bought_twice() == []

    again = stage.film(story, "--json")
    assert again.returncode == 0, again.stderr
    first, second = events(resumed.stdout)[-1], events(again.stdout)[-1]
    assert first["project_id"] == second["project_id"] and second["finished_before"]
    assert stage.operations() == bill


def test_a_new_film_is_made_of_the_same_storyboard_only_when_asked(stage: Stage, story: Path) -> None:
    first = events(stage.film(story, "--json").stdout)[-1]
    again = events(stage.film(story, "--json", "--again").stdout)[-1]
    assert again["project_id"] != first["project_id"] and len(stage.operations()) == 6


def test_filmed_clips_without_sound_go_into_a_film_that_has_some(stage: Stage) -> None:
    """Silent footage was filmed so: it is no fault of a service, and trying again would not help."""
    folder = stage.home.parent
    clips.write(folder / "silent.mp4", seconds=2, width=320, height=180)
    scenes = [
        {"prompt": "a harbour at dawn"},
        {"prompt": "the quay, filmed", "footage": {"file": "silent.mp4", "out": 1}},
    ]
    done = stage.film(write_story(folder / "story.json", scenes))
    assert done.returncode == 0, done.stderr
    info = probe(stage.out / "film.mp4")
    assert info.audio is not None and abs(info.duration - 2) < 0.1
