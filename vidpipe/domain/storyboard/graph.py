"""Labels, and which scene waits for which."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from vidpipe.domain.storyboard.text import quote


def letters(number: int) -> str:
    """0 is A, 25 is Z, 26 is AA."""
    text = ""
    while number >= 0:
        text = chr(ord("A") + number % 26) + text
        number = number // 26 - 1
    return text


def same(label: str) -> str:
    """What two labels have in common when they are the same but for case and blanks."""
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())


def find_cycle(after: Mapping[str, Sequence[str]]) -> list[str]:
    """The labels of one circle in the order of waiting, the first one again at its end; [] without a circle.

    `after` maps each label to those it waits for. Iterative, since a film may be 500 scenes deep.
    """
    done: set[str] = set()
    for start in after:
        way: list[str] = []
        on_way: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            label, turn = stack.pop()
            if turn == 0:
                if label in done:
                    continue
                way.append(label)
                on_way.add(label)
            waits_for = after.get(label, ())
            if turn < len(waits_for):
                stack.append((label, turn + 1))
                following = waits_for[turn]
                if following in on_way:
                    return [*way[way.index(following) :], following]
                stack.append((following, 0))
            else:
                done.add(label)
                on_way.discard(label)
                way.pop()
    return []


def circle_in_words(cycle: Sequence[str]) -> str:
    """ "Shot 1A" waits for "Shot 1B", which waits for "Shot 1A"."""
    first, *rest = (quote(label, most=30) for label in cycle[:8])
    dots = ", …" if len(cycle) > 8 else ""
    return f"{first} waits for " + ", which waits for ".join(rest) + dots
