"""The small films of the scenarios, and what a person and the services do about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import text

from tests.kills.acts import Command, Seen, Then, Until, a_take_is, film_is
from tests.kills.house import ASKED, CHEAP, MUTE, PRICE
from vidpipe.db import projects
from vidpipe.db.models import Project
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.domain.storyboard.model import SceneSpec, SequenceSpec, Storyboard
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll

YES = Consent(confirmed=True, no_budget=True)
SECONDS = 0.5  # that a clip lasts
CLIP, LITE = PRICE / 2, CHEAP / 2  # US dollars a clip
FIRST, SECOND = "Shot 1A", "Shot 1B"
ENDLESS = "late 900"  # a fault: without it being said, it takes a quarter of an hour, or until `finished`
ENDLESSLY = f"a boat [fault: {ENDLESS}]"  # a prompt that has it


def shot(label: str = FIRST, **more: Any) -> SceneSpec:
    """A scene of one short clip."""
    plain = {"service": ASKED, "model": "procedural-1", "duration": SECONDS, "candidates": 1, "prompt": "a boat"}
    return SceneSpec(label=label, **{**plain, **more})


def two() -> tuple[SceneSpec, SceneSpec]:
    """Two scenes, one after the other."""
    return shot(), shot(SECOND, after=(FIRST,))


def board(*shots: SceneSpec, **more: Any) -> Storyboard:
    """A small film."""
    made = Storyboard(
        title="A film of kills", sequences=(SequenceSpec("One", shots or (shot(),)),), width=96, height=64, fps=12,
        **more,
    )  # fmt: skip
    return replace(made, fingerprint=hashlib.sha256(repr(asdict(made)).encode()).hexdigest())


def enqueue(*shots: SceneSpec, consent: Consent = YES, **more: Any) -> Command:
    """A person enqueues a film."""
    return Command(lambda deps, folder: enroll(deps, board(*shots, **more), consent=consent))


def order(what: Callable[..., object], *args: Any) -> Command:
    """A person gives an order about the film: one of `control`."""
    return Command(lambda deps, folder: what(deps, the_film(deps).id, *args))


def the_film(deps: Deps) -> Project:
    """The only one there is."""
    (film,) = deps.db.run(projects.all_of)
    return film


def met(fault: str, service: str = ASKED, orders: int = 1) -> Then:
    """The service's next orders meet a fault."""
    return Then(lambda play: play.house.inject(service, fault, orders))


def finished(service: str = ASKED) -> Then:
    """What a service takes its time for is done now."""
    return Then(lambda play: play.house.finish(service))


def halted(service: str = ASKED) -> Then:
    """A service stands still: it takes connections and answers nothing."""
    return Then(lambda play: play.house.halt(service))


def awake(service: str = ASKED) -> Then:
    """It goes on."""
    return Then(lambda play: play.house.wake(service))


def told(table: str) -> Until:
    """A row tells of an error."""
    return Until(f"an error among the {table}", _any(f"{table} WHERE last_error IS NOT NULL"))


def asked_in_vain() -> Until:
    """A service did not say what became of an order."""
    return Until("it to be asked in vain", _any("takes WHERE state = 'uncertain' AND tries > 0"))


def _any(which: str) -> Seen:
    return lambda session, film: session.execute(text(f"SELECT count(*) FROM {which}")).scalar_one()


# Claimed a while ago: who asks then gets no answer.
_HELD = "takes WHERE state = 'submitted' AND lease_until < clock_timestamp() + interval '3.8 seconds'"


DONE = Until("the film to be done", film_is(ProjectState.DONE))
WAITS = Until("the film to wait for a person", film_is(ProjectState.WAITING))
UNSURE = Until("an order of unknown fate", a_take_is(TakeState.UNCERTAIN))
AT_SERVICE = Until("the order to be accepted", a_take_is(TakeState.SUBMITTED))
ASKING = Until("somebody to ask about the take in vain", _any(_HELD))
AN_HOUR = Then(lambda play: play.an_hour_passes())

__all__ = [
    "AN_HOUR", "ASKED", "ASKING", "AT_SERVICE", "CLIP", "DONE", "ENDLESS", "ENDLESSLY", "FIRST", "LITE", "MUTE",
    "SECOND", "SECONDS", "UNSURE", "WAITS", "YES", "asked_in_vain", "awake", "board", "enqueue", "finished", "halted",
    "met", "order", "shot", "the_film", "told", "two",
]  # fmt: skip
