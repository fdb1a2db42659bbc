"""A film whose report has something of everything: done, retaken, chosen by a person, refused, left out, unclear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import clips
from tests.factories import (
    at,
    buy,
    choose,
    make_candidate,
    make_cut,
    make_film,
    make_scene,
    make_take,
    readings,
    trail,
)
from vidpipe.db import projects
from vidpipe.db.models import GenerationCandidate, Project, Scene, Take
from vidpipe.domain import keys
from vidpipe.domain.states import CandidateState, CutState, ProjectState, SceneState, TakeState
from vidpipe.storage.base import Storage

BLACK = "black from 2.1 s to 3.9 s (1.8 s of 4.0 s)"


def done_film(session: Session, labels: Sequence[str] = ("Shot 1A", "Shot 1B"), *, title: str = "Two shots") -> Project:
    """Every shot done with two candidates, stitched, in `len(labels)` + 5 seconds and for nothing."""
    project = make_film(
        session, title=title, state=str(ProjectState.DONE), finished_at=at(len(labels) + 5.0), candidate_count=2
    )
    for number, label in enumerate(labels):
        shot(session, project, label, 0.0 + number, (0.74, 0.68))
    end = len(labels) + 5.0
    stitched(session, project, end)
    trail(session, project, ProjectState.DRAFT, -1, (0, "enqueued"), (end - 0.7, "all_scenes_ended"), (end, "stitched"))
    return project


def stitched(session: Session, project: Project, end: float) -> None:
    """The film's cut, ready at `end` seconds."""
    cut = make_cut(session, project, duration=8.0, chapters=_chapters(session, project))
    cut.key = keys.film(project.id, cut.id)
    trail(session, cut, CutState.STITCHING, end - 0.6, (end, "stitched"))


def _chapters(session: Session, project: Project) -> list[dict[str, object]]:
    found = select(Scene.label).where(Scene.project_id == project.id, Scene.state == "done").order_by(Scene.position)
    labels = session.execute(found).scalars().all()
    return [{"title": label, "start": 4.0 * n, "end": 4.0 * n + 4} for n, label in enumerate(labels)]


def shot(
    session: Session, project: Project, label: str, begun: float, composites: Sequence[float], *, sequence: str = "",
    price: str = "0",
) -> Scene:  # fmt: skip
    """A done shot: one take, a candidate for every composite (0: unusable), the best one chosen; takes 5 seconds."""
    scene = make_scene(
        session, project, label, sequence=sequence, state=str(SceneState.DONE), started_at=at(begun),
        finished_at=at(begun + 4), candidates=len(composites), spec={"shot": "wide", "camera": "pan-left"},
    )  # fmt: skip
    take = make_take(session, scene, count=len(composites), submitted_at=at(begun + 0.2), ended_at=at(begun + 3.8))
    buy(session, take, price, entries=["settle"])
    best = max(composites)
    for number, composite in enumerate(composites, 1):
        delivered(session, take, number, composite, begun + 2.5, chosen=composite == best)
    why = f"highest composite of {len(composites)}: {best:.3f}"
    trail(
        session, scene, SceneState.WAITING, -0.5, (begun, "started"), (begun + 3.8, "candidates_gathered", why),
        (begun + 3.9, "selected"), (begun + 4, "analyzed", "4.00 s"),
    )  # fmt: skip
    trail(
        session, take, TakeState.QUEUED, begun, (begun + 0.1, "submit_began"),
        (begun + 0.2, "accepted", "operations/1"), (begun + 2.5, "delivered"), (begun + 3.8, "settled"),
    )  # fmt: skip
    return scene


