"""What is asked of a model is what it can do; what that leaves out is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vidpipe.domain.capabilities import Capabilities
from vidpipe.domain.fitting import Wish, fitted

ABLE = Capabilities("acme", "one", audio=True, first_frame=True, last_frame=True, max_references=3)
CAST = tuple({"tag": tag, "key": f"{tag}.png", "description": tag} for tag in ("ANNA", "BEN", "CAT", "DOG"))
WISH = Wish(5.0, 1280, 720, 24, audio=True, negative_prompt="rain", first_frame="a.png", last_frame="b.png")


def test_a_wish_that_the_model_can_do_stays_as_it_is() -> None:
    assert fitted(replace(WISH, references=CAST[:3]), ABLE) == {
        "duration": 5.0, "width": 1280, "height": 720, "fps": 24, "audio": True, "negative_prompt": "rain",
        "first_frame": "a.png", "last_frame": "b.png", "references": list(CAST[:3]), "left_out": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("able", "wish", "expected", "told"),
    [
        ({"first_frame": False}, {}, {"first_frame": None}, "the first frame: the model takes none"),
        ({"last_frame": False}, {}, {"last_frame": None}, "the last frame: the model takes none"),
        ({"negative_prompt": False}, {}, {"negative_prompt": ""}, "the negative prompt: the model takes none"),
        ({"audio": False}, {}, {"audio": False}, "the sound: the model makes none"),
        (
            {},
            {"references": CAST},
            {"references": list(CAST[:3])},
            "the reference DOG: the model takes 3",
        ),
        (
            {"max_references": 0},
            {"references": CAST[:2]},
            {"references": []},
            "the references ANNA, BEN: the model takes none",
        ),
        (
            {"references_with_frames": False},
            {"references": CAST[:1]},
            {"references": []},
            "the reference ANNA: the model takes none beside a first or last frame",
        ),
        (
            {"aspects_with_references": ("9:16",)},
            {"references": CAST[:1]},
            {"references": []},
            "the reference ANNA: the model takes none with a picture of 1280x720",
        ),
    ],
)
def test_what_it_cannot_do_is_left_out_and_told(
    able: dict[str, Any], wish: dict[str, Any], expected: dict[str, Any], told: str
) -> None:
    found = fitted(replace(WISH, **wish), replace(ABLE, **able))
    assert {name: found[name] for name in expected} == expected
    assert found["left_out"] == [told]


def test_references_force_a_length_only_where_they_go() -> None:
    able = replace(ABLE, durations=(4.0, 8.0), durations_with_references=(8.0,), references_with_frames=False)
    wish = replace(WISH, duration=4.0, references=CAST[:1])
    assert fitted(wish, able)["duration"] == 4.0
    assert fitted(replace(wish, first_frame=None, last_frame=None), able)["duration"] == 8.0


def test_a_fallback_that_does_less_is_asked_for_what_comes_nearest() -> None:
    able = Capabilities("acme", "lite", durations=(4.0, 6.0), sizes=((640, 360),), frame_rates=(12,))
    found = fitted(Wish(5.2, 1920, 1080, 24, audio=False), able)
    assert (found["duration"], found["width"], found["height"], found["fps"]) == (6.0, 640, 360, 12)
