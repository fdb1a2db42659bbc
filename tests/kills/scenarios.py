"""Films, and what befalls them: together they pass every place of `places`. Each has an end and a price that no kill
may change. Services fail by injection, so that one order meets the fault and the next does not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests import clips
from tests.kills.acts import Act, Command, Scenario, Then, Until, a_take_is, film_is, scene_is
from tests.kills.house import ASKED, CHEAP, MUTE, PRICE
from vidpipe.db import projects
from vidpipe.db.models import Project
from vidpipe.domain.states import ProjectState, SceneState, TakeState
from vidpipe.domain.storyboard.model import (
    AssetSpec,
    FootageSpec,
    FrameSpec,
    ManifestSpec,
    SceneSpec,
    SequenceSpec,
    Storyboard,
)
from vidpipe.pipeline import accounts, control, gauges, orphans, overview, restored, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll

if TYPE_CHECKING:  # the processes that are killed read these scenarios, and need no more
    from tests.kills.play import Play

YES = Consent(confirmed=True, no_budget=True)
SECONDS = 0.5  # that a clip lasts
CLIP, LITE = PRICE / 2, CHEAP / 2  # US dollars a clip
FIRST, SECOND = "Shot 1A", "Shot 1B"


def shot(label: str = FIRST, **more: Any) -> SceneSpec:
    """A scene of one short clip."""
    plain = {"service": ASKED, "model": "procedural-1", "duration": SECONDS, "candidates": 1, "prompt": "a boat"}
    return SceneSpec(label=label, **{**plain, **more})


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
    return Command(lambda deps, folder: what(deps, _film(deps).id, *args))


def _film(deps: Deps) -> Project:
    (film,) = deps.db.run(projects.all_of)
    return film


def met(fault: str, service: str = ASKED, orders: int = 1) -> Then:
    """The service's next orders meet a fault."""
    return Then(lambda play: play.house.inject(service, fault, orders))


DONE = Until("the film to be done", film_is(ProjectState.DONE))
WAITS = Until("the film to wait for a person", film_is(ProjectState.WAITING))
AN_HOUR = Then(lambda play: play.an_hour_passes())


# A film as it should go, with everything that a storyboard can hold


def _rich(deps: Deps, folder: Path) -> object:
    picture, filmed = folder / "picture.png", folder / "filmed.mp4"
    if not picture.exists():
        Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(picture)
        clips.clean(filmed, seconds=SECONDS, width=96, height=64, fps=12)
    someone = AssetSpec("CHAR_01", "character", "Ada", "a woman in a red coat", (picture,))
    shots = (
        shot(candidates=2, first_frame=FrameSpec("image", path=picture), references=("CHAR_01",), cast=("CHAR_01",)),
        shot(SECOND, after=(FIRST,), first_frame=FrameSpec("previous", previous=FIRST)),
        shot("Shot 1C", service="footage", model="footage", footage=FootageSpec(filmed, 0.0, SECONDS)),
    )
    film = board(*shots, manifest=ManifestSpec("Who", (someone,)), quality_mode=True, candidate_count=2)
    return enroll(deps, film, consent=YES)


# What a person reads, and the store's own check


def _read(deps: Deps, folder: Path) -> None:
    film = _film(deps)
    overview.films(deps.db)
    overview.overview(deps.db, film.id)
    overview.tick_seen(deps.db)
    gauges.now(deps.db)
    gauges.history(deps.db)
    accounts.films(deps)
    accounts.film(deps, film.id)


def _spoil_the_store(play: Play) -> None:
    """A poster is lost, and there is something that nobody knows."""
    media = play.deps.settings.storage_root
    stray = media / str(_film(play.deps).id) / "stray.mp4"
    stray.write_bytes(b"nobody's")
    os.utime(stray, (0, 0))
    poster = next(path for path in media.rglob("*_poster.jpg"))
    poster.rename(poster.with_name("kept.aside"))


def _mend_the_store(play: Play) -> None:
    for aside in play.deps.settings.storage_root.rglob("kept.aside"):
        aside.rename(aside.with_name("candidate_1_poster.jpg"))


def _check_the_store(deps: Deps, folder: Path) -> None:
    orphans.check(deps, delete_orphans=True, deep=True)


# The media store is away


def _unmount(play: Play) -> None:
    media = play.deps.settings.storage_root
    media.rename(media.with_name("unmounted"))


def _mount(play: Play) -> None:
    media = play.deps.settings.storage_root
    media.with_name("unmounted").rename(media)


def _may_buy(session: Session, film: Project) -> bool:
    return restored.may_buy(session)


def _told(table: str) -> Callable[[Session, Project], object]:
    """A row tells of an error."""
    return lambda session, film: session.execute(
        text(f"SELECT count(*) FROM {table} WHERE last_error IS NOT NULL")
    ).scalar_one()


# Orders of unknown fate


def _unknown(deps: Deps) -> str:
    return str(uncertain.listed(deps)[-1].token)


