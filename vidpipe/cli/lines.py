"""A film that is being made, as plain lines or JSON lines: one only where something changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from vidpipe.cli import show
from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.pipeline.overview import FilmStatus, SceneStatus
from vidpipe.runner import Progress

# Passing states are not worth a line.
_TOLD = (SceneState.GENERATING, SceneState.DONE, SceneState.BLOCKED, SceneState.SKIPPED, SceneState.CANCELLED)
_STATES = {
    ProjectState.DRAFT: "being written down",
    ProjectState.ACTIVE: "in the making",
    ProjectState.STITCHING: "being joined",
    ProjectState.WAITING: "waits for a person",
    ProjectState.CANCELLING: "being cancelled",
}
# Figures that change by themselves: alone they are no news.
_VOLATILE = ("seconds", "eta", "tick_seen")
TICK_PATIENCE = 10.0  # seconds before the want of a tick is told: it signs every two


def film_state(film: FilmStatus) -> str:
    """The film's state in words."""
    return _STATES.get(ProjectState(film.state), film.state)


def tick_words(film: FilmStatus) -> str:
    """What to say where nobody moves the film, though it should be moving."""
    if film.ticking or film.state not in (ProjectState.ACTIVE, ProjectState.STITCHING):
        return ""
    since = "" if film.tick_seen is None else f" (the last one {show.roughly(film.tick_seen)} ago)"
    return f"no tick is running{since}: nothing will move until workers and beat do"


class View:
    """Something that shows a film while the block lasts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held back."""


class PlainView(View):
    """Lines for a log or a pipe."""

    def __init__(self) -> None:
        self._film: FilmStatus | None = None
        self._began = time.monotonic()
        self._words = ""

    def step(self, words: str) -> None:
        """Something that happens beside the scenes; said once while it lasts."""
        head = words.partition(";")[0]
        if head != self._words:
            self._words = head
            self._line(show.spoken(words))

    def show(self, progress: Progress) -> None:
        """How the film stands now."""
        if progress.kind != "film":
            if progress.kind != "end":
                self.step(progress.words)
            return
        film = progress.film
        if film is None:
            return
        before = {scene.label: scene.state for scene in self._film.scenes} if self._film else {}
        for scene in film.scenes:
            if before and scene.state != before.get(scene.label) and scene.state in _TOLD:
                doing = "begun" if scene.state == SceneState.GENERATING else scene.doing
                self._line(f"{scene.label}: {doing}{self._rest(film, scene)}")
        if self._film is None or film.state != self._film.state:
            self._line(f"{film.title}: {film_state(film)}, {film.done} of {film.total} scenes done")
        if words := self._standstill(film):
            self.step(words)
        self._film = film

    def _rest(self, film: FilmStatus, scene: SceneStatus) -> str:
        if scene.state not in (SceneState.DONE, SceneState.SKIPPED):
            return ""
        left = "" if film.eta is None else f", {show.roughly(film.eta)} left"
        return f" ({film.done} of {film.total}{left})"

    def _standstill(self, film: FilmStatus) -> str:
        return tick_words(film) if time.monotonic() - self._began > TICK_PATIENCE else ""

    def _line(self, words: str) -> None:
        show.say(f"{show.clock(time.monotonic() - self._began):>5}  {show.clean(words)}")


class JsonView(View):
    """One JSON object a line: `event` is step, film or away; the last one, end or error, is the command's."""

    def __init__(self, put: Callable[[Any], None] = show.line) -> None:
        self._put = put
        self._last: Any = None
        self._away = False  # told once while it lasts

    def step(self, words: str) -> None:
        """Something that happens beside the scenes."""
        self._put({"event": "step", "words": words})

    def show(self, progress: Progress) -> None:
        """How the film stands now, if anything of it has changed."""
        if progress.kind == "step" or (progress.kind == "away" and not self._away):
            self._put({"event": progress.kind, "words": progress.words})
        self._away = progress.kind == "away"
        if progress.kind != "film" or progress.film is None:
            return
        found = film_document(progress.film)
        steady = _steady(found)
        if steady != self._last:
            self._last = steady
            self._put({"event": "film", **found})


def film_document(film: FilmStatus) -> dict[str, Any]:
    """A film as JSON has it."""
    found = asdict(film)
    return {"project_id": found.pop("id"), **found, "ticking": film.ticking}


def _steady(found: dict[str, Any]) -> dict[str, Any]:
    scenes = [{key: value for key, value in scene.items() if key not in _VOLATILE} for scene in found["scenes"]]
    return {**{key: value for key, value in found.items() if key not in _VOLATILE}, "scenes": scenes}
