"""A film that is being made, live on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from vidpipe.cli import show
from vidpipe.cli.lines import TICK_PATIENCE, View, film_state, tick_words
from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.pipeline.overview import FilmStatus, SceneStatus
from vidpipe.runner import Progress

_REFRESH = 8  # pictures a second
_AROUND = 9  # lines of the view that are not scenes
_RUNNING = (SceneState.GENERATING, SceneState.SELECTING, SceneState.ANALYZING)
_MOST_WIDE = 110  # columns; longer lines are hard to follow

# state: (colour, sign, sign without UTF-8); the running ones turn instead
_LOOK = {
    SceneState.WAITING: ("dim", "·", "."),
    SceneState.GENERATING: ("cyan", "", ""),
    SceneState.SELECTING: ("cyan", "", ""),
    SceneState.ANALYZING: ("cyan", "", ""),
    SceneState.DONE: ("green", "✔", "+"),
    SceneState.BLOCKED: ("red", "✘", "x"),
    SceneState.SKIPPED: ("yellow", "–", "-"),
    SceneState.CANCELLED: ("red", "–", "-"),
}
_CELLS = {SceneState.WAITING: "░", SceneState.DONE: "█", SceneState.BLOCKED: "█"}


class LiveView(View):
    """Redraws by itself; `show` and `step` only hand it what is new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._plain = not console.encoding.lower().startswith("utf")
        self._film: FilmStatus | None = None
        self._began = self._seen_at = time.monotonic()
        self._words = "reading the storyboard"
        self._spinner = Spinner("line" if self._plain else "dots", style="cyan")
        self._live = Live(
            console=console, get_renderable=self._picture, refresh_per_second=_REFRESH, vertical_overflow="crop"
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def close(self) -> None:
        """Leave the last picture on the terminal."""
        self._live.stop()

    def step(self, words: str) -> None:
        """Something that happens beside the scenes."""
        self._words = show.clean(show.spoken(words))
        if not self._live.is_started:
            self._console.print(Text(self._words, style="dim"))

    def show(self, progress: Progress) -> None:
        """How the film stands now."""
        if progress.kind in ("film", "end"):
            self._words = ""
        else:
            self.step(progress.words)
        if progress.film is not None:
            self._film, self._seen_at = progress.film, time.monotonic()

    def _picture(self) -> RenderableType:
        if self._film is None:
            return self._beside(self._words)
        film = self._film
        parts: list[RenderableType] = [Text(), self._head(film), self._bar(film), self._below_bar(film), Text()]
        parts += self._scenes(film)
        settled = time.monotonic() - self._began > TICK_PATIENCE
        words = self._words or (tick_words(film) if settled else "")
        if words:
            parts += [Text(), self._beside(words)]
        return Group(*parts)

    def _beside(self, words: str) -> RenderableType:
        line = Table.grid(padding=(0, 1))
        line.add_row(self._spinner, Text(words, style="dim"))
        return line

    @property
    def _width(self) -> int:
        return min(self._console.width, _MOST_WIDE)

    def _head(self, film: FilmStatus) -> RenderableType:
        since = time.monotonic() - self._seen_at if _moves(film) else 0.0
        line = Table.grid(expand=False)
        line.width = self._width
        line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        line.add_column(justify="right", no_wrap=True)
        state = Text(film_state(film), style=_film_colour(film))
        if film.seconds is not None:
            state.append(f"  {show.clock(film.seconds + since)}", style="default")
        line.add_row(Text(show.clean(film.title), style="bold"), state)
        return line

    def _bar(self, film: FilmStatus) -> RenderableType:
        bar = ProgressBar(
            total=1.0, completed=film.progress, width=self._width, complete_style=_film_colour(film),
            finished_style="green",
        )  # fmt: skip
        line = Table.grid()  # alone, a bar ends no line
        line.add_row(bar)
        return line

    def _below_bar(self, film: FilmStatus) -> RenderableType:
        words = [f"{film.done} of {film.total} scenes"]
        if film.settled or film.reserved:
            held = f" and {show.money(film.reserved)} on hold" if film.reserved else ""
            words.append(f"{show.money(film.settled)} spent{held}")
        line = Table.grid(expand=False)
        line.width = self._width
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        left = "" if film.eta is None or not _moves(film) else f"{show.roughly(film.eta)} left"
        line.add_row(Text(", ".join(words), style="dim"), Text(left, style="dim"))
        return line

    def _scenes(self, film: FilmStatus) -> list[RenderableType]:
        room = max(self._console.size.height - _AROUND, 3)
        parts = len({scene.sequence for scene in film.scenes})
        if len(film.scenes) + (parts if parts > 1 else 0) <= room:
            return [self._rows(film.scenes, headings=parts > 1)]
        strip = self._strip(film.scenes)
        lines = -(-len(film.scenes) // self._width)
        shown = _most_telling(film.scenes, max(room - lines - 3, 1))
        rest = [scene for scene in film.scenes if scene not in shown]
        return [strip, Text(), self._rows(shown, headings=False), Text(_counted(rest), style="dim")]

    def _rows(self, scenes: Sequence[SceneStatus], *, headings: bool) -> RenderableType:
        rows = Table.grid(padding=(0, 1))
        rows.width = self._width
        rows.add_column(width=1)
        rows.add_column(no_wrap=True, max_width=24, overflow="ellipsis")
        rows.add_column(width=14)
        rows.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        rows.add_column(justify="right", no_wrap=True)
        sequence = None
        for scene in scenes:
            if headings and scene.sequence != sequence:
                sequence = scene.sequence
                rows.add_row("", Text(show.clean(sequence), style="bold dim"))
            rows.add_row(*self._row(scene))
        return rows

    def _row(self, scene: SceneStatus) -> Iterable[RenderableType]:
        colour, sign, plain_sign = _LOOK[SceneState(scene.state)]
        running = scene.state in _RUNNING
        bar: RenderableType = ""
        if running or scene.state == SceneState.DONE:
            bar = ProgressBar(
                total=1.0, completed=scene.progress, width=14, complete_style=colour, finished_style=colour
            )
        style = "" if running else colour
        return (
            self._spinner if running else Text(plain_sign if self._plain else sign, style=colour),
            Text(show.clean(scene.label), style="dim" if scene.state == SceneState.WAITING else ""),
            bar,
            Text(show.clean(scene.doing), style=style),
            Text("" if scene.seconds is None else show.clock(scene.seconds), style="dim"),
        )

    def _strip(self, scenes: Sequence[SceneStatus]) -> Text:
        """All scenes at once, a character each, in the order of the film."""
        strip = Text()
        for scene in scenes:
            state = SceneState(scene.state)
            colour, _, plain_sign = _LOOK[state]
            strip.append((plain_sign or "o") if self._plain else _CELLS.get(state, "▓"), style=colour)
        return strip


def _moves(film: FilmStatus) -> bool:
    return film.state in (ProjectState.ACTIVE, ProjectState.STITCHING, ProjectState.CANCELLING)


def _film_colour(film: FilmStatus) -> str:
    match film.state:
        case ProjectState.DONE:
            return "green"
        case ProjectState.FAILED | ProjectState.CANCELLED | ProjectState.CANCELLING:
            return "red"
        case ProjectState.WAITING | ProjectState.PAUSED:
            return "yellow"
        case _:
            return "cyan"


def _most_telling(scenes: Sequence[SceneStatus], count: int) -> list[SceneStatus]:
    """What needs a person, then what is furthest on its way, then what comes next; in the order of the film."""

    def rank(scene: SceneStatus) -> tuple[int, float]:
        if scene.state == SceneState.BLOCKED:
            return (0, 0.0)
        if scene.state in _RUNNING:
            return (1, -scene.progress)
        return (2 if scene.state == SceneState.WAITING else 3, 0.0)

    chosen = {scene.label for scene in sorted(scenes, key=rank)[:count]}
    return [scene for scene in scenes if scene.label in chosen]


def _counted(scenes: Sequence[SceneStatus]) -> str:
    """'and 12 more being made, 20 done, 3 waiting'."""
    states = [scene.state for scene in scenes]
    counts = {
        "being made": sum(state in _RUNNING for state in states),
        "done": states.count(SceneState.DONE),
        "waiting": states.count(SceneState.WAITING),
        "blocked": states.count(SceneState.BLOCKED),
        "left out": states.count(SceneState.SKIPPED) + states.count(SceneState.CANCELLED),
    }
    words = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"and {words}" if words else ""
