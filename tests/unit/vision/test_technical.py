"""The technical measures: each worse clip loses to the clean take, and nothing is made up."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from vidpipe.media.frames import decode
from vidpipe.vision.base import Measurer, Reading, Subject
from vidpipe.vision.technical import CURVES, GATES, WEIGHTS, Curve, TechnicalMeasurer

SECONDS = 2.0
Painter = Callable[[int], clips.Picture]
measurer: Measurer = TechnicalMeasurer()


def look(path: Path, *, audio: bool = True) -> Reading:
    reading = measurer.measure(decode(path), Subject("a field", audio=audio))
    assert reading.status == "measured"
    assert reading.score is not None
    assert 0.0 <= reading.score <= 1.0
    return reading


def value(reading: Reading, name: str) -> float:
    return next(measure.value for measure in reading.measures if measure.name == name)


def film(folder: Path, painter: Painter | None = None, *, level: float = 0.25, name: str = "x") -> Path:
    paint = painter or clips.pattern(speed=1.5)
    return clips.write(folder / f"{name}.mp4", seconds=SECONDS, painter=paint, sound=clips.tone(SECONDS, level=level))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    return look(film(tmp_path_factory.mktemp("clean")))


def _blurred(number: int) -> clips.Picture:
    picture = clips.pattern(speed=1.5)(number).astype(np.float32)
    for axis in (0, 1):
        picture = sum(np.roll(picture, shift, axis=axis) for shift in range(-6, 7)) / 13
    return picture.astype(np.uint8)


def _jumping(number: int) -> clips.Picture:
    return clips.pattern(seed=1 if number < 30 else 7, speed=0.3)(number)


def _flickering(number: int) -> clips.Picture:
    return (clips.pattern(speed=1.5)(number) * (1.0 if number % 2 else 0.85)).astype(np.uint8)


def _blown(number: int) -> clips.Picture:
    return np.minimum(clips.pattern(speed=1.5)(number).astype(int) * 2, 255).astype(np.uint8)


def _crushed(number: int) -> clips.Picture:
    return np.maximum(clips.pattern(speed=1.5)(number).astype(int) - 120, 0).astype(np.uint8)


WORSE: dict[str, tuple[str, Painter]] = {
    "blurred": ("sharpness", _blurred),
    "black tail": ("black", lambda n: clips.pattern(speed=1.5)(n) if n < 42 else clips.plain(320, 180, 0)),
    "frozen": ("frozen", lambda n: clips.pattern(speed=1.5)(min(n, 24))),
    "frozen all through": ("motion", lambda n: clips.pattern(speed=1.5)(0)),
    "hidden cut": ("hidden_cuts", _jumping),
    "half the frame rate": ("duplicates", lambda n: clips.pattern(speed=1.5)(n // 2 * 2)),
    "flicker": ("flicker", _flickering),
    "blown out": ("highlights", _blown),
    "crushed": ("shadows", _crushed),
    "too dark": ("exposure", lambda n: clips.pattern(speed=1.5)(n) // 12),
}


@pytest.mark.parametrize("name", WORSE)
def test_each_worse_clip_loses_to_the_clean_take(name: str, clean: Reading, tmp_path: Path) -> None:
    measure, painter = WORSE[name]
    worse = look(film(tmp_path, painter))
    assert worse.score is not None
    assert clean.score is not None
    assert worse.score < clean.score - 0.02
    scores = {m.name: m.score for m in worse.measures}
    good = {m.name: m.score for m in clean.measures}
    assert (scores[measure] or 0.0) < (good[measure] or 0.0)


def test_a_frozen_clip_scores_low_however_sharp_it_is(tmp_path: Path) -> None:
    reading = look(film(tmp_path, lambda n: clips.pattern()(0)))
    assert reading.score is not None
    assert reading.score < 0.2


def test_the_black_tail_is_named_with_its_times(tmp_path: Path) -> None:
    reading = look(film(tmp_path, WORSE["black tail"][1]))
    note = next(measure.note for measure in reading.measures if measure.name == "black")
    assert note == "black from 1.8 s to 2.0 s"


def test_sound_that_is_clipped_silent_or_missing_costs(clean: Reading, tmp_path: Path) -> None:
    assert clean.score is not None
    loud = look(film(tmp_path, level=3.0, name="loud"))
    quiet = look(film(tmp_path, level=0.0, name="quiet"))
    none = look(clips.write(tmp_path / "none.mp4", seconds=SECONDS, painter=clips.pattern(speed=1.5)))
    assert value(loud, "clipping") > 0.01
    for worse in (loud, quiet, none):
        assert worse.score is not None
        assert worse.score < clean.score - 0.02


def test_where_no_sound_was_asked_its_lack_costs_nothing(clean: Reading, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "none.mp4", seconds=SECONDS, painter=clips.pattern(speed=1.5))
    assert look(path, audio=False).score == pytest.approx(clean.score, abs=0.03)


def test_a_night_scene_and_a_tripod_shot_are_neither_black_nor_frozen(tmp_path: Path) -> None:
    for path in (clips.night(tmp_path / "night.mp4"), clips.static_camera(tmp_path / "static.mp4")):
        reading = look(path)
        assert value(reading, "black") == 0.0
        assert value(reading, "frozen") == 0.0


def test_a_fade_is_no_flicker_and_no_hidden_cut(tmp_path: Path) -> None:
    paint = clips.pattern(speed=1.5)
    reading = look(film(tmp_path, lambda n: (paint(n) * (0.3 + 0.7 * n / 48)).astype(np.uint8)))
    assert value(reading, "flicker") < 0.3
    assert value(reading, "hidden_cuts") == 0


def test_lightning_is_no_hidden_cut_but_a_cut_to_a_brighter_shot_is(tmp_path: Path) -> None:
    paint, other = clips.pattern(speed=0.3), clips.pattern(seed=7, speed=0.3)

    def storm(number: int) -> clips.Picture:
        light = {20: 90, 21: 60, 22: 75, 23: 40, 24: 15}.get(number, 0)
        return np.minimum(paint(number).astype(int) // 2 + light, 255).astype(np.uint8)

    def brighter(number: int) -> clips.Picture:
        return (paint(number) // 2 if number < 30 else other(number) // 2 + 90).astype(np.uint8)

    assert value(look(film(tmp_path, storm)), "hidden_cuts") == 0
    (tmp_path / "cut").mkdir()
    assert value(look(film(tmp_path / "cut", brighter)), "hidden_cuts") == 1


def test_every_weight_and_gate_has_a_curve_and_weights_sum_to_one() -> None:
    assert set(WEIGHTS) | set(GATES) == set(CURVES)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    for curve in CURVES.values():
        values = [at for at, _ in curve.points]
        assert values == sorted(values)
        assert all(0 <= score <= 1 for _, score in curve.points)
    assert Curve(((0, 0), (2, 1)))(1) == 0.5


def test_it_is_cheap(tmp_path: Path) -> None:
    clip = decode(clips.clean(tmp_path / "long.mp4", seconds=4, width=640, height=360))
    spent = []
    for _ in range(3):
        start = time.process_time()
        measurer.measure(clip, Subject("a field"))
        spent.append(time.process_time() - start)
    assert min(spent) < 0.15  # 0.01 s measured; the room is for a busy machine
