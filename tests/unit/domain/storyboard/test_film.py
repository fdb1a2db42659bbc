"""What a storyboard comes to: labels, defaults, footage, key frames, and who waits for whom."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.domain.storyboard.desk import DEFAULTS, problems, read, said, scenes
from vidpipe.domain.storyboard import FootageSpec, FrameSpec, TransitionSpec, read_storyboard

MANIFEST = "manifest: {name: M, assets: [{tag: CHAR_01, name: Ann}, {tag: ENV_01, name: Quay, description: stone}]}\n"


def test_the_smallest_film_gets_every_default(tmp_path: Path) -> None:
    film = read(tmp_path, scenes("prompt: a"))
    (scene,) = film.scenes
    assert (film.title, film.width, film.height, film.fps, film.audio, film.seed) == ("T", 1280, 720, 24, True, 1)
    assert (scene.label, scene.service, scene.model) == ("Shot 1A", "procedural", "procedural-1")
    assert (scene.duration, scene.candidates, scene.after, scene.critical, scene.max_takes) == (4.0, 1, (), True, 12)
    assert film.source == (tmp_path / "film.yaml").resolve()


def test_labels_count_sequences_and_scenes(tmp_path: Path) -> None:
    many = "[" + ", ".join(["{prompt: a}"] * 28) + "]"
    film = read(tmp_path, f"title: T\nsequences:\n  - scenes: {many}\n  - scenes: {many}\n")
    labels = [scene.label for scene in film.scenes]
    assert (labels[0], labels[25], labels[26], labels[27], labels[28]) == (
        "Shot 1A", "Shot 1Z", "Shot 1AA", "Shot 1AB", "Shot 2A",
    )  # fmt: skip


@pytest.mark.parametrize("label", ["Shot 1A", "shot 1a", "SHOT  1A"])
def test_two_scenes_of_one_name_are_refused_whatever_their_case(tmp_path: Path, label: str) -> None:
    (line,) = said(tmp_path, scenes("prompt: a", f"prompt: b, label: '{label}'"))
    assert "scenes[1].label: two scenes are called" in line and "the other one is on line 3" in line


def test_the_nearest_setting_holds_and_a_model_goes_with_its_service(tmp_path: Path) -> None:
    film = read(
        tmp_path,
        """
        title: T
        service: veo
        model: veo-lite
        duration: 4
        quality_mode: true
        candidates: 3
        sequences:
          - duration: 6
            scenes: [{prompt: a}, {prompt: b, duration: 8, candidates: 1}, {prompt: c, model: veo-3.1}]
          - service: procedural
            scenes: [{prompt: d}, {prompt: e, service: veo}]
        """,
    )
    found = [(scene.service, scene.model, scene.duration, scene.candidates) for scene in film.scenes]
    assert found == [
        ("veo", "veo-lite", 6, 3),
        ("veo", "veo-lite", 8, 1),
        ("veo", "veo-3.1", 6, 3),
        ("procedural", "procedural-1", 4, 3),
        ("veo", "veo-3.1", 4, 3),
    ]


def test_without_quality_mode_there_is_one_candidate_whatever_is_asked(tmp_path: Path) -> None:
    film = read(tmp_path, scenes("prompt: a", "prompt: b, candidates: 4", head="candidate_count: 3\n"))
    assert (film.candidate_count, [scene.candidates for scene in film.scenes]) == (3, [1, 1])


def test_a_duration_that_nobody_set_is_one_the_model_can_do(tmp_path: Path) -> None:
    services = {"veo": {"models": {"m": {"durations": [5, 10]}}}}
    (tmp_path / "film.yaml").write_text("title: T\nscenes: [{prompt: a}]")
    film = read_storyboard(tmp_path / "film.yaml", defaults=replace(DEFAULTS, service="veo", services=services))
    assert film.scenes[0].duration == 5


def test_the_default_service_that_does_not_exist_is_told(tmp_path: Path) -> None:
    (tmp_path / "film.yaml").write_text("title: T\nscenes: [{prompt: a}, {prompt: b, service: veo, duration: 4}]")
    with pytest.raises(Exception, match='the default service "veoo" is unknown; did you mean "veo"'):
        read_storyboard(tmp_path / "film.yaml", defaults=replace(DEFAULTS, service="veoo"))


def test_money_is_exact(tmp_path: Path) -> None:
    film = read(tmp_path, scenes("prompt: a, max_cost: '0.10'", head="budget: 12.35\n"))
    assert (film.budget, film.scenes[0].max_cost) == (Decimal("12.35"), Decimal("0.10"))


# --- who waits for whom


def after(folder: Path, *lines: str, head: str = "") -> list[tuple[str, ...]]:
    return [scene.after for scene in read(folder, scenes(*lines, head=head)).scenes]


def test_without_a_manifest_all_scenes_run_at_once(tmp_path: Path) -> None:
    assert after(tmp_path, "prompt: a", "prompt: b", "prompt: c") == [(), (), ()]


def test_with_a_manifest_each_scene_waits_for_the_one_before_unless_it_says_otherwise(tmp_path: Path) -> None:
    found = after(
        tmp_path, "prompt: a", "prompt: b", "prompt: c, after: []", "prompt: d, after: shot 1a", head=MANIFEST
    )
    assert found == [(), ("Shot 1A",), (), ("Shot 1A",)]


def test_first_frame_previous_waits_for_the_scene_before_even_across_sequences(tmp_path: Path) -> None:
    text = (
        "title: T\nsequences:\n  - scenes: [{prompt: a}]\n  - scenes: [{prompt: b, first_frame: previous, after: []}]\n"
    )
    scene = read(tmp_path, text).scenes[1]
    assert (scene.first_frame, scene.after) == (FrameSpec("previous", previous="Shot 1A"), ("Shot 1A",))


def test_after_names_each_scene_once(tmp_path: Path) -> None:
    found = after(tmp_path, "prompt: a", "prompt: b, first_frame: previous, after: [SHOT 1A, Shot 1A]")
    assert found[1] == ("Shot 1A",)


def test_a_circle_is_named_in_its_order(tmp_path: Path) -> None:
    lines = said(
        tmp_path,
        scenes("prompt: a", "prompt: b, after: Shot 1D", "prompt: c, after: Shot 1B", "prompt: d, after: Shot 1C"),
    )
    assert lines == [
        'film.yaml:4: scenes[1].after: scenes wait in a circle: "Shot 1B" waits for "Shot 1D", which waits for '
        '"Shot 1C", which waits for "Shot 1B"; break it at one of them'
    ]


def test_a_scene_that_waits_for_itself_is_a_circle(tmp_path: Path) -> None:
    assert '"Shot 1A" waits for itself' in said(tmp_path, scenes("prompt: a, after: Shot 1A"))[0]


def test_a_circle_through_a_daisy_chain_is_found(tmp_path: Path) -> None:
    assert "circle" in said(tmp_path, scenes("prompt: a, after: Shot 1B", "prompt: b, first_frame: previous"))[0]


def test_a_chain_of_five_hundred_scenes_is_no_circle(tmp_path: Path) -> None:
    assert after(tmp_path, *["prompt: a"] * 500, head=MANIFEST)[499] == ("Shot 1SE",)


# --- transitions


def test_a_cross_fade_takes_at_most_half_of_either_scene(tmp_path: Path) -> None:
    film = read(tmp_path, scenes("prompt: a, duration: 2", "prompt: b, transition: {crossfade: 1}"))
    assert film.scenes[1].transition == TransitionSpec("crossfade", 1.0)
    (line,) = said(tmp_path, scenes("prompt: a, duration: 2", "prompt: b, transition: {crossfade: 1.5}"))
    assert 'a cross-fade of 1.5 s takes more than half of "Shot 1A" (2 s); 1 s would do' in line


def test_a_cross_fade_set_for_all_scenes_leaves_the_first_one_alone(tmp_path: Path) -> None:
    film = read(
        tmp_path, scenes("prompt: a", "prompt: b", "prompt: c, transition: cut", head="transition: {crossfade: 1}\n")
    )
    assert [scene.transition.kind for scene in film.scenes] == ["cut", "crossfade", "cut"]


# --- manifest


def test_cast_and_references_are_tags_of_the_manifest(tmp_path: Path) -> None:
    film = read(tmp_path, scenes("prompt: a, cast: [CHAR_01, ENV_01, CHAR_01], references: [ENV_01]", head=MANIFEST))
    assert (film.scenes[0].cast, film.scenes[0].references) == (("CHAR_01", "ENV_01"), ("ENV_01",))
    assert film.manifest is not None
    assert [(asset.tag, asset.kind) for asset in film.manifest.assets] == [
        ("CHAR_01", "character"),
        ("ENV_01", "environment"),
    ]
    (line,) = said(tmp_path, scenes("prompt: a, cast: [CHAR_02]", head=MANIFEST))
    assert 'scenes[0].cast[0]: the manifest has no asset "CHAR_02"; did you mean "CHAR_01"?' in line


@pytest.mark.parametrize(
    ("assets", "words"),
    [
        ("{tag: CHAR_01, name: A}, {tag: CHAR_01, name: B}", 'assets[1].tag: the tag CHAR_01 is taken by "A"'),
        ("{tag: CHAR_01, name: A, kind: prop}", "the tag CHAR_01 says character, not prop"),
        ("{tag: HERO_1, name: A}", "a tag is wanted here"),
        ("{name: A}", 'missing key "tag"'),
        ("{tag: CHAR_01, name: A, images: [no.png]}", 'assets[0].images[0]: there is no file "no.png"'),
    ],
)
def test_assets_are_checked(tmp_path: Path, assets: str, words: str) -> None:
    assert words in "\n".join(said(tmp_path, scenes("prompt: a", head=f"manifest: {{name: M, assets: [{assets}]}}\n")))


# --- files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.mp4").write_bytes(b"outside")
    inside = tmp_path / "film folder"
    (inside / "footage").mkdir(parents=True)
    (inside / "footage" / "quay.mp4").write_bytes(b"video")
    (inside / "empty.mp4").touch()
    (inside / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (inside / "loop.mp4").symlink_to(inside / "loop.mp4")
    (inside / "out").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe.mp4")
    return inside


def test_footage_makes_a_scene_of_service_footage_and_its_cut_is_the_duration(folder: Path) -> None:
    film = read(
        folder,
        scenes(
            "footage: footage/quay.mp4",
            "footage: {file: footage/quay.mp4, in: '00:00:01.5', out: 4, fit: crop}",
            "footage: {file: ./footage/../footage/quay.mp4, in: '01:02'}, duration: 2",
            head="service: veo\nduration: 8\ncandidates: 2\nquality_mode: true\nfallback: procedural\n",
        ),
    )
    path = (folder / "footage" / "quay.mp4").resolve()
    assert [scene.footage for scene in film.scenes] == [
        FootageSpec(path, 0.0, 8.0),
        FootageSpec(path, 1.5, 4.0, "crop"),
        FootageSpec(path, 62.0, 64.0),
    ]
    assert [(scene.service, scene.model, scene.candidates, scene.fallback) for scene in film.scenes] == [
        ("footage", "footage", 1, "")
    ] * 3
    assert [scene.duration for scene in film.scenes] == [8.0, 2.5, 2.0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quay.mp4", 'there is no file "quay.mp4" in the storyboard\'s folder'),
        ("footage/quai.mp4", 'did you mean "footage/quay.mp4"?'),
        ("clips/quay.mp4", 'the folder "clips" isn\'t there either'),
        ("empty.mp4", 'the file "empty.mp4" is empty'),
        ("footage", '"footage" is a folder'),
        ("../secret.mp4", "leads out of the storyboard's folder"),
        ("footage/../../secret.mp4", "leads out of the storyboard's folder"),
        ("link.mp4", "leads out of the storyboard's folder"),
        ("out/secret.mp4", "leads out of the storyboard's folder"),
        ("loop.mp4", "can't be looked at"),
        ("/etc/passwd", "is not a path from the storyboard's folder"),
        ("~/film.mp4", "is not a path from the storyboard's folder"),
        ("https://example.org/a.mp4", "is a link; download the file"),
        ("footage\\\\quay.mp4", "has backslashes"),
        ("pipe.mp4", "is not a plain file"),
        ("x" * 900, "can't be looked at"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(folder: Path, name: str, words: str) -> None:
    for key in ("footage: ", "prompt: a, first_frame: ", "prompt: a, last_frame: "):
        (line,) = said(folder, scenes(f'{key}"{name}"'))
        assert words in line, line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("in: 3, out: 2", "footage.out: the footage ends at 2 s, not after it begins (3 s)"),
        ("in: -1", "-1 is out of range; in can be 0 to 86,400"),
        ("in: soon", "a time is wanted here: seconds like 3.5, or '00:01:02.5'"),
        ("fit: stretch", 'unknown fit "stretch"; it can be pad or crop'),
        ("out: 0.2", "footage can't make a clip of 0.2 s; it makes 0.5 to 600 s"),
    ],
)
def test_a_cut_that_cannot_be_is_told(folder: Path, line: str, words: str) -> None:
    (found,) = said(folder, scenes(f"footage: {{file: footage/quay.mp4, {line}}}"))
    assert words in found


def test_a_duration_that_contradicts_the_cut_is_told(folder: Path) -> None:
    (line,) = said(folder, scenes("duration: 5, footage: {file: footage/quay.mp4, in: 1, out: 4}"))
    assert "the duration is 5 s, but in and out are 3 s apart; remove one of them" in line


def test_footage_has_one_candidate_and_no_fallback(folder: Path) -> None:
    found = problems(folder, scenes("footage: footage/quay.mp4, candidates: 2, fallback: procedural"))
    assert [problem.what for problem in found] == [
        "footage comes in one candidate", "a filmed scene has nothing to fall back to",
    ]  # fmt: skip


# --- fingerprint


def test_the_fingerprint_is_the_film_not_its_layout_nor_its_place(folder: Path, tmp_path: Path) -> None:
    plain = "title: T\nfps: 24\nscenes:\n  - {prompt: a, duration: 4}\n  - footage: footage/quay.mp4\n"
    other = "# a comment\nscenes:\n- prompt: 'a'\n\n- {footage: {file: clip.mov}}\ntitle: T\n"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "clip.mov").write_bytes(b"video")
    assert read(folder, plain).fingerprint == read(elsewhere, other, "x.yml").fingerprint
    assert len(read(folder, plain).fingerprint) == 64


def test_the_fingerprint_changes_with_the_words_and_with_the_bytes_of_a_file(folder: Path) -> None:
    text = scenes("prompt: a", "footage: footage/quay.mp4")
    before = read(folder, text).fingerprint
    assert read(folder, text.replace("prompt: a", "prompt: b")).fingerprint != before
    assert read(folder, text.replace("prompt: a", "prompt: a, seed: 3")).fingerprint != before
    (folder / "footage" / "quay.mp4").write_bytes(b"Video")
    assert read(folder, text).fingerprint != before
