"""A service that does what a test says, and films whose rows a test has put where it wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tests.factories import make_take
from tests.stories import story
from vidpipe.db import projects
from vidpipe.db.models import Project, Scene, Take
from vidpipe.db.transitions import advance
from vidpipe.domain.requests import Accepted, Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll


@dataclass
class Scripted:
    """A service that does what a test says; findable and cancellable."""

    on_submit: Callable[[VideoRequest], Accepted] = lambda request: Accepted(f"op-{request.token}")
    on_poll: Callable[[str], Pending | Delivered] = lambda operation: Pending()
    on_fetch: Callable[[Path], None] = lambda dest: None
    on_find: Callable[[str], Accepted | None] = lambda token: None
    on_cancel: Callable[[str], bool] = lambda operation: True
    name: str = "procedural"
    submitted: list[VideoRequest] = field(default_factory=list)

    def submit(self, request: VideoRequest) -> Accepted:
        self.submitted.append(request)
        return self.on_submit(request)

    async def poll(self, operation: str) -> Pending | Delivered:
        return self.on_poll(operation)

    def fetch(self, operation: str, clip: RemoteClip, dest: Path) -> None:
        self.on_fetch(dest)

    def find(self, token: str) -> Accepted | None:
        return self.on_find(token)

    def cancel(self, operation: str) -> bool:
        return self.on_cancel(operation)


def film(deps: Deps, **values: Any) -> tuple[UUID, Scene]:
    """A film of one scene that waits for its turn."""
    project_id = enroll(deps, story(**values)).project_id
    return project_id, deps.db.run(lambda session: projects.scenes(session, project_id)[0])


def generating(deps: Deps, *takes: dict[str, Any], **values: Any) -> tuple[UUID, Scene, list[Take]]:
    """A film whose scene has these takes of its first round."""
    project_id, scene = film(deps, **values)

    def work(session: Session) -> list[Take]:
        advance(session, scene, "started", round=1)
        return [
            make_take(session, scene, slot=slot, **{"request": _REQUEST, **take}) for slot, take in enumerate(takes, 1)
        ]

    return project_id, scene, deps.db.run(work)


_REQUEST = {
    "duration": 1.0, "width": 160, "height": 90, "fps": 12, "audio": True, "label": "Shot 1A", "negative_prompt": "",
    "shot": "", "camera": "", "footage": None, "references": [], "first_frame": None, "last_frame": None,
}  # fmt: skip


def fresh(deps: Deps, row: Any) -> Any:
    """The row as it is now."""
    return deps.db.run(lambda session: session.get_one(type(row), row.id))


def film_of(deps: Deps, project_id: UUID) -> Project:
    return deps.db.run(lambda session: projects.get(session, project_id))
