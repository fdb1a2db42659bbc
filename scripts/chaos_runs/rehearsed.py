"""Every paid service, as the emulator speaks for it, and everything that it can be told to do wrong.

The models are small and their clips short, so that a hundred shots are rendered in minutes; all else is the registry's.
What nobody could find out is left out of the scenario: what a filter withheld of an order that has vanished, what it
withheld of one that is only found in a bucket, and whether one that never writes there was taken at all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scripts.chaos_runs import terms
from scripts.chaos_runs.cast import Cast
from scripts.chaos_runs.terms import ASKABLE

EMULATOR = "emulator"
VEO, INLINE, GEMINI, RUNWAY, PIKA, OPENAI = "veo", "veo_inline", "gemini", "runway", "pika", "openai_videos"
BLIND = frozenset({INLINE, GEMINI, RUNWAY})  # have no list of orders, nor a bucket
MODEL = "small"
FPS = 24

# US dollars a second of one clip: odd, so that sums that agree do not agree by chance.
PRICES: Mapping[str, Decimal] = {
    VEO: Decimal("0.0371"), INLINE: Decimal("0.0353"), GEMINI: Decimal("0.0229"), RUNWAY: Decimal("0.0417"),
    PIKA: Decimal("0.0183"), OPENAI: Decimal("0.0151"), ASKABLE: Decimal("0.0097"),
}  # fmt: skip
OPERATIONS = 8  # in flight at once, at each
IN_A_BUCKET = 45.0  # seconds in which an order that was taken has delivered: it is found there no sooner
GIVEN_UP = 30.0  # seconds after which an operation is given up
# Longer than any quota is used up and the emulator is away: nobody has to go on to another service for that alone.
TIMING = {**terms.TIMING, "lane_patience": 25.0}

# What each trouble is given beside its name, and the services or the prompts that it keeps to. All others are for
# every order alike.
FIGURES: Mapping[str, Mapping[str, Any]] = {
    "429": {"retry_after": 1}, "quota": {"retry_after": 1, "for": 4}, "slow-answer": {"seconds": 3},
    "latency": {"seconds": 4}, "late": {"seconds": 4}, "throttled": {"seconds": 5, "service": RUNWAY},
    "filtered": {"count": "all"},
}  # fmt: skip
ENDLESS = (GEMINI, RUNWAY, PIKA, INLINE)  # where one that never ends is stopped, or waits for a person by right
OFTEN = {"slow-answer": 12}  # of so many orders one: it harms nothing, and moments are waited for by it
DAWN, NOT_DAWN = "dawn", "fog|night|rain|dusk"
SHARES = {DAWN: 0.2, NOT_DAWN: 0.8}  # of the films' prompts
# Beside one of each, some rules more: without Retry-After; and clips that are withheld one by one.
MORE: tuple[Mapping[str, Any], ...] = (
    {"fault": "429"}, {"fault": "503", "retry_after": 1}, {"fault": "filtered", "count": 1, "service": INLINE},
)  # fmt: skip
PARTED: Mapping[str, str] = {"filtered": NOT_DAWN, "vanish": DAWN}


def config() -> dict[str, Any]:
    """The configuration file of a run."""
    local = terms.config()["services"][ASKABLE]
    local = {**local, "models": {name: {**one} for name, one in local["models"].items()}}
    local["models"][terms.MODEL]["price_per_second"] = str(PRICES[ASKABLE])
    vendors = {name: _service(name) for name in PRICES if name != ASKABLE}
    return {"timing": TIMING, "services": {ASKABLE: local, **vendors}}


def _service(name: str) -> dict[str, Any]:
    google = name in (VEO, INLINE)
    model = {
        "durations": [1, 2], "sizes": [[160, 90]], "frame_rates": [FPS], "max_candidates": 4 if google else 1,
        "audio": google, "seed": name != OPENAI, "negative_prompt": False, "first_frame": True, "quality": 1,
        "price_per_second": str(PRICES[name]), "poll_seconds": 0.5, "timeout_seconds": GIVEN_UP,
        "settling_seconds": IN_A_BUCKET if name == VEO else terms.SETTLING, "typical_seconds": 1,
    }  # fmt: skip
    entry = {"default_model": MODEL, "operations": OPERATIONS, "requests_per_minute": None, "models": {MODEL: model}}
    if google:
        keys = {"keys": ["GOOGLE_CLOUD_PROJECT"], "optional_keys": ["GOOGLE_OAUTH_ACCESS_TOKEN"]}
        bucket = "gs://films/chaos" if name == VEO else ""
        entry |= {"title": name, "adapter": "veo", "options": {"bucket": bucket}, **keys}
    return entry


def scenario(seed: int, orders: int) -> str:
    """A scenario in which every trouble that the emulator knows meets one order of so many, from a place on that the
    seed decides; `orders` is about how many come in all."""
    from vidpipe.emulator.troubles import TROUBLES  # noqa: PLC0415 - its libraries are an extra's

    dice = random.Random(f"scenario {seed}")
    given = [*(one for name in TROUBLES for one in _kinds(name)), *MORE]
    period = max(len(given), orders // 3)
    # Each at another place, so that none takes an order away from another.
    places = dice.sample(range(1, period + 1), len(given))
    rules = [_rule(one, place, period, 4 * max(orders, period)) for one, place in zip(given, places, strict=True)]
    return json.dumps({"seed": seed, "latency": 0.5, "rules": rules})


def _kinds(name: str) -> list[Mapping[str, Any]]:
    """The rules of a trouble, without the orders that they are for."""
    given = {"fault": name, **FIGURES.get(name, {})}
    only = {"stuck": ENDLESS, "quota": tuple(one for one in PRICES if one != ASKABLE)}.get(name)
    return [{**given, "service": service} for service in only] if only else [given]


def _rule(given: Mapping[str, Any], place: int, period: int, most: int) -> dict[str, Any]:
    """For every so manieth order, of those that it keeps to as of all."""
    name = given["fault"]
    parted = {"prompt": PARTED[name]} if name in PARTED else {}
    share = (1 / len(PRICES) if "service" in given else 1.0) * (SHARES[parted["prompt"]] if parted else 1.0)
    every = OFTEN.get(name) or max(4, round(period * share))
    first = (place - 1) % every + 1
    return {**given, **parted, "orders": list(range(first, most, every))}


REHEARSED = Cast(
    processes={ASKABLE: ASKABLE, **{name: EMULATOR for name in PRICES if name != ASKABLE}},
    blind=BLIND,
    routes=(
        (VEO, PIKA), (GEMINI, ASKABLE), (RUNWAY, OPENAI), (PIKA, VEO), (OPENAI, ASKABLE), (INLINE, GEMINI),
    ),
    model=MODEL,
    fps=FPS,
    config=config,
    unsure=frozenset(
        {"500", "502", "503", "hang", "reset", "500-after", "503-after", "hang-after", "reset-after"}
    ),
    kept_back="slow-answer",
    endless="stuck",
    scenario=scenario,
)  # fmt: skip
