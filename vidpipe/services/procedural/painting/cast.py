"""Who is in the scene: finds each subject its place, size, pose and way, in the scene's light; and reference cards."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from vidpipe.services.procedural.painting import figures, vehicles
from vidpipe.services.procedural.painting.actor import BUSTS, Actor, in_light, lit, soft_shadow
from vidpipe.services.procedural.painting.approaching import Approaching
from vidpipe.services.procedural.painting.cards import Card
from vidpipe.services.procedural.painting.framing import SIZES, ground_y, stand_x
from vidpipe.services.procedural.painting.land import ridge_sheet
from vidpipe.services.procedural.painting.noise import line_noise
from vidpipe.services.procedural.painting.people import look, people, turned
from vidpipe.services.procedural.painting.plate import Point, mix
from vidpipe.services.procedural.painting.sky import glow_sheet
from vidpipe.services.procedural.painting.stage import Element, Stage
from vidpipe.services.procedural.painting.wild import layer, lone_tree

WATER = ("sea", "harbour", "lighthouse", "river")
FLYING = ("bird", "balloon")
AFLOAT = ("boat", "ship")


def paint_cast(stage: Stage, references: tuple[Path, ...], *, mirrored: bool) -> list[Element]:
    """Everyone that the prompt names, or the references in the first one's place."""
    wanted = stage.wanted
    made: list[Element] = []
    grounded = [name for name in wanted.subjects if name not in AFLOAT + FLYING]
    if (references or grounded) and wanted.place in ("sea", "lighthouse") and wanted.shot not in ("close-up", "insert"):
        made.append(_shore(stage))
    if references:
        made += [Card(stage, path, index, len(references), mirrored=mirrored) for index, path in enumerate(references)]
    subjects = wanted.subjects if wanted.shot != "pov" else tuple(name for name in wanted.subjects if name != "person")
    for index, name in enumerate(subjects[1:] if references and subjects else subjects):
        made += _enter(stage, name, index, len(subjects))
    return made + (_extras(stage) if wanted.shot not in BUSTS else [])


def _extras(stage: Stage) -> list[Element]:
    """Small life where nobody was asked for, so that a still camera never shows a still picture."""
    place, light = stage.wanted.place, stage.wanted.time != "night"
    made: list[Element] = []
    if place == "street" and "car" not in stage.wanted.subjects:
        paint = in_light(stage, (0.34, 0.42, 0.52))
        made.append(Approaching(stage, vehicles.car_front(paint, stage.height * 0.42, stage.palette.lamps)))
    if place in ("street", "harbour") and not set(stage.wanted.subjects) & {"person", "two people", "robot"}:
        return made + _passers_by(stage)
    gulls = place in ("sea", "lighthouse", "desert", "city", "mountains", "river") and stage.wanted.weather != "storm"
    if gulls and light and "bird" not in stage.wanted.subjects:
        return _flock(stage, 3)
    return made


def _passers_by(stage: Stage) -> list[Element]:
    """Two people far down the street, or along the quay."""
    made: list[Element] = []
    u, rng = stage.u, stage.rng("passers-by")
    coats = ((0.30, 0.32, 0.40), (0.52, 0.40, 0.30))
    for index in range(2):
        tall = (72.0 - 14 * index) * u if stage.wanted.place == "street" else (62.0 - 6 * index) * u
        foot = stage.horizon + (72 - 16 * index) * u if stage.wanted.place == "street" else ground_y(stage) - 3 * u
        dressed = replace(
            look(stage, index), coat=in_light(stage, coats[index]), scarf=in_light(stage, (0.75, 0.7, 0.6))
        )
        heading = 1 if (index + stage.seed) % 2 else -1
        poses = figures.walker(dressed, tall, step=True)
        if heading < 0:
            poses = [turned(sheet) for sheet in poses]
        outward = 1 if stage.wanted.place == "street" else -1  # a street's middle is for cars
        x = stage.width * (0.5 + outward * heading * float(rng.uniform(0.1, 0.2)))
        speed = min(0.62 * tall, 0.35 * stage.width / max(1.0, stage.seconds)) * heading

        def way(time: float, x: float = x, foot: float = foot, speed: float = speed) -> Point:
            return x + speed * time, foot

        depth = 0.57 - 0.005 * index if stage.wanted.place == "street" else 0.79 + 0.005 * index
        made.append(Actor(lit(stage, poses, x, 0.5), depth, way, figures.POSES * abs(speed) / (0.66 * tall)))
    return made


def _shore(stage: Stage) -> Element:
    """Rocks at the water's edge for someone to stand on."""
    u = stage.u
    width = stage.blank(0.7, 0, 2).cover.shape[1]
    edge = np.float32(stage.height - 58 * u) + line_noise(stage.rng("shore"), width, 120 * u, 5) * 14 * u
    sheet = ridge_sheet(stage, 0.7, edge.astype(np.float32), (0.36, 0.33, 0.34), mist=0.0, rim=0.8, texture=0.45)
    return layer(stage, sheet, 0.7)


