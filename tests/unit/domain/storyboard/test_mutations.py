"""Whatever a file holds, reading it gives a storyboard or StoryboardInvalid, and never anything else."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.domain.storyboard.desk import read
from vidpipe.domain.storyboard import Storyboard
from vidpipe.errors import StoryboardInvalid

FILM = """
title: T
size: {width: 640, height: 360}
quality_mode: true
candidates: 2
budget: '3.50'
weights: {continuity: 1}
manifest: {name: M, assets: [{tag: CHAR_01, name: Ann, images: [a.png]}]}
sequences:
  - title: One
    duration: 4
    scenes:
      - {label: A, prompt: dawn, cast: [CHAR_01], camera: static, shot: wide, max_cost: 1}
      - {prompt: day, first_frame: previous, transition: {crossfade: 0.5}, after: [A], fallback: veo}
  - scenes:
      - {footage: {file: clip.mp4, in: '00:01', out: 5, fit: crop}}
      - {prompt: night, service: veo, last_frame: {image: a.png}, seed: 3, critical: false}
""".replace("size: {width: 640, height: 360}", "size: 1280x720")
VALUES: dict[str, Any] = yaml.safe_load(FILM)

words = st.text(max_size=12) | st.sampled_from(
    ["previous", "A", "veo", "CHAR_01", "footage", "a.png", "../x", "1:2", "x-", "<<"]
)
numbers = st.integers() | st.floats() | st.integers(-1, 10)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [where, *(place for step, inner in steps for place in places(inner, (*where, step)))]


PLACES = places(VALUES)[1:]


def outcome(text: str | bytes, name: str = "film.yaml") -> Storyboard | StoryboardInvalid:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "a.png").write_bytes(b"image")
        (folder / "clip.mp4").write_bytes(b"video")
        try:
            return read(folder, text, name)
        except StoryboardInvalid as error:
            assert error.problems and all(problem.what for problem in error.problems)
            assert all(char.isprintable() for problem in error.problems for char in str(problem))
            return error


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_film_that_is_mutated_is_sound() -> None:
    assert isinstance(outcome(FILM), Storyboard)


@quick
@given(st.sampled_from(PLACES), values)
def test_any_value_in_any_place(where: tuple[Any, ...], value: Any) -> None:
    film = copy.deepcopy(VALUES)
    inner: Any = film
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    outcome(yaml.safe_dump(film, allow_unicode=True))


@quick
@given(st.sampled_from(PLACES), words, st.booleans())
def test_any_key_lost_or_renamed(where: tuple[Any, ...], word: str, rename: bool) -> None:
    film = copy.deepcopy(VALUES)
    inner: Any = film
    for step in where[:-1]:
        inner = inner[step]
    lost = inner.pop(where[-1])
    if rename and isinstance(inner, dict):
        inner[word] = lost
    outcome(yaml.safe_dump(film, allow_unicode=True))


@quick
@given(st.data())
def test_any_piece_of_the_text_cut_out_or_overwritten(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FILM)))
    end = data.draw(st.integers(start, min(len(FILM), start + 60)))
    piece = data.draw(
        st.text(max_size=8)
        | st.sampled_from(["*a", "&a ", "<<: ", "!!x ", "\t", "- ", ": ", "[", "}", "'", '"', "---\n"])
    )
    outcome(FILM[:start] + piece + FILM[end:])


@quick
@given(st.binary(max_size=200), st.sampled_from(["film.yaml", "film.json"]))
@example(b"%YAML 9.9\n--- a", "film.yaml")
@example(b'{"title": "\\ud83d", "scenes": [{"prompt": "\\udc00"}]}', "film.json")
@example(b"? ? ? ? a", "film.yaml")
@example(b"<<: {<<: {<<: 1}}", "film.yaml")
def test_any_bytes(data: bytes, name: str) -> None:
    assert isinstance(outcome(data, name), StoryboardInvalid)
