"""A film whose media lie in an object store, as a person makes it."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.stage import Stage, cluster, write_story
from vidpipe.media.probe import probe

pytestmark = pytest.mark.timeout(300)  # a whole cluster, on a machine that may be busy

SCENES = [
    {"prompt": "a harbour at dawn", "candidates": 2},
    {"prompt": "a forest in fog", "first_frame": "previous"},
]


def test_a_film_is_made_and_kept_in_an_object_store(stage: Stage) -> None:
    story = write_story(stage.home.parent / "story.json", SCENES, quality_mode=True)
    with cluster(stage, "--storage", "s3"):
        done = stage.film(story)
        assert done.returncode == 0, done.stderr
        assert abs(probe(stage.out / "film.mp4").duration - 2) < 0.1
        assert len(list((stage.out / "clips").glob("*.mp4"))) == 2
        checked = stage.run("storage", "check", "--deep", "--json")
        assert checked.returncode == 0, checked.stdout
        found = json.loads(checked.stdout)
        assert found["clean"] and found["objects"] == found["named"] == 3 * 4 + 1
    assert not (stage.home / "media").exists() and not list((stage.home / "work").rglob("*.mp4"))
    refused = stage.film(story, "--storage", "folder")
    assert refused.returncode == 2 and "keeps its media in an object store" in refused.stderr
