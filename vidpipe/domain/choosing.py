"""Which service and model make a scene that names none: a pure function of the scene's wishes and the registry.

The rules are data (config/choosing.yaml). The same wishes, registry and day give the same choice, with its reason in
words; what is not set up, retired, unable, too dear or too slow is never chosen, and the reason says so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from vidpipe.domain.capabilities import Capabilities
from vidpipe.domain.catalogue import FOOTAGE, Catalogue, ServiceFacts
from vidpipe.domain.choosing_rules import Rule, Rules
from vidpipe.domain.price import Price


@dataclass(frozen=True)
class Wish:
    """What a scene asks for, as far as the choice goes. Seconds, pixels, US dollars."""

    duration: float | None  # None: whatever the model makes that is nearest to `usual`
    width: int
    height: int
    fps: int
    audio: bool = True
    candidates: int = 1
    prompt: str = ""
    camera: str = ""
    people: int = 0  # in the cast
    references: int = 0  # that have pictures
    first_frame: bool = False
    last_frame: bool = False
    seed: bool = False
    negative_prompt: bool = False
    max_cost: Decimal | None = None
    share: Decimal | None = None  # of the film's budget
    quality: str = "good"  # draft, good, finest
    style: str = ""
    deadline: float | None = None  # seconds until the film should be there
    scenes: int = 1  # that are chosen for in this film: they share the service's places
    usual: float = 4.0


@dataclass(frozen=True)
class Chosen:
    """What the rules say; `facts` is None where nothing can make the scene."""

    facts: Capabilities | None
    reason: str


@dataclass(frozen=True)
class _Candidate:
    facts: Capabilities
    cost: Decimal
    seconds: float
    lacks: tuple[str, ...]


def choose(
    wish: Wish, catalogue: Catalogue, *, lacking: Mapping[str, tuple[str, ...]], rules: Rules, today: date
) -> Chosen:
    """The model for a scene; `lacking` are the services that are not set up, with the variables they want."""
    left: list[_Candidate] = []
    out: dict[str, list[str]] = defaultdict(list)
    for service in catalogue.values():
        if service.name == FOOTAGE:
            continue
        if service.name in lacking:
            out["not set up"].append(f"{service.name} ({', '.join(lacking[service.name])})")
            continue
        for facts in service.models.values():
            candidate = _candidate(wish, facts, service)
            why = _why_not(wish, candidate, today)
            if why:
                out[why].append(_name(facts))
            else:
                left.append(candidate)
    rule = rules.first(quality=wish.quality, complex_scene=is_complex(wish, rules), deadline=wish.deadline is not None)
    if not left:
        return Chosen(None, f"nothing that is set up can make this scene{_left_out(out)}")
    best = min(left, key=lambda one: _order(one, wish, rule))
    return Chosen(best.facts, _reason(best, left, wish, rule) + _left_out(out))


def points(wish: Wish, rules: Rules) -> Iterator[str]:
    """What makes a scene hard, by name, each as often as it counts."""
    found = {
        "many_words": len(wish.prompt.split()) > rules.many_words,
        "long": wish.duration is not None and wish.duration > rules.long_seconds,
        "moving_camera": wish.camera in rules.moving_cameras,
        "references": wish.references > 0,
        "frames": wish.first_frame or wish.last_frame,
        "people": wish.people > 1,
    }
    for name, has in found.items():
        if has:
            yield from [name] * rules.points.get(name, 0)


def is_complex(wish: Wish, rules: Rules) -> bool:
    """Whether a scene is complex by the rules."""
    return sum(1 for _ in points(wish, rules)) >= rules.complex_from


def _candidate(wish: Wish, facts: Capabilities, service: ServiceFacts) -> _Candidate:
    duration = facts.nearest_duration(wish.usual) if wish.duration is None else wish.duration
    seconds = facts.bought_seconds(duration, references=bool(wish.references and facts.max_references))
    rate = Price(facts.per_second(wish.width, wish.height, audio=wish.audio))
    operations = facts.operations(wish.candidates)
    places = service.at_once or service.operations or wish.scenes * operations
    rounds = math.ceil(wish.scenes * operations / places)
    clips = min(wish.candidates, facts.max_candidates)
    took = rounds * (facts.typical_seconds + facts.typical_per_second * seconds * clips)
    return _Candidate(facts, rate.of(seconds, wish.candidates), took, tuple(_lacks(wish, facts)))


def _lacks(wish: Wish, facts: Capabilities) -> Iterator[str]:
    """What the scene asks for that the model would leave out."""
    if wish.audio and not facts.audio:
        yield "sound"
    if wish.first_frame and not facts.first_frame:
        yield "first frame"
    if wish.last_frame and not facts.last_frame:
        yield "last frame"
    frames = wish.first_frame or wish.last_frame
    apart = frames and not facts.references_with_frames
    shape = facts.takes_shape_with_references(wish.width, wish.height)
    if wish.references > facts.max_references or (wish.references and (apart or not shape)):
        yield "references"
    if wish.seed and not facts.seed:
        yield "seed"
    if wish.negative_prompt and not facts.negative_prompt:
        yield "negative prompt"


def _why_not(wish: Wish, one: _Candidate, today: date) -> str:
    """Why a model cannot be chosen; empty where it can."""
    facts = one.facts
    if facts.retired(today):
        return "retired"
    if wish.duration is not None and not facts.can_last(wish.duration):
        return f"not {wish.duration:g} s"
    if not facts.can_size(wish.width, wish.height, from_text=not wish.first_frame):
        return f"not {wish.width}x{wish.height}"
    if not facts.can_rate(wish.fps):
        return f"not {wish.fps} frames a second"
    if facts.needs_first_frame and not wish.first_frame:
        return "only from a first frame"
    if facts.longest_prompt and len(wish.prompt.encode("utf-16-le")) // 2 > facts.longest_prompt:
        return "prompt too long"
    if wish.max_cost is not None and one.cost > wish.max_cost:
        return f"above max_cost ${wish.max_cost:.2f}"
    if wish.share is not None and one.cost > wish.share:
        return f"above its share ${wish.share:.2f} of the budget"
    if wish.deadline is not None and one.seconds > wish.deadline:
        return "too slow for the deadline"
    return ""


def _order(one: _Candidate, wish: Wish, rule: Rule) -> tuple[object, ...]:
    facts = one.facts
    prefer = {"price": (one.cost, -facts.quality), "quality": (-facts.quality, one.cost), "time": (one.seconds,)}
    return (
        len(one.lacks), max(0, rule.at_least - facts.quality), bool(wish.style) and wish.style not in facts.styles,
        *prefer[rule.prefer], one.cost, facts.service, facts.model,
    )  # fmt: skip


def _reason(best: _Candidate, left: list[_Candidate], wish: Wish, rule: Rule) -> str:
    superlative = {"price": "the cheapest", "quality": "the finest", "time": "the fastest"}[rule.prefer]
    reach = [one for one in left if one.facts.quality >= rule.at_least and len(one.lacks) <= len(best.lacks)]
    words = f"by rule ({rule.name}): "
    if best.facts.quality >= rule.at_least:
        words += superlative if len(reach) > 1 else "the only one"
        words += f" of quality {rule.at_least} or better that fits"
    else:
        words += f"of quality {best.facts.quality}, since none that fits reaches {rule.at_least}"
    if best.lacks:
        words += f", though without {', '.join(best.lacks)}"
    if wish.style and wish.style in best.facts.styles:
        words += f", good at {wish.style}"
    return f"{words}; ${best.cost:.2f}"


def _left_out(out: Mapping[str, list[str]]) -> str:
    """What was not considered and why, in a few words."""
    parts = [f"{why}: {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}" for why, names in out.items()]
    return f". Left out: {'; '.join(parts)}" if parts else ""


def _name(facts: Capabilities) -> str:
    return f"{facts.service}/{facts.model}"
