"""Text that people wrote: how it is quoted in a message, and which characters it may not hold.

Emoji, right-to-left scripts and line breaks are fine. Control characters are not (a terminal obeys them), and
neither are the characters that turn the order of reading around without being seen, so that a prompt would
read differently from what it says ("Trojan Source", CVE-2021-42574).
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

_BIDI = "\u202a-\u202e\u2066-\u2069"
_UNFIT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{_BIDI}]")
_CONTROLS = {
    0x00: "null",
    0x07: "bell",
    0x08: "backspace",
    0x0D: "carriage return",
    0x1B: "escape",
    0x7F: "delete",
}
# What a YAML file may not hold as it stands; carriage return and U+0085 are line breaks there.
_UNFIT_RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")

# What people write where vidpipe has another word for it.
MEANT = {
    "text": "prompt",
    "description": "prompt",
    "name": "label",
    "id": "label",
    "seconds": "duration",
    "length": "duration",
    "time": "duration",
    "provider": "service",
    "engine": "service",
    "resolution": "size",
    "framerate": "fps",
    "frame_rate": "fps",
    "start_frame": "first_frame",
    "end_frame": "last_frame",
    "characters": "cast",
    "depends_on": "after",
    "needs": "after",
    "takes": "candidates",
    "sound": "audio",
    "start": "in",
    "end": "out",
    "file": "footage",
    "path": "file",
    "fade": "transition",
    "shots": "scenes",
    "negative": "negative_prompt",
    "framing": "shot",
    "angle": "camera",
    "movement": "camera",
    "quality": "quality_mode",
    "title": "label",
    "label": "title",
}


def unfit_character(text: str, *, raw: bool = False) -> tuple[int, str] | None:
    """The first character that may not stand in `text`, as (position, its name in words), or None.

    `raw` asks about the file as it stands instead of a value read from it.
    """
    found = (_UNFIT_RAW if raw else _UNFIT).search(text)
    return None if found is None else (found.start(), character_name(found.group()))


def turns_reading(char: str) -> bool:
    """Whether `char` is one of those that change the order of reading unseen."""
    return re.match(f"[{_BIDI}]", char) is not None


def character_name(char: str) -> str:
    """U+202E (right-to-left override)."""
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        name = "half of a surrogate pair"
    else:
        name = unicodedata.name(char, "").lower() or _CONTROLS.get(code, "a control character")
    return f"U+{code:04X} ({name})"


def quote(text: object, *, most: int = 60) -> str:
    """`text` between quotes on one line, safe for a terminal and no longer than `most` characters."""
    whole = str(text)
    shown = whole if len(whole) <= most else whole[: most - 1] + "…"
    safe = (c if c.isprintable() else "\\n" if c == "\n" else f"\\u{ord(c):04x}" for c in shown)
    return '"' + "".join(safe) + '"'


def plain(text: object, *, most: int = 200) -> str:
    """The same without the quotes."""
    return quote(text, most=most)[1:-1]


def guess(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was most likely meant to be, or None."""
    names = {name.lower().replace("_", "-").replace(" ", "-"): name for name in known}
    key = word[:100].lower().strip().replace("_", "-").replace(" ", "-")
    if key in names:
        return names[key]
    meant = MEANT.get(key.replace("-", "_"))
    if meant is not None and meant in names.values():
        return meant
    close = difflib.get_close_matches(key, names, n=2, cutoff=0.6)
    if len(close) == 2 and abs(_likeness(key, close[0]) - _likeness(key, close[1])) < 0.02:
        return None  # of "Shot 1A" and "Shot 1B", either may have been meant
    return names[close[0]] if close else None


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, word).ratio()


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """`did you mean "prompt"?`, or `otherwise` where nothing comes near."""
    found = guess(word, known)
    return f'did you mean "{plain(found)}"?' if found is not None else otherwise


def listed(items: Iterable[object], *, last: str = "or", most: int = 12) -> str:
    """`4, 6 or 8`; after `most` items an ellipsis."""
    words = [plain(item, most=60) for item in islice(items, most + 1)]
    if len(words) > most:
        return ", ".join(words[:most]) + ", …"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else "nothing"


def seconds(value: float) -> str:
    """`4 s`, `0.5 s`."""
    return f"{value:g} s"
