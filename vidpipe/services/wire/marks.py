"""A token that travels in a prompt, for services that have no other place for it and repeat the prompt in a listing.

Variation selectors (U+FE00 to U+FE0F) at the prompt's end: they have no width, and every normal form of Unicode keeps
them.
"""

from __future__ import annotations

import hashlib
import re

_MARK = re.compile("[\ufe00-\ufe0f]{16}$")


def mark(token: str) -> str:
    """Sixteen characters without width that stand for `token`: 64 bits of its SHA-256."""
    return "".join(chr(0xFE00 + int(digit, 16)) for digit in hashlib.sha256(token.encode()).hexdigest()[:16])


def is_marked(prompt: str) -> bool:
    """Whether a prompt came back with a mark, whosever."""
    return _MARK.search(prompt) is not None
