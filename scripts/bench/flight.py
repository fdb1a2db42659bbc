"""Takes that a service has already accepted, written straight into the database: nothing had to be bought for them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from scripts.bench.films import AGREED, storyboard
from scripts.bench.service import MODEL, NAME
from scripts.bench.vendors import operation
from vidpipe.db import projects
from vidpipe.db.models import Scene, Take
from vidpipe.db.transitions import NOW, advance_many
from vidpipe.domain.states import Entity, TakeState
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

TAKES = 4  # a scene


def launch(deps: Deps, takes: int, *, begin: float, spread: float, vendor: str = "") -> None:
    """A film with `takes` takes at the service, due one after the other from `begin` to `begin + spread` seconds.

    No worker may run meanwhile: the scenes would be taken for new ones. Operations are named as the `vendor` does.
    """
    project_id = enroll(deps, storyboard(takes // TAKES, 1), consent=AGREED).project_id
    deps.db.run(lambda session: _submit(session, project_id, vendor))
    deps.db.run(lambda session: _due(session, begin, spread, takes))


def _submit(session: Session, project_id: UUID, vendor: str) -> None:
    scenes = projects.scenes(session, project_id)
    advance_many(session, Entity.SCENE, [scene.id for scene in scenes], "started", round=1)
    rows = [_take(scene, slot + 1, vendor) for scene in scenes for slot in range(TAKES)]
    session.add_all(rows)
    session.flush()
    ids = [row.id for row in rows]
    advance_many(session, Entity.TAKE, ids, "submit_began")
    advance_many(session, Entity.TAKE, ids, "accepted", submitted_at=NOW, deadline_at=timedelta(days=1))


def _take(scene: Scene, slot: int, vendor: str) -> Take:
    return Take(
        id=uuid4(), project_id=scene.project_id, scene_id=scene.id, version=1, round=1, slot=slot, service=NAME,
        model=MODEL, count=1, prompt=scene.prompt, request={}, seed=1, state=str(TakeState.QUEUED),
        operation=operation(vendor), sent_at=func.clock_timestamp(),
    )  # fmt: skip


def _due(session: Session, begin: float, spread: float, takes: int) -> None:
    """Due one after the other: as takes are that were submitted one after the other."""
    order = select(Take.id, func.row_number().over(order_by=Take.id).label("place")).subquery()
    pause = func.make_interval(0, 0, 0, 0, 0, 0, begin + order.c.place * (spread / takes))
    session.execute(
        update(Take)
        .where(Take.id == order.c.id)
        .values(due_at=func.clock_timestamp() + pause)
        .execution_options(synchronize_session=False)
    )
