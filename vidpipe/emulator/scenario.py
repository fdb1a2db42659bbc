"""A scenario: which orders meet which troubles. A YAML file, checked strictly.

    seed: 7            # decides what happens by chance, and the seeds of clips that were ordered without one
    latency: 2         # seconds that an operation takes, unless a rule says otherwise
    limits:            # operations in flight and orders a minute, in place of the registry's; null: any number
      veo: {operations: 4, requests: null}
    rules:
      - fault: 429     # a word of troubles.TROUBLES, and the figure that goes with it:
        retry_after: 2 #   retry_after (429, quota, 503), seconds (slow-answer, latency, late, throttled), count (...)
        service: veo   # only orders of this service; likewise endpoint, model, and prompt (a regular expression)
        orders: [1, 5] # only these of them, counted from 1; a number or a list
        every: 10      # or each tenth; or `chance: 0.05`, which the seed, the prompt and its number decide
        per: prompt    # count for each prompt by itself
        for: 30        # and, once it has begun, for all of them for so many seconds

A rule without orders, every and chance is for all orders that it fits. All rules that fit an order apply, in the order
of the file; the first that refuses it goes alone.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidpipe.domain.catalogue import guess
from vidpipe.domain.storyboard.lines import Document, Unreadable, Where, field_name, read_text
from vidpipe.emulator.troubles import NO_FIGURE, TROUBLES, Fate, Trouble, settled
from vidpipe.errors import Problem, StoryboardInvalid
from vidpipe.services.procedural.store import Store

FIGURES = ("retry_after", "seconds", "count")
LIMITS = ("operations", "requests")
RULE_KEYS = ("fault", "service", "endpoint", "model", "prompt", "orders", "every", "chance", "per", "for", *FIGURES)
LONGEST = 86_400.0  # seconds


@dataclass(frozen=True)
class Call:
    """One order as the scenario sees it. `token` is what the client called it, where its protocol has room for that."""

    service: str
    endpoint: str
    model: str
    prompt: str
    token: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule; `key` tells it from all others."""

    key: str
    fault: str
    figure: float
    service: str = ""
    endpoint: str = ""
    model: str = ""
    prompt: re.Pattern[str] | None = None
    orders: tuple[int, ...] = ()
    every: int = 0
    chance: float | None = None
    per_prompt: bool = False
    lasts: float = 0.0  # seconds

    def fits(self, call: Call) -> bool:
        """Whether it is for such orders."""
        wanted = ((self.service, call.service), (self.endpoint, call.endpoint), (self.model, call.model))
        if any(mine and mine != theirs for mine, theirs in wanted):
            return False
        return self.prompt is None or self.prompt.search(call.prompt) is not None


class ScenarioInvalid(StoryboardInvalid):
    """The scenario cannot be used as it is."""


@dataclass(frozen=True)
class Scenario:
    """What was read."""

    seed: int = 1
    latency: float | None = None  # seconds
    rules: tuple[Rule, ...] = ()
    limits: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)  # of services, by limits.Limits' names

    def fate(self, call: Call, store: Store, *, clock: Callable[[], float] = time.time) -> Fate:
        """What this order meets; counts it. `clock` in seconds since 1970."""
        fitting = [rule for rule in self.rules if rule.fits(call)]
        return settled([(rule.fault, rule.figure) for rule in fitting if self._hits(rule, call, store, clock())])

    def _hits(self, rule: Rule, call: Call, store: Store, now: float) -> bool:
        about = f"{rule.key}|{_digest(call.prompt)}" if rule.per_prompt else rule.key
        number = store.count_up(f"rule|{about}")
        until = store.counter(f"until|{about}")  # milliseconds since 1970; 0: it has not begun
        if until:
            return until > now * 1000
        hit = self._chosen(rule, call, number, store)
        if hit and rule.lasts:
            store.keep_most(f"until|{about}", int((now + rule.lasts) * 1000))
        return hit

    def _chosen(self, rule: Rule, call: Call, number: int, store: Store) -> bool:
        if rule.orders:
            return number in rule.orders
        if rule.every:
            return number % rule.every == 0
        if rule.chance is not None:
            # By the prompt's own number: orders that come at once come in any order.
            own = store.count_up(f"chance|{rule.key}|{_digest(call.prompt)}")
            drawn = hashlib.sha256(f"{self.seed}|{rule.key}|{call.prompt}|{own}".encode()).digest()
            return int.from_bytes(drawn[:8], "big") / 2**64 < rule.chance
        return True


