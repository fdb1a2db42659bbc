"""Reading a storyboard file: YAML or JSON, hostile until shown otherwise, every problem told at once."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from vidpipe.boundary import slow
from vidpipe.domain.catalogue import read_catalogue
from vidpipe.domain.side_services import read_image_services
from vidpipe.domain.storyboard.files import Folder
from vidpipe.domain.storyboard.film import World, build
from vidpipe.domain.storyboard.fingerprint import fingerprint
from vidpipe.domain.storyboard.lines import Document, Unreadable, read_text
from vidpipe.domain.storyboard.model import Storyboard
from vidpipe.domain.storyboard.places import Places
from vidpipe.domain.storyboard.problems import Findings
from vidpipe.domain.storyboard.schema import sound
from vidpipe.domain.storyboard.text import character_name, plain, quote, turns_reading, unfit_character
from vidpipe.errors import Problem, StoryboardInvalid

MAX_BYTES = 2 * 2**20
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True)
class Defaults:
    """What holds where a storyboard says nothing: the service, and what all of them can do (Settings)."""

    service: str
    services: Mapping[str, Any]
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # services that are not set up here
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    painter: str = "procedural_images"  # who draws key frames


@dataclass(frozen=True)
class Reading:
    """A storyboard that was read, with everything that is wrong with it; only without that may the film be made."""

    film: Storyboard
    places: Places
    problems: tuple[Problem, ...]
    labels: tuple[str, ...]  # of the scene that each problem is in, or empty


def read_storyboard(path: Path, *, defaults: Defaults) -> Storyboard:
    """The film that the file at `path` asks for, complete and checked.

    Raises StoryboardInvalid with all problems found, each with file, line and remedy. The media it names are
    seen to be there, inside its folder and not empty; what is in them is for the plan step to look at.
    """
    found = examine(path, defaults=defaults)
    if found.problems:
        raise StoryboardInvalid(found.problems)
    try:
        return replace(found.film, fingerprint=fingerprint(found.film))
    except OSError as error:
        name = plain(error.filename or "a file")
        file = plain(path, most=500)
        raise _invalid(file, f"{name} can't be read to its end ({error.strerror})", "check the file") from error


def examine(path: Path, *, defaults: Defaults) -> Reading:
    """The same, but told instead of raised, for those who have more to say about the film; without its fingerprint.

    Raises StoryboardInvalid where the file cannot be read at all.
    """
    slow("reading a storyboard and its files")
    file = plain(path, most=500)
    text = _text(path, file)
    try:
        document = read_text(_as_yaml(text) if path.suffix.lower() == ".json" else text)
    except Unreadable as error:
        raise _invalid(file, error.what, error.remedy, error.line) from error
    findings = Findings(file, document)
    _check_text(document, findings)
    values = sound(document.values(), findings)
    world = World(
        catalogue=read_catalogue(defaults.services), default_service=defaults.service,
        painters=read_image_services(defaults.services), painter=defaults.painter, lacking=defaults.lacking,
        today=defaults.today,
    )  # fmt: skip
    film, places = build(values, world, Folder(path.resolve().parent, findings), findings)
    problems = findings.sorted()
    labels = tuple(places.label_at(where) for where in findings.wheres())
    return Reading(replace(film, source=path.resolve()), places, tuple(problems), labels[: len(problems)])


def _invalid(file: str, what: str, remedy: str = "", line: int | None = None) -> StoryboardInvalid:
    return StoryboardInvalid([Problem(what=what, remedy=remedy, file=file, line=line)])


def _text(path: Path, file: str) -> str:
    """The file's text, or StoryboardInvalid: no file, a folder, a device, too large, not UTF-8, not text."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _invalid(file, "this is a folder", "name the storyboard file in it")
        if not stat.S_ISREG(mode):
            raise _invalid(file, "this is not a plain file", "name a YAML or JSON file")
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _invalid(file, "there is no such file", "check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _invalid(file, f"the file can't be read ({plain(reason)})", "check its path and rights") from error
    if len(data) > MAX_BYTES:
        raise _invalid(
            file,
            f"the file has more than {MAX_BYTES // 2**20} MB",
            "a storyboard is text; media stand beside it",
        )
    return _decoded(data, file)


def _decoded(data: bytes, file: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _invalid(file, "the file is UTF-16", "save it as UTF-8")
    if b"\0" in data:
        raise _invalid(file, "this is not a text file", "name a YAML or JSON file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _invalid(
            file, f"the byte 0x{data[error.start]:02x} here is not UTF-8", "save the file as UTF-8", line
        ) from error
    unfit = unfit_character(text, raw=True)
    if unfit is not None:
        line = text.count("\n", 0, unfit[0]) + 1
        raise _invalid(file, f"a character that no text should hold: {unfit[1]}", "remove it", line)
    return text


def _as_yaml(text: str) -> str:
    """What JSON has and YAML hasn't: tabs between values, characters written as two escapes."""

    def joined(found: re.Match[str]) -> str:
        char = json.loads(f'"\\u{found[2]}\\u{found[3]}"')
        return f"{found[1]}\\U{ord(char):08x}"

    return _PAIR.sub(joined, text.replace("\t", " "))


def _check_text(document: Document, findings: Findings) -> None:
    """What the reader stumbled over, and characters that may not stand in any text."""
    for trouble in document.troubles:
        findings.add(trouble.where, trouble.what, trouble.remedy, line=trouble.line)
    for where, node in document.scalars():
        unfit = unfit_character(node.value) if isinstance(node.value, str) else None
        if unfit is not None:
            turns = turns_reading(str(node.value)[unfit[0]])
            remedy = "remove it: it makes a text read as what it is not" if turns else "remove it"
            findings.add(where, f"the text holds {unfit[1]}", remedy)
    for where, key in document.all_keys():
        unfit = unfit_character(key)
        if unfit is not None:
            findings.add((*where, key), f"the key {quote(key)} holds {character_name(key[unfit[0]])}", "remove it")
