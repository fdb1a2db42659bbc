"""Prices, what to know before a film starts, and how long it may take."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.domain.storyboard.desk import SERVICES, read, scenes
from vidpipe.domain.catalogue import read_catalogue
from vidpipe.domain.forecast import forecast
from vidpipe.domain.preflight import preflight
from vidpipe.domain.pricing import estimate
from vidpipe.domain.storyboard import Storyboard
from vidpipe.errors import SetupError

TODAY = date(2026, 11, 20)
VEO = "service: veo\nduration: 4\nbudget: 500\n"
CAST = "manifest: {name: M, assets: [{tag: CHAR_01, name: Ann, images: [a.png]}, {tag: CHAR_02, name: Bob}]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"image")
    (tmp_path / "clip.mp4").write_bytes(b"video")
    return tmp_path


def notes(folder: Path, text: str, today: date = TODAY) -> list[tuple[str, str, str]]:
    return [(note.label, note.kind, note.text) for note in preflight(read(folder, text), SERVICES, today=today)]


def test_the_local_film_costs_nothing_and_has_no_scene_that_pays(folder: Path) -> None:
    found = estimate(read(folder, scenes("prompt: a", "footage: clip.mp4")), SERVICES)
    assert (found.total, found.worst, found.paying) == (0, 0, ())


def test_a_scene_costs_seconds_times_candidates_and_at_worst_all_its_takes(folder: Path) -> None:
    film = read(folder, scenes("prompt: a, max_takes: 3", head=VEO + "quality_mode: true\ncandidates: 2\n"))
    (scene,) = estimate(film, SERVICES).scenes
    assert (scene.service, scene.model, scene.candidates, scene.operations) == ("veo", "veo-3.1", 2, 1)
    assert (scene.cost, scene.worst) == (Decimal("3.20"), Decimal("9.60"))
    assert isinstance(scene.cost, Decimal)


def test_the_sum_is_exact_where_floats_are_not(folder: Path) -> None:
    film = read(folder, scenes(*["prompt: a"] * 3, head=VEO))
    services = {**SERVICES, "veo": {"models": {"veo-3.1": {"price_per_second": "0.1"}}}}
    assert estimate(film, services).total == Decimal("1.2")


def test_bounds_and_budget_limit_the_worst_case_but_not_the_estimate(folder: Path) -> None:
    film = read(folder, scenes("prompt: a, max_cost: 2", "prompt: b", head="service: veo\nduration: 4\nbudget: 5\n"))
    found = estimate(film, SERVICES)
    assert ([scene.worst for scene in found.scenes], found.worst) == ([2, Decimal("19.2")], 5)
    assert found.total == Decimal("3.20")


def test_candidates_that_one_operation_cannot_bring_are_more_operations(folder: Path) -> None:
    film = read(
        folder, scenes("prompt: a, model: veo-lite, max_takes: 5", head=VEO + "quality_mode: true\ncandidates: 3\n")
    )
    (scene,) = estimate(film, SERVICES).scenes
    assert (scene.operations, scene.cost, scene.worst) == (3, Decimal("0.60"), Decimal("1.00"))


def test_a_dearer_fallback_counts_in_the_worst_case(folder: Path) -> None:
    film = read(folder, scenes("prompt: a, fallback: veo, max_takes: 2", head="duration: 4\n"))
    (scene,) = estimate(film, SERVICES).scenes
    assert (scene.cost, scene.worst, scene.pays) == (0, Decimal("3.20"), True)


def test_a_key_frame_that_is_drawn_is_paid_for_and_at_worst_three_times(folder: Path) -> None:
    film = read(folder, scenes("prompt: a, first_frame: {draw: a quay}, max_takes: 2", head=VEO))
    (scene,) = estimate(film, SERVICES).scenes
    assert [(one.which, one.service, one.model, one.cost) for one in scene.drawn] == [
        ("first", "painter", "oil", Decimal("0.10"))
    ]
    assert (scene.cost, scene.worst) == (Decimal("1.70"), Decimal("3.50"))
    assert scene.paid == ("veo", "painter")
    assert forecast(film, SERVICES).seconds - forecast(bare(film), SERVICES).seconds == pytest.approx(10)


def bare(film: Storyboard) -> Storyboard:
    """The same without its frames."""
    parts = tuple(
        replace(part, scenes=tuple(replace(one, first_frame=None) for one in part.scenes)) for part in film.sequences
    )
    return replace(film, sequences=parts)


def test_one_that_its_model_cannot_take_is_not_drawn_and_a_free_one_pays_nobody(folder: Path) -> None:
    film = read(folder, scenes("prompt: a, model: veo-lite, first_frame: {draw: a quay}", head=VEO))
    assert estimate(film, SERVICES).scenes[0].drawn == ()
    free = read(folder, scenes("prompt: a, first_frame: {draw: a quay, service: painter/ink}"))
    (scene,) = estimate(free, SERVICES).scenes
    assert len(scene.drawn) == 1 and not scene.pays
    paid = read(folder, scenes("prompt: a, first_frame: {draw: a quay}", head="budget: 1\n"))
    assert estimate(paid, SERVICES).scenes[0].paid == ("painter",)


def test_references_that_force_a_longer_clip_are_paid_for(folder: Path) -> None:
    named = [f"prompt: a, references: [{tag}]" for tag in ("CHAR_01", "CHAR_02")]
    film = read(folder, scenes(*named, head=VEO + CAST))
    assert [(scene.seconds, scene.cost) for scene in estimate(film, SERVICES).scenes] == [
        (8.0, Decimal("3.20")),
        (4.0, Decimal("1.60")),
    ]


def test_a_cast_whose_pictures_are_not_sent_is_not_paid_for_and_that_is_told_once(folder: Path) -> None:
    film = scenes("prompt: a, cast: [CHAR_01, CHAR_02]", "prompt: b, cast: [CHAR_01]", head=VEO + CAST)
    assert [scene.seconds for scene in estimate(read(folder, film), SERVICES).scenes] == [4.0, 4.0]
    assert [note for note in notes(folder, film) if note[1] in ("changes", "cannot")] == [
        ("Shot 1A", "changes", "the pictures of CHAR_01 are not sent: a scene sends those that its `references` name")
    ]


def test_a_plain_local_film_needs_no_notes(folder: Path) -> None:
    assert notes(folder, scenes("prompt: a", "prompt: b, first_frame: previous")) == []


@pytest.mark.parametrize(
    ("scene", "head", "note"),
    [
        ("prompt: a, model: veo-lite", VEO, ("cannot", "veo-lite makes no sound: the clip will be silent")),
        (
            "prompt: a, model: veo-lite, seed: 3",
            VEO,
            ("cannot", "veo-lite takes no seed: another run gives other pictures"),
        ),
        (
            "prompt: a, model: veo-lite, first_frame: a.png",
            VEO,
            ("cannot", "veo-lite takes no first frame: the clip begins as it likes"),
        ),
        (
            "prompt: a, model: veo-lite, last_frame: a.png",
            VEO,
            ("cannot", "veo-lite takes no last frame: the clip ends as it likes"),
        ),
        (
            "prompt: a, model: veo-lite, references: [CHAR_01]",
            VEO + CAST,
            ("cannot", "veo-lite takes no references: CHAR_01 in words only"),
        ),
        ("prompt: a, references: [CHAR_02]", VEO + CAST, ("cannot", "CHAR_02 can't be a reference without images")),
        (
            "prompt: a, references: [CHAR_01]",
            VEO + CAST,
            ("changes", "references make veo-3.1 give 8 s, for a scene of 4 s"),
        ),
        (
            "prompt: a, model: veo-lite",
            VEO + "quality_mode: true\ncandidates: 3\n",
            ("candidates", "veo-lite brings 1 at a time: 3 candidates are 3 operations"),
        ),
        (
            "prompt: a, fallback: veo, duration: 5",
            "budget: 99\n",
            ("changes", "the fallback veo-3.1 makes 4, 6 or 8 s, not 5 s: it would be 6 s"),
        ),
        (
            "prompt: a, fallback: veo, duration: 4",
            "budget: 99\nsize: 640x360\n",
            ("changes", "the fallback veo-3.1 makes 1280x720 or 1920x1080: its clip would be scaled to 640x360"),
        ),
        (
            "prompt: a, fallback: veo, duration: 4",
            "budget: 99\nfps: 30\n",
            ("changes", "the fallback veo-3.1 makes 24 frames a second: its clip would be converted to 30"),
        ),
        (
            "prompt: a, fallback: veo/veo-lite, duration: 4",
            "budget: 99\n",
            ("cannot", "the fallback veo-lite makes no sound: the clip will be silent"),
        ),
    ],
)
def test_what_a_model_cannot_do_is_a_note_on_its_scene(
    folder: Path, scene: str, head: str, note: tuple[str, str]
) -> None:
    assert ("Shot 1A", *note) in notes(folder, scenes(scene, head=head))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("candidates: 3\n", "3 candidates are asked for, but quality_mode is off: one each"),
        ("quality_mode: true\n", "there is nothing to choose from"),
        ("service: veo\nduration: 4\n", "the film pays ($1.60, at worst $19.20) and has no budget"),
        ("service: veo\nduration: 4\nbudget: 1\n", "the estimate of $1.60 is above the budget of $1.00"),
    ],
)
def test_what_concerns_the_film_is_a_note_without_a_scene(folder: Path, head: str, words: str) -> None:
    assert any(label == "" and words in text for label, _, text in notes(folder, scenes("prompt: a", head=head)))


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 11, 1), "veo-lite retires on 2026-12-31 (in 60 days); veo-lite-2 takes its place"),
        (date(2026, 12, 31), "veo-lite retires on 2026-12-31 (in 0 days); veo-lite-2 takes its place"),
        (date(2027, 1, 1), "veo-lite was retired on 2026-12-31; veo-lite-2 takes its place"),
        (date(2026, 10, 31), None),
    ],
)
def test_a_model_that_retires_within_sixty_days_is_told_once(folder: Path, today: date, words: str | None) -> None:
    text = scenes("prompt: a", "prompt: b, model: veo-lite", "prompt: c, model: veo-lite", head=VEO)
    found = [(label, said) for label, kind, said in notes(folder, text, today) if kind == "retires"]
    assert found == ([("Shot 1B", words)] if words else [])


def test_a_film_takes_as_long_as_its_places_and_its_waiting_make_it(folder: Path) -> None:
    services: dict[str, Any] = {"veo": {"operations": 2, "models": {"m": {"typical_seconds": 100, "poll_seconds": 0}}}}
    film = read(folder, scenes(*["prompt: a"] * 4, head=VEO))
    film = replace(
        film,
        sequences=(replace(film.sequences[0], scenes=tuple(replace(scene, model="m") for scene in film.scenes)),),
    )
    each = 100 + 1 + 0.4  # the operation, a step's worth, four seconds looked at
    at_once = forecast(film, services)
    assert at_once.seconds == pytest.approx(2 * each + 16 * 0.1)
    chained = [replace(scene, after=(film.scenes[n - 1].label,) if n else ()) for n, scene in enumerate(film.scenes)]
    in_a_row = forecast(replace(film, sequences=(replace(film.sequences[0], scenes=tuple(chained)),)), services)
    assert in_a_row.seconds == pytest.approx(4 * each + 16 * 0.1)
    assert in_a_row.longest == ("Shot 1A", "Shot 1B", "Shot 1C", "Shot 1D")


@pytest.mark.parametrize(
    "services",
    [
        {"veo": {}},
        {"veo": {"models": {}}},
        {"veo": "x"},
        {"veo": {"models": {"m": {"durations": ["long"]}}}},
        {"veo": {"models": {"m": {"price_per_second": "dear"}}}},
        {"veo": {"models": {"m": {"retires": "soon"}}}},
        {"veo": {"default_model": "n", "models": {"m": {}}}},
    ],
)
def test_a_services_file_that_cannot_be_used_names_the_service(services: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=r"services\.veo"):
        read_catalogue(services)
