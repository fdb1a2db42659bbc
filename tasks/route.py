"""The way of a film, declared once.

    segment 1   plan | then for every take: submit | poll            (parked: the wave asks from here on)
                where key frames are drawn, first for each of them: draw | gather
    segment 2   chord( [download | score] x candidates, gather ) | select | analyze | advance
    film end    stitch

`route(standing)` gives what remains from any state, so that starting, resuming and recovering are one
function. All run on io but `score` and `analyze`, which look at pictures and run on gpu.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import chain, chord
from celery.canvas import Signature

from tasks.advance import advance
from tasks.analyze import analyze
from tasks.base import follow_with
from tasks.broker import LAST
from tasks.cancel import cancel
from tasks.download import download
from tasks.draw import draw
from tasks.gather import gather
from tasks.plan import plan
from tasks.poll import poll
from tasks.reconcile import reconcile
from tasks.score import score
from tasks.select import select
from tasks.settle import settle
from tasks.stitch import stitch
from tasks.submit import submit
from vidpipe.boundary import crossing
from vidpipe.db.standing import Standing, standings
from vidpipe.domain.states import (
    SCENE_ENDED,
    CandidateState,
    DrawingState,
    Entity,
    ProjectState,
    SceneState,
    TakeState,
)
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Refs

QUEUES = {score.name: "gpu", analyze.name: "gpu"}  # everything else: io
# What has been begun goes on before anything new is begun, so that the first takes of a long film are at their service,
# and then at the GPU, while its last scenes are still planned. 0 is the first to be taken, 9 the last.
PRIORITIES = {plan.name: LAST}


def route(row: Standing) -> Signature | None:
    """What remains of the row's way from its state; None where it waits for something else or is at its end."""
    match row.entity:
        case Entity.PROJECT:
            return _project(row)
        case Entity.SCENE:
            return _scene(row)
        case Entity.TAKE:
            return _take(row)
        case Entity.CANDIDATE:
            return _candidate(row)
        case Entity.DRAWING:
            return _drawing(row)
        case _:
            return None


def _project(row: Standing) -> Any:
    match row.state:
        case ProjectState.STITCHING:
            return _say(stitch, row.id, row.words)
        case ProjectState.ACTIVE | ProjectState.CANCELLING:
            return _say(settle, row.id, row.words)
        case _:
            return None


def _scene(row: Standing) -> Any:
    match row.state:
        case SceneState.WAITING:
            return _say(plan, row.id, row.words)
        case SceneState.GENERATING:
            return chain(_say(gather, row.id, row.words), *_choose(row))
        case SceneState.SELECTING:
            return chain(*_choose(row))
        case SceneState.ANALYZING:
            return chain(*_choose(row)[1:])
        case state if state in SCENE_ENDED:
            return _say(advance, row.id, row.words)
        case _:
            return None


def _take(row: Standing) -> Any:
    match row.state:
        case TakeState.QUEUED:
            return chain(_say(submit, row.id, row.words), _say(poll, row.id, row.words))
        case TakeState.SUBMITTING | TakeState.UNCERTAIN:
            return _say(reconcile, row.id, row.words)
        case TakeState.SUBMITTED:
            return _say(poll, row.id, row.words)
        case TakeState.CANCELLING:
            return _say(cancel, row.id, row.words)
        case TakeState.DELIVERED:
            parts = [_fetch(UUID(str(part)), f"{row.words}, candidate {number}") for part, number in row.candidates]
            body = chain(_say(gather, row.scene_id, row.words), *_choose(row))
            return chord(parts, body) if parts else body
        case _:
            return None


def _candidate(row: Standing) -> Any:
    match row.state:
        case CandidateState.ANNOUNCED:
            return chain(_fetch(row.id, row.words), _say(gather, row.scene_id, row.words), *_choose(row))
        case CandidateState.STORED:
            return chain(_say(score, row.id, row.words), _say(gather, row.scene_id, row.words), *_choose(row))
        case _:
            return None


def _drawing(row: Standing) -> Any:
    match row.state:
        case DrawingState.QUEUED | DrawingState.DRAWING:
            return chain(_say(draw, row.id, row.words), _say(gather, row.scene_id, row.scene_words))
        case _:
            return None


def _fetch(candidate_id: UUID, words: str) -> Any:
    return chain(_say(download, candidate_id, words), _say(score, candidate_id, words))


def _choose(row: Standing) -> list[Any]:
    return [_say(task, row.scene_id, row.scene_words) for task in (select, analyze, advance)]


def _say(task: Any, row_id: UUID | None, words: str) -> Any:
    """The task on that row, to be read in Flower like a line of a call sheet."""
    order = {"priority": PRIORITIES[task.name]} if task.name in PRIORITIES else {}
    return task.si(str(row_id)).set(argsrepr=words, kwargsrepr="", queue=QUEUES.get(task.name, "io"), **order)


def send(deps: Deps, refs: Refs) -> None:
    """Send what remains for each row. Every message of a scene carries its root id: one scene is one trace."""
    for row in deps.db.run(lambda session: standings(session, [(ref.entity, ref.id) for ref in refs])):
        segment = route(row)
        if segment is not None:
            with crossing():
                segment.apply_async(root_id=str(row.root_id))


follow_with(send)