def _enter(stage: Stage, name: str, index: int, among: int) -> list[Element]:
    if name in ("person", "two people", "robot"):
        return people(stage, name, index)
    if name in AFLOAT:
        return _afloat(stage, name)
    if name == "bird":
        return _flock(stage)
    if name == "tree":
        size = SIZES.get(stage.wanted.shot, 0.3)
        return [lone_tree(stage, 0.6, stage.width * 0.56, ground_y(stage), stage.height * min(0.95, 0.35 + size))]
    makers = {"car": _car, "train": _train, "rocket": _rocket, "balloon": _balloons, "house": _house}
    return makers[name](stage) if name in makers else [_animal(stage, name, index, among)]


def _animal(stage: Stage, name: str, index: int, among: int) -> Element:
    coat = {"dog": (0.66, 0.42, 0.22), "cat": (0.30, 0.28, 0.30), "horse": (0.42, 0.24, 0.14)}[name]
    part = (
        {"dog": 0.5, "cat": 0.34, "horse": 0.95}[name] if among > 1 else {"dog": 0.8, "cat": 0.7, "horse": 1.05}[name]
    )
    tall = stage.height * min(0.75, SIZES.get(stage.wanted.shot, 0.27)) * part
    x = stand_x(stage) + (stage.width * 0.16 if index else 0)
    heading = 1 if stand_x(stage) < stage.width / 2 else -1
    poses = figures.four_legged(name, in_light(stage, coat), tall)
    if heading < 0:
        poses = [turned(sheet) for sheet in poses]
    speed = min(0.9 * tall, 0.42 * stage.width / max(1.0, stage.seconds))
    foot = ground_y(stage) + 4 * stage.u
    return Actor(
        lit(stage, poses, x),
        0.83,
        lambda time: (x + heading * speed * time, foot),
        figures.POSES * 1.3 * speed / (0.9 * tall),
        shadow=soft_shadow(stage, tall * 1.3),
    )


def _afloat(stage: Stage, name: str) -> list[Element]:
    """A boat under sail in the middle distance, or a ship farther out."""
    u = stage.u
    size = SIZES.get(stage.wanted.shot, 0.27)
    x = stand_x(stage)
    heading = 1 if x < stage.width / 2 else -1
    if name == "ship":
        long = stage.width * min(0.75, 0.22 + size * 0.6)
        poses = vehicles.ship(
            in_light(stage, (0.16, 0.20, 0.28), 0.6),
            in_light(stage, (0.93, 0.93, 0.92), 0.6),
            long,
            stage.palette.lamps,
        )
        depth, foot, pace = 0.34, stage.horizon + (12 + 22 * size) * u, 7.0
    else:
        tall = stage.height * min(0.78, 0.2 + size * 0.8)
        poses = vehicles.sailboat(
            in_light(stage, (0.72, 0.22, 0.16)),
            in_light(stage, (0.97, 0.94, 0.86)),
            in_light(stage, (0.42, 0.28, 0.18)),
            tall,
        )
        depth, foot, pace = 0.46, stage.horizon + (22 + 60 * size) * u, 11.0
    if heading < 0:
        poses = [turned(sheet) for sheet in poses]
    speed = min(pace * u, 0.3 * stage.width / max(1.0, stage.seconds))
    return [
        Actor(
            lit(stage, poses, x, 0.5),
            depth,
            lambda time: (x + heading * speed * time, foot + 2.4 * u * math.sin(time * 1.5)),
            3.5,
        )
    ]


def _flock(stage: Stage, count: int = 7) -> list[Element]:
    """Birds that cross the sky, or one that is near."""
    rng, u = stage.rng("flock"), stage.u
    near = count > 3 and stage.wanted.shot in ("close-up", "medium", "insert", "full")
    made: list[Element] = []
    heading = 1 if stage.seed % 2 else -1
    for index in range(1 if near else count):
        wide = stage.height * 0.55 if near else float(rng.uniform(20, 40)) * u
        tone = (
            in_light(stage, (0.92, 0.93, 0.95))
            if stage.wanted.time == "day"
            else mix(stage.palette.ink, stage.palette.haze, 0.12)
        )
        poses = figures.bird(tone, wide)
        if heading < 0:
            poses = [turned(sheet) for sheet in poses]
        x = stage.width * (0.5 - heading * 0.14 if near else 0.5 - heading * float(rng.uniform(-0.1, 0.42)))
        y = stage.height * (0.42 if near else float(rng.uniform(0.12, 0.42)))
        speed, phase = (26 if near else float(rng.uniform(24, 36))) * u * heading, float(rng.uniform(0, 6.28))

        def way(time: float, x: float = x, y: float = y, speed: float = speed, phase: float = phase) -> Point:
            return x + speed * time, y + 7 * u * math.sin(time * 1.4 + phase)

        made.append(Actor(lit(stage, poses, x, 0.4), 0.55 if near else 0.3 + 0.02 * index, way, 13 + index % 3))
    return made


