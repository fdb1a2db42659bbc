"""What a person can do about a shot that isn't in the film, or about a film that isn't there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from vidpipe.domain.catalogue import FOOTAGE
from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.report import words
from vidpipe.report.facts import Report, SceneFacts


@dataclass(frozen=True)
class Command:
    """Something to be typed as it stands."""

    line: str


@dataclass(frozen=True)
class Advice:
    """Words and commands, in the order they are read; empty where there is nothing to do."""

    parts: tuple[str | Command, ...] = ()

    def __str__(self) -> str:
        """As plain text, commands between backticks."""
        return "".join(f"`{part.line}`" if isinstance(part, Command) else part for part in self.parts)


def for_scene(report: Report, scene: SceneFacts) -> Advice:
    """What to do about `scene`, one of `report.troubled`."""
    film = _short(report)
    again = Command(f"vidpipe retry {film} {shlex.quote(words.visible(scene.label))}")
    if scene.unclear:
        look = (
            "Look at the service's own list of operations whether the order is there; buying it again could pay twice. "
        )
        return Advice((look, Command(f"vidpipe status {film}"), " names the take."))
    if scene.state == SceneState.SKIPPED:
        return Advice(("It was left out of the film. ", again, " makes it after all."))
    if scene.state == SceneState.CANCELLED:
        return Advice(("It was cancelled. ", again, " makes it after all."))
    takes = [take for take in scene.takes if take.version == scene.version]
    if any(take.error.startswith("policy") for take in takes):
        return Advice(
            ("The service refused the words. Reword the prompt in the storyboard; ", again, " asks as before.")
        )
    leave = (Command(f"vidpipe skip {film} {shlex.quote(words.visible(scene.label))}"), " leaves it out.")
    if takes and all(take.service == FOOTAGE for take in takes):
        return Advice(("The filmed file is the same at every try: mend it, or name another one. ", *leave))
    if scene.fallback or len({take.service for take in takes}) > 1:
        return Advice((again, " tries once more; ", *leave))
    fallback = Command("fallback")
    last = (" service in the storyboard would have taken over; ", *leave)
    return Advice((again, " tries once more; a ", fallback, *last))


def for_film(report: Report) -> Advice:
    """What to do about the film."""
    retry = Command(f"vidpipe retry {_short(report)}")
    match report.film.state:
        case ProjectState.WAITING if report.troubled:
            return Advice(("The shots below need you; then the film goes on by itself.",))
        case ProjectState.WAITING | ProjectState.FAILED:
            return Advice((retry, " goes on with it."))
        case ProjectState.PAUSED:
            resume = Command(f"vidpipe resume {_short(report)}")
            return Advice((resume, " goes on with it; nothing is bought meanwhile."))
        case ProjectState.ACTIVE | ProjectState.STITCHING:
            follow = Command(f"vidpipe follow {_short(report)}")
            return Advice((follow, " shows how it goes; this page tells of one moment."))
        case ProjectState.CANCELLED:
            return Advice((retry, " begins again with what is missing."))
        case _:
            return Advice()


def _short(report: Report) -> str:
    """As much of the film's id as a person types."""
    return str(report.film.id)[:8]
