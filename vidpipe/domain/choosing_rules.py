"""The rules by which a service is chosen, typed, from config/choosing.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from vidpipe.errors import SetupError
from vidpipe.settings import config_file, read_yaml

QUALITIES = ("draft", "good", "finest")
PREFER = ("price", "quality", "time")
_WHEN = {"quality": QUALITIES, "complex": (True, False), "deadline": (True, False)}


@dataclass(frozen=True)
class Rule:
    """One rule: when it holds (None: whatever it is), and what counts then."""

    name: str
    at_least: int  # quality, 1 to 5
    prefer: Literal["price", "quality", "time"]
    quality: str | None = None
    complex_scene: bool | None = None
    deadline: bool | None = None

    def fits(self, *, quality: str, complex_scene: bool, deadline: bool) -> bool:
        """Whether the rule holds for a scene."""
        asked = ((self.quality, quality), (self.complex_scene, complex_scene), (self.deadline, deadline))
        return all(wanted is None or wanted == found for wanted, found in asked)


@dataclass(frozen=True)
class Rules:
    """The rules in order, and what makes a scene complex."""

    rules: tuple[Rule, ...]
    complex_from: int
    many_words: int
    long_seconds: float
    moving_cameras: tuple[str, ...]
    points: Mapping[str, int]

    def first(self, *, quality: str, complex_scene: bool, deadline: bool) -> Rule:
        """The first rule that holds; the last one holds for everything (`read_rules` sees to that)."""
        fitting = (
            one for one in self.rules if one.fits(quality=quality, complex_scene=complex_scene, deadline=deadline)
        )
        return next(fitting, self.rules[-1])


@cache
def shipped_rules() -> Rules:
    """Those that come with vidpipe."""
    return read_rules(read_yaml(config_file("choosing.yaml")))


def read_rules(found: Mapping[str, Any]) -> Rules:
    """The mapping of config/choosing.yaml, typed; raises SetupError that names what cannot be used."""
    try:
        complexity = found["complexity"]
        rules = tuple(_rule(one) for one in found["rules"])
        if not rules or (rules[-1].quality, rules[-1].complex_scene, rules[-1].deadline) != (None, None, None):
            raise ValueError("the last rule should hold for every scene (`when: {}`)")
        return Rules(
            rules=rules,
            complex_from=int(complexity["complex_from"]),
            many_words=int(complexity["many_words"]),
            long_seconds=float(complexity["long_seconds"]),
            moving_cameras=tuple(complexity["moving_cameras"]),
            points={str(name): int(count) for name, count in complexity["points"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SetupError(f"config/choosing.yaml cannot be used: {error}", remedy="Mend the file.") from error


def _rule(found: Mapping[str, Any]) -> Rule:
    when = found.get("when") or {}
    for key, value in when.items():
        if key not in _WHEN or value not in _WHEN[key]:
            raise ValueError(f"the rule {found.get('name')!r} has a `when` that nothing reads: {key}: {value!r}")
    if found["prefer"] not in PREFER:
        raise ValueError(f"the rule {found.get('name')!r} prefers {found['prefer']!r}, which is none of {PREFER}")
    return Rule(
        name=str(found["name"]),
        at_least=int(found["at_least"]),
        prefer=found["prefer"],
        quality=when.get("quality"),
        complex_scene=when.get("complex"),
        deadline=when.get("deadline"),
    )
