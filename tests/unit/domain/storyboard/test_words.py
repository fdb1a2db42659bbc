"""What is wrong in a file that can be read: each line says what, where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.domain.storyboard.desk import problems, read, said, scenes


def test_a_misspelt_key_gets_a_guess_and_nothing_else_is_said(tmp_path: Path) -> None:
    text = "title: T\nsequences:\n  - scenes:\n      - prompt: a\n      - label: B\n        promt: b\n"
    assert said(tmp_path, text) == [
        'film.yaml:6: sequences[0].scenes[1].promt: unknown key "promt"; did you mean "prompt"?'
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("prompt: a, lable: x", 'unknown key "lable"; did you mean "label"?'),
        ("prompt: a, provider: x", 'unknown key "provider"; did you mean "service"?'),
        ("prompt: a, seconds: 3", 'unknown key "seconds"; did you mean "duration"?'),
        ("prompt: a, first-frame: previous", 'unknown key "first-frame"; did you mean "first_frame"?'),
        ("prompt: a, budget: 3", 'unknown key "budget"; it belongs to the film'),
        ("prompt: a, zzz: 3", 'unknown key "zzz"; a scene takes label, prompt,'),
        ("label: x", 'scenes[0]: missing key "prompt"; say what is to be seen'),
        ("prompt: '  '", "the prompt is blank"),
        ("prompt: ", "prompt has no value; give it text or remove the key"),
        ("prompt: 12", "text is wanted here, not the number 12; put it between quotes"),
        ("prompt: a, camera: pan lft", 'unknown camera "pan lft"; did you mean "pan-left"?'),
        ("prompt: a, shot: birdseye", 'unknown shot "birdseye"; it can be establishing, wide,'),
        ("prompt: a, duration: 4s", 'not the text "4s"; write 4 without quotes or unit'),
        ("prompt: a, duration: 0", "0 is out of range; duration can be more than 0 and at most 3,600"),
        ("prompt: a, duration: .nan", 'a number is wanted here, not the text ".nan"'),
        ("prompt: a, duration: 1e999", "a number is wanted here"),
        ("prompt: a, duration: 31", "procedural-1 can't make a clip of 31 s; it makes 0.5 to 30 s"),
        ("prompt: a, service: veo, duration: 5", "veo-3.1 can't make a clip of 5 s; it makes 4, 6 or 8 s"),
        ("prompt: a, candidates: 0", "0 is out of range; candidates can be 1 to 4"),
        ("prompt: a, candidates: 9", "9 is out of range; candidates can be 1 to 4"),
        ("prompt: a, candidates: 1.5", "a whole number is wanted here, not the number 1.5"),
        ("prompt: a, seed: -1", "-1 is out of range; seed can be 0 to 4,294,967,295"),
        ("prompt: a, critical: yes", 'true or false is wanted here, not the text "yes"; write true'),
        ("prompt: a, service: procedual", 'unknown service "procedual"; did you mean "procedural"?'),
        ("prompt: a, service: xyz", 'unknown service "xyz"; there are procedural, footage or veo'),
        ("prompt: a, model: procedural", 'procedural has no model "procedural"; did you mean "procedural-1"?'),
        ("prompt: a, model: veo-3.1", 'procedural has no model "veo-3.1"; it is one of veo: set service to veo'),
        ("prompt: a, fallback: veo/veo-light", 'veo has no model "veo-light"; did you mean "veo-lite"?'),
        ("prompt: a, fallback: footage", "footage can't be a fallback"),
        ("prompt: a, fallback: procedural", "the fallback is the scene's own service"),
        ("prompt: a, transition: crossfade", "a transition is wanted here: cut, or {crossfade: 0.5}"),
        ("prompt: a, transition: {crossfade: x}", 'transition.crossfade: a number is wanted here, not the text "x"'),
        ("prompt: a, transition: {crossfade: 0.5}", "the first scene has nothing to fade from"),
        ("prompt: a, first_frame: previous", "the first scene has no previous one"),
        ("prompt: a, first_frame: previos", 'unknown key frame "previos"; did you mean "previous"?'),
        ("prompt: a, first_frame: 3", "a key frame is wanted here: previous, a path, {image: path}, or {draw: words}"),
        ("prompt: a, last_frame: {imag: x.png}", 'unknown key "imag"; did you mean "image"?'),
        ("prompt: a, last_frame: {service: painter}", "the frame says neither image nor draw"),
        ("prompt: a, last_frame: {draw: a quay, image: x.png}", "the frame has an image, and one is to be drawn"),
        ("prompt: a, last_frame: {draw: ' '}", "the frame says neither image nor draw"),
        (
            "prompt: a, first_frame: {draw: a quay, service: paintr}",
            'no service that draws is called "paintr"; did you mean "painter"?',
        ),
        ("prompt: a, first_frame: {draw: a quay, service: veo}", 'no service that draws is called "veo"'),
        ("prompt: a, first_frame: {draw: a quay, service: painter/oils}", 'painter has no model "oils"'),
        ("prompt: a, cast: CHAR_01", "a list is wanted here"),
        ("prompt: a, cast: [HERO]", "a tag is wanted here: CHAR_01, OBJ_01"),
        ("prompt: a, cast: [CHAR_01]", "there is no manifest for CHAR_01 to be in"),
        ("prompt: a, after: nowhere", 'no scene is called "nowhere"; there are'),
        ("prompt: a, max_cost: lots", "an amount of US dollars is wanted here, like 12.50"),
        ("prompt: a, service: footage", "a scene of service footage names no file; add footage: path"),
        ("service: veo, prompt: a, duration: 4, footage: x.mp4", "footage is for scenes of service footage"),
    ],
)
def test_a_scene_that_cannot_be_is_told_in_one_line(tmp_path: Path, line: str, words: str) -> None:
    head = "size: 1280x720\n" if "veo" in line else ""
    (found,) = said(tmp_path, scenes(line, head=head))
    assert found.startswith(f"film.yaml:{4 if head else 3}: scenes[0]")
    assert words in found


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("size: 641x360", "film.yaml:2: size: the size 641x360 has an odd number; 640x360 would do"),
        ("size: big", "a size is wanted here: 1280x720, or {width: 1280, height: 720}"),
        ("size: {width: 640, heigth: 360}", 'size.heigth: unknown key "heigth"; did you mean "height"?'),
        ("size: {width: 641, height: 360}", "size.width: width is 641, an odd number"),
        ("size: 3840x2160", "size: procedural-1 can't make 3840x2160; it makes up to 2,073,600 pixels"),
        ("fps: 23", "fps: procedural-1 can't make 23 frames a second; it makes 12, 24, 25 or 30"),
        ("fps: 0", "0 is out of range; fps can be 1 to 60"),
        ("weights: {quality: 1}", 'weights.quality: unknown key "quality"'),
        ("weights: {continuity: 0}", "all weights are 0"),
        ("select: best", 'unknown select "best"; it can be greedy or joint'),
        ("on_budget: stop", 'unknown on_budget "stop"; it can be finish, cancel or cheaper'),
        ("candidates: 2\ncandidate_count: 3", "film.yaml:3: candidate_count: candidates and candidate_count say"),
        ("promt: x", 'promt: unknown key "promt"; did you mean "prompt", which belongs to a scene?'),
        ("duration: 45", "film.yaml:2: duration: procedural-1 can't make a clip of 45 s"),
        ("sequences: []", "sequences: there are no sequences; a film needs at least one scene"),
        ("manifest: {assets: []}", 'manifest: missing key "name"; the manifest needs one'),
    ],
)  # fmt: skip
def test_a_film_that_cannot_be_is_told_with_its_line(tmp_path: Path, head: str, words: str) -> None:
    assert words in "\n".join(said(tmp_path, scenes("prompt: a", "prompt: b", head=head + "\n")))


def test_what_is_set_once_for_many_scenes_is_told_once(tmp_path: Path) -> None:
    assert len(said(tmp_path, scenes("prompt: a", "prompt: b", "prompt: c", head="duration: 45\n"))) == 1


@pytest.mark.parametrize("text", ["title: T\n", "title: T\nscenes: []\n", "title: T\nsequences: [{scenes: []}]\n"])
def test_a_film_needs_a_scene(tmp_path: Path, text: str) -> None:
    (line,) = said(tmp_path, text)
    assert "scene" in line and " no " in line


def test_five_hundred_scenes_are_the_most_even_over_many_sequences(tmp_path: Path) -> None:
    sequence = "  - scenes: [" + ", ".join(["{prompt: a}"] * 250) + "]\n"
    read(tmp_path, "title: T\nsequences:\n" + sequence * 2)
    (line,) = said(tmp_path, "title: T\nsequences:\n" + sequence * 3)
    assert line == "film.yaml:5: sequences[2].scenes[0]: this is scene 501; 500 are the most"


def test_two_hundred_sequences_are_the_most(tmp_path: Path) -> None:
    lines = said(tmp_path, "title: T\nsequences:\n" + "  - scenes: [{prompt: a}]\n" * 201)
    assert "there are 201 sequences; 200 are the most" in lines[0]


def test_a_prompt_of_a_hundred_thousand_characters_is_refused_in_a_short_line(tmp_path: Path) -> None:
    (line,) = said(tmp_path, scenes(f"prompt: '{'long ' * 20_000}'"))
    assert "a text of 100,000 characters; 10,000 are the most for prompt" in line
    assert len(line) < 200


@pytest.mark.parametrize(
    ("escape", "name"),
    [
        (r"\x07", "U+0007 (bell)"),
        (r"\e[31m", "U+001B (escape)"),
        (r"\0", "U+0000 (null)"),
        (r"\r", "U+000D (carriage return)"),
        (r"\u202e", "U+202E (right-to-left override)"),
        (r"\u2066", "U+2066 (left-to-right isolate)"),
        (r"\x9b", "U+009B (a control character)"),
    ],
)
def test_characters_that_act_instead_of_being_read_are_refused_by_name(tmp_path: Path, escape: str, name: str) -> None:
    for line in (f'prompt: "a {escape}b"', f'prompt: a, "k{escape}": 1', f'prompt: a, label: "{escape}"'):
        found = said(tmp_path, scenes(line))
        assert name in "\n".join(found)
        assert all(char.isprintable() for text in found for char in text)


def test_bidi_overrides_written_as_they_are_are_refused_too(tmp_path: Path) -> None:
    assert "U+202E" in said(tmp_path, scenes("prompt: a \u202e b"))[0]


@pytest.mark.parametrize(
    "prompt", ["a 👩‍🚀 waves 🌊", "מגדלור על החוף", "منارة على الساحل", "灯台", "Ünïcödé — “quotes”"]
)
def test_emoji_and_every_script_are_fine(tmp_path: Path, prompt: str) -> None:
    film = read(tmp_path, scenes(f"prompt: '{prompt}', label: '{prompt}'"))
    assert (film.scenes[0].prompt, film.scenes[0].label) == (prompt, prompt)


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = scenes(
        "prompt: a, service: xyz", "promt: b", "prompt: c, duration: 99", "prompt: d, after: [Q]", "7", head="fps: x\n"
    )
    assert [problem.line for problem in problems(tmp_path, text.replace("{7}", "7"))] == [2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    "text",
    [
        "title: T\nscenes:\n  - {prompt: a, " + ", ".join(f"key{n}: 1" for n in range(20_000)) + "}\n",
        scenes(*["prompt: a, " + ", ".join(f"promt{n}: 1" for n in range(40))] * 500),
        scenes(*[f"after: [{', '.join(f'Shot{n}' for n in range(90))}]"] * 500),
        scenes(*["prompt: a, first_frame: missing.png, last_frame: mising.png"] * 500),
    ],
    ids=["one scene of unknown keys", "many scenes of unknown keys", "unknown labels", "missing files"],
)
def test_a_file_made_of_mistakes_is_refused_in_a_few_seconds(tmp_path: Path, text: str) -> None:
    for number in range(300):
        (tmp_path / f"missing-{number}.png").touch()
    assert len(said(tmp_path, text)) == 101


def test_a_file_with_hundreds_of_problems_says_how_many_more_there_are(tmp_path: Path) -> None:
    lines = said(tmp_path, scenes(*["prompt: a, zzz: 1"] * 300))
    assert len(lines) == 101
    assert lines[-1] == "film.yaml: and 200 more problems"
