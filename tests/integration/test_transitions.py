"""The one door for states, leases, the trail in commit order, and the ledger, on the real database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.stories import story
from vidpipe.boundary import slow
from vidpipe.db import migrate, money, projects, record
from vidpipe.db.engine import Database
from vidpipe.db.leases import claim, park
from vidpipe.db.models import Attempt, GenerationCandidate, LedgerEntry, Project, Scene, Take, Transition
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain.states import Entity, SceneState, TakeState
from vidpipe.errors import SetupError, Stale, TransactionOpen
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll


@pytest.fixture
def scene(deps: Deps) -> Scene:
    project_id = enroll(deps, story()).project_id
    return deps.db.run(lambda session: projects.scenes(session, project_id)[0])


def take_of(session: Session, scene: Scene, slot: int = 1) -> Take:
    take = Take(
        project_id=scene.project_id, scene_id=scene.id, version=1, round=1, slot=slot, service="procedural",
        model="procedural-1", count=1, prompt="", request={}, state=str(TakeState.QUEUED),
    )  # fmt: skip
    session.add(take)
    session.flush()
    return take


def test_a_move_writes_the_state_and_its_trail_together(deps: Deps, scene: Scene) -> None:
    with pytest.raises(RuntimeError), deps.db.transaction() as session:
        advance(session, scene, "started")
        raise RuntimeError("the rest of the transaction failed")
    with deps.db.transaction() as session:
        assert session.get_one(Scene, scene.id).state == SceneState.WAITING
        advance(session, scene, "started", reason="its turn")
    with deps.db.transaction() as session:
        assert session.get_one(Scene, scene.id).state == SceneState.GENERATING
        last = session.execute(
            select(Transition).where(Transition.entity_id == scene.id).order_by(Transition.id.desc())
        )
        row = last.scalars().first()
        assert row is not None
        assert (row.from_state, row.to_state, row.event, row.reason) == ("waiting", "generating", "started", "its turn")


def test_a_time_is_told_as_how_much_later_than_now_by_the_databases_clock(deps: Deps, scene: Scene) -> None:
    hour = timedelta(hours=1)
    with deps.db.transaction() as session:
        advance(session, scene, "started", started_at=NOW, due_at=hour)
    with deps.db.transaction() as session:
        found = session.get_one(Scene, scene.id)
        now = session.execute(select(func.clock_timestamp())).scalar_one()
        assert found.started_at is not None and found.due_at is not None
        assert now - timedelta(minutes=1) < found.started_at <= now
        assert hour - timedelta(seconds=1) < found.due_at - found.started_at < hour + timedelta(seconds=1)


def test_moves_of_other_shapes_do_not_share_a_statement(deps: Deps, scene: Scene) -> None:
    with deps.db.transaction() as session:
        advance(session, scene, "started", note="one", round=1)
        moved = session.execute(select(Scene.note, Scene.round, Scene.sent_at.is_not(None)).where(Scene.id == scene.id))
        assert moved.one() == ("one", 1, True)
        take, other = take_of(session, scene), take_of(session, scene, 2)
        advance(session, take, "submit_began", tries=2)
        advance(session, other, "submit_began", sent=False)
        rows = session.execute(select(Take.tries, Take.sent_at.is_not(None)).order_by(Take.slot)).all()
        assert [tuple(row) for row in rows] == [(2, True), (0, False)]


def test_a_row_that_moved_on_is_stale(deps: Deps, scene: Scene) -> None:
    deps.db.run(lambda session: advance(session, scene, "started"))
    with pytest.raises(Stale):
        deps.db.run(lambda session: advance(session, scene, "started"))


def test_a_move_under_a_lease_that_was_lost_is_stale(deps: Deps, scene: Scene) -> None:
    with pytest.raises(Stale):
        deps.db.run(lambda session: advance(session, scene, "started", lease=uuid4()))


def test_an_event_that_is_not_in_the_table_is_a_defect(deps: Deps, scene: Scene) -> None:
    with pytest.raises(ValueError, match="no transition"):
        deps.db.run(lambda session: advance(session, scene, "delivered"))


def test_many_rows_move_in_one_go_and_each_leaves_its_trail(deps: Deps, scene: Scene) -> None:
    with deps.db.transaction() as session:
        takes = [take_of(session, scene, slot).id for slot in (1, 2, 3)]
    with deps.db.transaction() as session:
        assert set(advance_many(session, Entity.TAKE, [*takes, uuid4()], "cancelled")) == set(takes)
        trail = session.execute(select(Transition).where(Transition.event == "cancelled")).scalars().all()
        assert {row.entity_id for row in trail} == set(takes) and {row.scene_id for row in trail} == {scene.id}


def test_of_many_that_want_a_row_one_gets_it(deps: Deps, scene: Scene) -> None:
    def attempt(_: int) -> bool:
        return deps.db.run(
            lambda s: claim(s, Scene, scene.id, ["waiting"], token=uuid4(), seconds=30, by="one")
        ) is not None  # fmt: skip

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


def test_a_lease_that_ran_out_is_free_and_ones_own_can_be_claimed_again(deps: Deps, scene: Scene) -> None:
    token = uuid4()

    def mine(seconds: float) -> Scene | None:
        return deps.db.run(
            lambda s: claim(s, Scene, scene.id, ["waiting"], token=token, seconds=seconds, by="me")
        )  # fmt: skip

    assert mine(30) is not None and mine(30) is not None  # the answer to the first commit may have been lost
    deps.db.run(lambda s: s.execute(update(Scene).values(lease_until=text("now() - interval '1 second'"))))
    other = deps.db.run(lambda s: claim(s, Scene, scene.id, ["waiting"], token=uuid4(), seconds=30, by="other"))
    assert other is not None and other.lease_by == "other"


def test_a_parked_row_is_not_to_be_had_before_it_is_due(deps: Deps, scene: Scene) -> None:
    token = uuid4()
    row = deps.db.run(lambda s: claim(s, Scene, scene.id, ["waiting"], token=token, seconds=30, by="me"))
    assert row is not None
    assert deps.db.run(lambda s: park(s, row, token, 60, error="busy"))
    assert deps.db.run(lambda s: claim(s, Scene, scene.id, ["waiting"], token=uuid4(), seconds=1, by="me")) is None
    kept = deps.db.run(lambda s: s.get_one(Scene, scene.id))
    assert kept.tries == 1 and kept.last_error == "busy"


def test_the_same_slot_cannot_be_bought_twice(deps: Deps, scene: Scene) -> None:
    deps.db.run(lambda session: take_of(session, scene))
    with pytest.raises(IntegrityError, match="uq_takes_scene_id"):
        deps.db.run(lambda session: take_of(session, scene))


def test_a_scene_has_one_selected_candidate(deps: Deps, scene: Scene) -> None:
    def two_selected(session: Session) -> None:
        take = take_of(session, scene)
        for number in (1, 2):
            session.add(
                GenerationCandidate(
                    project_id=scene.project_id, scene_id=scene.id, take_id=take.id, version=1, number=number,
                    handle={}, state="selected", is_selected=True,
                )
            )  # fmt: skip

    with pytest.raises(IntegrityError, match="uq_candidates_selected"):
        deps.db.run(two_selected)


def test_the_trail_is_numbered_in_commit_order_so_that_no_reader_misses_a_late_commit(deps: Deps, scene: Scene) -> None:
    """A transaction that drew its id first and committed last must not appear behind the reader."""
    seen: list[int] = []

    def read(session: Session) -> None:
        record.number(session)
        found = record.since(session, scene.project_id, seen[-1] if seen else 0)
        seen.extend(row.seq for row in found if row.seq is not None)

    deps.db.run(read)
    before = len(seen)
    opened, go = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with deps.db.transaction() as session:
            advance(session, scene, "started")
            opened.set()
            go.wait(10)

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert opened.wait(10)
    other = deps.db.run(lambda s: projects.get(s, scene.project_id))
    deps.db.run(lambda s: advance(s, other, "paused"))
    deps.db.run(read)
    assert len(seen) == before + 1  # the later id, committed first
    go.set()
    writer.join()
    deps.db.run(read)
    assert len(seen) == before + 2 and seen == sorted(set(seen))


def test_a_ledger_entry_written_twice_is_one(deps: Deps, scene: Scene) -> None:
    price = Decimal("1.25")

    def buy(session: Session) -> None:
        take = take_of(session, scene)
        attempt = money.begin_attempt(session, money.order_of(take, price), 5)
        money.settle(session, take, None)
        money.settle(session, take, Decimal("9"))
        money.end_attempt(session, attempt.id, "accepted", operation="op")
        assert not money.end_attempt(session, attempt.id, "not_accepted")

    deps.db.run(buy)
    entries = deps.db.run(lambda s: s.execute(select(LedgerEntry.kind, LedgerEntry.amount)).all())
    assert sorted((kind, amount) for kind, amount in entries) == [("reserve", price), ("settle", price)]
    assert deps.db.run(lambda s: money.spent(s, scene.project_id)) == money.Balance(price, Decimal(0))
    assert deps.db.run(lambda s: s.execute(select(Attempt.outcome)).scalar_one()) == "accepted"


def test_what_is_slow_cannot_begin_inside_a_transaction(deps: Deps) -> None:
    with pytest.raises(TransactionOpen, match="ffmpeg"), deps.db.transaction():
        slow("ffmpeg")
    slow("ffmpeg")


def test_a_deadlock_is_tried_again(deps: Deps) -> None:
    first, second = (enroll(deps, story(title=title)).project_id for title in ("one", "two"))
    meet = threading.Barrier(2, timeout=5)
    tried: list[int] = []

    def cross(here: object, there: object) -> None:
        def work(session: Session) -> None:
            tried.append(1)
            session.execute(update(Project).where(Project.id == here).values(note="x"))
            if len(tried) <= 2:
                meet.wait()
            session.execute(update(Project).where(Project.id == there).values(note="x"))

        deps.db.run(work)

    threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(tried) == 3


def test_a_database_of_another_version_is_refused_in_words(database: Database, database_url: str) -> None:
    migrate.check(database_url)
    database.run(lambda session: session.execute(text("UPDATE alembic_version SET version_num = 'from the future'")))
    for refuse in (migrate.check, migrate.upgrade):
        with pytest.raises(SetupError, match="newer version") as error:
            refuse(database_url)
        assert "nothing was changed" in error.value.remedy
    database.run(lambda session: session.execute(text("DELETE FROM alembic_version")))
    with pytest.raises(SetupError) as error:
        migrate.check(database_url)
    assert "vidpipe db upgrade" in error.value.remedy


def test_the_models_are_what_the_migrations_make(database: Database) -> None:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - a test's tool
    from alembic.migration import MigrationContext  # noqa: PLC0415

    from vidpipe.db.models import Base  # noqa: PLC0415

    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
