"""What the procedural service's clips keep to: candidates, pictures that were given, and clips spoiled on purpose."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.contract.video_services.stage import bring, delivered, request_for
from vidpipe.domain.requests import Reference
from vidpipe.errors import MediaError, Refused
from vidpipe.media.probe import probe
from vidpipe.services.procedural.adapter import ProceduralService


def test_candidates_differ_clearly(procedural: ProceduralService, tmp_path: Path) -> None:
    name = procedural.submit(request_for(count=2)).name
    found = delivered(procedural, name)
    assert [clip.seed for clip in found.clips] == [7, 8]
    pictures = []
    for clip in found.clips:
        procedural.fetch(name, clip, tmp_path / f"{clip.number}.mp4")
        with av.open(str(tmp_path / f"{clip.number}.mp4")) as container:
            pictures.append(next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float))
    assert abs(pictures[0] - pictures[1]).mean() > 12  # of 255


def test_a_second_candidate_is_what_its_seed_alone_gives(procedural: ProceduralService, tmp_path: Path) -> None:
    name = procedural.submit(request_for(count=2)).name
    procedural.fetch(name, delivered(procedural, name).clips[1], tmp_path / "second.mp4")
    assert (tmp_path / "second.mp4").read_bytes() == bring(procedural, request_for(seed=8), tmp_path / "alone.mp4")


def test_first_and_last_frame_and_references_are_honoured(procedural: ProceduralService, tmp_path: Path) -> None:
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    Image.new("RGB", (300, 200), (220, 30, 30)).save(red)
    Image.new("RGB", (300, 200), (30, 30, 220)).save(blue)
    request = request_for(first_frame=red, last_frame=blue, references=(Reference(red, "CHAR_01", "a red card"),))
    bring(procedural, request, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24")[54, 96].astype(int) for frame in container.decode(video=0)]
    assert frames[0][0] > 180 and frames[0][2] < 80
    assert frames[-1][2] > 180 and frames[-1][0] < 80


def test_a_reference_that_is_no_picture_is_refused(procedural: ProceduralService, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(Refused, match="neither PNG nor JPEG"):
        procedural.submit(request_for(first_frame=tmp_path / "a.png"))
    with pytest.raises(Refused, match="cannot be read"):
        procedural.submit(request_for(first_frame=tmp_path / "missing.png"))


def test_spoiled_clips_are_spoiled_as_asked(procedural: ProceduralService, tmp_path: Path) -> None:
    def frames(fault: str) -> tuple[list[float], float]:
        path = tmp_path / f"{fault}.mp4"
        bring(procedural, request_for(f"waves [fault: {fault}]"), path)
        with av.open(str(path)) as container:
            pictures = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
        changes = [float(abs(b - a).mean()) for a, b in pairwise(pictures)]
        return changes, float(pictures[len(pictures) // 2].mean())

    assert frames("black")[1] < 20
    frozen, healthy = frames("frozen")[0], frames("slow 0")[0]
    assert max(frozen) < 0.3 < min(healthy)
    assert len(frames("short")[0]) == 5
    path = tmp_path / "truncated.mp4"
    whole = len(bring(procedural, request_for("waves"), tmp_path / "whole.mp4"))
    assert len(bring(procedural, request_for("waves [fault: truncated]"), path)) < 0.7 * whole


def test_rubbish_is_as_long_as_the_clip_and_no_video(procedural: ProceduralService, tmp_path: Path) -> None:
    whole = bring(procedural, request_for("waves"), tmp_path / "whole.mp4")
    rubbish = bring(procedural, request_for("waves [fault: rubbish]"), tmp_path / "rubbish.mp4")
    assert len(rubbish) == len(whole) and rubbish != whole
    with pytest.raises(MediaError):
        probe(tmp_path / "rubbish.mp4")


@pytest.mark.parametrize("size", [(192, 108), (64, 64)])
def test_a_clip_of_the_wrong_size_is_sound_apart_from_that(
    procedural: ProceduralService, tmp_path: Path, size: tuple[int, int]
) -> None:
    width, height = size
    request = request_for("waves [fault: wrong-size]", width=width, height=height)
    bring(procedural, request, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height) != size
        assert sum(1 for _ in container.decode(video=0)) == 12


def test_the_cheaper_model_gives_what_was_asked_for_with_less_in_it(
    procedural: ProceduralService, tmp_path: Path
) -> None:
    pictures = {}
    for model in ("procedural-1", "procedural-lite"):
        request = request_for("a city", model=model, fps=24, width=320, height=180, camera="track-right")
        bring(procedural, request, tmp_path / f"{model}.mp4")
        with av.open(str(tmp_path / f"{model}.mp4")) as container:
            context = container.streams.video[0].codec_context
            assert (context.width, context.height) == (320, 180) and container.streams.video[0].average_rate == 24
            parameters = bytes(context.extradata or b"")
            frames = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
        pictures[model] = (parameters, frames)
    (whole, fine), (lite, coarse) = pictures["procedural-1"], pictures["procedural-lite"]
    assert len(fine) == len(coarse) == 24
    assert whole == lite  # so that clips of both are joined without encoding them again
    detail = [abs(np.diff(frames[4], n=2)).mean() for frames in (fine, coarse)]
    assert detail[1] < 0.85 * detail[0]
    changes = [abs(b - a).mean() for a, b in pairwise(coarse)]
    assert sum(changes[::2]) < 0.2 * sum(changes[1::2])  # every picture is shown twice
