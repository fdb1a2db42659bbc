"""analyze: write down what the chosen clip is, for the scenes that come after it (analyzing -> done).

A failed analysis is recorded and the film goes on.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from PIL import Image
from sqlalchemy import Uuid, bindparam, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from vidpipe.db import scenes
from vidpipe.db.models import Scene, SceneManifest, VideoClip
from vidpipe.db.transitions import NOW, advance
from vidpipe.domain.states import Entity, SceneState
from vidpipe.errors import VidpipeError
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs, Step

_COLOURS = 5


def _work(deps: Deps, scene: Scene, lease: UUID) -> Refs:
    clip = deps.db.run(lambda session: scenes.clip(session, scene))
    if clip is None:
        raise VidpipeError("the scene has no clip to look at")
    analysis = {
        "clip": {"key": clip.key, "duration": clip.duration, **(clip.facts or {})},
        "frames": {
            which: {"key": key, "palette": _palette(deps, key)}
            for which, key in (("first", clip.first_frame_key), ("last", clip.last_frame_key))
            if key
        },
        "faces": {"status": "unmeasured", "reason": "no face model is installed"},
        "objects": {"status": "unmeasured", "reason": "no object model is installed"},
    }
    deps.db.run(lambda session: _record(session, scene, lease, clip, analysis))
    return ()


def _palette(deps: Deps, key: str) -> list[list[int]]:
    """The frame's main colours, [r, g, b] from 0 to 255, most frequent first (median cut on a 64 px thumbnail)."""
    with deps.storage.open_local(key) as path, Image.open(path) as picture:
        small = picture.convert("RGB").resize((64, 36)).quantize(_COLOURS)
    flat = small.getpalette() or []
    counts = sorted(small.getcolors() or [], reverse=True)
    return [flat[3 * int(index) : 3 * int(index) + 3] for _, index in counts if isinstance(index, int)]


def _record(session: Session, scene: Scene, lease: UUID, clip: VideoClip, analysis: dict[str, Any]) -> None:
    session.execute(_analyzed(), {"scene": scene.id, "of_version": scene.version, "analysis": analysis})
    advance(session, scene, "analyzed", lease=lease, reason=f"{clip.duration:.2f} s", finished_at=NOW)


@cache
def _analyzed() -> Any:
    table: Any = SceneManifest.__table__
    mine = (table.c.scene_id == bindparam("scene", type_=Uuid), table.c.version == bindparam("of_version"))
    return update(table).where(*mine).values(cv_analysis_json=bindparam("analysis", type_=JSONB))


ANALYZE = Step(
    name="analyze",
    model=Scene,
    states=frozenset({SceneState.ANALYZING}),
    work=_work,
    gave_up="analysis_failed",
    after_giving_up=lambda scene: (Ref(Entity.SCENE, scene.id),),
)
