"""One clip, frame after frame: the scene is painted once in layers, then laid anew for every moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from vidpipe.services.procedural.painting.camera import Box, Move, crop_at, eye_at, plan_move
from vidpipe.services.procedural.painting.palette import choose
from vidpipe.services.procedural.painting.places import compose
from vidpipe.services.procedural.painting.plate import Canvas, Ints, Plate, planar
from vidpipe.services.procedural.painting.stage import Element, Stage
from vidpipe.services.procedural.words import Wanted, read_words

Planes = tuple[Ints, Ints, Ints]
JOIN = 0.6  # seconds over which a given first or last frame dissolves into the scene
GRAINS = 5


@dataclass(frozen=True)
class Shot:
    """One clip to paint."""

    prompt: str
    seed: int
    seconds: float
    width: int
    height: int
    fps: int
    label: str = ""
    shot: str = ""
    camera: str = ""
    negative: str = ""
    first_frame: Path | None = None
    last_frame: Path | None = None
    references: tuple[Path, ...] = ()
    hold: int = 1  # for how many frames each painted one is shown

    @property
    def frames(self) -> int:
        """How many frames the clip has."""
        return max(1, round(self.seconds * self.fps))

    @property
    def wanted(self) -> Wanted:
        """The scene in words."""
        return read_words(self.prompt, camera=self.camera, shot=self.shot, negative=self.negative)


class Film:
    """The painter of one clip; the same shot gives the same bytes."""

    def __init__(self, shot: Shot) -> None:
        self.shot = shot
        self.wanted = shot.wanted
        self.mirrored = bool((shot.seed + self.wanted.digest) % 2)
        self.move: Move = plan_move(self.wanted.camera, shot.seconds, mirrored=self.mirrored)
        scale = self.move.canvas_scale
        self.width, self.height = _even(shot.width * scale), _even(shot.height * scale)
        self.stage = set_stage(shot, self.wanted, self.move, self.width, self.height)
        self.elements: list[Element] = compose(self.stage, shot.references, mirrored=self.mirrored)
        rng = self.stage.rng("grain")
        margin = 32
        noise = rng.standard_normal((GRAINS, shot.height + margin, shot.width + margin), dtype=np.float32)
        self.grain: Ints = np.rint(noise * np.float32(1.15)).astype(np.int16)
        self.vignette: Ints = _vignette(shot.width, shot.height)
        self.lettering = _lettering(shot.label, shot.width, shot.height) if shot.label else None
        self.first = _still(shot.first_frame, shot.width, shot.height)
        self.last = _still(shot.last_frame, shot.width, shot.height)

    def __iter__(self) -> Iterator[Planes]:
        """Every frame as three planes of 8-bit values in 16-bit integers, in the encoder's limited range."""
        canvas = Canvas(self.width, self.height)
        for index in range(0, self.shot.frames, self.shot.hold):
            shown = min(self.shot.hold, self.shot.frames - index)
            yield from repeat(self._frame(canvas, index), shown)

    def _frame(self, canvas: Canvas, index: int) -> Planes:
        time = index / self.shot.fps
        part = index / max(1, self.shot.frames - 1)
        eye = eye_at(self.move, part, self.width, self.height)
        for element in self.elements:
            element.draw(canvas, time, eye)
        planes: Planes = canvas.planes
        if self.mirrored:
            planes = (planes[0][:, ::-1], planes[1][:, ::-1], planes[2][:, ::-1])
        if self.move.resampled:
            box = crop_at(self.move, part, time, self.width, self.height)
            planes = _cut_out(planes, box, self.shot.width, self.shot.height)
        return self._finish(planes, index)

    def _finish(self, planes: Planes, index: int) -> Planes:
        """Vignette, lettering, the given first and last frames, grain."""
        luma = (planes[0] * self.vignette) >> 7
        out = Canvas(self.shot.width, self.shot.height)
        out.y, out.u, out.v = luma, planes[1].copy(), planes[2].copy()
        time, left = index / self.shot.fps, (self.shot.frames - 1 - index) / self.shot.fps
        join = min(JOIN, self.shot.seconds / 3)
        ease_in = _eased(time / join) if self.first else 1.0
        ease_out = _eased(left / join) if self.last else 1.0
        if self.lettering is not None:
            height = self.shot.height
            self.lettering.lay(out, height * 0.055, height * 0.945 - (self.lettering.colour[0].shape[0] - 4), 0.85)
        for still, ease in ((self.first, ease_in), (self.last, ease_out)):
            if still is not None and ease < 1:
                _dissolve(out, still, ease)
        if ease_in == 1.0 and ease_out == 1.0:
            x, y = (index * 13) % 32, (index * 29) % 32
            out.y += self.grain[index % GRAINS, y : y + self.shot.height, x : x + self.shot.width]
        return (
            np.clip(out.y, 0, 219) + np.int16(16),
            np.clip(out.u, -112, 112) + np.int16(128),
            np.clip(out.v, -112, 112) + np.int16(128),
        )