def _as_billed(play_folder: Path, token: str) -> str:
    """The operation's name, which the person saw on the bill."""
    return (play_folder / f"bill-{token}").read_text(encoding="utf-8")


def _show_the_bill(play: Play) -> None:
    for line in play.bill():
        (play.folder / f"bill-{line.token}").write_text(line.operation, encoding="utf-8")


def _say_found(deps: Deps, folder: Path) -> None:
    token = uncertain.named(deps, _unknown(deps)).token
    uncertain.found(deps, str(token), _as_billed(folder, str(token)))


def _its_time_is_over(play: Play) -> None:
    late = "UPDATE takes SET deadline_at = now() - interval '1 second' WHERE state = 'submitted'"
    play.deps.db.run(lambda session: session.execute(text(late)))


def _asked_often(session: Session, film: Project) -> bool:
    """What ran over its time is asked about at once, instead of every half minute, until it ends."""
    soon = "UPDATE takes SET due_at = now() WHERE state = 'overdue' AND due_at > now() + interval '1 second'"
    session.execute(text(soon))
    return not a_take_is(TakeState.OVERDUE)(session, film)


# What comes twice, or to somebody else


def _send_settle(play: Play) -> None:
    play.send("settle", str(_film(play.deps).id))
    play.wait("the film to be settled", film_is(ProjectState.STITCHING, ProjectState.DONE), ticking=False)


def _scenes_done(labels: int) -> Callable[[Session, Project], object]:
    return lambda session, film: (
        sum(scene.state == SceneState.DONE for scene in projects.scenes(session, film.id)) >= labels
    )


_UNSURE = Until("an order of unknown fate", a_take_is(TakeState.UNCERTAIN))
_AT_SERVICE = Until("the order to be accepted", a_take_is(TakeState.SUBMITTED))


