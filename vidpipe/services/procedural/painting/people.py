"""People and robots: walking, standing, from the chest up, or floating in space."""

from __future__ import annotations

import math

import numpy as np

from vidpipe.services.procedural.painting import figures
from vidpipe.services.procedural.painting.actor import BUSTS, Actor, Way, in_light, lit, soft_shadow
from vidpipe.services.procedural.painting.figures import COATS, HAIR, SKIN, Look
from vidpipe.services.procedural.painting.framing import SIZES, ground_y, stand_x
from vidpipe.services.procedural.painting.plate import Sheet
from vidpipe.services.procedural.painting.stage import Element, Stage


def people(stage: Stage, name: str, index: int) -> list[Element]:
    """The person, pair or robot that the prompt names, as the shot wants to see them."""
    shot, x = stage.wanted.shot, stand_x(stage)
    if stage.wanted.place == "space":
        return [_floating(stage, name)]
    if name != "robot" and shot in BUSTS:
        return _busts(stage, name, index)
    tall = stage.height * min(0.8, SIZES.get(shot, 0.27)) * (0.94 if index else 1.0)
    tall *= 1.35 if stage.wanted.place == "room" and shot == "wide" else 1.0
    count = 2 if name == "two people" else 1
    return [
        _one(stage, name, x + (index * 0.9 + number * 0.62) * tall * 0.7, tall * (1 - 0.07 * number), index + number)
        for number in range(count)
    ]


def _one(stage: Stage, name: str, x: float, tall: float, number: int) -> Element:
    """A person or robot who walks, or stands."""
    walks = stage.wanted.walks
    heading = 1 if x < stage.width / 2 else -1
    if name == "robot":
        poses = figures.robot(in_light(stage, (0.62, 0.66, 0.72)), (0.35, 0.9, 1.0), tall, step=walks)
    else:
        poses = figures.walker(look(stage, number), tall, step=walks)
    if heading < 0:
        poses = [turned(sheet) for sheet in poses]
    speed = min(0.62 * tall, 0.42 * stage.width / max(1.0, stage.seconds)) if walks else 0.0
    foot = ground_y(stage) - 3 * stage.u * number
    rate = figures.POSES * (speed / (0.66 * tall) if walks else 0.45)
    return Actor(
        lit(stage, poses, x), 0.80 + 0.01 * number, lambda time: (x + heading * speed * time, foot), rate,
        shadow=soft_shadow(stage, tall * 0.6),
    )  # fmt: skip


def turned(sheet: Sheet) -> Sheet:
    """Mirrored about its foot point."""
    right = -(sheet.left + sheet.cover.shape[1])
    return Sheet(
        np.ascontiguousarray(sheet.rgb[:, :, ::-1]), np.ascontiguousarray(sheet.cover[:, ::-1]), right, sheet.top
    )


def _busts(stage: Stage, name: str, index: int) -> list[Element]:
    """One or two people from the chest up, near the camera."""
    shot, height = stage.wanted.shot, stage.height
    toward = 1 if stage.sun[0] > stage.width / 2 else -1
    tall = height * {"close-up": 0.98, "insert": 0.98, "medium": 0.74, "two-shot": 0.66, "over-shoulder": 0.62}[shot]
    pair = name == "two people" or shot in ("two-shot", "over-shoulder")
    if not pair:
        x = stage.width * (0.5 - 0.12 * toward) + index * stage.width * 0.3
        return [_bust(stage, x, tall, index, toward)]
    if shot == "over-shoulder":
        x = stage.width * (0.5 + 0.16 * toward)
        near = figures.bust(look(stage, 1), height * 0.86, toward, back=True)
        for sheet in near:
            sheet.tint(stage.palette.ink, 0.45)
        side = stage.width * (0.5 - 0.39 * toward)
        return [
            _bust(stage, x, tall, 0, -toward),
            Actor(lit(stage, near, side, 0.5), 0.99, breath(stage, side, height * 1.06), 4.0),
        ]
    return [
        _bust(stage, stage.width * (0.5 - 0.17 * toward), tall, index, toward),
        _bust(stage, stage.width * (0.5 + 0.18 * toward), tall * 0.95, index + 1, -toward),
    ]


def _bust(stage: Stage, x: float, tall: float, number: int, turn: int) -> Element:
    poses = lit(stage, figures.bust(look(stage, number), tall, turn), x)
    return Actor(poses, 0.98 + 0.002 * number, breath(stage, x, stage.height + 0.02 * tall), 3.4 + 0.5 * number)


def breath(stage: Stage, x: float, y: float) -> Way:
    """Stands, and shifts its weight."""
    u = stage.u
    return lambda time: (x + 2.2 * u * math.sin(time * 0.9 + x), y + 0.9 * u * math.sin(time * 1.6))


def look(stage: Stage, index: int) -> Look:
    """The first person of a film wears red, the second teal, whatever the shot."""
    pick = index % len(COATS)
    return Look(
        coat=in_light(stage, COATS[pick]), dark=in_light(stage, (0.18, 0.19, 0.26)), skin=in_light(stage, SKIN[pick]),
        hair=in_light(stage, HAIR[pick]), scarf=in_light(stage, ((0.93, 0.83, 0.62), (0.86, 0.42, 0.36))[pick % 2]),
        long_hair=stage.wanted.long_hair == (index % 2 == 0),
    )  # fmt: skip


def _floating(stage: Stage, name: str) -> Element:
    """Someone in a white suit who drifts."""
    tall = stage.height * min(0.75, SIZES.get(stage.wanted.shot, 0.27) * 1.35)
    white = in_light(stage, (0.92, 0.92, 0.94), 1.0)
    orange = (0.95, 0.52, 0.18)
    poses = (
        figures.robot(white, (0.35, 0.9, 1.0), tall, step=False)
        if name == "robot"
        else figures.astronaut(white, orange, tall)
    )
    x, y, u = stand_x(stage), stage.height * 0.5 + tall * 0.5, stage.u
    return Actor(
        lit(stage, poses, x),
        0.8,
        lambda time: (x + 9 * u * math.sin(time * 0.5) + 6 * u * time, y + 12 * u * math.sin(time * 0.7 + 1)),
        4.0,
    )
