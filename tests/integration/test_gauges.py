"""The figures asked of rows: each counts what it says, from an index, without holding anybody up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.orm import Session

from tasks.route import route
from tests.factories import buy, make_candidate, make_film, make_scene, make_take
from vidpipe.db import lanes, money
from vidpipe.db.engine import Database
from vidpipe.db.models import ClusterSign, GenerationCandidate, Project, Scene, ServiceLane, Take, Transition
from vidpipe.db.standing import Standing
from vidpipe.domain.states import (
    STATES,
    CandidateState,
    Entity,
    ProjectState,
    SceneState,
    TakeState,
)
from vidpipe.pipeline import gauges
from vidpipe.pipeline.gauges import GPU, Backlog, History, Now

NOW = datetime.now(UTC)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def ask(session: Session, db: Database) -> Now:
    """How it stands, once what the test has written is committed."""
    session.commit()
    return gauges.now(db, ("procedural", "veo"))


def look_back(session: Session, db: Database) -> History:
    session.commit()
    return gauges.history(db, ("procedural", "veo"))


@pytest.fixture
def session(database: Database) -> Any:
    with Session(database.engine, expire_on_commit=False) as found:
        yield found


def test_an_empty_cluster_has_zeros_and_no_tick(database: Database, session: Session) -> None:
    now = ask(session, database)
    assert now.backlog == {"io": Backlog(), "gpu": Backlog()}
    assert now.in_flight == now.in_line == {"procedural": 0, "veo": 0} and now.paused == {"procedural": 0, "veo": 0}
    assert (now.late, now.latest, now.waiting, now.unnumbered, now.tick) == (0, 0, 0, 0, None)
    assert set(now.troubled.values()) == {0} and len(now.troubled) == 15 and not now.changed
    assert set(now.uncertain.values()) == {0}
    back = look_back(session, database)
    assert back.money == {"procedural": money.Balance(), "veo": money.Balance()} and back.over_budget == 0
    assert back.films == dict.fromkeys(map(str, ProjectState), 0)
    assert back.composites == (0,) * len(gauges.COMPOSITES) and back.composite_sum == 0


@pytest.mark.parametrize("entity", [Entity.PROJECT, Entity.SCENE, Entity.TAKE, Entity.CANDIDATE])
def test_rows_are_counted_for_the_queue_that_the_route_sends_them_to(entity: Entity) -> None:
    sent = 0
    for state in STATES[entity]:
        row = Standing(entity, uuid4(), str(state), uuid4(), "A film", "A film", uuid4(), ((uuid4(), 1),))
        segment = route(row)
        if segment is None or (entity, state) == (Entity.TAKE, TakeState.DELIVERED):  # its candidates are counted
            continue
        first = segment.tasks[0] if hasattr(segment, "tasks") else segment
        assert first.options["queue"] == ("gpu" if (entity, state) in GPU else "io"), (entity, state)
        sent += 1
    assert sent >= 2


def test_a_backlog_is_what_could_be_worked_on_now_and_what_is(database: Database, session: Session) -> None:
    film = make_film(session)
    done = make_scene(session, film, state=SceneState.GENERATING)
    take = make_take(session, done, state=TakeState.DELIVERED)
    for number, values in enumerate(
        [
            {"state": CandidateState.STORED, "moved_at": ago(40)},
            {"state": CandidateState.STORED, "moved_at": ago(90), "due_at": ago(7)},  # since it is due
            {"state": CandidateState.STORED, "moved_at": ago(900), "due_at": ago(-60)},  # not due yet
            {"state": CandidateState.STORED, "moved_at": ago(900), "lease_until": ago(-5), "lease_token": uuid4()},
            {
                "state": CandidateState.STORED,
                "moved_at": ago(20),
                "lease_until": ago(3),
                "lease_token": uuid4(),
            },  # died
            {"state": CandidateState.ANNOUNCED, "moved_at": ago(11)},
            {"state": CandidateState.SCORED, "moved_at": ago(5000)},
        ]
    ):
        make_candidate(session, take, number=number, **values)
    paused = make_film(session, state=ProjectState.PAUSED)
    make_scene(session, paused, state=SceneState.SELECTING, moved_at=ago(700))
    found = ask(session, database).backlog
    assert (found["gpu"].free, found["gpu"].held) == (3, 1)
    assert found["gpu"].oldest == pytest.approx(40, abs=3)
    assert (found["io"].free, found["io"].held) == (1, 0)
    assert found["io"].oldest == pytest.approx(11, abs=3)


def test_scenes_whose_turn_has_come_and_films_to_be_stitched_are_work_for_io(
    database: Database, session: Session
) -> None:
    film = make_film(session)
    make_scene(session, film, state=SceneState.WAITING, moved_at=ago(30))
    make_scene(session, film, "Shot 1B", state=SceneState.ANALYZING, moved_at=ago(30))
    make_film(session, state=ProjectState.STITCHING, moved_at=ago(50))
    found = ask(session, database).backlog
    assert (found["io"].free, found["gpu"].free) == (2, 1)
    assert found["io"].oldest == pytest.approx(50, abs=3)


def test_takes_in_flight_and_in_line_are_those_of_the_lanes(database: Database, session: Session) -> None:
    scene = make_scene(session, make_film(session), state=SceneState.GENERATING)
    for slot, (state, admitted, service) in enumerate(
        [
            (TakeState.QUEUED, None, "veo"),
            (TakeState.QUEUED, None, "veo"),
            (TakeState.QUEUED, NOW, "veo"),
            (TakeState.SUBMITTED, NOW, "veo"),
            (TakeState.CANCELLING, NOW, "veo"),
            (TakeState.SUBMITTING, NOW, "procedural"),
            (TakeState.SETTLED, NOW, "procedural"),
            (TakeState.UNCERTAIN, NOW, "other"),
        ]
    ):
        make_take(session, scene, slot=slot, state=state, admitted_at=admitted, service=service)
    now = ask(session, database)
    assert now.in_line == {"veo": 2, "procedural": 0}
    assert now.in_flight == {"veo": 3, "procedural": 1}
    counted = select(Take.service).where(lanes.in_flight())
    assert sorted(session.execute(counted).scalars()) == ["procedural", "veo", "veo", "veo"]


def test_a_lane_is_paused_from_its_first_pause_until_an_order_is_taken(database: Database, session: Session) -> None:
    lane = ServiceLane(service="veo", strikes=3, paused_since=ago(950), paused_until=ago(-4), reason="quota")
    session.add(lane)
    session.add(ServiceLane(service="pika", strikes=0, paused_since=ago(950), paused_until=ago(900)))
    now = ask(session, database)
    assert now.paused["veo"] == pytest.approx(950, abs=3) and now.paused["pika"] == 0
    lane.paused_until = ago(2)  # one take is let go to see
    assert ask(session, database).paused["veo"] > 900
    lanes.reopen(session, "veo")
    assert ask(session, database).paused["veo"] == 0


def test_a_question_is_late_once_it_is_due_and_nobody_asks_it(database: Database, session: Session) -> None:
    scene = make_scene(session, make_film(session), state=SceneState.GENERATING)
    for slot, (state, due, lease) in enumerate(
        [
            (TakeState.SUBMITTED, 30, None),
            (TakeState.OVERDUE, 6, None),
            (TakeState.SUBMITTED, 2, None),
            (TakeState.SUBMITTED, -10, None),
            (TakeState.SUBMITTED, 60, ago(-10)),  # it is being asked
            (TakeState.SUBMITTED, 20, ago(1)),  # by a worker that died
            (TakeState.QUEUED, 99, None),
        ]
    ):
        make_take(session, scene, slot=slot, state=state, due_at=ago(due), lease_until=lease)
    now = ask(session, database)
    assert now.late == 3 and now.latest == pytest.approx(30, abs=3)


def test_rows_in_trouble_are_counted_until_they_are_at_their_end(database: Database, session: Session) -> None:
    film = make_film(session)
    scene = make_scene(session, film, state=SceneState.GENERATING)
    make_take(session, scene, slot=1, state=TakeState.SUBMITTED, tries=2)
    make_take(session, scene, slot=2, state=TakeState.QUEUED, tries=1, deaths=1)
    take = make_take(session, scene, slot=3, state=TakeState.FAILED, tries=3, deaths=3)
    make_candidate(session, take, state=CandidateState.ANNOUNCED, waits=4)
    make_candidate(session, take, number=2, state=CandidateState.UNUSABLE, waits=4)
    found = ask(session, database).troubled
    assert {key: count for key, count in found.items() if count} == {
        ("take", "tries"): 2, ("take", "deaths"): 1, ("candidate", "waits"): 1,
    }  # fmt: skip


def test_takes_of_unknown_fate_wait_for_their_service_or_for_a_person(database: Database, session: Session) -> None:
    scene = make_scene(session, make_film(session), state=SceneState.GENERATING)
    make_take(session, scene, slot=1, state=TakeState.UNCERTAIN, service="veo", due_at=None)
    make_take(session, scene, slot=2, state=TakeState.UNCERTAIN, service="veo", due_at=ago(1))
    make_take(session, scene, slot=3, state=TakeState.UNCERTAIN, service="veo", due_at=ago(-1))
    found = ask(session, database).uncertain
    assert found[("veo", "person")] == 1 and found[("veo", "service")] == 2 and found[("procedural", "person")] == 0


def test_a_film_waits_from_the_time_it_began_to(database: Database, session: Session) -> None:
    make_film(session, state=ProjectState.WAITING, moved_at=ago(4000))
    make_film(session, state=ProjectState.WAITING, moved_at=ago(40))
    make_film(session, state=ProjectState.DONE, moved_at=ago(9000))
    assert ask(session, database).waiting == pytest.approx(4000, abs=3)


def test_signs_tell_of_the_tick_and_of_what_began_anew(database: Database, session: Session) -> None:
    began = ago(500)
    for name, seen in (("tick", ago(8)), ("broker", ago(8)), ("database", ago(8)), ("buying", ago(8))):
        session.add(ClusterSign(name=name, value="x", changed_at=began, seen_at=seen))
    now = ask(session, database)
    assert now.tick == pytest.approx(8, abs=3) and not now.buying
    assert now.changed == {"broker": began, "database": began}


def test_moves_that_are_not_numbered_are_counted(database: Database, session: Session) -> None:
    film = make_film(session)
    moves = [
        {"seq": seq, "entity": "take", "entity_id": uuid4(), "project_id": film.id, "from_state": "", "to_state": "x",
         "event": "made"}
        for seq in (1, None, None)
    ]  # fmt: skip
    session.execute(insert(Transition), moves)
    assert ask(session, database).unnumbered == 2


def test_money_is_what_the_ledger_says_by_service(database: Database, session: Session) -> None:
    film = make_film(session, budget=Decimal(5))
    scene = make_scene(session, film)
    buy(session, make_take(session, scene, slot=1, service="veo"), "1.60", entries=["settle"])
    buy(session, make_take(session, scene, slot=2, service="veo"), "1.60")
    buy(session, make_take(session, scene, slot=3, service="veo"), "9.00", outcome="refused", entries=["release"])
    buy(session, make_take(session, scene, slot=4, service="procedural"), "0.25", entries=["settle", "adjust"])
    back = look_back(session, database)
    assert back.money["veo"] == money.Balance(Decimal("1.6"), Decimal("1.6"))
    assert back.money["procedural"] == money.Balance(Decimal("0.5"), Decimal(0))
    total = money.spent(session, film.id)
    assert sum(one.committed for one in back.money.values()) == total.committed
    assert back.over_budget == 0
    session.execute(update(Project).values(budget=total.committed - Decimal("0.000001")))
    assert look_back(session, database).over_budget == 1
    session.execute(update(Project).values(budget=None))
    assert look_back(session, database).over_budget == 0


def test_history_counts_by_state_and_scores_by_their_size(database: Database, session: Session) -> None:
    film = make_film(session, state=ProjectState.DONE)
    scene = make_scene(session, film, state=SceneState.DONE)
    take = make_take(session, scene)
    for number, composite in enumerate([0.05, 0.74, 0.8, 1.0, None]):
        make_candidate(session, take, number=number, composite=composite)
    back = look_back(session, database)
    assert back.films["done"] == 1 and back.scenes["done"] == 1 and back.scenes["blocked"] == 0
    assert back.candidates["scored"] == 5
    assert back.composites == (1, 1, 1, 1, 1, 1, 1, 3, 3, 4) and back.composite_sum == pytest.approx(2.59)


def test_asking_changes_nothing_and_holds_nobody_up(database: Database, session: Session) -> None:
    film = make_film(session)
    session.commit()
    session.execute(update(Project).where(Project.id == film.id).values(title="held"))  # a lock on the row
    assert gauges.history(database).films["active"] == 1
    session.rollback()

    def write(asking: Session) -> None:
        gauges._begin(asking, 1.0)
        asking.execute(update(Project).values(title="written"))

    with pytest.raises(InternalError, match="read-only transaction"):
        database.run(write, patience=0.0)


def test_a_question_that_takes_too_long_is_given_up(database: Database, session: Session) -> None:
    session.execute(text("LOCK TABLE takes IN ACCESS EXCLUSIVE MODE"))
    with pytest.raises(DBAPIError, match="statement timeout"):
        gauges.now(database)
    session.rollback()
    assert gauges.now(database).tick is None


MANY = text(
    """
    INSERT INTO takes (id, project_id, scene_id, version, round, slot, service, model, count, prompt, request, state,
                       admitted_at)
    SELECT gen_random_uuid(), :film, :scene, 1, n, 1, 'veo', 'veo-3', 1, 'x', '{}', 'settled', now()
    FROM generate_series(10, 20000) n
    """
)
MANY_CANDIDATES = text(
    """
    INSERT INTO generation_candidates (id, project_id, scene_id, take_id, version, number, handle, state)
    SELECT gen_random_uuid(), project_id, scene_id, id, 1, 9, '{}', 'passed' FROM takes WHERE state = 'settled'
    """
)
MANY_SCENES = text(
    """
    INSERT INTO scenes (id, project_id, sequence_id, position, label, prompt, spec, service, model, fallback, duration,
                        candidates, critical, max_takes, transition_kind, transition_seconds, root_id, state)
    SELECT gen_random_uuid(), project_id, sequence_id, n, 'Shot ' || n, 'x', '{}', 'veo', 'veo-3', '', 4, 1, true, 3,
           'cut', 0, gen_random_uuid(), 'done'
    FROM scenes, generate_series(10, 20000) n WHERE scenes.id = :scene
    """
)
MANY_MOVES = text(
    """
    INSERT INTO transitions (seq, entity, entity_id, project_id, from_state, to_state, event)
    SELECT n, 'take', gen_random_uuid(), :film, '', 'queued', 'made' FROM generate_series(1, 20000) n
    """
)


def test_what_is_over_costs_nothing_every_question_of_now_is_answered_from_an_index(
    database: Database, session: Session
) -> None:
    film = make_film(session)
    scene = make_scene(session, film, state=SceneState.GENERATING)
    for slot, state in enumerate(TakeState):
        take = make_take(session, scene, slot=slot, state=state, due_at=ago(slot))
        make_candidate(session, take, state=list(CandidateState)[slot % 6], selected_by=None)
    names = {"film": film.id, "scene": scene.id}
    for statement in (MANY, MANY_SCENES, MANY_MOVES):
        session.execute(statement, names)
    session.execute(MANY_CANDIDATES)
    session.commit()
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.execute(text("VACUUM ANALYZE"))
    statements = asked(database)
    assert len(statements) > 12
    big = {model.__tablename__ for model in (Take, Scene, GenerationCandidate, Transition)}
    with database.engine.connect() as connection:
        for statement in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}").scalar_one()[0]["Plan"]
            whole = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
            assert not whole & big, f"{whole & big} are read whole by {statement}"


def asked(database: Database) -> list[str]:
    """Every SELECT on rows that `now` asks, with its values."""
    found: list[str] = []

    def remember(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM" in statement and "pg_control" not in statement:
            found.append(cursor.mogrify(statement, parameters).decode())

    event.listen(database.engine, "before_cursor_execute", remember)
    gauges.now(database)
    event.remove(database.engine, "before_cursor_execute", remember)
    return found


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a plan."""
    return [plan, *(node for below in plan.get("Plans", []) for node in nodes(below))]
