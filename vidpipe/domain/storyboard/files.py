"""The files a storyboard names: inside its folder, there, not empty, not huge; and their content's hash.

What is in them is looked at later, by the plan step, in a process with limits.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from vidpipe.domain.storyboard.lines import Where
from vidpipe.domain.storyboard.problems import Findings
from vidpipe.domain.storyboard.text import guess, quote

Remedy = str | Callable[[], str]
MOST_NAMES = 300  # of a folder that are looked through for a likely one
MOST_IMAGE = 50 * 2**20  # bytes
MOST_FOOTAGE = 20 * 2**30
_CHUNK = 2**20


class Folder:
    """The storyboard's folder; nothing outside it can be named, by `..`, by an absolute path or by a link."""

    def __init__(self, root: Path, findings: Findings) -> None:
        self.root = root.resolve()
        self._findings = findings

    def find(self, text: str, where: Where, *, most: int) -> Path | None:
        """The file that `text` names, at most `most` bytes; None once its problem was recorded."""
        problem = self._problem(text, most)
        if problem is None:
            return (self.root / text).resolve()
        self._findings.add(where, *problem)
        return None

    def _problem(self, text: str, most: int) -> tuple[str, Remedy] | None:
        shown = quote(text)
        if "://" in text:
            return f"{shown} is a link", "download the file into the storyboard's folder and name it here"
        if "\\" in text:
            return f"{shown} has backslashes", "write a path with /"
        if Path(text).is_absolute() or text.startswith("~"):
            return (
                f"{shown} is not a path from the storyboard's folder",
                "put the file into the folder and name it from there",
            )
        try:
            path = (self.root / text).resolve()
            if not path.is_relative_to(self.root):
                return f"{shown} leads out of the storyboard's folder", "copy the file into the folder"
            return self._state(path, shown, most)
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # a loop of links, a name too long, no right to look
            return (
                f"{shown} can't be looked at ({getattr(error, 'strerror', None) or error})",
                "check the path and its rights",
            )

    def _state(self, path: Path, shown: str, most: int) -> tuple[str, Remedy] | None:
        if not path.exists():
            return f"there is no file {shown} in the storyboard's folder", partial(self._near, path)
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return f"{shown} is a folder", "name a file in it"
        if not stat.S_ISREG(found.st_mode):
            return f"{shown} is not a plain file", "name a file"
        if not found.st_size:
            return f"the file {shown} is empty", "was it copied to its end?"
        if found.st_size > most:
            return (
                f"the file {shown} has {found.st_size / 2**20:,.0f} MB",
                f"{most / 2**20:,.0f} MB are the most",
            )
        with path.open("rb") as file:  # a file that may not be read should be known now
            file.read(1)
        return None

    def _near(self, path: Path) -> str:
        """What may have been meant, from the storyboard's folder."""
        try:
            names = [entry.name for entry in islice(path.parent.iterdir(), MOST_NAMES)]
        except OSError:
            return f"the folder {quote(path.parent.relative_to(self.root))} isn't there either"
        near = guess(path.name, names)
        if near is None:
            return "paths go from the storyboard's folder"
        return f"did you mean {quote((path.parent / near).relative_to(self.root))}?"


def content_hash(path: Path) -> str:
    """sha256 (hex) of the file's bytes, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
