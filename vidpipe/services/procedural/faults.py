"""What can be made to go wrong on purpose: words in a prompt ('[fault: 503 x2]'), the server's --fault option, or an
injection while it runs (POST /v1/faults, see injections).

Words in prompts and injections count only when the server was started with --faults; words never reach the painter.
Each works where such a thing goes wrong at a real service:

    before it is accepted   refuse-policy (451), invalid (422), 429 xN, 503 xN, 500 xN: N posts of this prompt fail;
                            quota xN (429 with the code quota), maintenance xN (503 with the code maintenance)
    while it is accepted    accepted and billed, and then: lost-answer (connection dropped), stall S (answered S seconds
                            late), 500-after (answered with 500), timeout-after (never answered)
    while it works          slow S (S seconds longer), late S (S seconds later than it says), hang, fail, refuse-late,
                            filtered N (N clips withheld), crash
    in what it delivers     black, frozen, silent, short, truncated, rubbish (as long as the clip, but no video),
                            wrong-size
    when it is fetched      expired (410), cut-off xN (N downloads end before the file does)
    when it is asked        poll-503 xN

Nothing is ever wrong in the bill: what was accepted stands in it, and what was not does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vidpipe.services.procedural.wire import Unable

ONE = r"([a-z0-9-]+)(?:\s+x?(\d+(?:\.\d+)?))?"
WORD = re.compile(rf"\[\s*fault:\s*{ONE}\s*\]", re.IGNORECASE)
DEFAULTS: Mapping[str, float] = {
    "refuse-policy": 1, "invalid": 1, "429": 1, "503": 1, "500": 1, "quota": 1, "maintenance": 1,
    "lost-answer": 1, "stall": 30, "500-after": 1, "timeout-after": 1,
    "slow": 3, "late": 3, "hang": 1, "fail": 1, "refuse-late": 1, "filtered": 1, "crash": 1,
    "black": 1, "frozen": 1, "silent": 1, "short": 1, "truncated": 1, "rubbish": 1, "wrong-size": 1,
    "expired": 1, "cut-off": 1, "poll-503": 1,
}  # fmt: skip
IN_THE_CLIP = ("black", "frozen", "silent", "short", "truncated", "rubbish", "wrong-size", "crash")
# What keeps an order from being accepted: status, code, message, and whether Retry-After is told.
REFUSALS: Mapping[str, tuple[int, str, str, bool]] = {
    "refuse-policy": (451, "policy", "the prompt was refused by the safety policy", False),
    "invalid": (422, "invalid", "the request was found invalid, as was asked for", False),
    "429": (429, "busy", "not now, as was asked for", True),
    "503": (503, "busy", "not now, as was asked for", True),
    "500": (500, "", "not now, as was asked for", False),
    "quota": (429, "quota", "the account's quota is used up, as was asked for", True),
    "maintenance": (503, "maintenance", "the service is being maintained, as was asked for", True),
}
COUNTED = ("429", "503", "500", "quota", "maintenance")  # refuse so many posts of a prompt, then no more
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
        return HANG if "hang" in self.chosen else self.figure("slow") + self.figure("late")

    @property
    def once_accepted(self) -> dict[str, float]:
        """Those of an order that is accepted."""
        return {name: figure for name, figure in self.chosen.items() if name not in REFUSALS}


def read_faults(prompt: str, always: Iterable[str] = (), *, from_prompt: bool) -> Faults:
    """The faults that a prompt's words and the server's own options ask for; raises Unable for an unknown one."""
    found = [read_fault(text) for text in always]
    if from_prompt:
        found += [_known(*words) for words in WORD.findall(prompt)]
    return Faults(dict(found))


def read_fault(text: str) -> tuple[str, float]:
    """One fault as it is written, its name and figure: '503 x2'; raises Unable where it is none."""
    words = re.fullmatch(ONE, text.strip(), re.IGNORECASE)
    return _known(*words.groups("")) if words else _known(text[:40], "")


def _known(name: str, figure: str) -> tuple[str, float]:
    if name.lower() not in DEFAULTS:
        raise Unable(f"there is no fault {name!r}; there are {', '.join(DEFAULTS)}")
    return name.lower(), float(figure) if figure else DEFAULTS[name.lower()]


def without_faults(prompt: str) -> str:
    """The prompt as the painter sees it."""
    return WORD.sub(" ", prompt).strip() or "a quiet place"
