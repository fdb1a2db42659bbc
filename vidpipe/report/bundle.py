"""The folder a person gets: film, clips with their metadata, candidates, posters, report.json and report.html.

Everything is written whole into a hidden folder inside `out` first; only then is each file renamed to its place,
the page last. So a full disk or a folder that can't be written leaves what was there before, untouched.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from vidpipe.boundary import slow
from vidpipe.errors import SetupError, StorageError
from vidpipe.pipeline.deps import Deps
from vidpipe.report import layout as lay
from vidpipe.report.collect import collect
from vidpipe.report.document import document, metadata, metadata_path
from vidpipe.report.facts import Report
from vidpipe.report.layout import Item, Layout, Missing
from vidpipe.report.page import page
from vidpipe.report.pictures import embed
from vidpipe.storage.base import Storage

log = logging.getLogger(__name__)
_OURS = re.compile(r"(clips|candidates|posters)/[a-z0-9_-]+\.(mp4|json|jpg)")
_JSON_MOST = 64_000_000  # bytes of an earlier report.json that is looked at
_PART = ".vidpipe-part-"
_CHUNK = 1 << 30  # bytes a call; the kernel shares the blocks where the file system can


@dataclass(frozen=True)
class Bundle:
    """What was written, and what could not be had from the media store."""

    folder: Path
    report: Report
    film: Path | None
    page: Path
    json: Path
    files: tuple[str, ...]  # paths within `folder`
    missing: tuple[Missing, ...]


def write(deps: Deps, project_id: UUID, out: Path, *, candidates: bool = True, link: bool = False) -> Bundle:
    """Write the bundle of a film, finished or not, into `out`; what it replaces is replaced by whole files.

    `candidates` also puts the losing clips there. `link` makes hard links to a media store on the same file
    system instead of copies: quick and small, but a program that edits such a file in place edits the store.
    Raises UserError where there is no such film, SetupError where `out` cannot be written or the disk is full.
    """
    slow("writing the report")
    report = collect(deps.db, project_id)
    with _staging(out) as part:
        layout = _fetch(deps.storage, lay.plan(report, candidates=candidates), part, link=link)
        said = document(report, layout)
        for scene in report.scenes:
            if scene.id in layout.clips:
                _write_json(part / metadata_path(layout.clips[scene.id]), metadata(report, scene))
        html = page(report, layout, embed(report, layout, part))
        (part / lay.PAGE).write_text(html, encoding="utf-8")
        _write_json(part / lay.JSON, said)
        stale = _stale(out / lay.JSON, report, said["files"])
        _publish(part, out, said["files"])
        for path in stale:
            (out / path).unlink(missing_ok=True)
    return Bundle(
        folder=out, report=report, film=out / lay.FILM if layout.film else None, page=out / lay.PAGE,
        json=out / lay.JSON, files=(*said["files"], lay.JSON, lay.PAGE), missing=layout.missing,
    )  # fmt: skip


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A hidden folder inside `out` that is gone afterwards, as is `out` if it was made for nothing."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    part = out / f"{_PART}{uuid4().hex}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            for left in out.glob(f"{_PART}*"):  # of one that was killed
                shutil.rmtree(left, ignore_errors=True)
            for folder in (part, *(part / name for name in lay.FOLDERS)):
                folder.mkdir()
            yield part
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time; where the file system has no locks, without."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            log.warning("%s cannot be locked (%s); nothing else should write there", folder, error.strerror)
        yield
    finally:
        os.close(handle)


def _unwritable(out: Path, error: OSError) -> SetupError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(f"the disk is full at {out}", remedy="Make room there or choose another folder with --out.")
    why = error.strerror or str(error)
    return SetupError(f"{out} cannot be written: {why}", remedy="Choose a folder that you may write to with --out.")


def _fetch(storage: Storage, layout: Layout, part: Path, *, link: bool) -> Layout:
    """Bring every file of `layout` under `part`; the layout without those that the store doesn't have."""
    missing: list[Missing] = []
    already: dict[str, Path] = {}
    for item in layout.items():
        target = part / item.path
        try:
            if item.key in already:  # the chosen clip again, beside the other candidates
                if not _linked(already[item.key], target):
                    _copy(already[item.key], target)
            else:
                _bring(storage, item, target, link=link)
                already[item.key] = target
        except StorageError as error:
            missing.append(Missing(item.path, error.message))
    return layout.without(tuple(missing))


def _bring(storage: Storage, item: Item, target: Path, *, link: bool) -> None:
    with storage.open_local(item.key) as source:
        size = source.stat().st_size
        if item.size is not None and size != item.size:
            raise StorageError(f"the media store holds {size} bytes of {item.key}; there should be {item.size}")
        if not (link and _linked(source, target)):
            _copy(source, target)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            return False  # another file system, or one without links: a copy it is
        raise
    return True


def _copy(source: Path, target: Path) -> None:
    """A copy, without its blocks being written twice where the file system knows how."""
    with source.open("rb") as reading, target.open("wb") as writing:
        left = os.fstat(reading.fileno()).st_size
        try:
            while left > 0 and (done := os.copy_file_range(reading.fileno(), writing.fileno(), min(left, _CHUNK))):
                left -= done
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
                raise
            reading.seek(0)
            writing.seek(0)
            writing.truncate()
            shutil.copyfileobj(reading, writing, 1 << 20)


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _publish(part: Path, out: Path, files: list[str]) -> None:
    """Rename every file to its place, the page last: whoever sees the page sees what it names."""
    for name in lay.FOLDERS:
        if any((part / name).iterdir()):
            (out / name).mkdir(exist_ok=True)
    for path in (*files, lay.JSON, lay.PAGE):
        (part / path).replace(out / path)


def _stale(earlier: Path, report: Report, files: list[str]) -> list[str]:
    """What the earlier bundle put here that this one has not; nothing of anybody else's.

    A changed storyboard is another film: the clips of the one before must not stand among this one's, numbered
    alike. Its finished film is kept where this one has none yet.
    """
    try:
        if earlier.stat().st_size > _JSON_MOST:
            return []
        found = json.loads(earlier.read_text(encoding="utf-8"))
        same = found["film"]["id"] == str(report.film.id)
        listed = [path for path in found["files"] if isinstance(path, str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # no bundle of ours: nothing of it is ours to remove
    gone = set(listed) - set(files)
    return sorted(path for path in gone if (same and path == lay.FILM) or _OURS.fullmatch(path))
