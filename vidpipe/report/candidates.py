"""One delivered clip's row to what the report says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidpipe.db.models import GenerationCandidate, Take
from vidpipe.domain.scoring import DIMENSIONS
from vidpipe.domain.states import CANDIDATE_USABLE, CandidateState
from vidpipe.report.facts import CandidateFacts, DimensionFacts, FaultFacts, MeasureFacts


def facts(row: GenerationCandidate, take: Take) -> CandidateFacts:
    """The clip with its take's request and its scores."""
    found = row.facts or {}
    video = found.get("video") or {}
    return CandidateFacts(
        id=row.id, take_id=take.id, version=row.version, round=take.round, slot=take.slot, number=row.number,
        state=CandidateState(row.state), service=take.service, model=take.model,
        model_version=take.model_version or "", seed=row.seed if row.seed is not None else take.seed,
        prompt_sent=take.prompt, cost=row.cost, key=row.key, poster_key=row.poster_key, size=row.size,
        sha256=row.sha256 or "", duration=row.duration, width=video.get("width"), height=video.get("height"),
        fps=video.get("frame_rate"), sound=bool(found.get("audio")) if found else None, composite=row.composite,
        dimensions=_dimensions(row),
        faults=tuple(FaultFacts(str(one["code"]), str(one["reason"])) for one in row.faults or ()),
        selected=row.is_selected, selected_by=row.selected_by or "", error=row.last_error or "",
    )  # fmt: skip


def _dimensions(row: GenerationCandidate) -> tuple[DimensionFacts, ...]:
    """All four, always; a clip that was not scored says why for each."""
    told = {str(part["dimension"]): part for part in row.readings or ()}
    return tuple(_dimension(name, told[name]) if name in told else _without(name, row) for name in DIMENSIONS)


def _without(name: str, row: GenerationCandidate) -> DimensionFacts:
    scored = row.state in CANDIDATE_USABLE
    unusable = row.state == CandidateState.UNUSABLE
    reason = "nothing here measures it" if scored else "the clip is unusable" if unusable else "not scored yet"
    return DimensionFacts(name, "unmeasured", None, 0.0, reason)


def _dimension(name: str, part: Mapping[str, Any]) -> DimensionFacts:
    measures = tuple(
        MeasureFacts(
            str(one["name"]), float(one["value"]), str(one["unit"]), one.get("score"), str(one.get("note") or "")
        )
        for one in part.get("measures") or ()
    )
    status, score = str(part["status"]), part.get("score")
    if status != "measured" or score is None:
        reason = str(part.get("reason") or "no reason was given")
        return DimensionFacts(name, "failed" if status == "measured" else status, None, 0.0, reason, measures)
    return DimensionFacts(name, status, float(score), float(part.get("weight") or 0.0), "", measures)
