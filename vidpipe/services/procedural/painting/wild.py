"""Places without people's hands: mountains, sea, forest, desert, field, river, snow."""

from __future__ import annotations

import numpy as np

from vidpipe.services.procedural.painting.land import (
    Wind,
    broad_tree,
    edge_noise,
    grass_fringe,
    pine,
    ridge_sheet,
    shade,
    tree_line,
)  # fmt: skip
from vidpipe.services.procedural.painting.noise import sheet_noise, smoothstep
from vidpipe.services.procedural.painting.plate import Colour, Floats, Pen, Sheet, mix
from vidpipe.services.procedural.painting.sky import sun_bloom
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Stage, grid
from vidpipe.services.procedural.painting.water import Water
from vidpipe.services.procedural.painting.weather import Motes

ROCK, PINE, GRASS, WHEAT, SAND = (
    (0.42, 0.40, 0.44),
    (0.11, 0.23, 0.17),
    (0.36, 0.52, 0.22),
    (0.82, 0.66, 0.28),
    (0.86, 0.62, 0.40),
)
SNOW: Colour = (0.93, 0.95, 1.0)


def layer(stage: Stage, sheet: Sheet, depth: float) -> Element:
    """A finished sheet as a layer, out of focus where the camera's focus is nearer."""
    return Backdrop(sheet, depth, blur=stage.blur(depth))


