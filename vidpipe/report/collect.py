"""Rows of one film to a `Report`: read in one snapshot, so that a film that runs is told consistently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from vidpipe.db import money, projects
from vidpipe.db.engine import Database
from vidpipe.db.models import (
    Attempt,
    Cut,
    Drawing,
    GenerationCandidate,
    Project,
    Purchase,
    Scene,
    Take,
    Transition,
)
from vidpipe.db.models import Sequence as SequenceRow
from vidpipe.db.money import Line
from vidpipe.domain.scoring import weights_of
from vidpipe.domain.states import CandidateState, DrawingState, Entity, ProjectState, SceneState, TakeState
from vidpipe.report import candidates as clips
from vidpipe.report import ledger, timeline
from vidpipe.report.asked import asked, pictures
from vidpipe.report.bought import DrawingFacts, TakeFacts
from vidpipe.report.facts import (
    CandidateFacts,
    Chapter,
    CutFacts,
    FilmFacts,
    Report,
    SceneFacts,
    Span,
    Totals,
    TransitionFacts,
)

_REPEATABLE = {"isolation_level": "REPEATABLE READ"}


def collect(db: Database, project_id: UUID) -> Report:
    """The report of a film as it stands; raises UserError where there is no such film."""
    return db.run(lambda session: _collect(session, project_id))


@dataclass(frozen=True)
class _Rows:
    """Everything of one film, read in a handful of queries however many scenes it has."""

    project: Project
    sequences: dict[UUID, SequenceRow]
    scenes: Sequence[Scene]
    takes: dict[UUID, list[Take]]  # by scene
    drawings: dict[UUID, list[Drawing]]  # by scene
    candidates: dict[UUID, list[GenerationCandidate]]  # by scene
    transitions: Sequence[Transition]
    attempts: dict[UUID, int]  # how many, by take or drawing
    lines: Sequence[Line]  # of the ledger
    cut: Cut | None

    def take(self, candidate: GenerationCandidate) -> Take:
        """The take that brought it."""
        return next(take for take in self.takes[candidate.scene_id] if take.id == candidate.take_id)


def _collect(session: Session, project_id: UUID) -> Report:
    session.connection(execution_options=_REPEATABLE)
    rows = _read(session, project_id)
    moves = _transitions(rows)
    start = rows.project.started_at or rows.project.created_at
    as_of = max([start, rows.project.moved_at, *(row.at for row in rows.transitions)])
    end = rows.project.finished_at or as_of
    own = [move for move in moves[None] if move.entity == Entity.PROJECT]
    film_lane = tuple(timeline.stretches(own, start, end))
    held = [span for span in film_lane if span.step == "held"]
    spans = {scene.id: timeline.stretches(moves[scene.id], start, end) for scene in rows.scenes}
    scenes = tuple(_scene(rows, scene, moves[scene.id], timeline.lane(spans[scene.id], held)) for scene in rows.scenes)
    worked = [*(span for one in spans.values() for span in one), *(span for span in film_lane if span.step == "stitch")]
    return Report(
        film=_film(rows, start, end, as_of),
        totals=_totals(rows, scenes, worked),
        scenes=scenes,
        film_lane=film_lane,
        film_transitions=tuple(moves[None]),
    )


def _read(session: Session, project_id: UUID) -> _Rows:
    project = projects.get(session, project_id)

    def all_of(statement: Any) -> list[Any]:
        return list(session.execute(statement).scalars())

    purchases = all_of(select(Purchase).where(Purchase.project_id == project_id).order_by(Purchase.created_at))
    whose = {purchase.id: purchase.take_id or purchase.drawing_id for purchase in purchases}
    attempts: dict[UUID, int] = defaultdict(int)
    mine = select(Purchase.id).where(Purchase.project_id == project_id)
    for attempt in all_of(select(Attempt).where(Attempt.purchase_id.in_(mine))):
        attempts[whose[attempt.purchase_id]] += 1
    drawings = select(Drawing).where(Drawing.project_id == project_id).order_by(Drawing.created_at, Drawing.id)
    candidates = (
        select(GenerationCandidate)
        .join(Take, Take.id == GenerationCandidate.take_id)
        .where(GenerationCandidate.project_id == project_id)
        .order_by(Take.version, Take.round, Take.slot, GenerationCandidate.number)
    )
    return _Rows(
        project=project,
        sequences={sequence.id: sequence for sequence in projects.sequences(session, project_id)},
        scenes=projects.scenes(session, project_id),
        takes=_by_scene(projects.takes(session, project_id)),
        drawings=_by_scene(all_of(drawings)),
        candidates=_by_scene(all_of(candidates)),
        transitions=all_of(
            select(Transition).where(Transition.project_id == project_id).order_by(Transition.at, Transition.id)
        ),
        attempts=attempts,
        lines=money.lines(session, Purchase.project_id == project_id),
        cut=projects.latest_cut(session, project_id),
    )


def _by_scene(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.scene_id].append(row)
    return found


def _film(rows: _Rows, start: datetime, end: datetime, as_of: datetime) -> FilmFacts:
    project = rows.project
    return FilmFacts(
        id=project.id, title=project.title, state=ProjectState(project.state),
        note=project.note or project.last_error or "", created_at=project.created_at, started_at=project.started_at,
        finished_at=project.finished_at, as_of=as_of,
        wall_seconds=(end - start).total_seconds() if project.started_at else None,
        width=project.width, height=project.height, fps=project.fps, audio=project.audio,
        quality_mode=project.quality_mode, budget=project.budget, weights=weights_of(project.weights or None),
        cut=_cut(rows.cut),
    )  # fmt: skip


def _cut(cut: Cut | None) -> CutFacts | None:
    if cut is None:
        return None
    chapters = tuple(
        Chapter(str(mark["title"]), float(mark["start"]), float(mark["end"])) for mark in cut.chapters or ()
    )
    return CutFacts(
        number=cut.number, state=cut.state, key=cut.key, duration=cut.duration, chapters=chapters,
        stitch_seconds=cut.seconds, error=cut.last_error or "",
    )  # fmt: skip


def _transitions(rows: _Rows) -> dict[UUID | None, list[TransitionFacts]]:
    """The trail by scene; None for what happened to the film and its cuts."""
    names: dict[UUID, str] = {}
    for take in (take for takes in rows.takes.values() for take in takes):
        names[take.id] = f"take {take.round}.{take.slot}"
    for drawing in (drawing for found in rows.drawings.values() for drawing in found):
        names[drawing.id] = f"{drawing.which} frame"
    for candidate in (candidate for found in rows.candidates.values() for candidate in found):
        names[candidate.id] = f"{names[candidate.take_id]}, candidate {candidate.number}"
    found: dict[UUID | None, list[TransitionFacts]] = defaultdict(list)
    for row in rows.transitions:
        name = names.get(row.entity_id, "film" if row.entity == Entity.PROJECT else row.entity)
        found[row.scene_id].append(
            TransitionFacts(
                row.at, row.entity, row.entity_id, name, row.from_state, row.to_state, row.event, row.reason or ""
            )
        )
    return found


def _scene(rows: _Rows, scene: Scene, moves: Sequence[TransitionFacts], lane: tuple[Span, ...]) -> SceneFacts:
    delivered = tuple(clips.facts(row, rows.take(row)) for row in rows.candidates.get(scene.id, ()))
    chosen = next((one for one in delivered if one.selected and one.version == scene.version), None)
    seconds = (scene.finished_at - scene.started_at).total_seconds() if scene.started_at and scene.finished_at else None
    return SceneFacts(
        id=scene.id, position=scene.position, label=scene.label, sequence=rows.sequences[scene.sequence_id].title,
        state=SceneState(scene.state), note=scene.note or scene.last_error or "", prompt=scene.prompt,
        negative_prompt=str(scene.spec.get("negative_prompt") or ""), shot=str(scene.spec.get("shot") or ""),
        camera=str(scene.spec.get("camera") or ""), service=scene.service, model=scene.model, fallback=scene.fallback,
        critical=scene.critical, asked_duration=scene.duration, wanted_candidates=scene.candidates,
        version=scene.version, rounds=scene.round, started_at=scene.started_at, finished_at=scene.finished_at,
        wall_seconds=seconds, money=ledger.sums(line for line in rows.lines if line.scene_id == scene.id),
        chosen=chosen, why=_why(chosen, moves), service_why=str(scene.spec.get("chosen") or ""), candidates=delivered,
        takes=tuple(_take(take, rows.attempts.get(take.id, 0)) for take in rows.takes.get(scene.id, ())),
        drawings=tuple(_drawing(one, rows) for one in rows.drawings.get(scene.id, ())), transitions=tuple(moves),
        lane=lane,
    )  # fmt: skip


def _drawing(drawing: Drawing, rows: _Rows) -> DrawingFacts:
    asked_for = drawing.request
    return DrawingFacts(
        id=drawing.id, which=drawing.which, version=drawing.version, round=drawing.round, number=drawing.number,
        state=DrawingState(drawing.state), service=drawing.service, model=drawing.model,
        model_version=drawing.model_version or "", seed=drawing.seed, prompt=drawing.prompt,
        policy_level=drawing.policy_level, aspect=str(asked_for["aspect"]), resolution=str(asked_for["resolution"]),
        pictures=pictures(asked_for["references"]), attempts=rows.attempts.get(drawing.id, 0), key=drawing.key or "",
        width=drawing.width, height=drawing.height,
        money=ledger.sums(line for line in rows.lines if line.drawing_id == drawing.id),
        error=drawing.last_error or "", ended_at=drawing.ended_at,
    )  # fmt: skip


def _take(take: Take, attempts: int) -> TakeFacts:
    return TakeFacts(
        id=take.id, version=take.version, round=take.round, slot=take.slot, state=TakeState(take.state),
        service=take.service, model=take.model, model_version=take.model_version or "", count=take.count,
        filtered=take.filtered, seed=take.seed, prompt=take.prompt, asked=asked(take.request),
        policy_level=take.policy_level, operation=take.operation or "",
        attempts=attempts, error=take.last_error or "", cost=take.cost, submitted_at=take.submitted_at,
        ended_at=take.ended_at,
    )  # fmt: skip


def _why(chosen: CandidateFacts | None, moves: Sequence[TransitionFacts]) -> str:
    """Why the chosen clip was chosen: what the last decision about the scene said, or that a person did it."""
    if chosen is None:
        return ""
    if chosen.selected_by == "user":
        return "chosen by a person"
    return next((move.reason for move in reversed(moves) if move.event == "candidates_gathered"), "")


def _totals(rows: _Rows, scenes: Sequence[SceneFacts], worked: Sequence[Span]) -> Totals:
    states = [scene.state for scene in scenes]
    chosen = [scene.chosen for scene in scenes if scene.chosen is not None]
    composites = [one.composite for one in chosen if one.composite is not None]
    measured = {part.name for one in chosen for part in one.dimensions if part.status == "measured"}
    delivered = [one for scene in scenes for one in scene.candidates]
    failed = states.count(SceneState.BLOCKED) + states.count(SceneState.CANCELLED)
    ended = states.count(SceneState.DONE) + states.count(SceneState.SKIPPED) + failed
    return Totals(
        scenes=len(scenes), completed=states.count(SceneState.DONE), failed=failed,
        skipped=states.count(SceneState.SKIPPED), open=len(scenes) - ended,
        takes=sum(len(scene.takes) for scene in scenes), candidates=len(delivered),
        unusable=sum(one.state == CandidateState.UNUSABLE for one in delivered),
        mean_quality=sum(composites) / len(composites) if composites else None,
        technical_only=measured <= {"visual_quality"}, asked_seconds=sum(scene.asked_duration for scene in scenes),
        delivered_seconds=sum(one.duration or 0.0 for one in chosen), money=ledger.sums(rows.lines),
        by_service=ledger.by_service(rows.lines),
        steps=timeline.step_times((scene.lane for scene in scenes), worked),
    )  # fmt: skip
