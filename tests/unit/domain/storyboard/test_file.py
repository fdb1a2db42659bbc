"""The file itself: what can't be read at all, and how soon that is known."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from tests.unit.domain.storyboard.desk import DEFAULTS, read, said
from vidpipe.domain.storyboard import read_storyboard
from vidpipe.domain.storyboard.lines import Unreadable, read_text
from vidpipe.errors import StoryboardInvalid

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


def test_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoryboardInvalid, match=r"film\.yaml: there is no such file; check the path"):
        read_storyboard(tmp_path / "film.yaml", defaults=DEFAULTS)


def test_a_folder_is_no_storyboard(tmp_path: Path) -> None:
    with pytest.raises(StoryboardInvalid, match="this is a folder"):
        read_storyboard(tmp_path, defaults=DEFAULTS)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.yaml")
    with pytest.raises(StoryboardInvalid, match="not a plain file"):
        read_storyboard(tmp_path / "film.yaml", defaults=DEFAULTS)


@pytest.mark.parametrize("name", ["a\0b.yaml", "x" * 300 + ".yaml", "film.yaml/film.yaml"])
def test_a_path_that_no_system_takes_is_a_problem_and_no_crash(tmp_path: Path, name: str) -> None:
    (tmp_path / "film.yaml").write_text("title: T")
    with pytest.raises(StoryboardInvalid):
        read_storyboard(tmp_path / name, defaults=DEFAULTS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is not a text file"),
        (b"title: T\nscenes: \xff\xfe\xfd", "film.yaml:2: the byte 0xff here is not UTF-8"),
        ("title: T".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        (b"title: T\n\x1b[2J", "film.yaml:2: a character that no text should hold: U+001B (escape)"),
        (b"a: 1\n---\nb: 2", "film.yaml:2: a second document begins here"),
        (b"just words", "a mapping of keys and values is wanted here"),
        (b"- a\n- list", "a mapping of keys and values is wanted here"),
    ],
)
def test_what_is_no_storyboard_is_named_for_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    (line,) = [line for line in said(tmp_path, content) if words in line]
    assert line.startswith("film.yaml:")


def test_more_than_two_megabytes_are_not_read(tmp_path: Path) -> None:
    assert "more than 2 MB" in said(tmp_path, b"# " + b"x" * 2**21)[0]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("title: T\na: b: c", 2, "a colon stands where none can"),
        ("title: T\nscenes:\n\t- x: 1", 3, "a tab stands where YAML wants spaces"),
        ("title: T\ncast: [a,\n  b\n", 2, "the list opened with [ on line 2 isn't closed"),
        ("title: T\nsize: {width: 2\n", 2, "the mapping opened with { on line 2 isn't closed"),
        ('a: 1\ntitle: "open\nb: 2\n', 2, "a quotation mark opened on line 2 is never closed"),
        ("title: @home", 1, 'a text cannot begin with "@"'),
        ("title: 'it's'", 1, "this line doesn't fit the ones above it"),
        ("a: 1\nb: *nothing", 2, "the alias *nothing names nothing"),
        ("a: &a [1, *a]", 1, "the alias *a stands inside the very thing it names"),
        ("? [a, b]\n: c", 1, "a list or mapping stands where a key should be"),
        ("[" * 40, 1, "nested deeper than 30 levels"),
        ("a: " + "[" * 100_000, 1, "nested deeper than 30 levels"),
    ],
)
def test_both_parsers_say_the_same_of_broken_yaml(loader: object, text: str, line: int, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_text(text, loader=loader)
    assert (caught.value.line, words in caught.value.what) == (line, True), caught.value.what


def bomb(levels: int, width: int) -> str:
    rows = ["a0: &a0 [x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "title: T\n" + "\n".join(rows)


@pytest.mark.parametrize(
    "text",
    [
        bomb(20, 10),
        "title: T\na: &a {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}\nb: [" + "*a, " * 1000 + "]",
        "a: &a {x: 1, y: 2}\n"
        + "\n".join(f"b{n}: &b{n} {{<<: *{'a' if n == 0 else f'b{n - 1}'}, k{n}: [*a, *a]}}" for n in range(5000)),
        "[" + "1," * 1_000_000 + "]",
    ],
    ids=["billion laughs", "one wide alias many times", "merged into one another", "a million ones"],
)
@pytest.mark.timeout(30)  # unfolded they would take hours
def test_a_yaml_bomb_is_refused_before_it_unfolds(tmp_path: Path, text: str) -> None:
    lines = said(tmp_path, text)
    assert "unfolds into more than 50,000 values" in lines[0]


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!binary aGk=", "!mine x", "!!set {a, b}"]
)
def test_tags_are_refused_and_nothing_is_built_from_them(tmp_path: Path, tag: str) -> None:
    assert any(
        "film.yaml:1: title: the tag " in line for line in said(tmp_path, f"title: {tag}\nscenes: [{{prompt: a}}]")
    )


def test_a_key_that_stands_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    lines = said(tmp_path, "title: T\nscenes:\n  - prompt: a\n    prompt: b\n")
    assert lines == [
        'film.yaml:4: scenes[0].prompt: the key "prompt" stands here a second time; '
        "keep one of the two (the first is on line 3)"
    ]


def test_anchors_and_merge_keys_work_and_own_words_go_first(tmp_path: Path) -> None:
    film = read(
        tmp_path,
        "title: T\nx-night: &night {prompt: night, duration: 3, camera: orbit}\nscenes:\n"
        "  - {<<: *night, prompt: moon}\n  - *night\n",
    )
    assert [(scene.prompt, scene.duration, scene.camera) for scene in film.scenes] == [
        ("moon", 3.0, "orbit"),
        ("night", 3.0, "orbit"),
    ]


def test_words_that_yaml_1_1_would_bend_stay_words(tmp_path: Path) -> None:
    film = read(tmp_path, "title: No\nscenes: [{prompt: 2026-11-21, label: 'on'}, {prompt: 12:30, label: off}]")
    assert (film.title, [scene.prompt for scene in film.scenes]) == ("No", ["2026-11-21", "12:30"])


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_json_is_read_by_the_same_way(tmp_path: Path, indent: int | str | None, ensure_ascii: bool) -> None:
    content = {"title": "Küste \\ud83d/", "scenes": [{"prompt": "a 🚀 by the ים", "duration": 2.5, "critical": False}]}
    film = read(tmp_path, json.dumps(content, indent=indent, ensure_ascii=ensure_ascii), "film.json")
    assert (film.title, film.scenes[0].prompt) == ("Küste \\ud83d/", "a 🚀 by the ים")
    assert (film.scenes[0].duration, film.scenes[0].critical) == (2.5, False)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    film = read(tmp_path, b"\xef\xbb\xbftitle: T\r\nscenes:\r\n  - prompt: |\r\n      a\r\n      b\r\n")
    assert film.scenes[0].prompt == "a\nb"
