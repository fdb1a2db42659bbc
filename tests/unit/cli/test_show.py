"""What is printed is safe, short and the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from vidpipe.cli import show
from vidpipe.errors import Problem, SetupError, StoryboardInvalid


@pytest.mark.parametrize(
    "text", ["a\x1b[2Jb", "a\x07b", "a\x9bb", "a\x00b", "a\rb", "a\u202eb", "a\u2066b", "a\ud800b"]
)
def test_no_character_that_a_terminal_obeys_is_printed(text: str) -> None:
    assert show.clean(text).replace("[2J", "") == "a b"


def test_what_people_write_stays_as_it_is() -> None:
    text = "Ünïcode, 日本語, עברית and 🎬"
    assert show.clean(text) == text


def test_a_line_stays_one_line_unless_lines_are_wanted() -> None:
    assert show.clean("a\nb") == "a b" and show.clean("a\nb", lines=True) == "a\nb"


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-"), (0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03")]
)
def test_a_clock_reads_minutes_and_seconds(seconds: float | None, words: str) -> None:
    assert show.clock(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"), (8, "about 10 s"), (42, "about 40 s"), (95, "about 2 min"), (3599, "about 1 h"),
        (7080, "about 2 h"), (7900, "about 2 h 10 min"),
    ],
)  # fmt: skip
def test_an_estimate_is_no_more_exact_than_it_is_known(seconds: float, words: str) -> None:
    assert show.roughly(seconds) == words


@pytest.mark.parametrize(("amount", "words"), [("0", "$0.00"), ("12.3", "$12.30"), ("0.0042", "$0.0042")])
def test_amounts_below_a_cent_are_not_nothing(amount: str, words: str) -> None:
    assert show.money(Decimal(amount)) == words


def test_json_has_amounts_as_text_and_times_as_iso() -> None:
    found = show.plain(
        {
            "id": UUID(int=1),
            "cost": Decimal("0.10"),
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "path": Path("a"),
            "n": (1,),
        }
    )
    assert found == {
        "id": str(UUID(int=1)), "cost": "0.10", "at": "2026-01-02T00:00:00+00:00", "path": "a", "n": [1]
    }  # fmt: skip


def test_an_error_says_what_and_then_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    show.error(SetupError("the disk is full\x1b", remedy="Free some space."), as_json=False, code=2)
    assert capsys.readouterr().err == "vidpipe: the disk is full \nFree some space.\n"


def test_each_problem_of_a_storyboard_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("no prompt", "write one", "f.yaml", 3), Problem("too long", "", "f.yaml", 9)]
    show.error(StoryboardInvalid(problems), as_json=False, code=2)
    assert capsys.readouterr().err.splitlines() == ["f.yaml:3: no prompt; write one", "f.yaml:9: too long"]


def test_commands_in_a_remedy_can_be_typed_here() -> None:
    assert show.spoken("Run `vidpipe db upgrade`.") == f"Run `{show.program()} db upgrade`."


def test_a_path_with_a_space_and_a_quote_is_one_word_for_a_shell() -> None:
    assert show.quoted("a b'c") == "'a b'\"'\"'c'" and show.quoted("./out/a.yaml") == "./out/a.yaml"
