"""Colours of the hours: what the sky, the haze, the shadows and the lamps look like, and how weather greys them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vidpipe.services.procedural.painting.plate import Colour, mix, times


def hexed(text: str) -> Colour:
    """'#rrggbb' as three parts of 0..1."""
    value = int(text.lstrip("#"), 16)
    return (value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255


@dataclass(frozen=True)
class Palette:
    """One hour's light."""

    sky: tuple[Colour, ...]  # from the zenith to the horizon
    sun: Colour  # the disc and its glow
    haze: Colour  # what distance fades into
    ink: Colour  # the nearest shadows
    ambient: Colour  # what a thing's own colour is multiplied by
    rim: Colour  # light on edges that face the sun
    lamps: float  # 0: no window is lit, 1: all that would be
    stars: float  # 0..1
    sun_height: float  # above the horizon, as a part of the sky's height
    moon: bool = False
    overcast: float = 0.0  # 0..1, how much the weather hides the sun

    @property
    def horizon(self) -> Colour:
        """The sky's lowest colour."""
        return self.sky[-1]


def _p(
    sky: str, sun: str, haze: str, ink: str, ambient: str, rim: str, *, lamps: float, stars: float, height: float
) -> Palette:
    return Palette(
        tuple(hexed(part) for part in sky.split()),
        hexed(sun), hexed(haze), hexed(ink), hexed(ambient), hexed(rim), lamps, stars, height,
    )  # fmt: skip


def _night(sky: str, haze: str, ink: str, ambient: str, rim: str) -> Palette:
    made = _p(sky, "#f4f1de", haze, ink, ambient, rim, lamps=1.0, stars=1.0, height=0.62)
    return replace(made, moon=True)


PALETTES: dict[str, tuple[Palette, ...]] = {
    "dawn": (
        _p("#31457a #7d7fae #e8a9a0 #ffdcae", "#fff0cf", "#efc2ae", "#2d2746", "#c9a9b4", "#ffdcae",
           lamps=0.35, stars=0.12, height=0.16),
        _p("#3f6d8e #8fb7c6 #dfe0cf #fff0c9", "#fff8dc", "#dfdccb", "#23404d", "#b5c4bd", "#fff3cf",
           lamps=0.2, stars=0.0, height=0.2),
        _p("#35306b #80539a #ec8f9c #ffcf9e", "#ffe9c4", "#e9a6a4", "#241c44", "#b991b4", "#ffcba4",
           lamps=0.45, stars=0.2, height=0.13),
    ),
    "day": (
        _p("#2268b4 #559edb #a3d2f0 #e6f4f5", "#fffdf0", "#cbe2ee", "#1d3d4d", "#f7f7f0", "#fff7d6",
           lamps=0.0, stars=0.0, height=0.72),
        _p("#127a9e #45b3c4 #a2dfd9 #f2f8e2", "#fffbe0", "#cdeae0", "#144650", "#f0f8ec", "#fff6cc",
           lamps=0.0, stars=0.0, height=0.6),
        _p("#4079c0 #86b9e2 #dbe7e2 #fff2d2", "#fff4d0", "#e6e3d0", "#333d45", "#fff3de", "#ffeeba",
           lamps=0.0, stars=0.0, height=0.48),
    ),
    "dusk": (
        _p("#1f1d50 #61307d #d8586a #ffa25f #ffd68f", "#ffe6ac", "#e0806f", "#1a1030", "#b07a8c", "#ffb070",
           lamps=0.75, stars=0.25, height=0.14),
        _p("#0e3050 #2c6a80 #b99a78 #ffab55 #ffd184", "#ffe2a0", "#cf9f72", "#0d2230", "#a08f86", "#ffbf74",
           lamps=0.7, stars=0.2, height=0.17),
        _p("#2b1154 #80297f #e4547c #ff9f7c #ffc9a0", "#ffd9b4", "#d9708a", "#1e0c33", "#b272a0", "#ff9f8e",
           lamps=0.85, stars=0.35, height=0.1),
        _p("#4b4478 #a4707c #efa663 #ffdf9c", "#fff0bd", "#e8b57c", "#2f2030", "#d0a07e", "#ffdf9c",
           lamps=0.5, stars=0.05, height=0.24),
    ),
    "night": (
        _night("#040a20 #0b1d44 #183a6b #35628c", "#264f7c", "#040818", "#3f5680", "#a9c8ee"),
        _night("#03131f #06304a #0d5a68 #2f8a84", "#1c6470", "#020c12", "#356a70", "#a8f0dc"),
        _night("#0a0624 #1d124c #3c2475 #7a4a98", "#553384", "#070314", "#54477e", "#d9b8ff"),
    ),
}  # fmt: skip

GREY = {"storm": 0.72, "rain": 0.5, "snow": 0.42, "fog": 0.5, "clouds": 0.18, "clear": 0.0}


def choose(time: str, weather: str, variant: int) -> Palette:
    """The `variant`-th light of an hour, under the weather."""
    among = PALETTES[time]
    base = among[variant % len(among)]
    amount = GREY[weather]
    if not amount:
        return base
    light = 0.30 * base.horizon[0] + 0.5 * base.horizon[1] + 0.2 * base.horizon[2]
    cover = 0.55 if weather == "storm" else 0.8 if weather == "rain" else 1.0
    grey = mix(times((0.86, 0.92, 1.0), light * cover), base.haze, 0.35)
    dim = {"storm": 0.55, "rain": 0.78}.get(weather, 0.95)
    return replace(
        base,
        sky=tuple(times(mix(part, grey, amount), dim + (1 - dim) * 0.3) for part in base.sky),
        haze=times(mix(base.haze, grey, amount), dim),
        ambient=times(mix(base.ambient, grey, amount * 0.6), dim),
        rim=times(mix(base.rim, grey, amount), 1 - amount * 0.5),
        lamps=min(1.0, base.lamps + amount * 0.6),
        stars=base.stars * (1 - min(1.0, amount * 1.6)),
        overcast=amount if weather != "clouds" else 0.1,
    )
