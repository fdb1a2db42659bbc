"""People and animals, drawn pose by pose around their foot point (0, 0); heights in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vidpipe.services.procedural.painting.plate import Colour, Pen, Point, Sheet, mix, times

SKIN: tuple[Colour, ...] = ((0.93, 0.74, 0.60), (0.72, 0.50, 0.36), (0.50, 0.33, 0.24), (0.86, 0.64, 0.48))
HAIR: tuple[Colour, ...] = ((0.20, 0.13, 0.10), (0.46, 0.27, 0.14), (0.10, 0.09, 0.10), (0.66, 0.62, 0.58))
COATS: tuple[Colour, ...] = ((0.84, 0.32, 0.20), (0.16, 0.46, 0.52), (0.88, 0.66, 0.24), (0.40, 0.30, 0.56))
POSES = 12


@dataclass(frozen=True)
class Look:
    """What one person wears; already in the scene's light."""

    coat: Colour
    dark: Colour  # trousers, boots
    skin: Colour
    hair: Colour
    scarf: Colour
    long_hair: bool


def walker(look: Look, tall: float, *, step: bool) -> list[Sheet]:
    """A person in profile, facing right: a walk's cycle, or standing in the wind."""
    return [_person(look, tall, math.tau * index / POSES, step=step) for index in range(POSES)]


def _person(look: Look, h: float, phase: float, *, step: bool) -> Sheet:
    pen = Pen(h * 0.9, h * 1.12, -h * 0.45, -h * 1.06, 3)
    swing = math.cos(phase)
    bob = -abs(math.sin(phase)) * 0.014 * h if step else math.sin(phase) * 0.004 * h
    hip: Point = (0.0, -0.49 * h + bob)
    far, near = times(look.dark, 0.75), look.dark
    for turn, tone in ((math.pi, far), (0.0, near)):
        _leg(pen, hip, h, phase + turn, tone, step=step)
    _arm(pen, h, bob, -swing if step else -0.15, times(look.coat, 0.72))
    hem = 0.03 * h * math.sin(phase) if not step else 0.02 * h * math.sin(phase * 2)
    body = [(-0.075 * h, -0.80 * h + bob), (0.055 * h, -0.81 * h + bob), (0.085 * h, -0.62 * h + bob),
            (0.10 * h, -0.36 * h),
            (-0.12 * h - abs(hem), -0.35 * h), (-0.10 * h, -0.6 * h + bob)]  # fmt: skip
    pen.polygon(body, look.coat)
    pen.polygon(
        [body[0], body[5], body[4], (-0.06 * h, -0.36 * h), (-0.03 * h, -0.62 * h + bob)], times(look.coat, 0.8)
    )
    pen.ellipse(-0.01 * h, -0.795 * h + bob, 0.075 * h, 0.04 * h, look.coat)
    _arm(pen, h, bob, swing if step else 0.12, times(look.coat, 0.92))
    pen.rect(-0.022 * h, -0.87 * h + bob, 0.05 * h, 0.07 * h, times(look.skin, 0.85))
    tail = 0.10 * h + 0.02 * h * math.sin(phase * 2)
    pen.polygon([(-0.05 * h, -0.835 * h + bob), (-0.05 * h - tail, -0.80 * h + bob + 0.02 * h * math.sin(phase)),
                 (-0.05 * h - tail * 0.9, -0.765 * h + bob), (-0.03 * h, -0.80 * h + bob)], look.scarf)  # fmt: skip
    pen.ellipse(0.0, -0.825 * h + bob, 0.062 * h, 0.03 * h, look.scarf)
    _head(pen, look, h, bob, phase)
    return pen.sheet()


