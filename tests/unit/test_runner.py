"""What the runner decides before a cluster is there, and how the package offers it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import vidpipe
from tests.stories import story
from tests.unit.cli.pictures import film, scene
from vidpipe.cluster.processes import python_environment
from vidpipe.errors import SetupError
from vidpipe.runner import check_out, default_out, unfinished
from vidpipe.settings import child_environment


@pytest.mark.parametrize(
    ("title", "folder"),
    [
        ("The Keeper's Light", "the-keepers-light"),
        ("Ünïcode & more", "unicode-more"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 300, "x" * 60),
        ("-a-", "a"),
    ],
)
def test_the_default_folder_is_the_title_in_plain_letters(title: str, folder: str) -> None:
    assert default_out(replace(story(), title=title)) == Path("out") / folder


def test_a_title_without_plain_letters_is_called_by_its_fingerprint() -> None:
    board = replace(story(), title="日本語", fingerprint="abcdef0123456789")
    assert default_out(board) == Path("out/film-abcdef01")


def test_asking_whether_a_folder_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    check_out(tmp_path / "a" / "b")
    check_out(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SetupError, match="Permission denied"):
        check_out(tmp_path / "out")


@pytest.mark.parametrize(
    ("state", "waits", "remedy"),
    [
        ("waiting", True, "vidpipe retry 3f2a9c1e"),
        ("paused", True, "vidpipe resume 3f2a9c1e"),
        ("failed", False, "vidpipe retry 3f2a9c1e"),
        ("cancelled", False, "a new film"),
    ],
)
def test_a_film_that_is_not_done_says_why_and_what_can_be_done(state: str, waits: bool, remedy: str) -> None:
    error = unfinished(film(scene(), state=state, note="Shot 1A is blocked: why"))
    assert error.waits is waits and remedy in error.remedy and "Shot 1A is blocked: why" in error.message


def test_the_package_offers_render_and_runner_and_loads_them_when_asked(tmp_path: Path) -> None:
    code = (
        "import sys, vidpipe; assert 'sqlalchemy' not in sys.modules; assert 'vidpipe.runner' not in sys.modules;"
        "assert callable(vidpipe.render) and vidpipe.Runner and vidpipe.Film and vidpipe.Progress"
    )
    env = child_environment(python_environment())
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_the_package_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        vidpipe.nonsense  # noqa: B018 - asking is the test
