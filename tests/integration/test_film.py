"""A film from rows to a stitched file, step by step in this process, against the real servers."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select

from tests.stories import story
from vidpipe.db import projects, scenes
from vidpipe.db.models import GenerationCandidate, LedgerEntry, Project, Take, Transition
from vidpipe.domain.states import CandidateState, ProjectState, SceneState, TakeState
from vidpipe.media.probe import probe
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

Play = Callable[[UUID], Project]


def test_a_film_of_two_scenes_with_two_candidates_each_is_made(eager: Deps, play: Play) -> None:
    enrolled = enroll(eager, story(scenes=2, candidates=2))
    project = play(enrolled.project_id)
    assert project.state == ProjectState.DONE, (project.note, project.last_error)
    with eager.db.transaction() as session:
        for scene in projects.scenes(session, project.id):
            assert scene.state == SceneState.DONE
            states = [candidate.state for candidate, _ in scenes.candidates(session, scene)]
            assert sorted(states) == [CandidateState.PASSED, CandidateState.SELECTED]
        assert {take.state for take in projects.takes(session, project.id)} == {TakeState.SETTLED}
        kinds = dict(session.execute(select(LedgerEntry.kind, func.count()).group_by(LedgerEntry.kind)).all())
        assert kinds == {"reserve": 2, "settle": 2}
        cut = projects.latest_cut(session, project.id)
        assert cut is not None and cut.key is not None and len(cut.chapters or []) == 2
    with eager.storage.open_local(cut.key) as path:
        assert abs(probe(path).duration - 2.0) < 0.15


def test_enqueuing_twice_gives_one_film(eager: Deps) -> None:
    first, second = enroll(eager, story()), enroll(eager, story())
    assert first.fresh and not second.fresh and first.project_id == second.project_id
    assert enroll(eager, story(), again=True).project_id != first.project_id


def test_the_last_frame_of_a_scene_is_the_first_of_the_next(eager: Deps, play: Play) -> None:
    project = play(enroll(eager, story(scenes=2, chained=True)).project_id)
    with eager.db.transaction() as session:
        first, second = projects.scenes(session, project.id)
        frame = scenes.keyframes(session, second)["first"]
        clip = scenes.clip(session, first)
        assert clip is not None and frame.key == clip.last_frame_key and frame.from_scene_id == first.id
        assert first.finished_at is not None and second.started_at is not None
        assert first.finished_at <= second.started_at


def test_a_black_delivery_counts_as_a_try_and_then_the_scene_is_blocked_with_its_reason(
    eager: Deps, play: Play
) -> None:
    project = play(enroll(eager, story(prompt="a harbour [fault: black]")).project_id)
    assert project.state == ProjectState.WAITING and "black" in (project.note or "")
    with eager.db.transaction() as session:
        assert session.execute(select(func.count()).select_from(Take)).scalar_one() == 3
        (scene,) = projects.scenes(session, project.id)
        assert scene.state == SceneState.BLOCKED and "black" in (scene.note or "")


def test_a_scene_that_is_not_critical_is_left_out_and_the_film_goes_on(eager: Deps, play: Play) -> None:
    board = story(scenes=2, prompts={1: "a harbour [fault: refuse-policy]"}, critical=False)
    project = play(enroll(eager, board).project_id)
    assert project.state == ProjectState.DONE
    with eager.db.transaction() as session:
        assert [scene.state for scene in projects.scenes(session, project.id)] == [SceneState.DONE, SceneState.SKIPPED]


def test_a_filtered_candidate_is_a_success_with_the_others(eager: Deps, play: Play) -> None:
    project = play(enroll(eager, story(candidates=3, prompt="a harbour [fault: filtered 1]")).project_id)
    assert project.state == ProjectState.DONE
    with eager.db.transaction() as session:
        assert session.execute(select(func.count()).select_from(GenerationCandidate)).scalar_one() == 2
        (take,) = projects.takes(session, project.id)
        assert take.filtered == 1


def test_a_submit_whose_answer_was_lost_is_found_and_not_bought_again(eager: Deps, play: Play) -> None:
    project = play(enroll(eager, story(prompt="a harbour [fault: lost-answer]")).project_id)
    assert project.state == ProjectState.DONE
    with eager.db.transaction() as session:
        events = session.execute(select(Transition.event).where(Transition.entity == "take")).scalars().all()
        assert "unclear" in events and events.count("accepted") == 1
        (take,) = projects.takes(session, project.id)
        assert take.state == TakeState.SETTLED
