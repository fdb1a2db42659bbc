"""What can go wrong, in words that are no vendor's: the scenario asks for it, the core does it, a protocol words it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NO_FIGURE = -1.0  # no Retry-After; all clips
STUCK = 10.0**9  # seconds

BEFORE = "before"  # the order is refused or lost: nothing is accepted, nothing billed
ANSWER = "answer"  # it is accepted and billed, and the answer does not come as it should
WORK = "work"  # while it is worked on, or asked about
CLIP = "clip"  # in what is rendered
FETCH = "fetch"  # when it is fetched


@dataclass(frozen=True)
class Trouble:
    """One word of a scenario. `figure` is the key that goes with it (seconds or a count), if any."""

    stage: str
    what: str
    figure: str = ""
    default: float = NO_FIGURE
    needed: bool = False


TROUBLES: Mapping[str, Trouble] = {
    "429": Trouble(BEFORE, "too many requests", "retry_after"),
    "quota": Trouble(BEFORE, "the account's quota is used up", "retry_after"),
    "500": Trouble(BEFORE, "an error inside the service, before it took the order"),
    "502": Trouble(BEFORE, "a gateway that reached nobody"),
    "503": Trouble(BEFORE, "the service is overloaded, before it took the order", "retry_after"),
    "policy": Trouble(BEFORE, "the prompt is refused by the safety policy"),
    "invalid": Trouble(BEFORE, "the request is found invalid"),
    "retired": Trouble(BEFORE, "the model is retired"),
    "hang": Trouble(BEFORE, "never answered, never accepted"),
    "reset": Trouble(BEFORE, "the connection is reset, nothing accepted"),
    "500-after": Trouble(ANSWER, "accepted, and answered 500"),
    "503-after": Trouble(ANSWER, "accepted, and answered 503 without Retry-After"),
    "hang-after": Trouble(ANSWER, "accepted, and never answered"),
    "reset-after": Trouble(ANSWER, "accepted, and the connection reset"),
    "slow-answer": Trouble(ANSWER, "accepted at once, and answered late", "seconds", needed=True),
    "latency": Trouble(WORK, "the operation takes so long", "seconds", needed=True),
    "late": Trouble(WORK, "it succeeds so much later than its progress says", "seconds", needed=True),
    "throttled": Trouble(WORK, "taken, and kept waiting so long for others of the account", "seconds", needed=True),
    "stuck": Trouble(WORK, "it never ends"),
    "fail": Trouble(WORK, "it ends in a failure of the model"),
    "filtered": Trouble(WORK, "clips are withheld by the safety filter; all, or `count`", "count"),
    "vanish": Trouble(WORK, "unknown to the service after `count` questions", "count", 1.0),
    "progress-back": Trouble(WORK, "its progress goes back and forth"),
    "poll-429": Trouble(WORK, "`count` questions are answered 429", "count", 1.0),
    "poll-503": Trouble(WORK, "`count` questions are answered 503", "count", 1.0),
    "short": Trouble(CLIP, "half as long as asked for"),
    "black": Trouble(CLIP, "a black picture"),
    "frozen": Trouble(CLIP, "a picture that stands still"),
    "silent": Trouble(CLIP, "sound without a sound"),
    "truncated": Trouble(CLIP, "a file that ends before its end"),
    "rubbish": Trouble(CLIP, "a file that is no video"),
    "wrong-size": Trouble(CLIP, "another size than asked for"),
    "expired": Trouble(FETCH, "the link has expired"),
    "cut-off": Trouble(FETCH, "`count` downloads end before the file does", "count", 1.0),
}
FILTERED_ALL = "every clip was withheld by the safety filter"
LOST = ("hang", "reset")  # troubles before acceptance that are no answer


class Refusal(Exception):
    """The service says no. A protocol words it by `kind`; nothing is accepted where it is raised.

    malformed unknown-field missing wrong-type bad-value too-large bad-image   the request (`param` is what is wrong)
    unauthorised no-model not-found expired not-ready method                  what it is for
    429 quota 500 502 503 policy invalid retired                              scripted (see TROUBLES)
    """

    def __init__(self, kind: str, message: str, *, param: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.param, self.retry_after = kind, message, param, retry_after


class HangUp(Exception):
    """The connection is closed without an answer; `waits`: not before the client has given up."""

    def __init__(self, *, waits: bool) -> None:
        super().__init__("no answer")
        self.waits = waits


@dataclass(frozen=True)
class Fate:
    """What one order meets: troubles, each with its figure."""

    found: Mapping[str, float]

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def figure(self, name: str, otherwise: float = 0.0) -> float:
        """A trouble's seconds or count; `otherwise` where it is not met."""
        return self.found.get(name, otherwise)

    def of(self, *stages: str) -> dict[str, float]:
        """The troubles of these stages."""
        return {name: figure for name, figure in self.found.items() if TROUBLES[name].stage in stages}

    def first(self, stage: str) -> str:
        """The one trouble of a stage; empty where there is none."""
        return next(iter(self.of(stage)), "")


def settled(met: list[tuple[str, float]]) -> Fate:
    """What comes of all the troubles that rules ask for: the first that keeps an order from acceptance goes alone, and
    of answers that don't come as they should there is one."""
    kept: dict[str, float] = {}
    for name, figure in met:
        stage = TROUBLES[name].stage
        if stage == BEFORE:
            return Fate({name: figure})
        if name not in kept and not (stage == ANSWER and any(TROUBLES[other].stage == ANSWER for other in kept)):
            kept[name] = figure
    return Fate(kept)