def set_stage(shot: Shot, wanted: Wanted, move: Move, width: int, height: int) -> Stage:
    """Light, horizon and sun for this seed: neighbours differ in all of them."""
    variant = shot.seed + wanted.digest % 97
    palette = choose(wanted.time, wanted.weather, variant)
    golden = (variant * 0.61803399 + 0.13) % 1
    low = {"close-up": 0.6, "medium": 0.6, "insert": 0.55}.get(wanted.shot, 0.62)
    horizon = height * (low - 0.075 + 0.15 * ((variant * 0.381966) % 1))
    sun_x = width * (0.2 + 0.6 * golden)
    climb = palette.sun_height * (0.8 + 0.4 * ((variant * 0.7548) % 1))
    focus = {"close-up": 4.2, "insert": 5.0, "medium": 2.0, "over-shoulder": 1.4, "two-shot": 1.2}.get(wanted.shot, 0.0)
    return Stage(
        width=width, height=height, seconds=shot.seconds, wanted=wanted, palette=palette, seed=shot.seed,
        reach=(max(map(abs, move.x)) * width, max(map(abs, move.y)) * height), pull=move.pull,
        horizon=float(round(horizon)), sun=(sun_x, horizon * (1 - min(0.85, climb))), focus=focus * height / 360,
    )  # fmt: skip


def _even(value: float) -> int:
    whole = round(value)
    return whole + whole % 2


def _eased(part: float) -> float:
    part = min(1.0, max(0.0, part))
    return part * part * (3 - 2 * part)


def _cut_out(planes: Planes, box: Box, width: int, height: int) -> Planes:
    """A part of the canvas, resampled to the film's size; the box need not lie on whole pixels."""
    made = []
    for index, plane in enumerate(planes):
        part = 1 if index == 0 else 2
        lift = 0 if index == 0 else 128
        image = Image.fromarray(np.clip(plane + lift, 0, 255).astype(np.uint8))
        size = (width // part, height // part)
        edges = (box[0] / part, box[1] / part, min(box[2] / part, image.width), min(box[3] / part, image.height))
        resized = image.resize(size, Image.Resampling.BICUBIC, box=edges)
        made.append(np.asarray(resized).astype(np.int16) - np.int16(lift))
    return made[0], made[1], made[2]


def _vignette(width: int, height: int) -> Ints:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fall = 1 - 0.2 * np.clip((x * x + y * y) / 2 - 0.12, 0, 1) ** 1.1
    made: Ints = np.rint(fall * 128).astype(np.int16)
    return made


def _lettering(label: str, width: int, height: int) -> Plate:
    """The shot's label in small letters with a soft shadow."""
    font = ImageFont.load_default(max(7.0, height * 0.034))
    text = label[:60]
    left, top, right, bottom = font.getbbox(text)
    size = (min(width - 8, int(right - left) + 8), int(bottom - top) + 8)
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).text((4 - left, 4 - top), text, fill=255, font=font)
    ink = np.asarray(mask, np.float32) * np.float32(0.86 / 255)
    shadow = np.roll(ink, (1, 1), (0, 1)) * np.float32(0.45)
    cover = ink + shadow * (1 - ink)
    return Plate(np.stack([ink, ink, ink * np.float32(0.96)]), cover)


def _still(path: Path | None, width: int, height: int) -> Planes | None:
    """A given picture, cropped to the film's shape, as canvas planes."""
    if path is None:
        return None
    with Image.open(path) as found:
        image = ImageOps.fit(ImageOps.exif_transpose(found).convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    rgb = np.asarray(image, np.float32).transpose(2, 0, 1) * np.float32(1 / 255)
    planes = planar(rgb[0], rgb[1], rgb[2])
    whole = [np.rint(plane).astype(np.int16) for plane in planes]
    return whole[0], whole[1], whole[2]


def _dissolve(out: Canvas, still: Planes, ease: float) -> None:
    """Mix a still over the frame; `ease` 0 shows only the still."""
    amount = np.int16(round((1 - ease) * 128))
    for plane, fixed in zip(out.planes, still, strict=True):
        plane += ((fixed - plane) * amount) >> 7
