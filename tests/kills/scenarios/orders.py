"""A person steers a film."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.kills.acts import Scenario, Then, Until, a_take_is, film_is
from tests.kills.boards import (
    AT_SERVICE,
    CLIP,
    DONE,
    ENDLESS,
    ENDLESSLY,
    FIRST,
    MUTE,
    awake,
    enqueue,
    finished,
    halted,
    met,
    order,
    shot,
    the_film,
    told,
)
from tests.kills.play import Play
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.pipeline import control


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    yield from _cancelled()
    yield Scenario(
        "pause and resume",
        (
            enqueue(), order(control.pause), order(control.set_priority, 7), order(control.set_budget, Decimal(9)),
            order(control.resume), DONE,
        ),
        CLIP,
    )  # fmt: skip
    again, stopped = order(control.retry), Then(lambda play: play.stop_worker())
    yield Scenario(
        "a scene again, and twice the same film, once settled by a message that came twice",
        (enqueue(), DONE, order(control.retry, FIRST), DONE, again, DONE, stopped, again, Then(_send_settle), DONE),
        2 * CLIP,
    )


def _cancelled() -> Iterator[Scenario]:
    cancelled = {"end": ProjectState.CANCELLED}
    slow = enqueue(shot(prompt=ENDLESSLY))
    yield Scenario("cancel", (slow, AT_SERVICE, order(control.cancel)), Decimal(0), **cancelled)
    yield Scenario(
        "cancel what cannot be stopped",
        (
            met(ENDLESS, MUTE), enqueue(shot(service=MUTE)), AT_SERVICE, order(control.cancel),
            Until("it to be watched", a_take_is(TakeState.CANCELLING)), finished(MUTE),
        ),
        CLIP, **cancelled,
    )  # fmt: skip
    yield Scenario(
        "deaf to a cancellation",
        (slow, AT_SERVICE, halted(), order(control.cancel), told("takes"), awake()),
        Decimal(0), timing={"call_timeout": 0.4, "poll_timeout": 0.4}, **cancelled,
    )  # fmt: skip


def _send_settle(play: Play) -> None:
    """A message comes to a film that needs it, and no tick does."""
    play.send("settle", str(the_film(play.deps).id))
    play.wait("the film to be settled", film_is(ProjectState.STITCHING, ProjectState.DONE), ticking=False)
