"""What the procedural painter's pictures keep to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from vidpipe.domain.storyboard.model import CAMERAS
from vidpipe.services.procedural.painting.camera import crop_at, plan_move
from vidpipe.services.procedural.painting.film import Film, Shot
from vidpipe.services.procedural.painting.plate import Canvas, Plate, merged
from vidpipe.services.procedural.sound import RATE, TARGET, ambient, loudness
from vidpipe.services.procedural.words import PLACES, SUBJECTS, TIMES, WEATHERS, read_words

# Steps of luma by which the mean of some 10x10 block changes in half a second; grain alone changes it by 0.7, and
# under 2.55 media.stretches takes a picture for frozen.
LEAST_MOTION = 2.6


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_camera_never_looks_beside_the_canvas(camera: str) -> None:
    """Rounding left a dolly's last box a hair wider than the canvas, and the clip could not be painted."""
    for seconds, fps in itertools.product((0.5, 1.0, 2.0, 2.5, 3.0, 4.0), (12, 24, 25)):
        move = plan_move(camera, seconds, mirrored=False)
        frames = round(seconds * fps)
        for number, (width, height) in itertools.product(range(frames), ((320, 180), (352, 198), (1280, 720))):
            box = crop_at(move, number / max(1, frames - 1), number / fps, width, height)
            assert 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height


def shot(prompt: str, **changes: object) -> Shot:
    """A small clip."""
    options: dict[str, object] = {"seed": 3, "seconds": 1.0, "width": 160, "height": 90, "fps": 12, "label": "Shot 1A"}
    return Shot(prompt, **{**options, **changes})  # type: ignore[arg-type]


def luma(film: Film) -> NDArray[np.float32]:
    """All frames' luma [n, h, w]."""
    return np.stack([planes[0] for planes in film]).astype(np.float32)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("time", TIMES)
def test_every_place_at_every_hour_moves_and_is_neither_black_nor_white(place: str, time: str) -> None:
    word = "beach" if place == "sea" else place
    frames = luma(Film(shot(f"{word} at {time}, static camera", label="", fps=2)))
    assert frames.shape == (2, 90, 160)
    assert frames.min() >= 16 and frames.max() <= 235
    assert 24 < frames[0].mean() < 225 and frames[0].std() > 7
    blocks = frames.reshape(2, 9, 10, 16, 10).mean(axis=(2, 4))
    assert np.abs(blocks[1] - blocks[0]).max() > LEAST_MOTION


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("framing", ["establishing", "wide", "close-up", "over-shoulder", "pov"])
def test_every_subject_can_be_painted_in_every_framing(subject: str, framing: str) -> None:
    for place in ("field", "sea", "street", "room", "space"):
        (frame,) = luma(Film(shot(f"a {subject} in the {place} by day", shot=framing, fps=1, width=96, height=54)))
        assert frame.std() > 7


@pytest.mark.parametrize("weather", WEATHERS)
def test_weather_changes_the_picture(weather: str) -> None:
    plain, changed = (luma(Film(shot(f"mountains by day, {word}", fps=1)))[0] for word in ("clear", weather))
    if weather != "clear":
        assert np.abs(plain - changed).mean() > 4


def test_the_subject_is_there() -> None:
    empty, person = (
        luma(Film(shot(p, shot="full", label="", fps=1)))[0] for p in ("harbour at dusk", "harbour at dusk")
    )
    assert np.array_equal(empty, person)
    for prompt in ("a harbour at dusk, a man", "a harbour at dusk, a dog", "a harbour at dusk, a ship"):
        film = Film(shot(prompt, shot="full"))
        assert any(type(element).__name__ == "Actor" for element in film.elements)


def test_neighbouring_seeds_differ_clearly() -> None:
    for place in ("sea", "city", "forest", "room", "space", "desert"):
        frames = [next(iter(Film(shot(f"{place} at dusk", seed=seed)))) for seed in range(4)]
        for one, other in itertools.pairwise(frames):
            difference = sum(float(np.abs(a.astype(float) - b).mean()) for a, b in zip(one, other, strict=True))
            assert difference > 10, place


def test_the_same_shot_gives_the_same_frames() -> None:
    one, other = (Film(shot("two people in the rain, city street, night", camera="dolly-in")) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize(("camera", "sign"), [("pan-left", 1), ("pan-right", -1)])
def test_when_the_camera_pans_left_the_picture_moves_right(seed: int, camera: str, sign: int) -> None:
    frames = luma(
        Film(shot("city by day, no people", seed=seed, camera=camera, seconds=2.0, width=320, height=180, label=""))
    )
    row = slice(80, 100)
    first, last = (frame[row].mean(0) - frame[row].mean() for frame in (frames[8], frames[14]))
    moves = range(-24, 25)
    best = max(moves, key=lambda move: float(np.dot(np.roll(first, move)[30:-30], last[30:-30])))
    assert best * sign > 1


def test_closing_in_makes_things_larger() -> None:
    film = Film(shot("the moon over the sea at night, clear", camera="zoom-in", seconds=3.0, label=""))
    frames = luma(film)
    assert (frames[-1] > 190).sum() > 1.25 * (frames[0] > 190).sum()


@pytest.mark.parametrize(
    "camera", ["pan-left", "tilt-up", "zoom-out", "dolly-in", "track-right", "crane-up", "handheld", "orbit"]
)
def test_no_move_shows_the_layers_edges(camera: str) -> None:
    frames = luma(Film(shot("mountains by day", camera=camera, seconds=3.0, label="")))
    for frame in (frames[0], frames[18], frames[-1]):
        assert frame[2:-2, :4].min() > 30 and frame[2:-2, -4:].min() > 30  # an uncovered canvas would be black


def test_merged_plates_look_like_plates_laid_one_by_one() -> None:
    rng = np.random.default_rng(1)
    laid = []
    for place in ((0.0, 0.0), (10.5, 6.25), (-4.0, 3.0)):
        cover = rng.random((20, 30), dtype=np.float32)
        laid.append((Plate(rng.random((3, 20, 30), dtype=np.float32) * cover, cover), *place))
    one, other = Canvas(64, 48), Canvas(64, 48)
    for canvas in (one, other):
        canvas.y[:] = 100
    for plate, x, y in laid:
        plate.lay(one, x, y)
    plate, x, y = merged(laid)
    plate.lay(other, x, y)
    for a, b in zip(one.planes, other.planes, strict=True):
        assert np.abs(a - b).max() <= 3


@pytest.mark.parametrize("place", PLACES)
def test_every_place_has_a_sound_of_even_loudness_without_clicks(place: str) -> None:
    sound = ambient(read_words(f"{place} in the rain, day"), 5, 1.5)
    assert sound.shape == (2, int(1.5 * RATE))
    assert np.abs(sound).max() <= 0.51
    assert np.abs(sound[:, 0]).max() < 1e-3 and np.abs(sound[:, -1]).max() < 1e-3
    assert loudness(sound) == pytest.approx(TARGET, abs=1.0)


def test_loudness_is_measured_as_bs_1770_has_it() -> None:
    time = np.arange(RATE * 2) / RATE
    tone = np.stack([np.sin(2 * np.pi * 997 * time), np.zeros_like(time)]).astype(np.float32)
    assert loudness(tone) == pytest.approx(-3.01, abs=0.05)  # ITU-R BS.1770-5: 0 dBFS of 997 Hz on one channel