def read_file(path: Path, *, services: Collection[str], endpoints: Collection[str]) -> Scenario:
    """The scenario of a file; raises ScenarioInvalid with every problem, each with its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioInvalid([Problem(f"the scenario cannot be read: {error}", file=str(path))]) from error
    return read(text, file=path.name, services=services, endpoints=endpoints)


def read(
    text: str, *, file: str = "scenario", services: Collection[str], endpoints: Collection[str], played: str = ""
) -> Scenario:
    """The scenario of a YAML text; raises as `read_file`. Another `played` counts the orders of the same text anew."""
    if not text.strip():
        return Scenario()
    try:
        document = read_text(text)
    except Unreadable as error:
        raise ScenarioInvalid([Problem(error.what, error.remedy, file=file, line=error.line)]) from error
    reader = _Reader(document, file, services, endpoints)
    found = reader.scenario(document.values(), hashlib.sha256(f"{played}|{text}".encode()).hexdigest()[:12])
    if reader.problems:
        raise ScenarioInvalid(reader.problems)
    return found


class _Reader:
    """Reads and collects what is wrong."""

    def __init__(self, document: Document, file: str, services: Collection[str], endpoints: Collection[str]) -> None:
        self._document, self._file = document, file
        self._known = {"service": services, "endpoint": endpoints}
        self.problems = [
            Problem(one.what, one.remedy, file=file, line=one.line, field=field_name(one.where))
            for one in document.troubles
        ]

    def scenario(self, found: Any, digest: str) -> Scenario:
        if not isinstance(found, dict):
            self._wrong((), "a scenario is a mapping", "Write seed, latency and rules.")
            return Scenario()
        self._keys(found, ("seed", "latency", "limits", "rules"), ())
        rules = found.get("rules") or []
        if not isinstance(rules, list):
            self._wrong(("rules",), "rules should be a list", "Begin each rule with a dash.")
            rules = []
        made = [self._rule(rule, number, f"{digest}.{number}") for number, rule in enumerate(rules)]
        return Scenario(
            seed=int(self._number(found, "seed", (), least=0, whole=True) or 0) if "seed" in found else 1,
            latency=self._number(found, "latency", ()),
            rules=tuple(rule for rule in made if rule is not None),
            limits=self._limits(found.get("limits") or {}),
        )

    def _limits(self, found: Any) -> dict[str, dict[str, int | None]]:
        if not isinstance(found, dict):
            self._wrong(("limits",), "limits should be a mapping of services", "Write `veo: {operations: 4}`.")
            return {}
        return {str(service): self._limits_of(str(service), told) for service, told in found.items()}

    def _limits_of(self, service: str, told: Any) -> dict[str, int | None]:
        where: Where = ("limits", service)
        if service not in self._known["service"]:
            self._wrong(where, f"there is no service {service!r}", guess(service, self._known["service"]))
        if not isinstance(told, dict):
            self._wrong(where, "a limit is a mapping", f"Write {' and '.join(LIMITS)}.")
            return {}
        self._keys(told, LIMITS, where)
        given = [key for key in LIMITS if key in told]
        figures = {key: self._number(told, key, where, whole=True) for key in given if told[key] is not None}
        return {key: None if told[key] is None else int(figures[key] or 0) for key in given}

    def _rule(self, found: Any, number: int, key: str) -> Rule | None:
        where: Where = ("rules", number)
        if not isinstance(found, dict):
            self._wrong(where, "a rule is a mapping", "Write at least `fault:`.")
            return None
        self._keys(found, RULE_KEYS, where)
        name = str(found.get("fault", ""))
        if name not in TROUBLES:
            what = f"there is no fault {name!r}" if name else "the rule names no fault"
            self._wrong((*where, "fault"), what, guess(name, TROUBLES))
            return None
        if sum(key in found for key in ("orders", "every", "chance")) > 1:
            self._wrong(where, "orders, every and chance exclude one another", "Keep one of them.")
        if found.get("per", "prompt") != "prompt":
            self._wrong((*where, "per"), f"per is {found['per']!r}", "There is only `per: prompt`.")
        return Rule(
            key,
            name,
            self._figure(found, name, TROUBLES[name], where),
            service=self._name(found, "service", where),
            endpoint=self._name(found, "endpoint", where),
            model=str(found.get("model") or ""),
            prompt=self._pattern(found, where),
            orders=self._orders(found.get("orders"), where),
            every=int(self._number(found, "every", where, least=1, whole=True) or 0),
            chance=self._number(found, "chance", where, most=1.0),
            per_prompt="per" in found,
            lasts=self._number(found, "for", where) or 0.0,
        )

    def _figure(self, found: Mapping[str, Any], name: str, trouble: Trouble, where: Where) -> float:
        for key in FIGURES:
            if key in found and key != trouble.figure:
                belongs = f"It has `{trouble.figure}`." if trouble.figure else "It has no figure."
                self._wrong((*where, key), f"{name} knows no {key}", belongs)
        if not trouble.figure or trouble.figure not in found:
            if trouble.needed:
                self._wrong(where, f"{name} needs {trouble.figure}", f"Add `{trouble.figure}:`.")
            return trouble.default
        if found[trouble.figure] == "all" and name == "filtered":
            return NO_FIGURE
        count = trouble.figure == "count"
        value = self._number(found, trouble.figure, where, least=1 if count else 0, whole=count)
        return trouble.default if value is None else value

    def _number(
        self, found: Mapping[str, Any], key: str, where: Where, *, least: float = 0.0, most: float = LONGEST,
        whole: bool = False,
    ) -> float | None:  # fmt: skip
        if key not in found:
            return None
        value = found[key]
        fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not fits or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            self._wrong((*where, key), f"{key} is {value!r}", f"Write {kind} from {least:g} to {most:g}.")
            return None
        return float(value)

    def _orders(self, found: Any, where: Where) -> tuple[int, ...]:
        listed = found if isinstance(found, list) else [] if found is None else [found]
        if any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in listed):
            self._wrong((*where, "orders"), "orders are counted from 1", "Write a number or a list of them.")
            return ()
        return tuple(listed)

    def _name(self, found: Mapping[str, Any], key: str, where: Where) -> str:
        value = str(found.get(key) or "")
        if value and value not in self._known[key]:
            self._wrong((*where, key), f"there is no {key} {value!r}", guess(value, self._known[key]))
        return value

    def _pattern(self, found: Mapping[str, Any], where: Where) -> re.Pattern[str] | None:
        value = found.get("prompt")
        if value is None:
            return None
        try:
            return re.compile(str(value), re.IGNORECASE)
        except re.error as error:
            self._wrong((*where, "prompt"), f"no regular expression: {error}", "Mend it.")
            return None

    def _keys(self, found: Mapping[str, Any], known: tuple[str, ...], where: Where) -> None:
        for key in found:
            if key not in known:
                self._wrong((*where, key), f"there is no key {key!r}", guess(str(key), known))

    def _wrong(self, where: Where, what: str, remedy: str) -> None:
        line = self._document.line(where)
        self.problems.append(Problem(what, remedy, file=self._file, line=line, field=field_name(where)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
