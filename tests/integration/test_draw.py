"""Key frames that are drawn: bought once, before the takes that need them, by the protocol of every purchase."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from tests import audit
from tests.paid import YES, Askable, employ
from tests.painter import DRAWN, PRICE, WORDS, Painter, hire
from tests.scripted import film_of
from tests.stories import story
from tests.waiting import until
from vidpipe.db import attempts, drawings, lanes, money, projects, scenes
from vidpipe.db.models import Attempt, Drawing, Project, Scene, Take
from vidpipe.domain.side_requests import ImageRequest, Spent
from vidpipe.domain.states import DrawingState, ProjectState, SceneState
from vidpipe.domain.storyboard.model import FrameSpec
from vidpipe.errors import Refused, Transient, Unavailable, Uncertain, UserError
from vidpipe.pipeline import control, draw, restored, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.pipeline.step import run

Tick = Callable[[], None]
Play = Callable[[UUID], Project]


class Killed(BaseException):
    """What a worker ends of; nothing catches it."""


@pytest.fixture
def painter(eager: Deps) -> Painter:
    employ(eager, Askable(), first_frame=True)
    return hire(eager, Painter())


def begin(deps: Deps, **values: object) -> UUID:
    return enroll(deps, story(**{"first": DRAWN, **values}), consent=YES).project_id  # type: ignore[arg-type]


def drawn(deps: Deps, film: UUID) -> list[Drawing]:
    found = select(Drawing).where(Drawing.project_id == film).order_by(Drawing.created_at)
    return list(deps.db.run(lambda session: session.execute(found).scalars().all()))


def scene_of(deps: Deps, film: UUID) -> Scene:
    return deps.db.run(lambda session: projects.scenes(session, film)[0])


def takes_of(deps: Deps, film: UUID) -> list[Take]:
    return list(deps.db.run(lambda session: projects.takes(session, film)))


def spent(deps: Deps, film: UUID) -> money.Balance:
    return deps.db.run(lambda session: money.spent(session, film))


def raising(*errors: BaseException) -> Callable[[ImageRequest], None]:
    """Raises them one after the other, then draws."""
    left = list(errors)

    def draw_or_not(request: ImageRequest) -> None:
        if left:
            raise left.pop(0)

    return draw_or_not


def test_a_frame_is_drawn_once_and_goes_with_every_take(eager: Deps, play: Play, painter: Painter) -> None:
    film = begin(eager, candidates=2)
    assert play(film).state == ProjectState.DONE
    (order,) = painter.orders
    assert (order.prompt, order.model, order.aspect, order.resolution) == (WORDS, "oil", "160:90", "1K")
    (one,) = drawn(eager, film)
    assert one.state == DrawingState.DRAWN and (one.width, one.height) == (160, 96)
    assert one.key and eager.storage.stat(one.key) is not None and one.model_version == "oil-2026"
    assert {take.request["first_frame"] for take in takes_of(eager, film)} == {one.key}
    scene = scene_of(eager, film)
    (frame,) = eager.db.run(lambda session: scenes.keyframes(session, scene)).values()
    assert (frame.source, frame.key, frame.drawing_id) == ("drawn", one.key, one.id)
    service = eager.service("procedural")
    assert isinstance(service, Askable)
    assert spent(eager, film) == money.Balance(painter.billed + service.billed, Decimal(0))
    assert painter.billed == PRICE
    eager.db.run(lambda session: audit.replay(session, film))


def test_the_local_painter_draws_for_nothing(eager: Deps, play: Play) -> None:
    frame = FrameSpec("drawn", prompt=WORDS, service="procedural_images", model="procedural-still")
    brings = eager.settings.services["procedural_images"]
    employ(eager, Askable(), first_frame=True, last_frame=True)
    object.__setattr__(eager.settings, "services", {**eager.settings.services, "procedural_images": brings})
    film = begin(eager, first=frame, last=frame)
    assert play(film).state == ProjectState.DONE
    first, last = drawn(eager, film)
    assert {first.which, last.which} == {"first", "last"} and first.key != last.key
    assert spent(eager, film).settled == eager.service("procedural").billed  # type: ignore[attr-defined]


def test_a_fault_of_the_moment_is_tried_again_a_bounded_number_of_times(
    eager: Deps, play: Play, painter: Painter
) -> None:
    painter.on_draw = raising(Transient("busy"), Transient("busy"))
    film = begin(eager)
    assert play(film).state == ProjectState.DONE
    assert len(painter.orders) == 3 and len(painter.bill) == 1
    painter.on_draw = raising(*(Transient("busy") for _ in range(9)))
    other = begin(eager, title="Another")
    assert play(other).state == ProjectState.WAITING
    assert len(painter.orders) == 6 and spent(eager, other) == money.Balance()
    scene = scene_of(eager, other)
    assert scene.state == SceneState.BLOCKED and "its first frame could not be drawn: busy (after 3 tries)" in (
        scene.note or ""
    )


def test_a_scene_that_is_not_critical_is_left_out_without_its_frame(eager: Deps, play: Play, painter: Painter) -> None:
    painter.on_draw = raising(Refused("no such thing"))
    film = begin(eager, critical=False)
    assert play(film).state == ProjectState.FAILED
    assert scene_of(eager, film).state == SceneState.SKIPPED and not takes_of(eager, film)


def test_what_a_policy_does_not_let_it_draw_is_asked_for_with_the_ladder_s_words(
    eager: Deps, play: Play, painter: Painter
) -> None:
    painter.on_draw = raising(Refused("not this", kind="policy"), Refused("nor this", kind="policy"))
    film = begin(eager)
    assert play(film).state == ProjectState.DONE
    ladder = eager.ladder()
    assert [order.prompt for order in painter.orders] == [ladder.prompt(level, WORDS) for level in range(3)]
    assert [one.policy_level for one in drawn(eager, film)] == [0, 1, 2]
    assert [one.state for one in drawn(eager, film)] == ["refused", "refused", "drawn"]
    assert painter.billed == PRICE


def test_above_the_ladder_a_policy_blocks_the_scene(eager: Deps, play: Play, painter: Painter) -> None:
    painter.on_draw = raising(*(Refused("not this", kind="policy") for _ in range(9)))
    film = begin(eager)
    assert play(film).state == ProjectState.WAITING
    assert len(painter.orders) == 1 + eager.ladder().top
    assert "policy: not this" in (scene_of(eager, film).note or "")


def unclear_film(eager: Deps, play: Play, painter: Painter, **values: object) -> tuple[UUID, str]:
    painter.on_draw = raising(Uncertain("no answer"))
    film = begin(eager, **values)
    assert play(film).state == ProjectState.WAITING
    (one,) = uncertain.listed(eager, film)
    assert (one.kind, one.take, one.price, one.asked) == ("image", "first frame", PRICE, False)
    assert spent(eager, film).open == PRICE
    assert "nobody knows" in (film_of(eager, film).note or "")
    return film, str(one.token)


def test_an_order_without_an_answer_waits_for_a_person_who_says_that_it_was_lost(
    eager: Deps, play: Play, painter: Painter
) -> None:
    film, token = unclear_film(eager, play, painter)
    with pytest.raises(UserError, match="cannot be fetched later"):
        uncertain.found(eager, token, "picture-1")
    assert "drawn again" in uncertain.lost(eager, token)
    assert until_done(eager, play, film)
    assert not uncertain.listed(eager, film) and painter.billed == PRICE
    assert spent(eager, film).settled == painter.billed + eager.service("procedural").billed  # type: ignore[attr-defined]


def test_or_that_it_was_billed(eager: Deps, play: Play, painter: Painter) -> None:
    film, token = unclear_film(eager, play, painter)
    assert "cost $0.13" in uncertain.billed(eager, token, PRICE)
    assert until_done(eager, play, film)
    service = eager.service("procedural").billed  # type: ignore[attr-defined]
    assert spent(eager, film) == money.Balance(2 * PRICE + service, Decimal(0))


def test_or_that_it_is_to_be_ordered_again_at_the_risk_of_paying_twice(
    eager: Deps, play: Play, painter: Painter
) -> None:
    film, token = unclear_film(eager, play, painter)
    uncertain.resubmit(eager, token)
    assert "ordered again already" in uncertain.resubmit(eager, token)
    assert until_done(eager, play, film)
    assert spent(eager, film).open == PRICE and len(uncertain.listed(eager, film)) == 1
    uncertain.lost(eager, token)
    assert spent(eager, film).open == 0


def until_done(deps: Deps, play: Play, film: UUID) -> bool:
    until(lambda: play(film).state == ProjectState.DONE, seconds=40, what="the film to be done")
    return True


def test_a_film_that_says_so_orders_again_by_itself(eager: Deps, play: Play, painter: Painter) -> None:
    painter.on_draw = raising(Uncertain("no answer"))
    film = begin(eager, on_uncertain="resubmit")
    assert until_done(eager, play, film)
    assert len(painter.orders) == 2 and spent(eager, film).open == PRICE


def killed(eager: Deps, tick: Tick, film: UUID) -> None:
    """Tick until the worker dies at it, and then until its lease has run out."""
    with pytest.raises(Killed):
        until(tick, seconds=20, what="the worker to die")  # type: ignore[arg-type,func-returns-value]
    past = text("UPDATE drawings SET lease_until = now() - interval '1 s' WHERE lease_token IS NOT NULL")
    eager.db.run(lambda session: session.execute(past))
    eager.keeper.stop()


def test_a_worker_that_died_before_the_answer_leaves_an_order_of_unknown_fate(
    eager: Deps, tick: Tick, play: Play, painter: Painter
) -> None:
    painter.on_draw = raising(Killed())
    film = begin(eager)
    killed(eager, tick, film)
    assert play(film).state == ProjectState.WAITING
    assert len(painter.orders) == 1 and len(uncertain.listed(eager, film)) == 1
    assert "died" in uncertain.listed(eager, film)[0].detail


def test_a_picture_that_was_stored_before_its_worker_died_is_found_in_the_store(
    eager: Deps, tick: Tick, play: Play, painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = begin(eager)
    with monkeypatch.context() as patched:

        def die(*_: object) -> None:
            raise Killed

        patched.setattr(draw, "_keep", die)
        killed(eager, tick, film)
    assert until_done(eager, play, film)
    (one,) = drawn(eager, film)
    assert len(painter.orders) == 1 and (one.width, one.height) == (160, 96)
    assert spent(eager, film).open == 0


def test_what_costs_nothing_is_drawn_again_without_a_person(eager: Deps, tick: Tick, play: Play) -> None:
    employ(eager, Askable(), first_frame=True)
    free = {"oil": {"price_per_image": {"1K": "0"}, "resolutions": ["1K"]}}
    painter = hire(eager, Painter(on_draw=raising(Killed())), models=free)
    film = begin(eager)
    killed(eager, tick, film)
    assert until_done(eager, play, film)
    assert len(painter.orders) == 2


def test_an_answer_that_comes_after_its_lease_was_lost_is_kept(eager: Deps, play: Play, painter: Painter) -> None:
    def meanwhile(request: ImageRequest) -> None:
        took = text("UPDATE drawings SET lease_token = NULL, lease_until = NULL")
        eager.db.run(lambda session: session.execute(took))

    painter.on_draw = meanwhile
    film = begin(eager)
    assert until_done(eager, play, film)
    assert len(painter.orders) == 1 and spent(eager, film).open == 0


@pytest.mark.parametrize("answer", [Transient("busy"), Refused("no such thing"), None])
def test_an_answer_that_comes_after_it_was_called_unclear_counts(
    eager: Deps, play: Play, painter: Painter, answer: Exception | None
) -> None:
    def meanwhile(request: ImageRequest) -> None:
        """Its worker is taken for dead while the call lasts."""
        if len(painter.orders) == 1:
            past = text("UPDATE drawings SET lease_until = now() - interval '1 s'")
            eager.db.run(lambda session: session.execute(past))
            (row,) = drawn(eager, film)
            run(eager, draw.DRAW, row.id)
            assert drawn(eager, film)[0].state == DrawingState.UNCERTAIN
            if answer is not None:
                raise answer

    painter.on_draw = meanwhile
    film = begin(eager)
    play(film)
    assert not uncertain.listed(eager, film)
    assert spent(eager, film).open == 0
    (one,) = drawn(eager, film)
    assert one.state == (DrawingState.REFUSED if isinstance(answer, Refused) else DrawingState.DRAWN)
    assert painter.billed == (0 if isinstance(answer, Refused) else PRICE)


def test_a_film_that_says_so_ends_where_its_budget_does_not_allow_a_picture(
    eager: Deps, play: Play, painter: Painter
) -> None:
    film = begin(eager)
    ends = text("UPDATE projects SET budget = 0.10, on_budget = 'cancel'")
    eager.db.run(lambda session: session.execute(ends))
    assert play(film).state == ProjectState.CANCELLED
    assert not painter.orders and spent(eager, film) == money.Balance()


def test_what_is_paid_for_and_cannot_be_used_is_entered_and_bounded(eager: Deps, play: Play, painter: Painter) -> None:
    painter.on_draw = lambda request: Spent("no picture in it")
    film = begin(eager)
    assert play(film).state == ProjectState.WAITING
    assert len(painter.orders) == 3 and spent(eager, film) == money.Balance(painter.billed, Decimal(0))
    assert "no picture in it" in (scene_of(eager, film).note or "")


def test_a_picture_that_the_budget_does_not_allow_is_not_ordered(eager: Deps, play: Play, painter: Painter) -> None:
    film = begin(eager)
    control.set_budget(eager, film, Decimal("0.10"))
    assert play(film).state == ProjectState.WAITING
    assert not painter.orders and spent(eager, film) == money.Balance()
    assert "drawing its first frame would cost $0.13" in (scene_of(eager, film).note or "")


def test_a_service_that_takes_nothing_now_is_left_alone_without_a_try(
    eager: Deps, play: Play, painter: Painter
) -> None:
    painter.on_draw = raising(*(Unavailable("out of quota") for _ in range(4)))
    film = begin(eager)
    assert until_done(eager, play, film)
    assert len(painter.orders) == 5 and painter.billed == PRICE
    outcomes = eager.db.run(lambda session: session.execute(select(Attempt.outcome)).scalars().all())
    assert outcomes.count(attempts.HELD) == 4


def test_a_paused_film_draws_nothing_and_a_cancelled_one_lets_go_of_what_waits(
    eager: Deps, tick: Tick, painter: Painter
) -> None:
    painter.on_draw = raising(*(Transient("busy", retry_after=600) for _ in range(9)))
    film = begin(eager)
    until(lambda: tick() or painter.orders, seconds=20, what="the order")  # type: ignore[func-returns-value]
    control.pause(eager, film)
    eager.db.run(lambda session: session.execute(update(Drawing).values(due_at=None, sent_at=None)))
    for _ in range(3):
        tick()
    assert len(painter.orders) == 1
    control.cancel(eager, film)
    until(
        lambda: tick() or film_of(eager, film).state == ProjectState.CANCELLED,  # type: ignore[func-returns-value]
        seconds=20, what="the film to be cancelled",
    )  # fmt: skip
    (one,) = drawn(eager, film)
    assert one.state == DrawingState.CANCELLED and spent(eager, film) == money.Balance()


def test_a_scene_that_is_made_again_has_its_frame_drawn_again(eager: Deps, play: Play, painter: Painter) -> None:
    film = begin(eager)
    assert until_done(eager, play, film)
    control.retry(eager, film, "Shot 1A")
    assert until_done(eager, play, film)
    assert [one.version for one in drawn(eager, film)] == [1, 2] and len(painter.orders) == 2


def test_a_frame_that_its_model_cannot_take_is_not_paid_for(eager: Deps, play: Play) -> None:
    employ(eager, Askable(), first_frame=False)
    painter = hire(eager, Painter())
    film = begin(eager)
    assert until_done(eager, play, film)
    assert not painter.orders and not drawn(eager, film)


@pytest.mark.parametrize("given", [False, True])
def test_at_the_level_that_says_so_an_end_frame_that_was_drawn_is_drawn_anew(
    eager: Deps, play: Play, given: bool
) -> None:
    service = Askable()
    met: list[str] = []

    def refuse(request: object) -> None:
        met.append("order")
        if len(met) <= 2:
            raise Refused("not this", kind="policy")

    service.on_submit = refuse  # type: ignore[assignment]
    employ(eager, service, first_frame=True, last_frame=True)
    painter = hire(eager, Painter())
    film = begin(eager, first=None, last=None if given else DRAWN)
    if given:
        spec = {"source": "image", "previous": "", "key": "given/end.png"}
        setting = text("UPDATE scenes SET spec = jsonb_set(spec, '{last_frame}', cast(:frame AS jsonb))")
        import json  # noqa: PLC0415

        eager.db.run(lambda session: session.execute(setting, {"frame": json.dumps(spec)}))
        (path := eager.folder("test") / "end.png").write_bytes(b"a picture")
        eager.storage.put("given/end.png", path)
    assert until_done(eager, play, film)
    ends = [take.request["last_frame"] for take in takes_of(eager, film)]
    changed = takes_of(eager, film)[-1].request["policy"]["changed"]
    if given:
        assert ends == ["given/end.png", "given/end.png", None] and not painter.orders
        assert "the end frame was left away" in changed
    else:
        first, again = drawn(eager, film)
        assert ends == [first.key, first.key, again.key] and first.key != again.key
        assert again.prompt == eager.ladder().prompt(2, WORDS) and again.round == 3
        assert "the end frame was drawn anew" in changed


def test_no_more_is_drawn_at_once_than_the_service_takes(eager: Deps, play: Play, painter: Painter) -> None:
    film = begin(eager)
    play(film)
    at_work = text("UPDATE drawings SET state = 'drawing' WHERE project_id = :film")
    eager.db.run(lambda session: session.execute(at_work, {"film": film}))

    def room(operations: int | None) -> float:
        limits = lanes.Limits(operations)
        return eager.db.run(
            lambda session: lanes.wait_for_room(
                session, "painter", limits, lambda: drawings.at_service(session, "painter")
            )
        )

    assert room(None) == 0 and room(2) == 0 and room(1) > 0


def test_an_order_that_a_restored_database_has_forgotten_is_of_unknown_fate(
    eager: Deps, play: Play, painter: Painter
) -> None:
    film = begin(eager)
    assert until_done(eager, play, film)
    forget = (
        "DELETE FROM ledger_entries WHERE purchase_id IN (SELECT id FROM purchases WHERE drawing_id IS NOT NULL)",
        "DELETE FROM attempts WHERE purchase_id IN (SELECT id FROM purchases WHERE drawing_id IS NOT NULL)",
        "DELETE FROM purchases WHERE drawing_id IS NOT NULL", "UPDATE keyframes SET drawing_id = NULL",
        "DELETE FROM drawings", "DELETE FROM cluster_signs WHERE name = 'buying'",
    )  # fmt: skip
    for words in forget:
        eager.db.run(lambda session, sql=words: session.execute(text(sql)))  # type: ignore[misc]
    assert restored.look(eager) == 1
    (one,) = drawn(eager, film)
    assert one.state == DrawingState.UNCERTAIN and one.prompt == WORDS
    assert len(uncertain.listed(eager, film)) == 1 and spent(eager, film).open == PRICE
