"""Files that came with a storyboard: checked, then stored under their content's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from PIL import Image, UnidentifiedImageError

from vidpipe.domain import keys
from vidpipe.domain.storyboard.model import FootageSpec, Storyboard
from vidpipe.errors import MediaError, Problem, StoryboardInvalid
from vidpipe.media.probe import probe
from vidpipe.storage.base import Storage

_IMAGE_BYTES = 50_000_000
_IMAGE_PIXELS = 50_000_000
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


def images(storyboard: Storyboard) -> Iterator[tuple[Path, str]]:
    """Every picture the storyboard names, with where it is named."""
    for scene in storyboard.scenes:
        for which, frame in (("first_frame", scene.first_frame), ("last_frame", scene.last_frame)):
            if frame is not None and frame.path is not None:
                yield frame.path, f"{scene.label}: {which}"
    for asset in storyboard.manifest.assets if storyboard.manifest else ():
        for path in asset.images:
            yield path, f"asset {asset.tag}"


def check(storyboard: Storyboard) -> None:
    """Open every file the storyboard names; raises StoryboardInvalid with all that cannot be used."""
    problems = [problem for path, where in images(storyboard) if (problem := _check_image(path, where))]
    for scene in storyboard.scenes:
        if scene.footage is not None and (problem := _check_footage(scene.footage, scene.label, scene.duration)):
            problems.append(problem)
    if problems:
        raise StoryboardInvalid(problems)


def store(storage: Storage, project_id: UUID, storyboard: Storyboard) -> dict[Path, str]:
    """Store every named file; its key by its path. Call `check` first."""
    stored: dict[Path, str] = {}
    pictures = [path for path, _ in images(storyboard)]
    footage = [scene.footage.path for scene in storyboard.scenes if scene.footage is not None]
    for path in dict.fromkeys([*pictures, *footage]):
        with path.open("rb") as reading:
            digest = hashlib.file_digest(reading, "sha256").hexdigest()
        suffix = _image_suffix(path) if path in pictures else ".footage"
        stored[path] = storage.put(keys.given(project_id, digest, suffix), path).key
    return stored


def _image_suffix(path: Path) -> str:
    with Image.open(path) as picture:
        return _SUFFIXES[str(picture.format)]


def _check_image(path: Path, where: str) -> Problem | None:
    try:
        if path.stat().st_size > _IMAGE_BYTES:
            return Problem(f"{path.name} is larger than {_IMAGE_BYTES // 1_000_000} MB", field=where)
        with Image.open(path, formats=list(_SUFFIXES)) as picture:
            if picture.width * picture.height > _IMAGE_PIXELS:
                return Problem(f"{path.name} has more than {_IMAGE_PIXELS // 1_000_000} million pixels", field=where)
            picture.load()
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return Problem(
            f"{path.name} is no picture that can be read: {error}", "Give a PNG, JPEG or WebP file.", field=where
        )
    return None


def _check_footage(footage: FootageSpec, label: str, duration: float) -> Problem | None:
    where = f"{label}: footage"
    try:
        info = probe(footage.path)
    except MediaError as error:
        return Problem(f"{footage.path.name}: {error.message}", "Give a video file.", field=where)
    if info.video is None:
        return Problem(f"{footage.path.name} holds no picture", "Give a video file.", field=where)
    end = info.duration if footage.end is None else footage.end
    slack = 1.5 / max(info.video.frame_rate, 1.0)  # containers round to a frame or so
    if end > info.duration + slack or footage.start >= end:
        stretch = f"{footage.start:g} s to {end:g} s"
        return Problem(
            f"{footage.path.name} lasts {info.duration:.2f} s; {stretch} is not in it",
            "Mend `in` and `out`.",
            field=where,
        )
    if abs((end - footage.start) - duration) > max(0.1, slack):
        return Problem(
            f"{end - footage.start:.2f} s of {footage.path.name} are used, but the scene lasts {duration:g} s",
            "Mend `in`, `out` or `duration`.", field=where,
        )  # fmt: skip
    return None
