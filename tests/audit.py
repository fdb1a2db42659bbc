"""What must be true of a film's rows and of its services' books: at every moment, and when it has come to rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import DateTime, func, select, text
from sqlalchemy.orm import Session

from tests.fickle import Fickle
from vidpipe.db import money, projects, scenes
from vidpipe.db.models import (
    Attempt,
    ClusterSign,
    Cut,
    Drawing,
    GenerationCandidate,
    LedgerEntry,
    Project,
    Purchase,
    Scene,
    ServiceLane,
    Take,
    Transition,
)
from vidpipe.domain.states import (
    CANDIDATE_ENDED,
    PROJECT_RUNS,
    SCENE_ENDED,
    STATES,
    TABLE,
    TAKE_ENDED,
    CutState,
    Entity,
    ProjectState,
    SceneState,
    TakeState,
)

_ROWS = {
    Entity.PROJECT: Project, Entity.SCENE: Scene, Entity.TAKE: Take, Entity.CANDIDATE: GenerationCandidate,
    Entity.DRAWING: Drawing, Entity.CUT: Cut,
}  # fmt: skip
# What says when something is due, was sent, runs out, or came after something else.
_IN_TIME = (
    Project, Scene, Take, GenerationCandidate, Drawing, Cut, Attempt, LedgerEntry, ServiceLane, ClusterSign
)  # fmt: skip


def pass_time(session: Session, seconds: float) -> None:
    """Let `seconds` go by: whatever any row says of time is as much longer ago, or as much sooner."""
    changes = []
    for model in _IN_TIME:
        moments = [column.name for column in model.__table__.columns if isinstance(column.type, DateTime)]
        earlier = ", ".join(f"{name} = {name} - interval '{seconds} s'" for name in moments)
        changes.append(f"UPDATE {model.__tablename__} SET {earlier}")
    session.execute(text("; ".join(changes)))


def standing(session: Session, project_id: UUID) -> tuple[object, ...]:
    """Everything that an order of a person could change, to be compared."""
    of_film = "WHERE project_id = :film"
    found = text(
        "SELECT (SELECT (state, note, budget, priority)::text FROM projects WHERE id = :film),"
        f" (SELECT count(*) FROM transitions {of_film}),"
        " (SELECT string_agg((id, state, version, round, note)::text, ',' ORDER BY id) FROM scenes"
        f" {of_film}), (SELECT string_agg((id, state, round, slot, operation, fault, admitted_at IS NULL)::text, ','"
        f" ORDER BY id) FROM takes {of_film}), (SELECT string_agg((attempt_id, kind, amount)::text, ','"
        f" ORDER BY attempt_id, kind) FROM ledger_entries {of_film}), (SELECT string_agg((a.id, a.outcome,"
        " a.operation)::text, ',' ORDER BY a.id) FROM attempts a JOIN purchases p ON p.id = a.purchase_id"
        f" {of_film})"
    )
    return tuple(session.execute(found, {"film": project_id}).one())


def money_is_right(session: Session, project_id: UUID, services: Iterable[Fickle]) -> None:
    """What is settled was billed, and what was billed is settled or reserved."""
    balance = money.spent(session, project_id)
    billed = sum((service.billed for service in services), Decimal(0))
    assert balance.settled <= billed <= balance.committed, f"{balance} against a bill of {billed}"


def bounds_hold(session: Session, project_id: UUID) -> None:
    """Neither the film nor a version of a scene has cost more than it may, with everything that is reserved."""
    project = projects.get(session, project_id)
    committed = money.spent(session, project_id).committed
    assert project.budget is None or committed <= project.budget, f"{committed} of a budget of {project.budget}"
    for scene in projects.scenes(session, project_id):
        if scene.max_cost is not None:
            of_scene = money.spent_on_version(session, scene.id, scene.version).committed
            assert of_scene <= scene.max_cost, f"{scene.label} costs {of_scene}, of at most {scene.max_cost}"


def replay(session: Session, project_id: UUID) -> None:
    """Every row's moves follow each other, are legal, and end where the row stands; and orders keep to them.

    A film that is paused, cancelled or ended orders nothing, nor does a scene that is not being made.
    """
    moves = session.execute(
        select(Transition).where(Transition.project_id == project_id).order_by(Transition.id)
    ).scalars()
    at: dict[tuple[Entity, UUID], str] = {}
    film = (Entity.PROJECT, project_id)
    for move in moves:
        row = (Entity(move.entity), move.entity_id)
        assert at.get(row, "") == move.from_state, f"{row} is {at.get(row)}, and moved from {move.from_state}"
        if move.event != "made":
            from_ = STATES[row[0]](move.from_state)
            assert TABLE[row[0], from_, move.event] == move.to_state, f"{row}: {from_} {move.event} {move.to_state}"
        else:
            assert not move.from_state
        at[row] = move.to_state
        if move.event in ("submit_began", "draw_began"):
            assert at[film] in PROJECT_RUNS, f"an order of a film that is {at[film]}"
            scene = at[Entity.SCENE, move.scene_id or project_id]
            assert scene == SceneState.GENERATING, f"an order for a scene that is {scene}"
    _stands(session, project_id, at)


def _stands(session: Session, project_id: UUID, at: dict[tuple[Entity, UUID], str]) -> None:
    seen = 0
    for entity, model in _ROWS.items():
        mine = model.id == project_id if model is Project else model.project_id == project_id  # type: ignore[attr-defined]
        for row_id, state in session.execute(select(model.id, model.state).where(mine)):
            assert at.get((entity, row_id)) == state, f"{entity} {row_id} is {state}, its moves say otherwise"
            seen += 1
    assert seen == len(at), "rows were removed"


def bought_once(session: Session, project_id: UUID, services: Iterable[Fickle]) -> None:
    """No token was ever sent twice, and no service took an order that no attempt stands for."""
    attempts = set(
        session.execute(
            select(Attempt.token)
            .join(Purchase, Purchase.id == Attempt.purchase_id)
            .where(Purchase.project_id == project_id)
        ).scalars()
    )
    for service in services:
        assert all(times == 1 for times in service.tokens.values()), "an order was sent twice"
        assert {UUID(token) for token in service.tokens} <= attempts, "an order that nobody wrote down"


def idle(session: Session, project_id: UUID) -> bool:
    """Whether nothing is to come by itself, as far as the rows say: a quick look, which `at_rest` does not trust."""
    live = ("active", "stitching", "cancelling")
    found = text(
        "SELECT NOT EXISTS (SELECT FROM projects WHERE id = :film AND state = ANY(:live)) AND NOT EXISTS (SELECT FROM"
        " takes WHERE project_id = :film AND state NOT IN ('settled', 'refused', 'failed', 'cancelled', 'queued')"
        " AND NOT (state = 'uncertain' AND due_at IS NULL))"
    )
    return bool(session.execute(found, {"film": project_id, "live": list(live)}).scalar_one())


def at_rest(session: Session, project_id: UUID, services: Sequence[Fickle]) -> None:
    """Nothing is left that nobody will move, and what the film says of itself is what its scenes say."""
    project = projects.get(session, project_id)
    all_scenes = projects.scenes(session, project_id)
    found = {scene.state for scene in all_scenes}
    takes = projects.takes(session, project_id)
    unsure = [take for take in takes if take.state == TakeState.UNCERTAIN]
    match project.state:
        case ProjectState.DONE:
            assert found <= {SceneState.DONE, SceneState.SKIPPED} and SceneState.DONE in found, found
            _is_cut(session, project_id, all_scenes)
        case ProjectState.WAITING:
            assert project.note and (found & {SceneState.BLOCKED, SceneState.CANCELLED} or unsure), found
        case ProjectState.FAILED:
            assert project.note and found == {SceneState.SKIPPED}, found
        case ProjectState.CANCELLED:
            assert found <= SCENE_ENDED, found
        case state:
            assert state == ProjectState.PAUSED, f"at rest as {state}, scenes {found}"
    ended = {*TAKE_ENDED, *((TakeState.QUEUED,) if project.state == ProjectState.PAUSED else ())}
    left = [take for take in takes if take.state not in ended and take not in unsure]
    assert not left, f"takes left: {[(take.state, take.last_error) for take in left]}"
    assert all(take.due_at is None for take in unsure), "an order of unknown fate is asked about for ever"
    _nothing_under_way(session, project_id)
    _nothing_at_a_service(session, project_id, services)


def _is_cut(session: Session, project_id: UUID, all_scenes: Sequence[Scene]) -> None:
    cut = projects.latest_cut(session, project_id)
    assert cut is not None and cut.state == CutState.READY, cut and cut.state
    clips = scenes.clips(session, project_id)
    assert len(clips) == sum(scene.state == SceneState.DONE for scene in all_scenes)
    assert [chapter["title"] for chapter in cut.chapters or ()] == [scene.label for scene, _ in clips]


def _nothing_under_way(session: Session, project_id: UUID) -> None:
    for model in (Project, Scene, Take, GenerationCandidate, Drawing, Cut):
        mine = model.id == project_id if model is Project else model.project_id == project_id  # type: ignore[attr-defined]
        held = select(func.count()).select_from(model).where(mine, model.lease_token.is_not(None))
        assert not session.execute(held).scalar_one(), f"a {model.entity} is still held by a worker"
    candidates = session.execute(
        select(GenerationCandidate.state).where(GenerationCandidate.project_id == project_id).distinct()
    ).scalars()
    left = set(candidates) - {str(state) for state in CANDIDATE_ENDED}
    assert not left, f"clips are still {left}"


def _nothing_at_a_service(session: Session, project_id: UUID, services: Sequence[Fickle]) -> None:
    """What runs on at a service is known to be of unknown fate."""
    unclear = (
        select(Attempt.token)
        .join(Purchase, Purchase.id == Attempt.purchase_id)
        .join(Take, Take.id == Purchase.take_id)
        .where(Purchase.project_id == project_id)
        .where((Attempt.outcome == "unclear") | (Take.state == str(TakeState.UNCERTAIN)))
    )
    known = {str(token) for token in session.execute(unclear).scalars()}
    for service in services:
        running = {name.removeprefix(f"{service.name}-") for name in service.running()}
        assert running <= known, f"{service.name} still makes what nobody watches"


def told(session: Session, project_id: UUID) -> list[str]:
    """Where every row of the film stands, in words: what a failed test shows."""
    project = projects.get(session, project_id)
    lines = [f"film {project.state}, budget {project.budget}: {project.note}", f"uncertain: {project.on_uncertain}"]
    for scene in projects.scenes(session, project_id):
        lines.append(f"{scene.label} v{scene.version} {scene.state}: {scene.note or scene.last_error}")
    labels = {scene.id: scene.label for scene in projects.scenes(session, project_id)}
    for take in projects.takes(session, project_id):
        place = f"{labels[take.scene_id]} v{take.version} take {take.round}.{take.slot}"
        lines.append(f"{place} {take.state} at {take.service}, {take.operation}, due {take.due_at}: {take.last_error}")
    rows = select(Attempt, Purchase.take_id).join(Purchase).where(Purchase.project_id == project_id)
    for attempt, take_id in session.execute(rows.order_by(Attempt.created_at)):
        lines.append(f"order {attempt.token} of take {take_id}: {attempt.outcome}, {attempt.detail}")
    moves = select(Transition).where(Transition.project_id == project_id).order_by(Transition.id)
    for move in session.execute(moves).scalars():
        name = labels.get(move.entity_id, str(move.entity_id)[:8])
        lines.append(f"{move.entity} {name}: {move.from_state} {move.event} {move.to_state} ({move.reason})")
    return lines
