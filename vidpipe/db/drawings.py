"""Questions about pictures that are drawn for scenes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from vidpipe.db.models import Drawing, Scene
from vidpipe.domain.states import DRAWING_LIVE, DrawingState, SceneState

_LIVE = [str(state) for state in DRAWING_LIVE]


def of_frame(session: Session, scene: Scene, which: str, round_: int) -> Sequence[Drawing]:
    """The drawings of one key frame of the scene's version, made for a round of takes, in their order."""
    found = select(Drawing).where(
        Drawing.scene_id == scene.id, Drawing.version == scene.version, Drawing.which == which, Drawing.round == round_
    )
    return session.execute(found.order_by(Drawing.number)).scalars().all()


def wanted() -> ColumnElement[bool]:
    """SQL: the scene of a drawing is still being made, in the drawing's version."""
    return exists().where(
        Scene.id == Drawing.scene_id, Scene.version == Drawing.version, Scene.state == str(SceneState.GENERATING)
    )


def under_way() -> ColumnElement[bool]:
    """SQL: a picture for the scene's version is still to come by itself."""
    return exists().where(Drawing.scene_id == Scene.id, Drawing.version == Scene.version, Drawing.state.in_(_LIVE))


def unclear() -> ColumnElement[bool]:
    """SQL: nobody knows what became of a picture for the scene's version."""
    return exists().where(
        Drawing.scene_id == Scene.id, Drawing.version == Scene.version, Drawing.state == str(DrawingState.UNCERTAIN)
    )


def at_service(session: Session, service: str) -> int:
    """How many pictures a service is drawing now."""
    found = select(func.count()).where(Drawing.service == service, Drawing.state == str(DrawingState.DRAWING))
    return int(session.execute(found).scalar_one())