def _head(pen: Pen, look: Look, h: float, bob: float, phase: float) -> None:
    y = -0.918 * h + bob
    if look.long_hair:
        sway = 0.012 * h * math.sin(phase)
        pen.polygon(
            [(-0.05 * h, y - 0.05 * h), (0.0, y), (-0.035 * h, y + 0.13 * h), (-0.105 * h + sway, y + 0.14 * h)],
            look.hair,
        )
    pen.ellipse(0.012 * h, y, 0.056 * h, 0.068 * h, look.skin)
    pen.polygon([(0.06 * h, y - 0.005 * h), (0.08 * h, y + 0.018 * h), (0.062 * h, y + 0.026 * h)], look.skin)
    pen.ellipse(-0.012 * h, y - 0.022 * h, 0.062 * h, 0.056 * h, look.hair)
    pen.polygon(
        [(-0.07 * h, y - 0.03 * h), (0.058 * h, y - 0.045 * h), (0.04 * h, y - 0.068 * h), (-0.04 * h, y - 0.078 * h)],
        look.hair,
    )


def _leg(pen: Pen, hip: Point, h: float, phase: float, tone: Colour, *, step: bool) -> None:
    if step:
        foot = (0.165 * h * math.cos(phase), -max(0.0, -math.sin(phase)) * 0.075 * h)
        bend = 0.03 * h + max(0.0, -math.sin(phase)) * 0.06 * h
    else:
        bend = 0.01 * h
        foot = (0.035 * h if phase < math.pi else -0.035 * h, 0.0)
    knee = ((hip[0] + foot[0]) / 2 + bend, (hip[1] + foot[1]) / 2)
    pen.limb([hip, knee, (foot[0], foot[1] - 0.03 * h)], [0.10 * h, 0.072 * h, 0.05 * h], tone)
    pen.ellipse(foot[0] + 0.022 * h, foot[1] - 0.018 * h, 0.05 * h, 0.02 * h, times(tone, 0.7))


def _arm(pen: Pen, h: float, bob: float, swing: float, tone: Colour) -> None:
    shoulder = (-0.012 * h, -0.775 * h + bob)
    hand = (0.15 * h * swing, -0.47 * h + bob - 0.02 * h * abs(swing))
    elbow = ((shoulder[0] + hand[0]) / 2 - 0.03 * h, (shoulder[1] + hand[1]) / 2)
    pen.limb([shoulder, elbow, hand], [0.066 * h, 0.055 * h, 0.042 * h], tone)


def bust(look: Look, tall: float, turn: int, *, back: bool = False) -> list[Sheet]:
    """Head and shoulders, `tall` pixels from the crown to the chest; looks to `turn` (-1, 1); breathes and blinks."""
    return [_bust(look, tall, turn, index, back=back) for index in range(8)]


