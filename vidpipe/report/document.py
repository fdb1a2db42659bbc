"""The report as JSON, by config/report.schema.json: for scripts, and for whoever wants every figure.

Money is strings of US dollars (no floats), times are ISO 8601 in UTC, durations seconds, scores 0 to 1.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from vidpipe.report import layout as lay
from vidpipe.report import remedies, words
from vidpipe.report.bought import Asked, DrawingFacts, Money, Picture, TakeFacts
from vidpipe.report.facts import CandidateFacts, DimensionFacts, Report, SceneFacts, Span, Totals, TransitionFacts
from vidpipe.report.layout import Item, Layout

VERSION = 1
TECHNICAL = (
    "The composite is made of technical measures of picture and sound; no model looked at these clips. "
    "They tell a faulty clip from a clean one, not a good scene from a dull one."
)


def document(report: Report, layout: Layout | None = None) -> dict[str, Any]:
    """The report as plain JSON values; `layout` says which files the bundle holds (default: all of them)."""
    where = layout or lay.plan(report)
    return {
        "vidpipe_report": VERSION,
        "film": _film(report, where),
        "totals": _totals(report.totals),
        "result": words.result(report),
        "quality_note": TECHNICAL if report.totals.technical_only else "",
        "scenes": [_scene(report, scene, where) for scene in report.scenes],
        "transitions": [_transition(move) for move in report.film_transitions],
        "timeline": [_span(span) for span in report.film_lane],
        "files": sorted({item.path for item in where.items()} | {metadata_path(i) for i in where.clips.values()}),
        "missing": [{"path": one.path, "reason": one.reason} for one in where.missing],
    }


def metadata_path(clip: Item) -> str:
    """Where the metadata of a chosen clip lies: beside it."""
    return f"{clip.path.removesuffix('.mp4')}.json"


def metadata(report: Report, scene: SceneFacts) -> dict[str, Any]:
    """What lies beside a chosen clip, so that the clip can be understood alone."""
    chosen = scene.chosen
    return {
        "film": {"id": str(report.film.id), "title": report.film.title},
        "scene": {"id": str(scene.id), "label": scene.label, "number": scene.number, "sequence": scene.sequence},
        "prompt": scene.prompt, "why_chosen": scene.why,
        "clip": _candidate(chosen) if chosen else None,
    }  # fmt: skip


def _film(report: Report, where: Layout) -> dict[str, Any]:
    film, cut = report.film, report.film.cut
    return {
        "id": str(film.id), "title": film.title, "state": str(film.state), "note": film.note,
        "what_to_do": str(remedies.for_film(report)), "created_at": _time(film.created_at),
        "started_at": _time(film.started_at), "finished_at": _time(film.finished_at), "as_of": _time(film.as_of),
        "wall_seconds": film.wall_seconds, "width": film.width, "height": film.height, "fps": film.fps,
        "audio": film.audio, "quality_mode": film.quality_mode,
        "budget": None if film.budget is None else _amount(film.budget), "weights": dict(film.weights),
        "cut": None if cut is None else {
            "number": cut.number, "state": cut.state, "path": where.film.path if where.film else None, "key": cut.key,
            "duration": cut.duration, "stitch_seconds": cut.stitch_seconds, "error": cut.error,
            "chapters": [{"title": mark.title, "start": mark.start, "end": mark.end} for mark in cut.chapters],
        },
    }  # fmt: skip


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "scenes": totals.scenes, "completed": totals.completed, "failed": totals.failed, "skipped": totals.skipped,
        "open": totals.open, "takes": totals.takes, "candidates": totals.candidates, "unusable": totals.unusable,
        "mean_quality": totals.mean_quality, "technical_only": totals.technical_only,
        "asked_seconds": totals.asked_seconds, "delivered_seconds": totals.delivered_seconds,
        "cost": _money(totals.money),
        "by_service": [
            {
                "service": line.service, "model": line.model, "kind": line.kind, "purchases": line.purchases,
                "cost": _money(line.money),
            }
            for line in totals.by_service
        ],
        "steps": [
            {
                "step": step.step, "waited_seconds": step.waited, "worked_seconds": step.worked, "times": step.times,
                "mean_seconds": step.mean, "longest_seconds": step.longest,
            }
            for step in totals.steps
        ],
    }  # fmt: skip


def _scene(report: Report, scene: SceneFacts, where: Layout) -> dict[str, Any]:
    chosen, clip = scene.chosen, where.clips.get(scene.id)
    troubled = scene.troubled
    return {
        "id": str(scene.id), "number": scene.number, "label": scene.label, "sequence": scene.sequence,
        "status": str(scene.state), "reason": scene.reason if troubled else "", "note": scene.note,
        "what_to_do": str(remedies.for_scene(report, scene)) if troubled else "", "critical": scene.critical,
        "prompt": scene.prompt, "prompt_sent": chosen.prompt_sent if chosen else _last_sent(scene),
        "negative_prompt": scene.negative_prompt, "shot": scene.shot, "camera": scene.camera,
        "service_asked": {"service": scene.service, "model": scene.model, "why": scene.service_why},
        "fallback": scene.fallback,
        "fallback_used": scene.fallback_used, "service": chosen.service if chosen else scene.service,
        "model": chosen.model if chosen else scene.model, "model_version": chosen.model_version if chosen else "",
        "seed": chosen.seed if chosen else None, "version": scene.version, "tries": scene.tries,
        "path": clip.path if clip else None, "started_at": _time(scene.started_at),
        "finished_at": _time(scene.finished_at), "wall_seconds": scene.wall_seconds,
        "asked_duration": scene.asked_duration, "actual_duration": chosen.duration if chosen else None,
        "cost": _money(scene.money), "quality": chosen.composite if chosen else None,
        "dimensions": [_dimension(part) for part in chosen.dimensions] if chosen else [], "why_chosen": scene.why,
        "candidates": [_candidate(one, where) for one in scene.candidates],
        "takes": [_take(take) for take in scene.takes], "drawings": [_drawing(one) for one in scene.drawings],
        "timeline": [_span(span) for span in scene.lane],
        "transitions": [_transition(move) for move in scene.transitions],
    }  # fmt: skip


def _last_sent(scene: SceneFacts) -> str:
    sent = [take.prompt for take in scene.takes if take.version == scene.version]
    return sent[-1] if sent else ""


def _candidate(one: CandidateFacts, where: Layout | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": str(one.id), "version": one.version, "take": one.take, "number": one.number, "state": str(one.state),
        "service": one.service, "model": one.model, "model_version": one.model_version, "seed": one.seed,
        "prompt_sent": one.prompt_sent, "cost": None if one.cost is None else _amount(one.cost), "key": one.key,
        "size": one.size, "sha256": one.sha256, "duration": one.duration, "width": one.width, "height": one.height,
        "fps": one.fps, "sound": one.sound, "composite": one.composite,
        "dimensions": [_dimension(part) for part in one.dimensions],
        "faults": [{"code": fault.code, "reason": fault.reason} for fault in one.faults], "selected": one.selected,
        "selected_by": one.selected_by, "error": one.error,
    }  # fmt: skip
    if where is not None:
        clip, poster = where.candidates.get(one.id), where.posters.get(one.id)
        said |= {"path": clip.path if clip else None, "poster": poster.path if poster else None}
    return said


def _dimension(part: DimensionFacts) -> dict[str, Any]:
    measures = [
        {"name": one.name, "value": one.value, "unit": one.unit, "score": one.score, "note": one.note}
        for one in part.measures
    ]
    return {
        "name": part.name, "status": part.status, "score": part.score, "weight": part.weight, "reason": part.reason,
        "measures": measures,
    }  # fmt: skip


def _take(take: TakeFacts) -> dict[str, Any]:
    return {
        "id": str(take.id), "version": take.version, "round": take.round, "slot": take.slot, "state": str(take.state),
        "service": take.service, "model": take.model, "model_version": take.model_version, "clips_asked": take.count,
        "filtered": take.filtered, "seed": take.seed, "prompt_sent": take.prompt, "asked": _asked(take.asked),
        "policy_level": take.policy_level,
        "operation": take.operation, "tries": take.attempts, "error": take.error,
        "cost": None if take.cost is None else _amount(take.cost), "submitted_at": _time(take.submitted_at),
        "ended_at": _time(take.ended_at),
    }  # fmt: skip


def _drawing(one: DrawingFacts) -> dict[str, Any]:
    return {
        "id": str(one.id), "frame": one.which, "version": one.version, "round": one.round, "number": one.number,
        "state": str(one.state), "service": one.service, "model": one.model, "model_version": one.model_version,
        "seed": one.seed, "prompt_sent": one.prompt, "policy_level": one.policy_level, "aspect": one.aspect,
        "resolution": one.resolution, "pictures": [_picture(picture) for picture in one.pictures],
        "tries": one.attempts, "key": one.key, "width": one.width, "height": one.height, "cost": _money(one.money),
        "error": one.error, "ended_at": _time(one.ended_at),
    }  # fmt: skip


def _picture(one: Picture) -> dict[str, Any]:
    return {"tag": one.tag, "key": one.key, "sha256": one.sha256}


def _asked(asked: Asked) -> dict[str, Any]:
    return {
        "seconds": asked.seconds, "width": asked.width, "height": asked.height, "fps": asked.fps, "audio": asked.audio,
        "negative_prompt": asked.negative_prompt,
        "pictures": [_picture(one) for one in asked.pictures],
        "left_out": list(asked.left_out),
        "eased": None if asked.eased is None else {**asdict(asked.eased), "changed": list(asked.eased.changed)},
    }  # fmt: skip


def _transition(move: TransitionFacts) -> dict[str, Any]:
    return {
        "at": _time(move.at), "entity": move.entity, "id": str(move.entity_id), "name": move.name,
        "from": move.from_state, "to": move.to_state, "event": move.event, "reason": move.reason,
    }  # fmt: skip


def _span(span: Span) -> dict[str, Any]:
    return {"step": span.step, "start": round(span.start, 6), "end": round(span.end, 6)}


def _money(money: Money) -> dict[str, str]:
    return {"settled": _amount(money.settled), "reserved": _amount(money.reserved), "currency": money.currency}


def _amount(amount: Decimal) -> str:
    """Without exponent and without needless zeros, two places at least: '0.00', '1.20', '0.0375'."""
    whole, _, cents = f"{amount:f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


def _time(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z") if when else None