def _car(stage: Stage) -> list[Element]:
    paint = in_light(stage, (0.80, 0.24, 0.18))
    if stage.wanted.place == "street":
        return [Approaching(stage, vehicles.car_front(paint, stage.height * 0.5, stage.palette.lamps))]
    long = stage.height * min(1.3, SIZES.get(stage.wanted.shot, 0.27) * 1.9)
    x = stage.width * 0.2
    speed = min(0.45 * long, 0.6 * stage.width / max(1.0, stage.seconds))
    foot = ground_y(stage)
    poses = lit(stage, vehicles.car_side(paint, long, stage.palette.lamps), x, 0.5)
    return [Actor(poses, 0.8, lambda time: (x + speed * time, foot), 14)]


def _train(stage: Stage) -> list[Element]:
    tall = stage.height * min(0.4, SIZES.get(stage.wanted.shot, 0.27) * 0.62)
    poses = vehicles.train(in_light(stage, (0.52, 0.16, 0.16), 0.7), tall, stage.palette.lamps)
    start, span = stage.width * 0.42, stage.width * 0.5
    foot = stage.horizon + 46 * stage.u
    speed = min(tall * 1.5, span / max(1.0, stage.seconds) * 1.2)
    return [Actor(lit(stage, poses, start, 0.4), 0.56, lambda time: (start + speed * time, foot), 12)]


def _rocket(stage: Stage) -> list[Element]:
    size = SIZES.get(stage.wanted.shot, 0.27)
    tall = stage.height * min(0.7, 0.22 + size)
    white, u = in_light(stage, (0.94, 0.94, 0.95), 1.0), stage.u
    if stage.wanted.place == "space":
        x, y = stage.width * 0.38, stage.height * 0.62
        poses = lit(stage, vehicles.rocket(white, tall, lean=1.05), x)
        speed = min(34 * u, 0.34 * stage.width / max(1.0, stage.seconds))
        return [
            Actor(poses, 0.7, lambda time: (x + speed * time, y - speed * 0.5 * time + 3 * u * math.sin(time * 2)), 16)
        ]
    x, foot = stand_x(stage), ground_y(stage)
    poses = lit(stage, vehicles.rocket(white, tall), x)
    glow = glow_sheet(tall * 1.8, (1.0, 0.7, 0.35), 0.6)
    rise = stage.height * 0.5 / max(1.0, stage.seconds) ** 2
    return [
        Actor(
            poses,
            0.7,
            lambda time: (x + 0.8 * u * math.sin(time * 40), foot - 20 * u - rise * time * time),
            16,
            shadow=glow,
        )
    ]


def _balloons(stage: Stage) -> list[Element]:
    made: list[Element] = []
    rng, u = stage.rng("balloons"), stage.u
    pairs = (
        ((0.86, 0.26, 0.2), (0.97, 0.85, 0.55)),
        ((0.16, 0.42, 0.6), (0.95, 0.93, 0.86)),
        ((0.92, 0.62, 0.2), (0.62, 0.2, 0.3)),
    )
    size = SIZES.get(stage.wanted.shot, 0.27)
    for index in range(3):
        tall = stage.height * min(0.7, 0.12 + size * 0.9) * (1.0, 0.52, 0.34)[index]
        x = stand_x(stage) if index == 0 else stage.width * float(rng.uniform(0.1, 0.9))
        y = stage.height * (0.56, 0.42, 0.34)[index]
        depth = (0.6, 0.25, 0.15)[index]
        one, other = (in_light(stage, colour, 0.5 + depth * 0.5) for colour in pairs[(index + stage.seed) % 3])
        poses = lit(stage, vehicles.balloon(one, other, tall), x)

        def way(time: float, x: float = x, y: float = y, index: int = index) -> Point:
            return x + (7 - index) * u * time, y - (4 - index) * u * time + 2.5 * u * math.sin(time * 0.9 + index)

        made.append(Actor(poses, depth, way, 1))
    return made


def _house(stage: Stage) -> list[Element]:
    tall = stage.height * min(0.55, 0.10 + SIZES.get(stage.wanted.shot, 0.27) * 0.7)
    x, foot = stand_x(stage), stage.horizon + (30 + 50 * SIZES.get(stage.wanted.shot, 0.27)) * stage.u
    poses = vehicles.house(
        in_light(stage, (0.88, 0.82, 0.72), 0.6), in_light(stage, (0.62, 0.28, 0.22), 0.6), tall, stage.palette.lamps
    )
    return [Actor(lit(stage, poses, x, 0.5), 0.67, lambda time: (x, foot), 5)]
