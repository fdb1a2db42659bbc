"""The film: its pictures are the clips' pictures, its sound stays with them, and it is whole or not there."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests import clips
from tests.unit.media.conftest import Shelf
from vidpipe.errors import MediaError
from vidpipe.media import splice
from vidpipe.media.ffmpeg import Effort
from vidpipe.media.frames import decode
from vidpipe.media.loudness import measure
from vidpipe.media.probe import probe
from vidpipe.media.stitch import Segment, Stitched, plain_title, stitch


def segment(path: Path, title: str = "Shot", fade: float = 0.0) -> Segment:
    return Segment(path, probe(path), title, "crossfade" if fade else "cut", fade)


def make(segments: list[Segment], folder: Path, title: str = "A film", **more: Effort) -> Stitched:
    return stitch(segments, folder / "film.mp4", title=title, work=folder, **more)


def difference(film: Path, expected: list[np.ndarray]) -> float:  # type: ignore[type-arg]
    shown = decode(film).small.astype(np.float32)
    assert len(shown) == len(expected)
    return max(float(np.abs(a - b).mean()) for a, b in zip(shown, expected, strict=True))


def test_clips_that_are_alike_are_copied_bit_for_bit(shelf: Shelf, tmp_path: Path) -> None:
    paths = [shelf(name) for name in ("clean.mp4", "other.mp4", "two_seconds.mp4")]
    made = make([segment(path) for path in paths], tmp_path)
    assert (made.frames, made.copied, made.duration) == (96, 96, 4.0)
    assert difference(made.path, [f for path in paths for f in decode(path).small]) == 0.0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["film.mp4"]


def test_every_frame_comes_at_its_time_and_nothing_is_damaged(shelf: Shelf, tmp_path: Path) -> None:
    made = make([segment(shelf("clean.mp4")), segment(shelf("other.mp4"), fade=0.5)], tmp_path)
    clip = decode(made.path)
    assert clip.errors == 0
    assert np.allclose(clip.times, np.arange(36) / 24)


def test_a_cross_fade_mixes_and_leaves_the_rest_as_it_was(shelf: Shelf, tmp_path: Path) -> None:
    paths = [shelf(name) for name in ("clean.mp4", "two_seconds.mp4", "other.mp4")]
    made = make([segment(paths[0]), segment(paths[1], fade=0.5), segment(paths[2])], tmp_path)
    a, b, c = (decode(path).small.astype(np.float32) for path in paths)
    share = (np.arange(12) / 12)[:, None, None, None]
    mixed = a[12:] * (1 - share) + b[:12] * share
    assert made.duration == pytest.approx(3.5)
    assert 0 < made.copied < made.frames
    assert difference(made.path, [*a[:12], *mixed, *b[12:], *c]) < 5.0


def test_fades_in_a_row_are_each_made_of_two_clips(shelf: Shelf, tmp_path: Path) -> None:
    names = ("clean.mp4", "other.mp4", "third.mp4")
    made = make([segment(shelf(names[0])), *(segment(shelf(n), fade=0.4) for n in names[1:])], tmp_path)
    assert made.frames == 72 - 2 * 10
    assert decode(made.path).errors == 0


def test_a_clip_may_fade_into_itself(shelf: Shelf, tmp_path: Path) -> None:
    made = make([segment(shelf("clean.mp4")), segment(shelf("clean.mp4"), fade=0.25)], tmp_path)
    assert made.frames == 42


def test_a_fade_longer_than_its_clips_is_shortened_and_said(shelf: Shelf, tmp_path: Path) -> None:
    made = make([segment(shelf("clean.mp4")), segment(shelf("other.mp4"), "Shot 2", fade=5)], tmp_path)
    assert made.notes == ("the cross-fade into Shot 2 was shortened to 0.96 s: the clips are too short for it",)
    assert made.info.video is not None
    assert made.info.video.frames == made.frames == 25


def test_only_odd_clips_are_encoded_and_all_take_the_films_shape(shelf: Shelf, tmp_path: Path) -> None:
    odd = clips.write(
        tmp_path / "odd.webm", codec="libvpx-vp9", seconds=1, fps=30, width=200, height=200,
        painter=lambda _: clips.plain(200, 200, 200),
    )  # fmt: skip
    made = make([segment(shelf("clean.mp4")), segment(odd), segment(shelf("other.mp4"))], tmp_path)
    assert (made.copied, made.frames) == (48, 72)
    assert made.info.video is not None
    assert (made.info.video.width, made.info.video.height, made.info.video.frame_rate) == (320, 180, 24.0)
    shown = decode(made.path).small[36].astype(int)
    assert shown[:, :20].mean() < 5  # bars beside the square picture
    assert shown[:, 60:100].mean() == pytest.approx(200, abs=4)


def test_two_encoders_pictures_stand_in_one_stream_with_both_configurations(shelf: Shelf, tmp_path: Path) -> None:
    main = clips.clean(tmp_path / "main.mp4", options={"profile": "main", "preset": "ultrafast", "bf": "0"}, seed=8)
    made = make([segment(shelf("clean.mp4")), segment(shelf("other.mp4")), segment(main)], tmp_path)
    sets = splice.ParameterSets.parse(splice.inspect(made.path).shape.configuration)
    assert len(sets.sequence) == len(sets.picture) == 2
    assert len(sets.numbers()) == 2
    assert made.copied == 48
    expected = [f for p in (shelf("clean.mp4"), shelf("other.mp4"), main) for f in decode(p).small]
    assert difference(made.path, expected) < 5.0


def test_a_filmed_clip_that_says_nothing_of_its_colours_fades_into_one_that_does(shelf: Shelf, tmp_path: Path) -> None:
    """What is encoded anew has one meaning of colour, whatever its clips say: else the parts could not be joined."""
    said = {"x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv"}
    shots = [clips.clean(tmp_path / f"said-{seed}.mp4", options=said, seed=seed) for seed in (3, 4, 5)]
    film = [segment(shelf("clean.mp4")), segment(shots[0]), segment(shots[1], fade=0.25), segment(shots[2])]
    made = make([*film, segment(shelf("other.mp4"), fade=0.25), segment(shots[0], fade=0.25)], tmp_path)
    assert made.frames == 6 * 24 - 3 * 6
    assert decode(made.path).errors == 0


def test_sound_stays_with_its_picture_over_45_cuts(tmp_path: Path) -> None:
    paths = [clips.flash_and_beep(tmp_path / f"{n}.mp4", 0.5, seed=n) for n in range(5)]
    made = make([segment(paths[n % 5]) for n in range(45)], tmp_path)
    clip = decode(made.path)
    flashes = clip.times[np.flatnonzero(clip.small.mean(axis=(1, 2, 3)) > 200)]
    assert clip.audio is not None
    loud = np.flatnonzero(np.abs(clip.audio) > 0.1)
    beeps = loud[np.insert(np.diff(loud) > clip.audio_rate // 5, 0, True)] / clip.audio_rate
    assert len(flashes) == len(beeps) == 45
    assert np.abs(beeps + clip.facts["audio_start"] - flashes).max() < 0.25 / 24  # a quarter of a frame


def test_a_clip_without_sound_is_silent_in_a_film_that_has_some(shelf: Shelf, tmp_path: Path) -> None:
    made = make([segment(shelf("clean.mp4")), segment(shelf("mute.mp4")), segment(shelf("other.mp4"))], tmp_path)
    sound = decode(made.path).audio
    assert sound is not None
    loud = [float(np.abs(sound[round(a * 48_000) : round(b * 48_000)]).max()) for a, b in ((0.2, 0.8), (1.1, 1.9))]
    assert loud[0] > 0.1
    assert loud[1] < 0.001
    assert float(np.abs(sound[round(2.2 * 48_000) : round(2.8 * 48_000)]).max()) > 0.1


def test_a_film_of_silent_clips_has_no_sound_track(shelf: Shelf, tmp_path: Path) -> None:
    assert make([segment(shelf("mute.mp4"))] * 2, tmp_path).info.audio is None


def test_loudness_is_evened_within_bounds(tmp_path: Path) -> None:
    levels = {"loud": 0.5, "usual": 0.2, "low": 0.1, "whisper": 0.01}
    paths = [
        clips.write(tmp_path / f"{name}.mp4", sound=clips.tone(1, hertz=1000, level=level))
        for name, level in levels.items()
    ]
    sound = decode(make([segment(path) for path in paths], tmp_path).path).audio
    assert sound is not None
    found = [measure(sound[n * 48_000 + 4800 : (n + 1) * 48_000 - 4800], 48_000).lufs for n in range(4)]
    assert max(found[:3]) - min(found[:3]) < 3.5  # they were 14 LU apart
    assert found[3] < min(found[:3]) - 10  # a whisper stays one: 6 dB are the most


def test_chapters_and_title_survive_hostile_text(shelf: Shelf, tmp_path: Path) -> None:
    nasty = "=;#\\\n[CHAPTER]\nSTART=0\x00\x1b[31m \u202eevil\ud800 é 🎬"
    made = make([segment(shelf("clean.mp4"), nasty), segment(shelf("other.mp4"), "x" * 5000)], tmp_path, nasty)
    with av.open(str(made.path)) as film:
        chapters = film.chapters()
        title = film.metadata["title"]
    assert title == "=;#\\ [CHAPTER] START=0[31m evil é 🎬"
    assert [chapter["metadata"]["title"] for chapter in chapters] == [title, "x" * 200]
    seconds = [float(chapter["start"] * (chapter["time_base"] or 1)) for chapter in chapters]
    assert seconds == pytest.approx([0.0, 1.0])


def test_a_long_title_is_cut_between_characters() -> None:
    assert plain_title("é" * 300) == "é" * 100


def test_the_index_stands_in_front(shelf: Shelf, tmp_path: Path) -> None:
    made = make([segment(shelf("clean.mp4")), segment(shelf("other.mp4"))], tmp_path)
    content = made.path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_when_time_runs_out_nothing_is_left(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="took"):
        make([segment(shelf("clean.mp4")), segment(shelf("other.mp4"), fade=0.5)], tmp_path, effort=Effort(0.05))
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_was_there_stays_until_the_new_one_is_whole(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("the old one", encoding="utf-8")
    gone = Segment(tmp_path / "gone.mp4", probe(shelf("clean.mp4")), "Shot")
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        make([segment(shelf("clean.mp4")), gone], tmp_path)
    assert (tmp_path / "film.mp4").read_text(encoding="utf-8") == "the old one"
    with pytest.raises(MediaError, match="at least one"):
        make([], tmp_path)


def test_a_folder_that_cannot_be_written_is_said(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        stitch([segment(shelf("clean.mp4"))], tmp_path / "no" / "film.mp4", title="t", work=tmp_path)