def _bust(look: Look, h: float, turn: int, index: int, *, back: bool) -> Sheet:
    phase = math.tau * index / 8
    pen = Pen(h * 1.5, h * 1.06, -h * 0.75, -h * 1.03)
    lift = 0.008 * h * math.sin(phase)
    look_x = turn * 0.03 * h
    shade = times(look.coat, 0.72)
    pen.polygon([(-0.58 * h, 0.04 * h), (-0.52 * h, -0.20 * h + lift), (-0.36 * h, -0.33 * h + lift),
            (-0.12 * h, -0.40 * h + lift),
                 (0.12 * h, -0.40 * h + lift), (0.36 * h, -0.33 * h + lift), (0.52 * h, -0.20 * h + lift),
                 (0.58 * h, 0.04 * h)], look.coat)  # fmt: skip
    for side in (-1, 1):
        pen.ellipse(side * 0.40 * h, -0.22 * h + lift, 0.15 * h, 0.12 * h, look.coat)
        pen.line([(side * 0.31 * h, 0.03 * h), (side * 0.33 * h, -0.14 * h)], 0.009 * h, shade)
    if look.long_hair or back:
        sway = 0.012 * h * math.sin(phase + 1)
        pen.polygon(
            [
                (-0.21 * h, -0.76 * h),
                (0.21 * h, -0.76 * h),
                (0.25 * h + sway, -0.34 * h),
                (-0.25 * h + sway, -0.34 * h),
            ],
            times(look.hair, 0.82),
        )
    pen.polygon(
        [(-0.085 * h, -0.52 * h), (0.085 * h, -0.52 * h), (0.11 * h, -0.36 * h + lift), (-0.11 * h, -0.36 * h + lift)],
        times(look.skin, 0.78),
    )
    pen.polygon([(-0.20 * h, -0.33 * h + lift), (-0.13 * h, -0.43 * h + lift), (0.0, -0.37 * h + lift),
            (0.13 * h, -0.43 * h + lift),
                 (0.20 * h, -0.33 * h + lift), (0.0, -0.24 * h + lift)], look.scarf)  # fmt: skip
    pen.polygon(
        [(0.02 * h, -0.30 * h + lift), (0.12 * h, -0.33 * h + lift), (0.14 * h, -0.04 * h), (0.04 * h, -0.02 * h)],
        times(look.scarf, 0.85),
    )
    head = -0.69 * h + lift * 0.6
    pen.ellipse(0.0, head, 0.185 * h, 0.235 * h, look.skin)
    pen.polygon(
        [
            (-0.165 * h, head + 0.08 * h),
            (0.165 * h, head + 0.08 * h),
            (0.07 * h + look_x, head + 0.255 * h),
            (-0.07 * h + look_x, head + 0.255 * h),
        ],
        look.skin,
    )
    if back:
        pen.ellipse(0.0, head - 0.02 * h, 0.205 * h, 0.255 * h, look.hair)
        return pen.sheet()
    for side in (-1, 1):
        pen.ellipse(side * 0.185 * h - look_x * 0.3, head + 0.02 * h, 0.028 * h, 0.05 * h, times(look.skin, 0.88))
    _face(pen, look, h, (look_x, head), blink=index == 5)
    _fringe(pen, look, h, head, turn, 0.010 * h * math.sin(phase))
    return pen.sheet()


def _face(pen: Pen, look: Look, h: float, at: Point, *, blink: bool) -> None:
    x, y = at
    shadow = times(look.skin, 0.80)
    for side in (-1, 1):
        ex = x + side * 0.078 * h
        if blink:
            pen.line(
                [(ex - 0.034 * h, y + 0.012 * h), (ex, y + 0.02 * h), (ex + 0.034 * h, y + 0.012 * h)],
                0.010 * h,
                times(look.hair, 0.7),
            )
        else:
            pen.ellipse(ex, y + 0.008 * h, 0.036 * h, 0.021 * h, mix(look.skin, (1, 1, 1), 0.62))
            pen.ellipse(ex + x * 0.35, y + 0.008 * h, 0.018 * h, 0.020 * h, (0.17, 0.13, 0.12))
            pen.ellipse(ex + x * 0.35 + 0.006 * h, y + 0.002 * h, 0.0055 * h, 0.0055 * h, (0.97, 0.97, 0.95))
            pen.line(
                [(ex - 0.038 * h, y - 0.004 * h), (ex, y - 0.017 * h), (ex + 0.038 * h, y - 0.002 * h)],
                0.010 * h,
                times(look.hair, 0.75),
            )
        pen.line(
            [(ex - 0.042 * h, y - 0.046 * h), (ex + side * 0.004 * h, y - 0.061 * h), (ex + 0.042 * h, y - 0.048 * h)],
            0.014 * h,
            look.hair,
        )
        pen.ellipse(
            ex + side * 0.02 * h,
            y + 0.085 * h,
            0.04 * h,
            0.025 * h,
            mix(look.skin, times(look.skin, (1.0, 0.66, 0.6)), 0.4),
        )
    pen.line(
        [(x * 1.3, y + 0.0 * h), (x * 1.9, y + 0.075 * h), (x * 1.2 - 0.012 * h, y + 0.085 * h)], 0.011 * h, shadow
    )
    pen.line(
        [(x - 0.045 * h, y + 0.148 * h), (x, y + 0.156 * h), (x + 0.045 * h, y + 0.146 * h)],
        0.012 * h,
        times(look.skin, (0.76, 0.46, 0.44)),
    )
    pen.line([(x - 0.02 * h, y + 0.173 * h), (x + 0.02 * h, y + 0.172 * h)], 0.007 * h, shadow)


