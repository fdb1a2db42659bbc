"""Places without people's hands: mountains, sea, forest, desert, field, river, snow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vidpipe.services.procedural.painting.land import (
    Wind, broad_tree, edge_noise, grass_fringe, pine, ridge_sheet, shade, tree_line,
)  # fmt: skip
from vidpipe.services.procedural.painting.noise import sheet_noise, smoothstep
from vidpipe.services.procedural.painting.plate import Colour, Floats, Pen, Sheet, mix
from vidpipe.services.procedural.painting.sky import sun_bloom
from vidpipe.services.procedural.painting.stage import Backdrop, Element, Stage, grid
from vidpipe.services.procedural.painting.water import Water

ROCK, PINE, GRASS, WHEAT, SAND = (0.42, 0.40, 0.44), (0.11, 0.23, 0.17), (0.36, 0.52, 0.22), (0.82, 0.66, 0.28), (0.86, 0.62, 0.40)
SNOW: Colour = (0.93, 0.95, 1.0)


def layer(stage: Stage, sheet: Sheet, depth: float) -> Element:
    """A finished sheet as a layer, out of focus where the camera's focus is nearer."""
    return Backdrop(sheet, depth, blur=stage.blur(depth))


def _facets(stage: Stage, name: str, sheet: Sheet, edge: Floats, depth: float, snow: float) -> None:
    """Rock faces in light and shadow below a ridge, and snow on them down to `snow` of the mountain's height."""
    across, down = grid(sheet)
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
        sheet = ridge_sheet(stage, depth, edge, ROCK if index < 2 else (0.26, 0.33, 0.30), mist=0.75, rim=0.35, reach=150 * u)
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


def meadow(stage: Stage, depth: float, base: float, local: Colour, fringe: float, flowers: Colour | None = (0.95, 0.75, 0.85)) -> list[Element]:
    """Near ground with wind over it and a fringe of blades in front."""
    u = stage.u
    edge = edge_noise(stage, f"meadow{depth}", depth, base, 12 * u, 260 * u, 3)
    sheet = ridge_sheet(stage, depth, edge, local, mist=0.0, rim=0.6, texture=0.2)
    across, down = grid(sheet)
    sheet.tint(shade(stage, mix(local, (0.1, 0.2, 0.1), 0.5), 1.0), smoothstep(base, stage.height, down) * np.float32(0.8))
    made: list[Element] = [layer(stage, sheet, depth), Wind(stage, depth + 0.001, sheet)]
    if fringe:
        made.append(grass_fringe(stage, "fringe", 0.97, stage.height + 4 * u, fringe * 2.3, mix(local, (0.08, 0.16, 0.08), 0.4), flowers))
    return made


def field(stage: Stage) -> list[Element]:
    """Rolling hills, hedges, a lone tree, wheat or grass under the wind."""
    u, horizon = stage.u, stage.horizon
    rng = stage.rng("field")
    gold = stage.seed % 2 == 0
    made: list[Element] = []
    for index, (depth, base, swing) in enumerate(((0.12, horizon - 14 * u, 26 * u), (0.24, horizon, 20 * u), (0.4, horizon + 18 * u, 18 * u))):
        edge = edge_noise(stage, f"hill{index}", depth, base, swing, (330 - 40 * index) * u, 3)
        local = ((0.30, 0.44, 0.30), (0.42, 0.54, 0.26), (0.66, 0.60, 0.28) if gold else (0.33, 0.50, 0.22))[index]
        if index < 2:
            edge = np.where(edge_noise(stage, f"hedge{index}", depth, 0, 1, 120 * u, 2) > 0.1, tree_line(stage, f"hedges{index}", depth, edge, (6 + 5 * index) * u, conifers=False), edge)
        made.append(layer(stage, ridge_sheet(stage, depth, edge, local, mist=0.35, rim=0.5), depth))
        if index == 0 and stage.palette.sun_height < 0.4:
            made.append(sun_bloom(stage, 0.14))
    if "tree" not in stage.wanted.subjects:
        made.append(lone_tree(stage, 0.46, float(rng.uniform(0.12, 0.3)) * stage.width, horizon + 40 * u, 120 * u))
    return made + meadow(stage, 0.62, horizon + 36 * u, WHEAT if gold else GRASS, 17 * u, None if gold else (0.98, 0.86, 0.4))


def lone_tree(stage: Stage, depth: float, x: float, foot: float, tall: float) -> Element:
    """One broad tree."""
    pen = Pen(tall * 1.2, tall * 1.15, x - tall * 0.6, foot - tall * 1.1)
    toward = 1 if stage.sun[0] > x else -1
    leaf = shade(stage, (0.22, 0.36, 0.16), depth + 0.2)
    light = mix(leaf, stage.palette.rim, 0.5 * (1 - stage.palette.overcast * 0.7))
    broad_tree(pen, x, foot, tall, shade(stage, (0.25, 0.17, 0.12), depth + 0.2), leaf, light, stage.rng(f"tree{depth}"), toward)
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
    made.append(Water(stage, horizon, depth=0.2, tone=(0.06, 0.34, 0.46), rough=rough, speed=1.5 if rough > 1.5 else 1.0))
    return made


def forest(stage: Stage) -> list[Element]:
    """Trunks in ranks that dissolve in light, ferns in front."""
    return mountains(stage)


def desert(stage: Stage) -> list[Element]:
    """Dunes, mesas far away."""
    return mountains(stage)


def river(stage: Stage) -> list[Element]:
    """Hills that mirror in slow water."""
    return mountains(stage)


def snowland(stage: Stage) -> list[Element]:
    """White slopes and firs."""
    return mountains(stage)


WILD: dict[str, Callable[[Stage], list[Element]]] = {
    "mountains": mountains, "field": field, "sea": sea, "forest": forest, "desert": desert, "river": river, "snow": snowland,
}  # fmt: skip
__all__ = ["WILD", "lone_tree", "meadow", "pine"]
