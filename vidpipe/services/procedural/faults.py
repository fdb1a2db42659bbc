"""What can be made to go wrong on purpose: words in a prompt ('[fault: 503 x2]') or the server's --fault option.

Words in prompts count only when the server was started with --faults; they never reach the painter. Each works
where such a thing goes wrong at a real service:

    before it is accepted   refuse-policy (451), invalid (422), 429 xN, 503 xN, 500 xN: N posts of this prompt fail
    while it is accepted    lost-answer (accepted, billed, connection dropped), stall S (answered S seconds late)
    while it works          slow S (S seconds longer), hang, fail, refuse-late, filtered N (N clips withheld), crash
    in what it delivers     black, frozen, silent, short, truncated
    when it is fetched      expired (410), cut-off xN (N downloads end before the file does)
    when it is asked        poll-503 xN
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vidpipe.services.procedural.wire import Unable

WORD = re.compile(r"\[\s*fault:\s*([a-z0-9-]+)(?:\s+x?(\d+(?:\.\d+)?))?\s*\]", re.IGNORECASE)
DEFAULTS: Mapping[str, float] = {
    "refuse-policy": 1, "invalid": 1, "429": 1, "503": 1, "500": 1, "lost-answer": 1, "stall": 30, "slow": 3, "hang": 1,
    "fail": 1, "refuse-late": 1, "filtered": 1, "crash": 1, "black": 1, "frozen": 1, "silent": 1, "short": 1,
    "truncated": 1, "expired": 1, "cut-off": 1, "poll-503": 1,
}  # fmt: skip
IN_THE_CLIP = ("black", "frozen", "silent", "short", "truncated", "crash")
HANG = 10.0**9  # seconds


@dataclass(frozen=True)
class Faults:
    """The faults of one request: name and figure (a count or seconds)."""

    chosen: Mapping[str, float]

    def __contains__(self, name: str) -> bool:
        return name in self.chosen

    def figure(self, name: str) -> float:
        """Its count or seconds; 0 where it was not asked for."""
        return self.chosen.get(name, 0.0)

    @property
    def delay(self) -> float:
        """Seconds that the operation takes longer."""
        return HANG if "hang" in self.chosen else self.figure("slow")


def read_faults(prompt: str, always: Iterable[str] = (), *, from_prompt: bool) -> Faults:
    """The faults that a prompt's words and the server's own options ask for; raises Unable for an unknown one."""
    texts = [f"[fault: {text}]" for text in always]
    if from_prompt:
        texts.append(prompt)
    chosen: dict[str, float] = {}
    for text in texts:
        for name, figure in WORD.findall(text):
            if name.lower() not in DEFAULTS:
                raise Unable(f"there is no fault {name!r}; there are {', '.join(DEFAULTS)}")
            chosen[name.lower()] = float(figure) if figure else DEFAULTS[name.lower()]
    return Faults(chosen)


def without_faults(prompt: str) -> str:
    """The prompt as the painter sees it."""
    return WORD.sub(" ", prompt).strip() or "a quiet place"