def _fringe(pen: Pen, look: Look, h: float, head: float, turn: int, sway: float) -> None:
    """Hair over the crown, parted on one side."""
    part = -turn * 0.06 * h
    pen.polygon([(-0.20 * h, head + 0.01 * h), (-0.215 * h, head - 0.12 * h), (-0.15 * h, head - 0.23 * h),
            (0.0, head - 0.275 * h),
                 (0.15 * h, head - 0.23 * h), (0.215 * h, head - 0.12 * h), (0.20 * h, head + 0.01 * h),
                 (0.168 * h, head - 0.06 * h),
                 (0.10 * h + sway, head - 0.115 * h), (part, head - 0.165 * h), (-0.10 * h + sway, head - 0.115 * h),
                 (-0.168 * h, head - 0.06 * h)], look.hair)  # fmt: skip
    pen.ellipse(0.0, head - 0.17 * h, 0.17 * h, 0.095 * h, look.hair)
    for step in range(3):
        pen.line(
            [(part, head - 0.245 * h), (part + turn * (0.06 + 0.05 * step) * h, head - (0.22 - 0.03 * step) * h)],
            0.006 * h,
            mix(look.hair, (1, 0.9, 0.75), 0.22),
        )


def robot(body: Colour, light: Colour, tall: float, *, step: bool) -> list[Sheet]:
    """A friendly machine on two legs with one eye."""
    made = []
    for index in range(POSES):
        phase, h = math.tau * index / POSES, tall
        pen = Pen(h * 0.9, h * 1.1, -h * 0.45, -h * 1.06, 3)
        dark, swing = times(body, 0.6), math.cos(phase) if step else 0.25
        for side in (-1, 1):
            foot = side * 0.12 * h * swing
            pen.limb([(side * 0.05 * h, -0.36 * h), (foot, -0.05 * h)], [0.06 * h, 0.05 * h], dark)
            pen.rect(foot - 0.06 * h, -0.05 * h, 0.13 * h, 0.05 * h, body)
        bob = 0.008 * h * math.sin(phase)
        pen.limb(
            [(-0.15 * h, -0.66 * h + bob), (-0.17 * h - 0.06 * h * swing, -0.42 * h + bob)], [0.06 * h, 0.05 * h], dark
        )
        pen.rect(-0.15 * h, -0.72 * h + bob, 0.30 * h, 0.38 * h, body)
        pen.rect(-0.15 * h, -0.72 * h + bob, 0.06 * h, 0.38 * h, times(body, 0.8))
        for row, tone in enumerate((light, mix(light, (0.3, 1.0, 0.6), 0.5), times(light, 0.5))):
            pen.ellipse(0.07 * h, -0.62 * h + bob + row * 0.055 * h, 0.016 * h, 0.016 * h, tone)
        pen.limb(
            [(0.15 * h, -0.66 * h + bob), (0.17 * h + 0.06 * h * swing, -0.42 * h + bob)],
            [0.06 * h, 0.05 * h],
            times(body, 0.9),
        )
        pen.rect(-0.03 * h, -0.77 * h + bob, 0.06 * h, 0.06 * h, dark)
        pen.rect(-0.13 * h, -0.95 * h + bob, 0.26 * h, 0.19 * h, body)
        pen.ellipse(0.045 * h, -0.855 * h + bob, 0.055 * h, 0.055 * h, dark)
        pen.ellipse(0.05 * h, -0.855 * h + bob, 0.036 * h, 0.036 * h if index != 4 else 0.008 * h, light)
        pen.line([(0.0, -0.95 * h + bob), (-0.03 * h, -1.02 * h + bob)], 0.014 * h, dark)
        pen.ellipse(-0.03 * h, -1.03 * h + bob, 0.02 * h, 0.02 * h, light if index % 6 < 3 else dark)
        made.append(pen.sheet())
    return made