def _facets(stage: Stage, name: str, sheet: Sheet, edge: Floats, depth: float, snow: float) -> None:
    """Rock faces in light and shadow below a ridge, and snow on them down to `snow` of the mountain's height."""
    _across, down = grid(sheet)
    below = down - edge[None, : sheet.cover.shape[1]]
    u = stage.u
    height, width = sheet.cover.shape
    rng = stage.rng(name)
    broad = sheet_noise(rng, width, height, (60 * u, 80 * u), 4, 0.6)
    toward = 1 if stage.sun[0] > stage.width / 2 else -1
    sheared = np.empty_like(broad)
    for row in range(height):  # gullies run down the slope, away from the ridge
        sheared[row] = np.roll(broad[row], toward * row // 3)
    light = smoothstep(0.44, 0.6, sheared)
    dark = mix(shade(stage, ROCK, depth), stage.palette.ink, 0.3 * depth)
    bright = mix(shade(stage, ROCK, depth), stage.palette.rim, 0.34)
    fade = np.exp(-below / (130 * u))
    sheet.tint(dark, (1 - light) * fade * 0.75)
    sheet.tint(bright, light * fade * np.float32(0.6 * (1 - stage.palette.overcast * 0.6)))
    if snow > 0:
        line = snow * (0.55 + 0.9 * sheared) - below
        cap = smoothstep(0, 5 * u, line.astype(np.float32)) * smoothstep(0.30, 0.46, sheared * 0.6 + light * 0.4)
        sheet.tint(mix(shade(stage, SNOW, depth), stage.palette.rim, 0.2), cap * (0.35 + 0.6 * light))


def mountains(stage: Stage) -> list[Element]:
    """Three ranges in haze, the middle one with snow, firs and a meadow before them."""
    u, horizon = stage.u, stage.horizon
    tall = 0.8 + 0.5 * float(stage.rng("tall").random())
    made: list[Element] = []
    for index, (depth, base, swing, cell) in enumerate(
        ((0.1, horizon - 62 * u, 62 * u * tall, 230 * u), (0.2, horizon - 34 * u, 84 * u * tall, 190 * u),
         (0.36, horizon + 8 * u, 44 * u, 150 * u))
    ):  # fmt: skip
        edge = edge_noise(stage, f"range{index}", depth, base, swing, cell, 7)
        sheet = ridge_sheet(
            stage, depth, edge, ROCK if index < 2 else (0.26, 0.33, 0.30), mist=0.75, rim=0.35, reach=150 * u
        )
        if index < 2:
            _facets(stage, f"facets{index}", sheet, edge, depth, (46 - 10 * index) * u * tall)
        made.append(layer(stage, sheet, depth))
        if index == 0 and stage.palette.sun_height < 0.4:
            made.append(sun_bloom(stage, 0.12))
    made += _firs(stage, 0.5, horizon + 34 * u, 34 * u)
    made += meadow(stage, 0.68, horizon + 52 * u, GRASS, 16 * u)
    return made


def _firs(stage: Stage, depth: float, base: float, tall: float) -> list[Element]:
    ground = edge_noise(stage, f"firs{depth}", depth, base, 12 * stage.u, 170 * stage.u)
    raised = tree_line(stage, f"firline{depth}", depth, ground, tall)
    return [layer(stage, ridge_sheet(stage, depth, raised, PINE, mist=0.45, rim=0.25, reach=70 * stage.u), depth)]


def meadow(
    stage: Stage, depth: float, base: float, local: Colour, fringe: float, flowers: Colour | None = (0.95, 0.75, 0.85)
) -> list[Element]:
    """Near ground with wind over it and a fringe of blades in front."""
    u = stage.u
    edge = edge_noise(stage, f"meadow{depth}", depth, base, 12 * u, 260 * u, 3)
    sheet = ridge_sheet(stage, depth, edge, local, mist=0.0, rim=0.6, texture=0.2)
    _across, down = grid(sheet)
    sheet.tint(
        shade(stage, mix(local, (0.1, 0.2, 0.1), 0.5), 1.0), smoothstep(base, stage.height, down) * np.float32(0.8)
    )
    made: list[Element] = [layer(stage, sheet, depth), Wind(stage, depth + 0.001, sheet)]
    if fringe:
        made.append(
            grass_fringe(
                stage, "fringe", 0.97, stage.height + 4 * u, fringe * 2.3, mix(local, (0.08, 0.16, 0.08), 0.4), flowers
            )
        )
    return made


def field(stage: Stage) -> list[Element]:
    """Rolling hills, hedges, a lone tree, wheat or grass under the wind."""
    u, horizon = stage.u, stage.horizon
    rng = stage.rng("field")
    gold = stage.seed % 2 == 0
    made: list[Element] = []
    for index, (depth, base, swing) in enumerate(
        ((0.12, horizon - 14 * u, 26 * u), (0.24, horizon, 20 * u), (0.4, horizon + 18 * u, 18 * u))
    ):
        edge = edge_noise(stage, f"hill{index}", depth, base, swing, (330 - 40 * index) * u, 3)
        local = ((0.30, 0.44, 0.30), (0.42, 0.54, 0.26), (0.66, 0.60, 0.28) if gold else (0.33, 0.50, 0.22))[index]
        if index < 2:
            edge = np.where(
                edge_noise(stage, f"hedge{index}", depth, 0, 1, 120 * u, 2) > 0.1,
                tree_line(stage, f"hedges{index}", depth, edge, (6 + 5 * index) * u, conifers=False),
                edge,
            )
        made.append(layer(stage, ridge_sheet(stage, depth, edge, local, mist=0.35, rim=0.5), depth))
        if index == 0 and stage.palette.sun_height < 0.4:
            made.append(sun_bloom(stage, 0.14))
    if "tree" not in stage.wanted.subjects:
        made.append(lone_tree(stage, 0.46, float(rng.uniform(0.12, 0.3)) * stage.width, horizon + 40 * u, 120 * u))
    return made + meadow(
        stage, 0.62, horizon + 36 * u, WHEAT if gold else GRASS, 17 * u, None if gold else (0.98, 0.86, 0.4)
    )


def lone_tree(stage: Stage, depth: float, x: float, foot: float, tall: float) -> Element:
    """One broad tree."""
    pen = Pen(tall * 1.2, tall * 1.15, x - tall * 0.6, foot - tall * 1.1)
    toward = 1 if stage.sun[0] > x else -1
    leaf = shade(stage, (0.22, 0.36, 0.16), depth + 0.2)
    light = mix(leaf, stage.palette.rim, 0.5 * (1 - stage.palette.overcast * 0.7))
    broad_tree(
        pen,
        x,
        foot,
        tall,
        shade(stage, (0.25, 0.17, 0.12), depth + 0.2),
        leaf,
        light,
        stage.rng(f"tree{depth}"),
        toward,
    )
    return layer(stage, pen.sheet(), depth)


def sea(stage: Stage) -> list[Element]:
    """Far headlands, open water to the front."""
    u, horizon = stage.u, stage.horizon
    made: list[Element] = []
    edge = edge_noise(stage, "cape", 0.1, horizon + 6 * u, 26 * u, 260 * u, 5)
    edge += np.abs(np.linspace(-1, 1, len(edge), dtype=np.float32) + (0.5 if stage.seed % 2 else -0.5)) * 14 * u - 8 * u
    made.append(layer(stage, ridge_sheet(stage, 0.1, edge, (0.34, 0.38, 0.42), mist=0.3, rim=0.3), 0.1))
    if stage.palette.sun_height < 0.4 or stage.palette.moon:
        made.append(sun_bloom(stage, 0.11))
    rough = {"storm": 2.0, "rain": 1.3, "fog": 0.6}.get(stage.wanted.weather, 1.0)
    made.append(
        Water(stage, horizon, depth=0.2, tone=(0.06, 0.34, 0.46), rough=rough, speed=1.5 if rough > 1.5 else 1.0)
    )
    return made


def forest(stage: Stage) -> list[Element]:
    """Ranks of firs and trunks that dissolve in the light, shafts of it, ferns in front."""
    u, horizon = stage.u, stage.horizon
    made: list[Element] = [sun_bloom(stage, 0.05)] if not stage.palette.moon else []
    for index, (depth, base, tall) in enumerate(((0.1, 6, 120), (0.22, 18, 150), (0.36, 32, 190))):
        ground = edge_noise(stage, f"ground{index}", depth, horizon + base * u, 10 * u, 200 * u)
        raised = tree_line(stage, f"rank{index}", depth, ground, tall * u)
        sheet = ridge_sheet(stage, depth, raised, PINE, mist=0.85, rim=0.3, reach=tall * 0.9 * u)
        made.append(layer(stage, sheet, depth))
    if stage.palette.overcast < 0.4:
        made.append(shafts(stage, 0.4))
    made.append(_trunks(stage, 0.52, 7))
    made += meadow(stage, 0.66, horizon + 58 * u, (0.20, 0.32, 0.16), 22 * u, (0.9, 0.9, 0.95))
    made.append(_frame_trees(stage, 0.95))
    return made


def _trunks(stage: Stage, depth: float, count: int) -> Element:
    """Big firs in the middle distance, each drawn by its tiers."""
    u, rng = stage.u, stage.rng("trunks")
    sheet = stage.blank(depth, 0, stage.horizon + 80 * u)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    colour = shade(stage, PINE, depth + 0.15)
    light = mix(colour, stage.palette.rim, 0.45 * (1 - stage.palette.overcast))
    for index in range(count):
        x = sheet.left + width * (index + float(rng.uniform(0.1, 0.9))) / count
        if abs(x - stage.width * 0.5) < stage.width * 0.16:
            continue
        tall = float(rng.uniform(150, 250)) * u
        toward = 1 if stage.sun[0] > x else -1
        pine(pen, x, stage.horizon + float(rng.uniform(50, 74)) * u, tall, colour, light, rng, toward)
    return layer(stage, pen.sheet(), depth)


def _frame_trees(stage: Stage, depth: float) -> Element:
    """Dark firs at the picture's edges, very near."""
    u, rng = stage.u, stage.rng("frame")
    sheet = stage.blank(depth, 0, stage.height)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    dark = mix(shade(stage, (0.16, 0.12, 0.1), 1.0), stage.palette.ink, 0.6)
    for side in (0, 1):
        x = stage.width * (0.01 if side == 0 else 0.995) + float(rng.normal(0, 9)) * u
        tall = float(rng.uniform(430, 560)) * u
        pine(pen, x, stage.height + 40 * u, tall, dark, mix(dark, stage.palette.rim, 0.12), rng, 1 if side == 0 else -1)
    return Backdrop(pen.sheet(), depth, blur=0.8 * u)


def shafts(stage: Stage, depth: float) -> Element:
    """Slanting beams of light from the sun's place."""
    rng = stage.rng("shafts")
    sheet = stage.blank(depth, 0, stage.height)
    across, down = grid(sheet)
    sx, sy = stage.sun[0], stage.sun[1] - 0.5 * stage.height
    angle = np.arctan2(across - sx, np.maximum(down - sy, 1.0))
    wave = np.zeros_like(angle)
    for _ in range(5):
        wave += np.sin(angle * float(rng.uniform(14, 46)) + float(rng.uniform(0, 6.28)))
    beam = smoothstep(0.6, 2.6, wave) * np.exp(-(((down - stage.sun[1]) / (0.62 * stage.height)) ** 2))
    sheet.cover[:] = beam * np.float32(0.34 if not stage.palette.moon else 0.16)
    for part, value in zip(sheet.rgb, stage.palette.sun, strict=True):
        part[:] = sheet.cover * np.float32(value)
    return Backdrop(sheet, depth, flicker=0.55, rate=0.23)


def desert(stage: Stage) -> list[Element]:
    """Dunes with a lit and a shadowed side, mesas in the haze."""
    u, horizon = stage.u, stage.horizon
    made: list[Element] = []
    mesa = edge_noise(stage, "mesa", 0.1, 0, 1, 210 * u, 2)
    steps = np.where(mesa > 0.25, -58.0, np.where(mesa > 0.02, -26.0, 6.0)).astype(np.float32) * u
    steps = np.convolve(np.pad(steps, 6, mode="edge"), np.ones(13, np.float32) / 13, "valid").astype(np.float32)
    made.append(layer(stage, ridge_sheet(stage, 0.1, horizon + steps, (0.66, 0.36, 0.26), mist=0.5, rim=0.4), 0.1))
    if stage.palette.sun_height < 0.4 or stage.palette.moon:
        made.append(sun_bloom(stage, 0.13))
    for index, (depth, base, swing) in enumerate(((0.2, 2, 16), (0.36, 20, 24), (0.58, 46, 26), (0.82, 92, 22))):
        edge = edge_noise(stage, f"dune{index}", depth, horizon + base * u, swing * u, (300 + 60 * index) * u, 2)
        sheet = ridge_sheet(stage, depth, edge, SAND, mist=0.0, rim=0.5, texture=0.0)
        _dune(stage, sheet, edge, depth, index)
        made.append(layer(stage, sheet, depth))
        if index == 3:
            made.append(Wind(stage, depth + 0.001, sheet, 5.0))
    made.append(
        Motes(stage, 0.93, mix(SAND, stage.palette.rim, 0.5), 26, "sand", box=(0, 0.62, 1, 1), size=0.6, rise=4)
    )
    return made


def _dune(stage: Stage, sheet: Sheet, edge: Floats, depth: float, index: int) -> None:
    """The crest's shadow and the wind's ripples."""
    across, down = grid(sheet)
    width = sheet.cover.shape[1]
    below = down - edge[None, :width]
    slope = np.gradient(edge[:width])[None, :] * (1 if stage.sun[0] > stage.width / 2 else -1)
    shadow = smoothstep(-0.10, 0.16, -slope) * np.exp(-below / (70 * stage.u))
    dark = mix(shade(stage, (0.55, 0.30, 0.28), depth), stage.palette.ink, 0.22)
    sheet.tint(dark, np.clip(shadow, 0, 1).astype(np.float32) * np.float32(0.8))
    sheet.tint(
        shade(stage, (0.6, 0.36, 0.24), 1.0), smoothstep(20 * stage.u, 170 * stage.u, below) * np.float32(0.55 * depth)
    )
    if depth > 0.3:
        wobble = sheet_noise(stage.rng(f"ripple{index}"), width, sheet.cover.shape[0], (90 * stage.u, 20 * stage.u), 2)
        ripple = np.sin(below / (3.4 * stage.u) * (1.5 - depth) + wobble * 26 + across / (40 * stage.u))
        sheet.shine(
            stage.palette.rim, (np.clip(ripple, 0, 1) * sheet.cover * np.float32(0.10 * depth)).astype(np.float32)
        )


def river(stage: Stage) -> list[Element]:
    """Hills and trees that mirror in slow water, a bank with reeds in front."""
    u, horizon = stage.u, stage.horizon
    made: list[Element] = []
    for index, (depth, base, swing, local) in enumerate(
        ((0.08, -30, 46, (0.36, 0.42, 0.48)), (0.16, -6, 26, (0.28, 0.42, 0.3)))
    ):
        edge = edge_noise(stage, f"hill{index}", depth, horizon + base * u, swing * u, 240 * u, 5)
        made.append(layer(stage, ridge_sheet(stage, depth, edge, local, mist=0.6, rim=0.4), depth))
    bank = edge_noise(stage, "bank", 0.2, horizon - 3 * u, 5 * u, 160 * u, 3)
    raised = tree_line(stage, "banktrees", 0.2, bank, 44 * u, conifers=stage.seed % 2 == 0)
    made.append(
        layer(
            stage,
            ridge_sheet(stage, 0.2, np.minimum(raised, horizon - 2 * u), PINE, mist=0.3, rim=0.4, reach=40 * u),
            0.2,
        )
    )
    if stage.palette.sun_height < 0.4 or stage.palette.moon:
        made.append(sun_bloom(stage, 0.21))
    made.append(Water(stage, horizon, depth=0.25, tone=(0.08, 0.26, 0.30), rough=0.55, mirror=0.82, speed=0.8))
    made += meadow(stage, 0.72, stage.height - 52 * u, (0.28, 0.40, 0.18), 26 * u, (0.95, 0.8, 0.4))
    return made


def snowland(stage: Stage) -> list[Element]:
    """White slopes, firs with snow on them, blue shadows."""
    u, horizon = stage.u, stage.horizon
    made: list[Element] = []
    edge = edge_noise(stage, "peaks", 0.1, horizon - 40 * u, 66 * u, 210 * u, 7)
    sheet = ridge_sheet(stage, 0.1, edge, (0.62, 0.66, 0.76), mist=0.6, rim=0.4)
    _facets(stage, "ice", sheet, edge, 0.1, 80 * u)
    made.append(layer(stage, sheet, 0.1))
    if stage.palette.sun_height < 0.4:
        made.append(sun_bloom(stage, 0.12))
    ground = edge_noise(stage, "firs", 0.26, horizon + 6 * u, 12 * u, 170 * u)
    made.append(
        layer(
            stage,
            ridge_sheet(
                stage,
                0.26,
                tree_line(stage, "firline", 0.26, ground, 32 * u),
                (0.2, 0.29, 0.32),
                mist=0.7,
                reach=40 * u,
            ),
            0.26,
        )
    )
    for index, (depth, base, swing) in enumerate(((0.34, 12, 10), (0.56, 34, 12), (0.78, 78, 12))):
        slope = edge_noise(stage, f"drift{index}", depth, horizon + base * u, swing * u, 330 * u, 3)
        body = ridge_sheet(stage, depth, slope, SNOW, mist=0.0, rim=0.6, texture=0.03)
        _across, _down = grid(body)
        blue = smoothstep(
            0.42,
            0.62,
            sheet_noise(stage.rng(f"blue{index}"), body.cover.shape[1], body.cover.shape[0], (200 * u, 34 * u), 3),
        )
        body.tint(mix(shade(stage, (0.55, 0.68, 0.92), depth), stage.palette.sky[0], 0.15), blue * np.float32(0.5))
        made.append(layer(stage, body, depth))
    made.append(_snowy_firs(stage, 0.6))
    return made


def _snowy_firs(stage: Stage, depth: float) -> Element:
    u, rng = stage.u, stage.rng("snowy")
    sheet = stage.blank(depth, stage.horizon - 130 * u, stage.horizon + 80 * u)
    height, width = sheet.cover.shape
    pen = Pen(width, height, sheet.left, sheet.top)
    colour, white = shade(stage, (0.15, 0.26, 0.25), depth + 0.1), shade(stage, SNOW, depth + 0.1)
    for index in range(8):
        x = sheet.left + width * (index + float(rng.uniform(0.1, 0.9))) / 8
        if abs(x - stage.width * 0.5) > stage.width * 0.14:
            tall, toward = float(rng.uniform(70, 130)) * u, 1 if stage.sun[0] > x else -1
            pine(
                pen,
                x,
                stage.horizon + float(rng.uniform(30, 62)) * u,
                tall,
                mix(colour, white, 0.12),
                mix(white, stage.palette.rim, 0.25),
                rng,
                toward,
            )
    return layer(stage, pen.sheet(), depth)