def delivered(
    session: Session, take: Take, number: int, composite: float, at_: float, *, chosen: bool, by: str = "auto"
) -> GenerationCandidate:
    """A clip that came `at_` seconds after the start: chosen, passed, or unusable where its composite is 0."""
    ids = (take.project_id, take.scene_id, take.id, number)
    plain = {"key": keys.candidate(*ids), "poster_key": keys.frame(*ids, "poster"), "sha256": "0" * 64}
    first = CandidateState.ANNOUNCED
    if not composite:
        spoiled = make_candidate(
            session, take, number=number, composite=None, state=str(CandidateState.UNUSABLE), last_error=BLACK,
            readings=None, faults=[{"code": "black", "reason": BLACK}], **plain,
        )  # fmt: skip
        trail(session, spoiled, first, at_, (at_ + 0.4, "stored"), (at_ + 0.8, "spoiled", BLACK))
        return spoiled
    state = CandidateState.SELECTED if chosen else CandidateState.PASSED
    measured = {
        "sharpness": (composite / 2, "std of Laplacian / contrast"), "exposure": (0.38, "share of full scale"),
        "shadows": (0.012, "share of pixels"), "highlights": (0.004, "share of pixels"),
        "motion": (composite * 4, "levels of 255 a frame"), "flicker": (0.21, "levels of 255"),
        "hidden_cuts": (0.0, "cuts"), "black": (0.0, "share of time"), "frozen": (0.0, "share of time"),
        "duplicates": (0.0, "share of frames"), "loudness": (-18.25 - number, "LUFS"),
        "clipping": (0.0, "share of samples"), "silence": (0.02, "share of time"),
    }  # fmt: skip
    candidate = make_candidate(
        session, take, number=number, composite=composite, state=str(state),
        readings=readings(composite, measures=measured), **plain,
    )  # fmt: skip
    if chosen:
        choose(session, candidate, by=by)
    last = (at_ + 1.4, "selected" if chosen else "passed")
    trail(session, candidate, first, at_, (at_ + 0.4 + number / 10, "stored"), (at_ + 1 + number / 10, "scored"), last)
    return candidate


def troubled_film(session: Session) -> Project:
    """Six shots: done, done by the fallback, retaken and chosen by a person, refused, left out, and unclear."""
    project = make_film(
        session, title="The Keeper's Light", state=str(ProjectState.WAITING), budget="5", quality_mode=True,
        note="Shot 2B is blocked: policy: the words were refused",
    )  # fmt: skip
    shot(session, project, "Shot 1A", 0, (0.71, 0.78), sequence="The lamp is lit", price="0.4")
    _by_fallback(session, project)
    _retaken(session, project)
    _refused(session, project)
    _left_out(session, project)
    _unclear(session, project)
    trail(session, project, ProjectState.DRAFT, -1, (0, "enqueued"), (40, "nothing_can_move"))
    return project


def _by_fallback(session: Session, project: Project) -> None:
    scene = make_scene(
        session, project, "Shot 1B", sequence="The lamp is lit", service="veo", model="veo-3.1", fallback="procedural",
        state=str(SceneState.DONE), started_at=at(0.1), finished_at=at(14), round=2,
        note="the service is overloaded (after 3 tries); on to the fallback procedural/procedural-1",
    )  # fmt: skip
    error = "the service is overloaded (after 3 tries)"
    failed = make_take(
        session, scene, state=str(TakeState.FAILED), last_error=error, operation=None, model_version=None
    )
    for _ in range(3):
        buy(session, failed, "1.2", outcome="not_accepted", entries=["release"])
    trail(
        session, failed, TakeState.QUEUED, 0.1, (0.2, "submit_began"), (0.5, "not_accepted"), (3, "submit_began"),
        (3.2, "not_accepted"), (8, "submit_began"), (8.4, "gave_up", error),
    )  # fmt: skip
    take = make_take(session, scene, round=2, service="procedural", model="procedural-1", prompt="A lighthouse, calm.")
    buy(session, take, "0.0375", entries=["settle"])
    delivered(session, take, 1, 0.66, 12, chosen=True)
    trail(
        session, take, TakeState.QUEUED, 8.5, (8.6, "submit_began"), (8.7, "accepted"), (12, "delivered"),
        (13.5, "settled"),
    )  # fmt: skip
    trail(
        session, scene, SceneState.WAITING, -0.5, (0.1, "started"), (13.6, "candidates_gathered", "the only candidate"),
        (13.7, "selected"), (14, "analyzed"),
    )  # fmt: skip