def four_legged(kind: str, coat: Colour, tall: float) -> list[Sheet]:
    """A dog, cat or horse that trots to the right; `tall` to the top of the head."""
    leg, neck, muzzle, tail = {
        "dog": (0.36, 0.22, 0.14, 0.2),
        "cat": (0.28, 0.12, 0.05, 0.36),
        "horse": (0.40, 0.30, 0.19, 0.26),
    }[kind]
    length = {"dog": 0.72, "cat": 0.74, "horse": 0.72}[kind]
    made = []
    for index in range(POSES):
        phase, h = math.tau * index / POSES, tall
        pen = Pen(h * 2.0, h * 1.3, -h, -h * 1.2, 3)
        back = -(leg + 0.26) * h + 0.02 * h * math.sin(phase * 2)
        dark = times(coat, 0.72)
        for x, turn, tone in (
            (-length / 2, math.pi, dark),
            (length / 2, 0.0, dark),
            (-length / 2, 0.0, coat),
            (length / 2, math.pi, coat),
        ):
            foot = (x * h + 0.15 * h * math.cos(phase + turn), -max(0.0, -math.sin(phase + turn)) * 0.09 * h)
            knee = ((x * h + foot[0]) / 2 + 0.02 * h, back * 0.5 + foot[1] * 0.5)
            pen.limb([(x * h * 0.86, back + 0.12 * h), knee, foot], [0.16 * h, 0.075 * h, 0.05 * h], tone)
        pen.limb(
            [(-length * 0.46 * h, back + 0.08 * h), (0.0, back + 0.10 * h), (length * 0.44 * h, back + 0.06 * h)],
            [0.28 * h, 0.25 * h, 0.3 * h],
            coat,
        )
        wag = math.sin(phase * (2 if kind == "dog" else 1))
        start = (-length * 0.52 * h, back + 0.02 * h)
        pen.limb([start, (start[0] - tail * 0.6 * h, start[1] - 0.04 * h - 0.05 * h * wag),
                (start[0] - tail * h, start[1] + (0.2 if kind == "horse" else -0.22) * h - 0.08 * h * wag)],
                 [0.07 * h, 0.06 * h, 0.03 * h], dark if kind == "horse" else coat)  # fmt: skip
        head = (length * 0.5 * h + neck * 0.55 * h, back - neck * h)
        pen.limb([(length * 0.42 * h, back + 0.04 * h), head], [0.24 * h, 0.15 * h], coat)
        pen.ellipse(head[0], head[1], 0.12 * h, 0.10 * h, coat)
        pen.limb([head, (head[0] + muzzle * h, head[1] + 0.05 * h)], [0.14 * h, 0.08 * h], coat)
        pen.polygon(
            [
                (head[0] - 0.07 * h, head[1] - 0.04 * h),
                (head[0] - 0.02 * h, head[1] - 0.2 * h),
                (head[0] + 0.04 * h, head[1] - 0.06 * h),
            ],
            dark,
        )
        pen.ellipse(head[0] + 0.04 * h, head[1] - 0.02 * h, 0.013 * h, 0.013 * h, (0.05, 0.04, 0.04))
        if kind == "horse":
            lift = 0.02 * h * math.sin(phase * 2)
            pen.limb([(head[0] - 0.06 * h, head[1] - 0.09 * h), (length * 0.40 * h, back - 0.10 * h + lift),
                    (length * 0.28 * h, back - 0.02 * h)],
                     [0.07 * h, 0.12 * h, 0.06 * h], times(coat, 0.4))  # fmt: skip
        made.append(pen.sheet())
    return made


