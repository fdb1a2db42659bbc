"""Filmed footage as a service: a stretch of a file, brought to the film's size, rate and loudness. Never a bill.

Submit only takes hold of the file (a hard link, or a copy where that cannot be), whole or not at all, under the
attempt's token; the cut travels in the operation's name. Fetch does the work. Both must run on machines that share
the working folder; where the working copy is gone the result has expired, and the take is bought (for nothing)
again. `sweep` removes working copies that nobody will ask for any more.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from vidpipe.domain.requests import Accepted, Delivered, FootageCut, Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, MediaError, Refused, Transient
from vidpipe.media.conform import conform

TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
KEPT = 7 * 86_400.0  # seconds


@dataclass(frozen=True)
class Cut:
    """What an operation's name says."""

    token: str
    start: float  # seconds into the file
    end: float
    width: int
    height: int
    fps: int
    audio: bool
    fit: Literal["pad", "crop"]

    def name(self) -> str:
        """The operation's name."""
        return json.dumps(asdict(self), separators=(",", ":"))


class FootageService:
    """A video service (`services.base`) and findable; safe in many threads."""

    name = "footage"

    def __init__(self, work: Path) -> None:
        """`work` is where working copies lie; made when needed."""
        self._work = work

    def submit(self, request: VideoRequest) -> Accepted:
        """Take hold of the file. Refused(invalid) where the request has no footage or it cannot be used."""
        cut = _cut(request)
        assert request.footage is not None
        copy = self._copy(cut)
        if not copy.exists():
            self._take_hold(request.footage.path, copy)
        _write_whole(copy.with_suffix(".cut"), cut.name())
        return Accepted(cut.name())

    def _take_hold(self, source: Path, copy: Path) -> None:
        try:
            found = source.resolve(strict=True)
            facts = found.stat()
        except OSError as error:
            raise Refused(f"the footage {source.name} cannot be read: {error}") from error
        if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0:
            raise Refused(f"the footage {source.name} is empty or no file")
        part = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}.part")
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            try:
                os.link(found, part)
            except OSError:  # another file system, or one without links: copied instead
                shutil.copyfile(found, part)
            part.rename(copy)
        except OSError as error:
            raise Transient(f"the footage {source.name} cannot be copied to {self._work}: {error}") from error
        finally:
            part.unlink(missing_ok=True)

    async def poll(self, operation: str) -> Pending | Delivered:
        """Done at once, while the working copy is there."""
        if not self._copy(_read(operation)).is_file():
            raise Expired("the working copy of the footage is gone")
        return Delivered((RemoteClip(1),))

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        """Cut, scale and level the stretch into `dest`."""
        if dest.exists():
            raise FileExistsError(f"{dest} is there already")
        cut = _read(operation)
        copy = self._copy(cut)
        if not copy.is_file():
            raise Expired("the working copy of the footage is gone")
        try:
            conform(
                copy, dest, width=cut.width, height=cut.height, fps=cut.fps, start=cut.start, end=cut.end,
                audio=cut.audio, fit=cut.fit,
            )  # fmt: skip
        except MediaError as error:
            raise Broken(f"the footage cannot be used: {error.message}") from error

    def find(self, token: str) -> Accepted | None:
        """What was taken hold of under `token`."""
        if not TOKEN.fullmatch(token):
            return None
        try:
            name = (self._work / f"{token}.cut").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return Accepted(name) if self._copy(_read(name)).is_file() else None

    def sweep(self, *, older_than: float = KEPT) -> int:
        """Remove working copies that were made more than `older_than` seconds ago; how many files."""
        gone, before = 0, time.time() - older_than
        for left in sorted(self._work.glob("*.cut")) if self._work.is_dir() else []:
            if left.stat().st_mtime < before:
                for path in (left.with_suffix(".footage"), left):
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone

    def _copy(self, cut: Cut) -> Path:
        return self._work / f"{cut.token}.footage"


def _cut(request: VideoRequest) -> Cut:
    """The cut a request asks for: from its in point, as long as asked, and never past its out point."""
    footage: FootageCut | None = request.footage
    if footage is None:
        raise Refused("a shot of the service footage needs a file of footage")
    if not TOKEN.fullmatch(request.token):
        raise Refused("the attempt's token cannot name a file")
    end = footage.start + request.duration
    if footage.end is not None:
        end = min(end, footage.end)
    if footage.start < 0 or end <= footage.start:
        raise Refused(f"the footage's stretch from {footage.start:g} s to {end:g} s is empty")
    return Cut(
        request.token, footage.start, end, request.width, request.height, request.fps, request.audio, footage.fit
    )


def _read(operation: str) -> Cut:
    """A cut from an operation's name; Expired where it is no name of this service."""
    try:
        cut = Cut(**json.loads(operation))
    except (TypeError, ValueError) as error:
        raise Expired(f"{operation[:80]!r} is no operation of the service footage") from error
    if not TOKEN.fullmatch(str(cut.token)):
        raise Expired("an operation of the service footage has a token that cannot name a file")
    return cut


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.write_text(text, encoding="utf-8")
    part.rename(path)
