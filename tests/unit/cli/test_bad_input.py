"""Everything a person can get wrong: a message that says what, where and what to do; code 2; nothing begun."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.clips import write
from vidpipe.cli import codes
from vidpipe.cli.main import main

GOOD = "title: T\nscenes:\n  - prompt: the sea at night\n"
BOMB = "title: T\na: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)
Make = Callable[[Path], str]


def text(content: str) -> Make:
    return lambda folder: content


def footage(name: str, content: bytes | None) -> Make:
    """A film with one scene of the file `name`."""

    def make(folder: Path) -> str:
        if content is not None:
            (folder / name).write_bytes(content)
        return f"title: T\nscenes:\n  - {{footage: {name}, duration: 1}}\n"

    return make


def truncated(folder: Path) -> str:
    write(folder / "whole.mp4")
    whole = (folder / "whole.mp4").read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 3])
    return "title: T\nscenes:\n  - {footage: half.mp4, duration: 1}\n"


def no_picture(folder: Path) -> str:
    (folder / "frame.png").write_bytes(b"not a picture at all")
    return "title: T\nscenes:\n  - {prompt: the sea, first_frame: frame.png}\n"


def link_outside(folder: Path) -> str:
    Image.new("RGB", (8, 8)).save(folder.parent / "outside.png")
    (folder / "inside.png").symlink_to(folder.parent / "outside.png")
    return "title: T\nscenes:\n  - {prompt: the sea, first_frame: inside.png}\n"


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
# what is wrong: (the storyboard, words that the message must hold)
BAD: dict[str, tuple[Make, tuple[str, ...]]] = {
    "not YAML": (text("title: [T\nscenes: }"), ("film.yaml:1", "[")),
    "a YAML bomb": (text(BOMB), ("film.yaml:",)),
    "a key misspelt": (text(GOOD + "    promt: x\n"), ("film.yaml:4", "prompt")),
    "two scenes of one label": (
        text("title: T\nscenes:\n  - {label: A, prompt: x}\n  - {label: A, prompt: y}\n"), ("film.yaml:4", "A")),
    "a cycle in after": (
        text("title: T\nscenes:\n  - {label: A, prompt: x, after: B}\n  - {label: B, prompt: y, after: A}\n"),
        ("film.yaml:3",)),
    "an unknown service": (text(GOOD + "    service: procedual\n"), ("film.yaml:4", "procedural")),
    "a duration the model can't do": (text(GOOD + "    duration: 300\n"), ("film.yaml:4", "0.5 to 30 s")),
    "footage missing": (footage("a.mp4", None), ("film.yaml:3", "a.mp4")),
    "footage empty": (footage("a.mp4", b""), ("film.yaml:3", "a.mp4", "empty")),
    "footage that is no video": (footage("a.mp4", b"hello, this is text\n" * 50), ("a.mp4",)),
    "footage truncated": (truncated, ("half.mp4",)),
    "a playlist pointing elsewhere": (footage("a.m3u8", PLAYLIST), ("a.m3u8",)),
    "a path out of the folder": (text(GOOD + "    first_frame: ../x.png\n"), ("film.yaml:4", "out of")),
    "a link out of the folder": (link_outside, ("film.yaml:3", "out of")),
    "a picture that is none": (no_picture, ("frame.png",)),
    "a text of 100,000 characters": (
        text(f"title: T\nscenes:\n  - prompt: {'x' * 100_000}\n"), ("film.yaml:3", "10,000")),
    "control characters": (text('title: "a\\e[2Jb"\nscenes:\n  - prompt: x\n'), ("film.yaml:1", "U+001B")),
    "an order of reading turned around": (text("title: a\u202eb\nscenes:\n  - prompt: x\n"), ("film.yaml:1", "U+202E")),
    "zero scenes": (text("title: T\nscenes: []\n"), ("film.yaml:2",)),
    "no scenes at all": (text("title: T\n"), ("film.yaml:1", "scenes")),
    "candidates 0": (text(GOOD + "    candidates: 0\n"), ("film.yaml:4", "1")),
    "candidates 9": (text(GOOD + "    candidates: 9\n"), ("film.yaml:4", "4")),
    "an empty file": (text(""), ("film.yaml",)),
    "a list": (text("- a\n- b\n"), ("film.yaml",)),
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder; its home must stay unmade."""
    folder = tmp_path / "a desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VIDPIPE_HOME", str(tmp_path / "home"))
    for name in ("VIDPIPE_DATABASE_URL", "VIDPIPE_BROKER_URL", "VIDPIPE_CONFIG", "VIDEO_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    return folder


def refused(desk: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said on stderr by a command that must end with 2 and begin nothing."""
    before = sorted(path.name for path in desk.iterdir())
    assert main(words) == codes.BAD_INPUT
    out, err = capsys.readouterr()
    assert err.strip() and "Traceback" not in out + err and "\x1b" not in err
    assert not (desk.parent / "home").exists(), "a cluster was begun"
    assert sorted(path.name for path in desk.iterdir()) == before, "something was half-written"
    return err


@pytest.mark.parametrize("name", BAD)
def test_bad_storyboards_are_refused_with_file_line_and_remedy(
    name: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = BAD[name]
    (desk / "film.yaml").write_text(make(desk), encoding="utf-8")
    for command in ("validate", "plan", "run"):
        said = refused(desk, capsys, command, "film.yaml")
        for word in words:
            assert word in said, f"{command} of {name}: {said}"


def test_the_good_one_is_good(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    assert main(["validate", "film.yaml"]) == codes.DONE
    assert main(["plan", "film.yaml", "--json"]) == codes.DONE
    found = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert found["scenes"][0]["label"] == "Shot 1A" and float(found["cost"]) == 0


@pytest.mark.parametrize("prompt", ["the sea 🌊 at night", "הים בלילה", "夜の海"])
def test_emoji_and_right_to_left_are_welcome(prompt: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "film.yaml").write_text(f"title: {prompt}\nscenes:\n  - prompt: {prompt}\n", encoding="utf-8")
    assert main(["validate", "film.yaml"]) == codes.DONE
    assert prompt in capsys.readouterr().out


@pytest.mark.parametrize("command", ["validate", "plan", "run", "enqueue"])
def test_no_file_a_folder_and_a_device_are_refused(
    command: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such file" in refused(desk, capsys, command, "nowhere.yaml")
    assert "folder" in refused(desk, capsys, command, ".")
    assert "plain file" in refused(desk, capsys, command, "/dev/zero")


def test_problems_are_data_for_scripts(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "film.yaml").write_text(GOOD + "    promt: x\n", encoding="utf-8")
    assert main(["validate", "film.yaml", "--json"]) == codes.BAD_INPUT
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["exit"] == 2 and error["problems"][0]["line"] == 4 and error["problems"][0]["file"] == "film.yaml"


@pytest.mark.parametrize("out", ["/dev/null/out", "taken", "taken/below", "/proc/nothing/here", "x" * 300])
def test_an_out_folder_that_cannot_be_written_is_refused_before_anything_is_begun(
    out: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    (desk / "taken").write_text("a file", encoding="utf-8")
    said = refused(desk, capsys, "run", "film.yaml", "--out", out)
    assert "cannot be written" in said and "--out" in said


@pytest.mark.parametrize(
    "words",
    [
        ["status"], ["follow"], ["pause", "abc"], ["resume", "abc"], ["cancel", "abc"], ["retry", "abc"],
        ["skip", "abc", "Shot 1A"],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_without_a_cluster_it_says_how_to_start_one(
    words: list[str], desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(desk, capsys, *words)
    assert "no cluster runs" in said and "cluster start" in said


def test_a_storyboard_is_not_enqueued_without_a_cluster(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    assert "no cluster runs" in refused(desk, capsys, "enqueue", "film.yaml")


@pytest.mark.parametrize("words", [["db", "check"], ["db", "upgrade"], ["worker", "io"], ["flower"]], ids=" ".join)
def test_what_needs_an_address_says_so(words: list[str], desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cluster start" in refused(desk, capsys, *words)


def test_a_database_that_is_not_there_is_said_not_to_be(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDPIPE_DATABASE_URL", f"postgresql+psycopg2://x@/x?host={desk}")
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    for words in (["status"], ["db", "check"], ["db", "upgrade"], ["run", "film.yaml"], ["enqueue", "film.yaml"]):
        assert "the database cannot be reached" in refused(desk, capsys, *words)


@pytest.mark.parametrize(
    "words", [["--io", "0"], ["--gpu", "1000"], ["--latency", "-1"], ["--renderers", "99"]], ids="=".join
)
def test_a_cluster_of_a_senseless_size_is_refused(
    words: list[str], desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    refused(desk, capsys, "run", "film.yaml", *words)
    refused(desk, capsys, "cluster", "start", *words)


def test_a_home_that_cannot_be_made_is_said_to_be(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    (desk / "file").write_text("", encoding="utf-8")
    assert "cannot be written" in refused(desk, capsys, "run", "film.yaml", "--home", "file/home")


@pytest.mark.parametrize("content", ["{", "[]", "services: {procedural: {models: 7}}", "timing: {lease: soon}"])
def test_a_configuration_that_cannot_be_used_is_said_to_be(
    content: str, desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "own.yaml").write_text(content, encoding="utf-8")
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("VIDPIPE_CONFIG", "own.yaml")
    refused(desk, capsys, "validate", "film.yaml")


def test_an_empty_out_is_a_variable_that_was_not_set_and_is_refused(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "film.yaml").write_text(GOOD, encoding="utf-8")
    assert "name is empty" in refused(desk, capsys, "run", "film.yaml", "--out", "")
