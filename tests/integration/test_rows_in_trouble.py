"""One row's trouble is no other's, and is told."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from tests.factories import make_candidate
from tests.scripted import Scripted, fresh, generating
from vidpipe.db.models import GenerationCandidate
from vidpipe.domain.requests import Delivered, Pending, RemoteClip
from vidpipe.domain.states import CandidateState, SceneState
from vidpipe.errors import Transient
from vidpipe.media.info import DecodedClip
from vidpipe.pipeline import poll
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.download import DOWNLOAD
from vidpipe.pipeline.gather import gather
from vidpipe.pipeline.score import looked_at
from vidpipe.pipeline.step import pause, run
from vidpipe.vision.base import Measure, Reading, Subject


def test_a_take_that_cannot_be_asked_about_holds_up_no_other_of_its_wave(eager: Deps, service: Scripted) -> None:
    _, _, (bad, odd, good) = generating(
        eager,
        {"state": "submitted", "operation": "bad"},
        {"state": "submitted", "operation": "odd"},
        {"state": "submitted", "operation": "good"},
    )

    def answer(operation: str) -> Pending | Delivered:
        if operation == "bad":
            raise ValueError("an answer nobody foresaw")
        # Two clips of one number cannot be written down.
        return Delivered((RemoteClip(1), RemoteClip(1)) if operation == "odd" else (RemoteClip(1),))

    service.on_poll = answer
    poll.wave(eager, "procedural")
    assert [fresh(eager, take).state for take in (bad, odd, good)] == ["submitted", "submitted", "delivered"]
    assert "an answer nobody foresaw" in fresh(eager, bad).last_error
    for take in (bad, odd):
        now = fresh(eager, take)
        assert now.last_error and now.due_at is not None and now.lease_token is None and now.tries == 1


def test_a_fallback_that_is_not_known_here_blocks_its_scene_with_the_reason(eager: Deps) -> None:
    _, scene, _ = generating(eager, {"state": "refused"}, fallback="nowhere")
    gather(eager, scene.id)
    now = fresh(eager, scene)
    assert now.state == SceneState.BLOCKED and "nowhere" in now.note


def test_what_was_paid_for_is_fetched_with_more_patience_than_a_few_tries(eager: Deps, service: Scripted) -> None:
    _, _, (take,) = generating(eager, {"state": "delivered", "operation": "op"})
    clip = eager.db.run(lambda session: make_candidate(session, take, state=str(CandidateState.ANNOUNCED)))

    def away(dest: Path) -> None:
        raise Transient("503")

    service.on_fetch = away
    for _ in range(2 * eager.settings.tries):
        eager.db.run(lambda session: session.execute(update(GenerationCandidate).values(due_at=None)))
        run(eager, DOWNLOAD, clip.id)
    assert fresh(eager, clip).state == CandidateState.ANNOUNCED


def test_an_eye_that_sees_no_number_leaves_its_dimension_out(eager: Deps) -> None:
    class Blind:
        dimension = "visual_quality"

        def __init__(self, score: float | None, value: float) -> None:
            self.reading = Reading(self.dimension, "measured", score, measures=(Measure("m", value, "u"),))

        def measure(self, clip: DecodedClip, subject: Subject) -> Reading:
            return self.reading

    nan = float("nan")
    for eye in (Blind(nan, 1.0), Blind(0.5, float("inf"))):
        reading = looked_at(eye, None, Subject(""))  # type: ignore[arg-type]
        assert reading.status == "failed" and reading.score is None and not reading.measures
    assert looked_at(Blind(0.5, 1.0), None, Subject("")).score == 0.5  # type: ignore[arg-type]


def test_a_pause_has_a_bound_however_often_it_was_tried(eager: Deps) -> None:
    assert pause(eager.settings.timing, 5000) <= eager.settings.timing.backoff_most * 1.25
