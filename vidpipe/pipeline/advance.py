"""advance: a scene that ended ends its takes, releases those that waited for it, and the film is settled."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from vidpipe.db import scenes
from vidpipe.db.models import Scene
from vidpipe.domain.states import Entity
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.gather import settle_takes
from vidpipe.pipeline.settle import settle
from vidpipe.pipeline.step import Ref, Refs


def advance_film(deps: Deps, scene_id: UUID) -> Refs:
    """The scenes that may start now, and the film if it is ready for its stitch."""
    project_id, released = deps.db.run(lambda session: _release(session, settle_takes(session, scene_id)))
    return [*(Ref(Entity.SCENE, other) for other in released), *settle(deps, project_id)]


def _release(session: Session, scene: Scene) -> tuple[UUID, list[UUID]]:
    released = list(scenes.release_after(session, scene.id))
    if released:
        session.execute(
            update(Scene)
            .where(Scene.id.in_(released))
            .values(sent_at=func.clock_timestamp())
            .execution_options(synchronize_session=False)
        )
    return scene.project_id, released
