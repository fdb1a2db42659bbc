"""Log lines: in words for people or as JSON for machines, with what they are about, and without secrets.

`about(film=..., scene=...)` names what the work in its block is for; every line that is written inside carries the
names. They follow the task through functions and into an asyncio loop, and not into threads of its own.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

GONE = "***"
_LEAST = 4  # characters; a shorter secret would take half of every line with it, and keeps nothing secret
_PLAIN = "%(asctime)s %(levelname).1s %(name)s %(threadName)s: %(message)s"
_NAMES = ("task", "root", "step", "service", "film", "scene", "take", "candidate")  # as a line has them, in this order

_about: ContextVar[Mapping[str, object]] = ContextVar("about", default=MappingProxyType({}))

_WORD = r"[^\s\"'<>]"
_HEADER = r"authorization|cookie|x-[\w-]{0,40}(?:key|token|signature)|api[-_]?key|(?:access|refresh|auth)[-_]?token"
_SECRET = rf"{_HEADER}|client[-_]?secret|secret[-_]?(?:access[-_]?)?key|password|passwd"
_VALUE = rf"b?\\*'[^']*'|b?\\*\"[^\"]*\"|(?:(?:bearer|basic|key|token)\s+)?{_WORD}+"
# Lengths are bounded, so that a long line costs no more than its length.
_SHAPES = tuple(
    (re.compile(shape, re.IGNORECASE), instead)
    for shape, instead in (
        # scheme://user:password@host
        (rf"(://[^\s:/@\"'<>]{{0,100}}):{_WORD}{{0,300}}@", rf"\1:{GONE}@"),
        # ?signature=..., &key=...
        (rf"([?&](?:[\w-]{{0,40}}(?:signature|credential|token|key|password)|sig)=)(?:(?!&){_WORD})+", rf"\1{GONE}"),
        # Authorization: Bearer ..., {'x-goog-api-key': '...'}, [(b'cookie', b'...')], password=...
        (rf"(?<![a-z])({_SECRET})(\\*['\"]\s*,\s*|\\*['\"]?\s*[:=]\s*)(?:{_VALUE})", rf"\1\2{GONE}"),
        # A header's value by itself
        (r"\b((?-i:Bearer|Basic|Key))\s+(?=\S*\d)[\w.~+/=:-]{8,}", rf"\1 {GONE}"),
    )
)


@contextmanager
def about(**names: object) -> Iterator[None]:
    """Every line that is written in the block carries these names (see _NAMES); None leaves one as it was."""
    before = _about.get()
    told(**names)
    try:
        yield
    finally:
        _about.set(before)


def told(**names: object) -> None:
    """The same until the end of whatever runs in a context of its own: a task of asyncio's, a thread."""
    _about.set({**_about.get(), **{name: value for name, value in names.items() if value is not None}})


class Censor:
    """Takes secrets out of a text: those it was told, in every spelling they may have, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret) if len(spelling) >= _LEAST}
        longest_first = sorted(spellings, key=lambda word: (-len(word), word))
        self._known = re.compile("|".join(re.escape(word) for word in longest_first)) if spellings else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(GONE, text)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it stands in a setting, in a URL, in a repr and in JSON; of a URL, its password alone."""
    password = _password(secret)
    words = (secret, secret.partition(":")[2]) if password is None else (password,)  # USER:PASSWORD has two
    for word in {*words, *map(unquote, words)}:
        yield from (word, quote(word, safe=""), quote(word), quote_plus(word))
        yield from (repr(word)[1:-1], ascii(word)[1:-1], repr(word.encode("utf-8", "surrogateescape"))[2:-1])
        yield from (json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1])


def _password(text: str) -> str | None:
    """The password of a URL, empty where it has none; None where `text` is no URL."""
    if "://" not in text:
        return None
    try:
        return urlsplit(text).password or ""
    except ValueError:  # a bracket in it, say: no URL after all
        return None


def _spelled_out(record: logging.LogRecord) -> logging.LogRecord:
    """A copy whose message is whole. Arguments that do not fit it lose no line (and are not printed elsewhere)."""
    whole = copy(record)
    try:
        whole.msg = record.getMessage()
    except Exception as error:  # noqa: BLE001 - whatever an argument's own __str__ raises
        whole.msg = f"{record.msg} (its arguments do not fit: {type(error).__name__})"
    whole.args = None
    return whole


class Words(logging.Formatter):
    """A line for people."""

    def __init__(self, censor: Censor) -> None:
        super().__init__(_PLAIN)
        self._censor = censor

    def format(self, record: logging.LogRecord) -> str:
        return self._censor(super().format(_spelled_out(record)))


class Json(logging.Formatter):
    """A line for machines: one JSON object, ASCII, its time in UTC."""

    def __init__(self, censor: Censor) -> None:
        super().__init__()
        self._censor = censor

    def format(self, record: logging.LogRecord) -> str:
        names = _about.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._censor(str(_spelled_out(record).msg)),
            "process": record.process,
            "thread": record.threadName,
            **{name: str(names[name]) for name in _NAMES if name in names},
        }
        if record.exc_info:
            line["exception"] = self._censor(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = self._censor(self.formatStack(record.stack_info))
        return json.dumps(line)


def set_up(*, as_json: bool, secrets: Iterable[str] = (), level: int = logging.INFO) -> None:
    """Write this process's log to standard error, from `level` on, in place of whatever was set up before."""
    censor = Censor(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json(censor) if as_json else Words(censor))
    logging.basicConfig(level=level, handlers=[handler], force=True)
