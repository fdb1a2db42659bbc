"""What the procedural painter reads from a prompt."""

from __future__ import annotations

import pytest

from vidpipe.services.procedural.words import PLACES, SUBJECTS, TIMES, WEATHERS, read_words


@pytest.mark.parametrize(
    ("prompt", "time", "place", "weather", "subjects"),
    [
        ("A lighthouse at dusk, the keeper climbs", "dusk", "lighthouse", None, ("person",)),
        ("Two fishermen mend nets in the harbour at dawn, fog", "dawn", "harbour", "fog", ("two people",)),
        ("A red car on a wet city street at night, rain", "night", "street", "rain", ("car",)),
        ("Snow falls on a hut in the forest, an early morning", "dawn", "snow", "snow", ("house",)),
        ("A storm over the open sea, a ship fights the waves", None, "sea", "storm", ("ship",)),
        ("An astronaut near a planet", None, "space", None, ("person",)),
    ],
)
def test_place_hour_weather_and_subject_are_read(
    prompt: str, time: str | None, place: str, weather: str | None, subjects: tuple[str, ...]
) -> None:
    wanted = read_words(prompt)
    assert wanted.place == place and wanted.subjects == subjects
    assert time in (None, wanted.time) and weather in (None, wanted.weather)


@pytest.mark.parametrize(
    ("asked", "prompt", "move"),
    [
        ("pan left", "", "pan-left"),
        ("pan-right", "", "pan-right"),
        ("Zoom In", "", "zoom-in"),
        ("dolly out", "", "dolly-out"),
        ("crane-down", "", "crane-down"),
        ("static", "the camera pans left", "static"),
        ("", "the camera pans slowly to the left over the sea", "pan-left"),
        ("", "we push in on the captain", "dolly-in"),
        ("", "handheld, running", "handheld"),
        ("", "a quiet lake", "static"),
        ("whirl", "pan left", "static"),
    ],
)
def test_the_asked_camera_goes_before_the_prompt_s_words(asked: str, prompt: str, move: str) -> None:
    assert read_words(prompt or "the sea", camera=asked).camera == move


def test_what_a_prompt_leaves_open_is_the_same_each_time_and_not_for_all_prompts() -> None:
    prompts = [f"a quiet moment number {n}" for n in range(40)]
    read = [read_words(prompt) for prompt in prompts]
    assert read == [read_words(prompt) for prompt in prompts]
    assert len({wanted.place for wanted in read}) > 3 and len({wanted.time for wanted in read}) > 2


def test_the_negative_prompt_s_words_do_not_count() -> None:
    assert read_words("a dog in the street", negative="dog").subjects == ()


@pytest.mark.parametrize("prompt", ["", "🙂", "שלום עולם", "x" * 10_000, "\x00\x1b[31m", "[[[((("])
def test_any_text_gives_a_scene(prompt: str) -> None:
    wanted = read_words(prompt)
    assert wanted.place in PLACES and wanted.time in TIMES and wanted.weather in WEATHERS
    assert set(wanted.subjects) <= set(SUBJECTS)
