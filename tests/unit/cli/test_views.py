"""A film shown live, as plain lines, and as JSON lines."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from tests.unit.cli.pictures import film, scene, seen
from vidpipe.cli.lines import JsonView, PlainView, tick_words
from vidpipe.cli.view import LiveView
from vidpipe.runner import Progress


def drawn(found: LiveView, console: Console) -> str:
    with console.capture() as capture:
        console.print(found._picture())
    return capture.get()


def terminal(*, width: int = 80, height: int = 30, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, force_terminal=True, width=width, height=height, color_system=None, legacy_windows=False)


def test_plain_lines_are_printed_only_where_something_changed(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView()
    for progress in (0.1, 0.2, 0.3):
        view.show(seen(film(scene(progress=progress, seconds=progress), scene("Shot 1B", "waiting"))))
    assert len(capsys.readouterr().out.splitlines()) == 1
    view.show(seen(film(scene(state="done", doing="best of 2, 0.83"), scene("Shot 1B", "waiting"), eta=30.0)))
    assert capsys.readouterr().out.split(maxsplit=1)[1] == "Shot 1A: best of 2, 0.83 (1 of 2, about 30 s left)\n"


def test_a_database_that_is_away_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView()
    for left in (60, 59, 58):
        view.show(Progress("away", f"the database cannot be reached; waiting for it for up to {left} s more"))
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_json_lines_are_written_only_where_something_changed() -> None:
    lines: list[Any] = []
    view = JsonView(lines.append)
    view.show(seen(film(scene(), seconds=1.0, tick_seen=0.1)))
    view.show(seen(film(scene(seconds=9.0), seconds=2.0, eta=4.0, tick_seen=0.9)))
    assert [line["event"] for line in lines] == ["film"]
    view.show(seen(film(scene(progress=0.5))))
    assert len(lines) == 2 and lines[1]["scenes"][0]["progress"] == 0.5 and "project_id" in lines[1]


def test_a_film_that_nobody_moves_is_said_to_stand_still() -> None:
    assert tick_words(film(scene())) == ""
    assert "nothing will move" in tick_words(film(scene(), tick_seen=None))
    assert "about 40 s ago" in tick_words(film(scene(), tick_seen=41.0))
    assert tick_words(film(scene(), state="done", tick_seen=None)) == "", "a film that is done needs nobody"


def test_the_live_view_names_every_scene_with_what_it_is_doing() -> None:
    console = terminal()
    view = LiveView(console)
    view.show(seen(film(scene(), scene("Shot 1B", "waiting", doing="waits for Shot 1A"), eta=20.0)))
    picture = drawn(view, console)
    for words in (
        "The Keeper's Light",
        "Shot 1A",
        "at procedural, 40 %",
        "waits for Shot 1A",
        "0 of 2 scenes",
        "about 20 s left",
    ):
        assert words in picture


@pytest.mark.parametrize(("scenes", "height"), [(6, 30), (45, 24), (45, 60), (500, 24), (3, 8)])
def test_the_live_view_fits_the_terminal(scenes: int, height: int) -> None:
    console = terminal(height=height)
    view = LiveView(console)
    states = ["done", "generating", "waiting", "blocked"]
    view.show(seen(film(*(scene(f"Shot {n}", states[n % 4]) for n in range(scenes)))))
    picture = drawn(view, console)
    assert len(picture.splitlines()) <= max(height, 12)
    assert max(len(line) for line in picture.splitlines()) <= 80


def test_what_needs_a_person_is_shown_however_many_scenes_there_are() -> None:
    console = terminal(height=20)
    view = LiveView(console)
    scenes = [scene(f"Shot {n}") for n in range(200)] + [scene("The bad one", "blocked", doing="blocked: why")]
    view.show(seen(film(*scenes)))
    assert "blocked: why" in drawn(view, console)


def test_a_terminal_without_utf8_gets_plain_signs() -> None:
    console = terminal(encoding="latin-1")
    view = LiveView(console)
    view.show(seen(film(scene(), scene("Shot 1B", "done"), scene("Shot 1C", "waiting"))))
    drawn(view, console).encode("latin-1")


def test_a_title_cannot_command_the_terminal_or_colour_it() -> None:
    console = terminal()
    view = LiveView(console)
    view.show(seen(film(scene(label="[red]x[/red]", doing="a\x1b[2Jb"), title="[bold]T\x1b]0;x\x07")))
    picture = drawn(view, console)
    assert "\x07" not in picture and "\x1b[2J" not in picture and "[bold]T" in picture and "[red]x" in picture


def test_a_view_can_be_closed_twice_and_speaks_on() -> None:
    console = terminal()
    with LiveView(console) as view:
        view.close()
        view.step("stopping the cluster")