def _retaken(session: Session, project: Project) -> None:
    scene = make_scene(
        session, project, "Shot 2A", sequence="The storm", state=str(SceneState.DONE), version=2, started_at=at(22),
        finished_at=at(32), candidates=3,
    )  # fmt: skip
    old = make_take(session, scene, version=1)
    delivered(session, old, 1, 0.42, 5, chosen=True)
    trail(
        session,
        old,
        TakeState.QUEUED,
        0.2,
        (0.3, "submit_began"),
        (0.4, "accepted"),
        (5, "delivered"),
        (6.5, "settled"),
    )
    take = make_take(session, scene, count=3)
    buy(session, take, "0.6", entries=["settle"])
    delivered(session, take, 1, 0.0, 28, chosen=False)
    delivered(session, take, 2, 0.81, 28, chosen=False)
    delivered(session, take, 3, 0.63, 28, chosen=True, by="user")
    trail(
        session, take, TakeState.QUEUED, 22, (22.1, "submit_began"), (22.2, "accepted"), (28, "delivered"),
        (30, "settled"),
    )  # fmt: skip
    trail(
        session, scene, SceneState.WAITING, -0.5, (0.2, "started"), (6.6, "candidates_gathered", "the only candidate"),
        (6.7, "selected"), (7, "analyzed"), (20, "retake_asked"), (22, "started"),
        (31, "candidates_gathered", "highest composite of 2: 0.810, next 0.630"), (31.5, "selected"), (32, "analyzed"),
    )  # fmt: skip


def _refused(session: Session, project: Project) -> None:
    reason = "policy: the words were refused"
    scene = make_scene(
        session, project, "Shot 2B", sequence="The storm", service="veo", model="veo-3.1", note=reason,
        state=str(SceneState.BLOCKED), started_at=at(0.2), finished_at=at(3),
    )  # fmt: skip
    take = make_take(
        session, scene, state=str(TakeState.REFUSED), last_error=reason, policy_level=1, model_version=None
    )
    buy(session, take, "1.2", outcome="refused", entries=["release"])
    trail(session, take, TakeState.QUEUED, 0.2, (0.3, "submit_began"), (2.9, "refused", reason))
    trail(session, scene, SceneState.WAITING, -0.5, (0.2, "started"), (3, "gave_up", reason))


def _left_out(session: Session, project: Project) -> None:
    reason = "left out by a person"
    scene = make_scene(
        session, project, "Harbour at dawn", sequence="Morning", critical=False, round=0,
        state=str(SceneState.SKIPPED), finished_at=at(2),
    )  # fmt: skip
    trail(session, scene, SceneState.WAITING, -0.5, (2, "skipped", reason))


def _unclear(session: Session, project: Project) -> None:
    scene = make_scene(
        session, project, "Gulls", sequence="Morning", service="veo", model="veo-3.1", started_at=at(1),
        state=str(SceneState.GENERATING), note="it is not known whether veo/veo-3.1 accepted the order",
    )  # fmt: skip
    take = make_take(session, scene, state=str(TakeState.UNCERTAIN), operation=None, last_error="the answer was lost")
    buy(session, take, "1.2", outcome="unclear")
    trail(session, take, TakeState.QUEUED, 1, (1.1, "submit_began"), (4, "unclear", "the answer was lost"))
    trail(session, scene, SceneState.WAITING, -0.5, (1, "started"))


def store_media(rows: Sequence[tuple[str, str]], storage: Storage, work: Path) -> None:
    """Store a small clip under every key that ends in .mp4, a picture under every other; see `media_keys`."""
    clip = clips.clean(work / "clip.mp4", seconds=0.5, width=160, height=90)
    for number, (key, title) in enumerate(rows):
        if key.endswith(".mp4"):
            storage.put(key, clip, {"title": title})
        else:
            picture = work / f"{number}.jpg"
            Image.fromarray(clips.pattern(640, 360, seed=number + 1)(0)).save(picture, quality=90)
            storage.put(key, picture)


def media_keys(session: Session, project: Project) -> list[tuple[str, str]]:
    """(key, title) of everything that the film's rows say is stored."""
    candidates = select(GenerationCandidate).where(GenerationCandidate.project_id == project.id)
    rows = session.execute(candidates.order_by(GenerationCandidate.created_at)).scalars().all()
    found = [(key, project.title) for row in rows for key in (row.key, row.poster_key) if key]
    cut = projects.latest_cut(session, project.id)
    return [*found, (cut.key, project.title)] if cut and cut.key else found
