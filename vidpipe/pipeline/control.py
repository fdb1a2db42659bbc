"""The hand on the wheel: pause, resume, cancel, retry, skip. Each may be said twice, and at any time.

These only change rows; the tick sends what follows within a second.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from vidpipe.db import lanes, money, projects, scenes
from vidpipe.db.models import Drawing, GenerationCandidate, Project, Scene, Take
from vidpipe.db.transitions import NOW, advance, advance_many
from vidpipe.domain.states import PROJECT_ENDED, DrawingState, Entity, ProjectState, SceneState, TakeState
from vidpipe.errors import UserError
from vidpipe.pipeline.deps import Deps

CANCEL = "cancel"  # what a film may say is done where its budget is reached
_TO_RETRY = frozenset({SceneState.BLOCKED, SceneState.SKIPPED, SceneState.CANCELLED})


def pause(deps: Deps, project_id: UUID) -> str:
    """Buy nothing more; what is at a service already is still fetched and kept. Says what happened."""

    def work(session: Session) -> str:
        project = projects.lock(session, project_id)
        if project.state == ProjectState.PAUSED:
            return "it is paused already"
        _must_run(project)
        advance(session, project, "paused")
        lanes.back_in_line(session, Take.project_id == project_id)
        return f"paused; {_at_service(session, project_id)}"

    return deps.db.run(work)


def resume(deps: Deps, project_id: UUID) -> str:
    """Go on with a paused or waiting film. Says what happened."""

    def work(session: Session) -> str:
        project = projects.lock(session, project_id)
        if project.state in (ProjectState.ACTIVE, ProjectState.STITCHING):
            return "it is running"
        if project.state not in (ProjectState.PAUSED, ProjectState.WAITING, ProjectState.FAILED):
            raise UserError(f"a film that is {project.state} cannot go on", remedy="`vidpipe retry` begins again.")
        _go_on(session, project)
        return "it goes on"

    return deps.db.run(work)


def cancel(deps: Deps, project_id: UUID) -> str:
    """End the film; what is at a service is stopped where that can be done, else watched and kept."""

    def work(session: Session) -> str:
        project = projects.lock(session, project_id)
        if project.state in (ProjectState.CANCELLING, ProjectState.CANCELLED):
            return f"it is {project.state} already"
        if project.state in PROJECT_ENDED and project.state != ProjectState.FAILED:
            raise UserError(f"a film that is {project.state} cannot be cancelled")
        said = _at_service(session, project_id)
        advance(session, project, "cancel_asked")
        _cancel_scenes(session, [scene.id for scene in projects.scenes(session, project_id)])
        return f"cancelling; {said}"

    return deps.db.run(work)


def budget_reached(session: Session, project: Project, reason: str) -> None:
    """End a film that says so (`CANCEL`) where its budget does not allow a take; the caller holds its lock and its
    scenes'.

    Otherwise what is in flight is finished, and each scene is made with what it has, with a cheaper model, or is
    blocked (`pipeline/gather.py`).
    """
    advance(session, project, "cancel_asked", reason=reason, note=reason)
    _cancel_scenes(session, [scene.id for scene in projects.scenes(session, project.id)])


def set_budget(deps: Deps, project_id: UUID, budget: Decimal | None) -> str:
    """Give the film another budget, or none. Says what happened."""

    def work(session: Session) -> str:
        project = projects.lock(session, project_id)
        balance = money.spent(session, project_id)
        _write(session, project, budget=budget)
        so_far = f"${balance.settled:.2f} spent and ${balance.open:.2f} reserved so far"
        return f"{'no budget' if budget is None else f'the budget is ${budget:.2f}'}; {so_far}"

    return deps.db.run(work)


def set_priority(deps: Deps, project_id: UUID, priority: int) -> str:
    """Let the film go before others (1 to 9, 5 is usual), from its next take on. Says what happened."""
    if not 1 <= priority <= 9:
        raise UserError(f"there is no priority {priority}", remedy="Give 1 to 9; each step doubles a film's share.")

    def work(session: Session) -> str:
        _write(session, projects.lock(session, project_id), priority=priority)
        return f"the priority is {priority}"

    return deps.db.run(work)


def _write(session: Session, project: Project, **values: Any) -> None:
    session.execute(
        update(Project).where(Project.id == project.id).values(**values).execution_options(synchronize_session=False)
    )


def retry(deps: Deps, project_id: UUID, label: str | None = None) -> str:
    """Make a scene again (any that has ended), or every blocked, skipped or cancelled one. Says what happened."""

    def work(session: Session) -> str:
        project = projects.lock(session, project_id)
        wanted = _wanted(session, project_id, label)
        for scene in wanted:
            event = "retake_asked" if scene.state == SceneState.DONE else "retried"
            advance(
                session, scene, event, sent=False, version=scene.version + 1, round=0, note=None,
                started_at=None, finished_at=None,
            )  # fmt: skip
        if project.state != ProjectState.ACTIVE:
            _go_on(session, project)
        return f"again: {', '.join(scene.label for scene in wanted)}" if wanted else "the film goes on"

    return deps.db.run(work)


def skip(deps: Deps, project_id: UUID, label: str) -> str:
    """Leave a scene out of the film. Says what happened."""

    def work(session: Session) -> str:
        project = projects.lock(session, project_id)
        scene = scenes.lock(session, _scene(session, project_id, label).id)
        if scene.state == SceneState.SKIPPED:
            return f"{label} is left out already"
        if scene.state == SceneState.DONE:
            raise UserError(f"{label} is done", remedy="Cut it in the storyboard, or leave it.")
        _cancel_takes(session, [scene.id])
        reason = "left out by a person"
        advance(session, scene, "skipped", reason=reason, note=reason, finished_at=NOW)
        if project.state in (ProjectState.WAITING, ProjectState.FAILED):
            _go_on(session, project)
        return f"{label} is left out"

    return deps.db.run(work)


def _wanted(session: Session, project_id: UUID, label: str | None) -> list[Scene]:
    if label is None:
        return [
            scene for scene in projects.scenes(session, project_id) if scene.state in _TO_RETRY - {SceneState.SKIPPED}
        ]
    scene = _scene(session, project_id, label)
    if scene.state not in _TO_RETRY | {SceneState.DONE}:
        raise UserError(f"{label} is {scene.state}; only a scene that has ended can be made again")
    return [scenes.lock(session, scene.id)]


def _scene(session: Session, project_id: UUID, label: str) -> Scene:
    scene = scenes.by_label(session, project_id, label)
    if scene is None:
        known = ", ".join(other.label for other in projects.scenes(session, project_id))
        raise UserError(f"the film has no scene {label!r}", remedy=f"It has: {known}.")
    return scene


def _must_run(project: Project) -> None:
    if project.state not in (ProjectState.ACTIVE, ProjectState.WAITING, ProjectState.STITCHING):
        raise UserError(f"a film that is {project.state} cannot be paused")


def _go_on(session: Session, project: Project) -> None:
    event = "reopened" if project.state in (ProjectState.DONE, ProjectState.CANCELLED) else "resumed"
    if project.state == ProjectState.CANCELLING:
        raise UserError("the film is being cancelled", remedy="Wait until it is cancelled, then retry.")
    if project.state == ProjectState.DRAFT:
        raise UserError("the film was not enqueued yet")
    advance(session, project, event, sent=False, note=None, finished_at=None)
    for model in (Scene, Take, GenerationCandidate, Drawing):
        session.execute(
            update(model)
            .where(model.project_id == project.id, model.lease_token.is_(None))
            .values(sent_at=None, sends=0)
            .execution_options(synchronize_session=False)
        )


def _cancel_scenes(session: Session, scene_ids: list[UUID]) -> None:
    # A scene that somebody is buying for is waited for, so that what was just bought is seen here.
    scenes.lock_all(session, scene_ids)
    _cancel_takes(session, scene_ids)
    advance_many(session, Entity.SCENE, scene_ids, "cancelled", finished_at=NOW)


def _cancel_takes(session: Session, scene_ids: list[UUID]) -> None:
    takes = session.execute(select(Take.id).where(Take.scene_id.in_(scene_ids))).scalars().all()
    if takes:
        advance_many(session, Entity.TAKE, takes, "cancelled", states=[TakeState.QUEUED])
        advance_many(session, Entity.TAKE, takes, "cancel_asked", sent=False)
    drawn = session.execute(select(Drawing.id).where(Drawing.scene_id.in_(scene_ids))).scalars().all()
    if drawn:
        advance_many(session, Entity.DRAWING, drawn, "cancelled", states=[DrawingState.QUEUED], ended_at=NOW)


def _at_service(session: Session, project_id: UUID) -> str:
    at_work = [str(TakeState.SUBMITTING), str(TakeState.SUBMITTED)]
    takes = select(func.count()).where(Take.project_id == project_id, Take.state.in_(at_work))
    pictures = select(func.count()).where(Drawing.project_id == project_id, Drawing.state == str(DrawingState.DRAWING))
    counts = ((session.execute(takes).scalar_one(), "take"), (session.execute(pictures).scalar_one(), "picture"))
    told = [f"{count} {thing}{'' if count == 1 else 's'}" for count, thing in counts if count]
    one = sum(count for count, _ in counts) == 1
    return f"{' and '.join(told)} {'is' if one else 'are'} still at a service" if told else "nothing is at a service"