def astronaut(white: Colour, orange: Colour, tall: float) -> list[Sheet]:
    """Someone in a pressure suit who floats, limbs a little spread."""
    made = []
    for index in range(POSES):
        phase, h = math.tau * index / POSES, tall
        pen = Pen(h * 1.0, h * 1.12, -h * 0.5, -h * 1.08, 3)
        dark, swing = times(white, 0.72), math.sin(phase)
        pen.rect(-0.20 * h, -0.82 * h, 0.16 * h, 0.36 * h, times(white, 0.6))
        for side, tone in ((-1, dark), (1, white)):
            knee = (side * 0.10 * h + 0.02 * h * swing, -0.24 * h)
            foot = (side * 0.12 * h - 0.05 * h * swing * side, -0.04 * h)
            pen.limb([(side * 0.06 * h, -0.46 * h), knee, foot], [0.15 * h, 0.12 * h, 0.10 * h], tone)
            pen.line([(knee[0] - 0.06 * h, knee[1]), (knee[0] + 0.06 * h, knee[1])], 0.018 * h, orange)
            pen.ellipse(foot[0] + 0.03 * h, foot[1], 0.08 * h, 0.04 * h, times(tone, 0.7))
        far = (-0.30 * h, -0.55 * h - 0.05 * h * swing)
        pen.limb([(-0.10 * h, -0.74 * h), (-0.22 * h, -0.62 * h), far], [0.13 * h, 0.11 * h, 0.08 * h], dark)
        pen.polygon(
            [(-0.15 * h, -0.80 * h), (0.15 * h, -0.80 * h), (0.16 * h, -0.44 * h), (-0.16 * h, -0.44 * h)], white
        )
        pen.rect(-0.16 * h, -0.48 * h, 0.32 * h, 0.03 * h, orange)
        pen.rect(-0.06 * h, -0.68 * h, 0.14 * h, 0.11 * h, times(white, 0.62))
        for light, tone in ((-0.03, (0.9, 0.3, 0.25)), (0.02, (0.3, 0.85, 0.5)), (0.06, (0.95, 0.8, 0.3))):
            pen.ellipse(light * h, -0.625 * h, 0.012 * h, 0.012 * h, tone)
        near = (0.33 * h, -0.60 * h + 0.06 * h * swing)
        pen.limb([(0.11 * h, -0.74 * h), (0.24 * h, -0.66 * h), near], [0.14 * h, 0.12 * h, 0.085 * h], white)
        pen.line([(0.22 * h, -0.71 * h), (0.26 * h, -0.61 * h)], 0.02 * h, orange)
        pen.ellipse(0, -0.91 * h, 0.135 * h, 0.135 * h, white)
        pen.ellipse(0.03 * h, -0.905 * h, 0.098 * h, 0.092 * h, (0.07, 0.10, 0.18))
        pen.ellipse(0.01 * h, -0.93 * h, 0.05 * h, 0.035 * h, (0.36, 0.52, 0.72))
        pen.ellipse(0.075 * h, -0.88 * h, 0.022 * h, 0.03 * h, mix(orange, (1, 0.9, 0.6), 0.5), 0.8)
        made.append(pen.sheet())
    return made


def bird(tone: Colour, wide: float) -> list[Sheet]:
    """A gull from the side with beating wings; `wide` is its span."""
    made = []
    for index in range(8):
        beat = math.sin(math.tau * index / 8)
        pen = Pen(wide * 1.2, wide * 0.9, -wide * 0.6, -wide * 0.45, 3)
        pen.limb(
            [(-0.16 * wide, 0.015 * wide), (0.0, 0.0), (0.15 * wide, -0.01 * wide)],
            [0.03 * wide, 0.085 * wide, 0.045 * wide],
            tone,
        )
        pen.polygon(
            [(0.16 * wide, -0.02 * wide), (0.215 * wide, 0.0), (0.16 * wide, 0.008 * wide)],
            mix(tone, (0.95, 0.6, 0.2), 0.7),
        )
        for side in (-1, 1):
            reach = wide * (0.30 if side < 0 else 0.34)
            bend = (side * reach * 0.45, -0.13 * wide * beat - 0.05 * wide)
            tip = (side * reach - 0.05 * wide, -0.20 * wide * beat + 0.02 * wide)
            pen.polygon([(0.05 * wide, -0.015 * wide), bend, tip, (bend[0] - 0.03 * wide,
                    bend[1] + 0.055 * wide), (-0.08 * wide, 0.01 * wide)],
                        times(tone, 0.82 if side < 0 else 1.0))  # fmt: skip
        made.append(pen.sheet())
    return made
