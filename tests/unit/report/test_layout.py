"""Names within the bundle."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report.made import candidate, name, report, scene
from vidpipe.report.layout import Missing, plan, slug

SAFE = re.compile(r"(film\.mp4|(clips|candidates|posters)/[a-z0-9_-]+\.(mp4|jpg))")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Shot 1A", "shot-1a"),
        ("Élan vital", "elan-vital"),
        ("../../etc/passwd", "etc-passwd"),
        ("灯台", "shot"),
        ("\u202egnp.exe", "gnp-exe"),
        ("x" * 300, "x" * 40),
        ("CON", "con"),
    ],
)
def test_a_label_becomes_a_safe_name(label: str, expected: str) -> None:
    assert slug(label) == expected


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_whatever_the_labels_no_path_leaves_its_folder_and_no_two_are_alike(labels: list[str]) -> None:
    shots = [scene(number, label=label) for number, label in enumerate(labels)]
    paths = [item.path for item in plan(report(*shots)).items()]
    assert all(SAFE.fullmatch(path) for path in paths)
    assert len(paths) == len(set(paths))


def test_names_sort_as_the_film_runs() -> None:
    clips = [item.path for item in plan(report(*(scene(number) for number in range(120)))).clips.values()]
    assert clips == sorted(clips)
    assert clips[0] == "clips/001_shot-1a.mp4"


def test_the_losing_clips_can_be_left_out_but_their_posters_stay() -> None:
    loser = candidate("loser", number=2, selected=False)
    shot = scene(candidates=(candidate("c0"), loser))
    layout = plan(report(shot), candidates=False)
    assert not layout.candidates
    assert set(layout.posters) == {name("c0"), name("loser")}


def test_what_is_missing_has_no_place_any_more() -> None:
    layout = plan(report()).without((Missing("film.mp4", "gone"),))
    assert layout.film is None
    assert [one.reason for one in layout.missing] == ["gone"]
