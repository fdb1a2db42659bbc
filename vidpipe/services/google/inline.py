"""Files that come inside a JSON answer, as base64: read past, or written to a file, and never held in memory whole."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterable, Iterator

from vidpipe.errors import Broken, Transient
from vidpipe.services.wire.answers import ANSWER_LIMIT

MOST = 2 * 1024**3  # bytes of such an answer
_STOP = re.compile(rb'["\\]')


class Cut:
    """Reads JSON as it comes, and keeps all of it but the values of one key: those are `#0`, `#1`, ... in `kept`."""

    def __init__(self, key: str) -> None:
        self.kept = bytearray()
        self._key, self._size, self._numbers = key.encode(), 0, 0
        self._inside = self._cutting = False  # a string; one that is cut out
        self._between, self._last, self._escape = b"", bytearray(), b""

    def feed(self, piece: bytes) -> list[tuple[int, bytes]]:
        """What this piece has of the values that are cut out: number and text; Transient where it is too long."""
        self._size += len(piece)
        at, found = 0, list[tuple[int, bytes]]()
        while at < len(piece):
            at = self._string(piece, at, found) if self._inside else self._outside(piece, at)
        if len(self.kept) > ANSWER_LIMIT or self._size > MOST:
            raise Transient(f"an answer has more than {ANSWER_LIMIT} bytes besides its files, or {MOST} with them")
        return found

    def _outside(self, piece: bytes, at: int) -> int:
        quote = piece.find(b'"', at)
        text = piece[at:] if quote < 0 else piece[at : quote + 1]
        self.kept += text
        self._between += text[: len(text) if quote < 0 else -1].strip()[:2]
        if quote < 0:
            return len(piece)
        self._inside, self._cutting = True, self._between == b":" and self._last == self._key
        if self._cutting:
            self.kept += b"#%d" % self._numbers
        self._between, self._last = b"", bytearray()
        return quote + 1

    def _string(self, piece: bytes, at: int, found: list[tuple[int, bytes]]) -> int:
        if self._escape:
            return self._escaped(piece, at, found)
        stop = _STOP.search(piece, at)
        self._take(piece[at : stop.start() if stop else len(piece)], found)
        if stop is None:
            return len(piece)
        if stop.group() == b"\\":
            self._escape = b"\\"
            return stop.end()
        self.kept += b'"'
        self._numbers += self._cutting
        self._inside = self._cutting = False
        return stop.end()

    def _escaped(self, piece: bytes, at: int, found: list[tuple[int, bytes]]) -> int:
        self._escape += piece[at : at + 1]
        if len(self._escape) == (6 if self._escape[1:2] == b"u" else 2):
            whole, self._escape = self._escape, b""
            self._take(_plain(whole) if self._cutting else whole, found)
        return at + 1

    def _take(self, text: bytes, found: list[tuple[int, bytes]]) -> None:
        if self._cutting:
            if text:
                found.append((self._numbers, text))
            return
        self.kept += text
        if len(self._last) <= len(self._key):
            self._last += text


def unpacked(pieces: Iterable[bytes], cut: Cut, number: int) -> Iterator[bytes]:
    """The bytes of the value `number` of those that are cut out, as it comes; raises Broken where it is no base64."""
    rest = b""
    for piece in pieces:
        text = rest + b"".join(part for found, part in cut.feed(piece) if found == number)
        whole = len(text) // 4 * 4
        rest = text[whole:]
        if whole:
            yield _decoded(text[:whole])
    if rest:
        raise Broken("a file in an answer is no base64: it ends before its end")


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise Broken(f"a file in an answer is no base64: {error}") from error


def _plain(escape: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + escape + b'"')).encode(errors="replace")
    except ValueError as error:
        raise Transient("an answer has an escape that JSON does not know") from error