def _all() -> tuple[Scenario, ...]:
    slow = "a boat [fault: slow 900]"
    second_slow = (shot(), shot(SECOND, prompt=slow))
    half = Consent(confirmed=True, budget=CLIP)
    two = (shot(), shot(SECOND, after=(FIRST,)))
    lost: tuple[Act, ...] = (met("lost-answer", MUTE), enqueue(shot(service=MUTE)), WAITS, Then(_show_the_bill))
    return (
        Scenario("plain", (enqueue(), DONE), CLIP),
        Scenario("rich", (Command(_rich), DONE), 3 * CLIP, clips=3),
        Scenario("long steps", (enqueue(), DONE), CLIP, timing={"heartbeat": 0.005}),
        Scenario(
            "readers",
            (
                enqueue(), DONE, Command(_read), Then(_spoil_the_store), Command(_check_the_store),
                Then(_mend_the_store),
            ),
            CLIP,
        ),
        # Answers
        Scenario("lost answer", (met("lost-answer"), enqueue(), DONE), CLIP),
        Scenario("never arrived", (met("500"), enqueue(), _UNSURE, AN_HOUR, DONE), CLIP),
        Scenario("refused", (met("refuse-policy"), enqueue(shot(fallback=MUTE)), DONE), CLIP),
        Scenario("busy", (met("429"), enqueue(), DONE), CLIP),
        Scenario("out of quota", (met("quota"), enqueue(), DONE), CLIP),
        Scenario(
            "away", (met("maintenance", orders=1000), enqueue(shot(fallback=MUTE)), DONE), CLIP,
            timing={"lane_patience": 0.2},
        ),
        Scenario(
            "refused, nowhere to go",
            (
                met("refuse-policy"), enqueue(shot(fallback="nowhere"), shot(SECOND, after=(FIRST,))), WAITS,
                order(control.skip, FIRST), DONE,
            ),
            CLIP,
        ),
        Scenario(
            "no place for the journal",
            (
                enqueue(), order(control.pause), Until("the journal to be looked at", _may_buy), Then(_unmount),
                order(control.resume), Until("it to be told", _told("takes")), Then(_mount), DONE,
            ),
            CLIP,
        ),
        # Deliveries
        Scenario("spoiled", (met("black"), enqueue(), DONE), 2 * CLIP),
        Scenario("broke", (met("fail"), enqueue(), DONE), CLIP),
        Scenario("download breaks off", (met("cut-off"), enqueue(), DONE), CLIP),
        Scenario("download expired", (met("expired"), enqueue(), DONE), 2 * CLIP),
        Scenario(
            "no place for downloads",
            (
                enqueue(shot(prompt=slow)), _AT_SERVICE, Then(_unmount), Then(lambda play: play.house.finish(ASKED)),
                Until("it to be told", _told("generation_candidates")), Then(_mount), DONE,
            ),
            CLIP,
        ),
        # A person steers
        Scenario("cancel", (enqueue(shot(prompt=slow)), _AT_SERVICE, order(control.cancel)), Decimal(0),
                 end=ProjectState.CANCELLED),
        Scenario(
            "cancel what cannot be stopped",
            (
                met("slow 900", MUTE), enqueue(shot(service=MUTE)), _AT_SERVICE, order(control.cancel),
                Until("it to be watched", a_take_is(TakeState.CANCELLING)), Then(lambda play: play.house.finish(MUTE)),
            ),
            CLIP, end=ProjectState.CANCELLED,
        ),
        Scenario(
            "skip",
            (
                enqueue(*second_slow), Until("the first scene", scene_is(FIRST, SceneState.DONE)),
                order(control.skip, SECOND), DONE,
            ),
            CLIP,
        ),
        Scenario(
            "pause and resume",
            (
                enqueue(), order(control.pause), order(control.set_priority, 7), order(control.set_budget, Decimal(9)),
                order(control.resume), DONE,
            ),
            CLIP,
        ),
        Scenario("a scene again", (enqueue(), DONE, order(control.retry, FIRST), DONE), 2 * CLIP),
        Scenario("the same film again", (enqueue(), DONE, order(control.retry), DONE), CLIP),
        Scenario(
            "settled by a message that came twice",
            (
                enqueue(), Until("the scene", scene_is(FIRST, SceneState.DONE)), DONE,
                Then(lambda play: play.stop_worker()),
                order(control.retry), Then(_send_settle), DONE,
            ),
            CLIP,
        ),
        # Money runs out
        Scenario(
            "over budget",
            (
                enqueue(*two, consent=half), WAITS, order(control.set_budget, Decimal(9)), order(control.retry), DONE
            ),
            2 * CLIP, clips=2,
        ),
        Scenario("over budget, cheaper",
                 (enqueue(*two, consent=Consent(confirmed=True, budget=CLIP + LITE), on_budget="cheaper"), DONE),
                 CLIP + LITE, clips=2),
        Scenario("over budget, cancel", (enqueue(*two, consent=half, on_budget="cancel"),), CLIP,
                 end=ProjectState.CANCELLED),
        # Nobody knows
        Scenario("found", (*lost, Command(_say_found), DONE), CLIP, unclear=True),
        Scenario(
            "lost",
            (
                met("500", MUTE), enqueue(shot(service=MUTE)), WAITS,
                Command(lambda deps, folder: uncertain.lost(deps, _unknown(deps))), DONE,
            ),
            CLIP, unclear=True,
        ),
        Scenario(
            "billed",
            (*lost, Command(lambda deps, folder: uncertain.billed(deps, _unknown(deps), CLIP)), DONE), 2 * CLIP,
            unclear=True,
        ),
        Scenario(
            "ordered again, and the first comes after all",
            (
                *lost, Command(lambda deps, folder: uncertain.resubmit(deps, _unknown(deps))), DONE,
                Command(_say_found),
            ),
            2 * CLIP, unclear=True,
        ),
        Scenario(
            "deaf",
            (
                Then(lambda play: play.house.halt(ASKED)), enqueue(), Until("it to be told", _told("takes")),
                Until("it to be asked in vain", _asked_in_vain), Then(lambda play: play.house.wake(ASKED)), DONE,
            ),
            CLIP, timing={"call_timeout": 0.4, "poll_timeout": 0.4},
        ),
        Scenario(
            "deaf to a cancellation",
            (
                enqueue(shot(prompt=slow)), _AT_SERVICE, Then(lambda play: play.house.halt(ASKED)),
                order(control.cancel), Until("it to be told in vain", _told("takes")),
                Then(lambda play: play.house.wake(ASKED)),
            ),
            Decimal(0), end=ProjectState.CANCELLED, timing={"call_timeout": 0.4, "poll_timeout": 0.4},
        ),
        Scenario(
            "overdue",
            (
                met("slow 900", MUTE), enqueue(shot(service=MUTE)), _AT_SERVICE, Then(_its_time_is_over),
                Until("it to be overdue", a_take_is(TakeState.OVERDUE)), DONE,
                Then(lambda play: play.house.finish(MUTE)), Until("what is overdue to come", _asked_often),
            ),
            2 * CLIP,
        ),
        Scenario(
            "asked to stop",
            (
                enqueue(), _AT_SERVICE, Then(lambda play: play.house.halt(ASKED)), Until("a question", _held),
                Then(lambda play: play.ask_worker_to_stop()), Then(lambda play: play.house.wake(ASKED)), DONE,
            ),
            CLIP,
        ),
        # Another database
        Scenario(
            "restored",
            (
                enqueue(*two), Until("the first scene", _scenes_done(1)), Then(lambda play: play.back_up()), DONE,
                Then(lambda play: play.restore()), DONE,
            ),
            2 * CLIP, clips=2,
        ),
    )  # fmt: skip


def _asked_in_vain(session: Session, film: Project) -> object:
    return session.execute(text("SELECT count(*) FROM takes WHERE state = 'uncertain' AND tries > 0")).scalar_one()


def _held(session: Session, film: Project) -> object:
    """Somebody is asking about the take."""
    return (
        a_take_is(TakeState.SUBMITTED)(session, film)
        and session.execute(text("SELECT count(*) FROM takes WHERE lease_token IS NOT NULL")).scalar_one()
    )


SCENARIOS = {scenario.name: scenario for scenario in _all()}
