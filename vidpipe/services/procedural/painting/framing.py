"""Where in the frame someone stands, and how large, by the size of the shot."""

from __future__ import annotations

from vidpipe.services.procedural.painting.stage import Stage

SIZES = {
    "establishing": 0.15,
    "wide": 0.27,
    "full": 0.56,
    "medium": 0.8,
    "two-shot": 0.72,
    "over-shoulder": 0.62,
    "close-up": 1.06,
    "insert": 1.0,
    "pov": 0.3,
}


def ground_y(stage: Stage) -> float:
    """Where feet stand in the foreground, world y."""
    u, place = stage.u, stage.wanted.place
    if place == "harbour":
        return stage.height - 52 * u
    if place in ("sea", "lighthouse"):
        return stage.height - 46 * u
    if place == "room":
        return stage.height * 0.94
    if place == "river":
        return stage.height - 36 * u
    if place == "city":
        return stage.horizon + 92 * u
    return stage.horizon + (stage.height - stage.horizon) * (0.52 if stage.wanted.shot == "establishing" else 0.66)


def stand_x(stage: Stage) -> float:
    """A third of the frame, on the side away from the sun, so that light falls on the face."""
    near = 0.36 if stage.sun[0] > stage.width / 2 else 0.64
    return stage.width * (near + 0.05 * float(stage.rng("stand").uniform(-1, 1)))
