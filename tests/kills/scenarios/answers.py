"""Services that refuse, are busy or away, and deliver what cannot be used, or late."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.kills.acts import Scenario, Then, Until, a_take_is
from tests.kills.boards import (
    AN_HOUR,
    ASKING,
    AT_SERVICE,
    CLIP,
    DONE,
    ENDLESS,
    ENDLESSLY,
    FIRST,
    MUTE,
    SECOND,
    UNSURE,
    WAITS,
    asked_in_vain,
    awake,
    enqueue,
    finished,
    halted,
    met,
    order,
    shot,
    told,
)
from tests.kills.play import Play
from vidpipe.db.models import Project
from vidpipe.domain.states import TakeState
from vidpipe.pipeline import control


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    yield from _orders()
    yield from _nothing_else_to_try()
    yield from _deliveries()
    yield from _silence()


def _orders() -> Iterator[Scenario]:
    """Each of these is met twice, by whichever order: one process dies before its answer is written, one after it."""
    faults = ("lost-answer", "refuse-policy", "429", "quota") * 2
    shots = [shot(f"Shot 1{letter}", fallback=MUTE) for letter in "ABCDEFGH"]
    yield Scenario("answers", (*map(met, faults), enqueue(*shots), DONE), 8 * CLIP, clips=8)
    yield Scenario("never arrived", (met("500"), enqueue(), UNSURE, AN_HOUR, DONE), CLIP)
    yield Scenario(
        "away", (met("maintenance", orders=1000), enqueue(shot(fallback=MUTE)), DONE), CLIP,
        timing={"lane_patience": 0.2},
    )  # fmt: skip


def _nothing_else_to_try() -> Iterator[Scenario]:
    """Fallbacks that are not set up here."""
    third = "Shot 1C"
    yield Scenario(
        "refused, nowhere to go",
        (
            met("refuse-policy", orders=6),  # each of the two shots, once a level of the policy ladder
            enqueue(
                shot(fallback="nowhere"), shot(SECOND, fallback=f"{MUTE}/unknown"), shot(third, after=(FIRST, SECOND))
            ),
            WAITS, order(control.skip, FIRST), order(control.skip, SECOND), DONE,
        ),
        CLIP,
    )  # fmt: skip


def _deliveries() -> Iterator[Scenario]:
    """What is black or has expired is paid for, and bought again."""
    faults = ("black", "fail", "cut-off", "cut-off", "expired")
    shots = [shot(f"Shot 1{letter}") for letter in "ABCDE"]
    yield Scenario("deliveries", (*map(met, faults), enqueue(*shots), DONE), 7 * CLIP, clips=5)
    yield Scenario(
        "overdue",
        (
            met(ENDLESS, MUTE), enqueue(shot(service=MUTE)), AT_SERVICE, Then(_its_time_is_over),
            Until("it to be overdue", a_take_is(TakeState.OVERDUE)), DONE,
            finished(MUTE), Until("what is overdue to come", _asked_often),
        ),
        2 * CLIP,
    )  # fmt: skip


def _its_time_is_over(play: Play) -> None:
    late = "UPDATE takes SET deadline_at = now() - interval '1 second' WHERE state = 'submitted'"
    play.deps.db.run(lambda session: session.execute(text(late)))


def _asked_often(session: Session, film: Project) -> bool:
    """What ran over its time is asked about at once, instead of every half minute, until it ends."""
    soon = "UPDATE takes SET due_at = now() WHERE state = 'overdue' AND due_at > now() + interval '1 second'"
    session.execute(text(soon))
    return not a_take_is(TakeState.OVERDUE)(session, film)


def _silence() -> Iterator[Scenario]:
    hasty = {"call_timeout": 0.4, "poll_timeout": 0.4}
    yield Scenario("deaf", (halted(), enqueue(), told("takes"), asked_in_vain(), awake(), DONE), CLIP, timing=hasty)
    yield Scenario(
        "asked to stop",
        (
            enqueue(shot(prompt=ENDLESSLY)), AT_SERVICE, halted(), ASKING,
            Then(lambda play: play.ask_worker_to_stop()), awake(), finished(), DONE,
        ),
        CLIP, timing={"lease": 4.0, "poll_timeout": 1.5},
    )  # fmt: skip
