"""What a person can do about a shot that isn't in the film."""

from __future__ import annotations

import shlex

from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.report import words
from vidpipe.report.facts import Report, SceneFacts


def for_scene(report: Report, scene: SceneFacts) -> str:
    """What to do about `scene`, one of `report.troubled`."""
    film = str(report.film.id)[:8]
    again = f"`vidpipe retry {film} {_quoted(scene.label)}`"
    if scene.unclear:
        return (
            "Look at the service's own list of operations whether the order is there; buying it again could pay twice. "
            f"`vidpipe status {film}` names the take."
        )
    if scene.state == SceneState.SKIPPED:
        return f"It was left out of the film. {again} makes it after all."
    if scene.state == SceneState.CANCELLED:
        return f"It was cancelled. {again} makes it after all."
    takes = [take for take in scene.takes if take.version == scene.version]
    if any(take.error.startswith("policy") for take in takes):
        return f"The service refused the words. Reword the prompt in the storyboard; {again} asks as before."
    if scene.fallback or len({take.service for take in takes}) > 1:
        return f"{again} tries once more."
    return f"{again} tries once more; a `fallback` service in the storyboard would have taken over."


def for_film(report: Report) -> str:
    """What to do about a film that isn't there, or empty where there is nothing to do."""
    film = str(report.film.id)[:8]
    match report.film.state:
        case ProjectState.WAITING if report.troubled:
            return "The shots below need you; then the film goes on by itself."
        case ProjectState.WAITING | ProjectState.FAILED:
            return f"`vidpipe retry {film}` goes on with it."
        case ProjectState.PAUSED:
            return f"`vidpipe retry {film}` goes on with it; nothing is bought meanwhile."
        case ProjectState.ACTIVE | ProjectState.STITCHING:
            return f"`vidpipe follow {film}` shows how it goes; this page tells of one moment."
        case ProjectState.CANCELLED:
            return f"`vidpipe retry {film}` begins again with what is missing."
        case _:
            return ""


def _quoted(label: str) -> str:
    """The label as a shell takes it, without what would break a line."""
    return shlex.quote(words.visible(label))
