"""Veo's bucket: clips are fetched from their own folder alone, and an order that was lost is found there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.video_services.cases import Stage
from tests.contract.video_services.test_veo import OPERATION, ended
from tests.hostile import Answer, Hostile, as_json
from vidpipe.domain.requests import Delivered, Pending, RemoteClip
from vidpipe.errors import Broken, Expired, Transient, Unavailable
from vidpipe.services.base import Findable, VideoService

FOUND = "gs://films/vidpipe/token-x/2"


@pytest.fixture
def against(stage: Stage, hostile: Hostile) -> VideoService:
    """The adapter with a bucket, and a server that answers as the test says."""
    return stage.opened("veo", hostile.url)


@pytest.mark.parametrize(
    "uri",
    [
        "gs://other/vidpipe/t/1/2/sample_0.mp4", "gs://films/elsewhere/sample_0.mp4", "gs://films/vidpipe/../x.mp4",
        "gs://films/vidpipe/t//x.mp4", "file:///etc/passwd", "https://169.254.169.254/x", "gs://films/vidpipe/", "",
    ],
)  # fmt: skip
def test_a_clip_of_somewhere_else_is_not_fetched(
    hostile: Hostile, against: VideoService, uri: str, tmp_path: Path
) -> None:
    hostile.answer = ended(response={"videos": [{"gcsUri": uri}]})
    found = asyncio.run(against.poll(OPERATION))
    assert isinstance(found, Delivered)
    with pytest.raises(Broken):
        against.fetch(OPERATION, found.clips[0], tmp_path / "clip.mp4")
    assert len(hostile.requests) == 1 and list(tmp_path.iterdir()) == []


def listing(*ages: float, **more: Any) -> Answer:
    """Clips that were written so many seconds ago."""
    now = datetime.now(UTC)
    items = [
        {"name": f"vidpipe/token-x/2/1/sample_{number}.mp4", "size": "9",
         "timeCreated": (now - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")}
        for number, age in enumerate(ages)
    ]  # fmt: skip
    return as_json({"kind": "storage#objects", "items": items, **more})


@pytest.mark.parametrize(
    ("ages", "clips", "missing"),
    [((), 0, 0), ((5,), 0, 0), ((5, 5), 2, 0), ((900,), 1, 1), ((5, 5, 5), 2, 0)],
)
def test_a_lost_order_is_whole_once_its_clips_are_there_or_none_was_added_for_long(
    hostile: Hostile, against: VideoService, ages: tuple[float, ...], clips: int, missing: int
) -> None:
    hostile.answer = listing(*ages)
    found = asyncio.run(against.poll(FOUND))
    if not clips:
        assert isinstance(found, Pending)
        return
    assert isinstance(found, Delivered) and (len(found.clips), found.filtered) == (clips, missing)
    assert bool(found.filter_reasons) == bool(missing)


def test_a_lost_order_is_found_by_what_it_wrote(hostile: Hostile, against: VideoService) -> None:
    assert isinstance(against, Findable)
    hostile.answer = listing(5)
    found = against.find("token-x")
    assert found is not None and found.name == FOUND
    hostile.answer = listing()
    assert against.find("token-x") is None


@pytest.mark.parametrize(
    "answer",
    [
        as_json({}), as_json([]), as_json({"kind": "storage#objects", "items": 3}), Answer(status=500),
        Answer(body=b"x"),
        as_json({"kind": "storage#objects", "items": [{"name": "vidpipe/token-x/2/1/a.mp4"}]}), as_json({}, 404),
        as_json({"kind": "storage#objects", "items": [3]}), listing(nextPageToken="again"), as_json({}, 403),
        as_json({"kind": "storage#objects", "items": [
            {"name": "vidpipe/token-x/a.mp4", "size": "9", "timeCreated": "2026-11-21T00:00:00Z"}]}),
    ],
)  # fmt: skip
def test_a_listing_that_cannot_tell_is_never_taken_for_a_no(
    hostile: Hostile, against: VideoService, answer: Answer
) -> None:
    assert isinstance(against, Findable)
    hostile.answer = answer
    with pytest.raises(Transient):
        against.find("token-x")


@pytest.mark.parametrize(
    "name", ["gs://films/vidpipe/../x/2", "gs://other/vidpipe/t/2", "gs://films/vidpipe/t/x", "gs://"]
)
def test_a_folder_that_is_none_of_ours_is_no_operation(hostile: Hostile, against: VideoService, name: str) -> None:
    with pytest.raises(Expired):
        asyncio.run(against.poll(name))
    assert hostile.requests == []


def test_a_clip_in_a_bucket_waits_for_the_bucket_to_be_set(stage: Stage, hostile: Hostile, tmp_path: Path) -> None:
    service = stage.opened("veo_inline", hostile.url)
    with pytest.raises(Unavailable, match="`bucket` is not set"):
        service.fetch(OPERATION, RemoteClip(1, {"uri": "gs://films/x.mp4"}), tmp_path / "clip.mp4")
