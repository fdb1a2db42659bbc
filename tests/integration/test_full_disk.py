"""A media store that is full: what was bought waits for room, says so, and is not bought again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from tests.small_disk import small_disk
from tests.stories import story
from tests.waiting import until
from vidpipe.db.models import GenerationCandidate, Project
from vidpipe.domain.states import CandidateState, ProjectState
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.storage.registry import open_storage


def test_a_clip_that_was_paid_for_waits_until_there_is_room_for_it(
    eager: Deps, tick: Callable[[], None], play: Callable[[UUID], Project], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", 400) as folder:
        eager.storage = open_storage(replace(eager.settings, storage_root=folder / "media"))
        eager.storage.prepare()
        filler = folder / "filler"
        filler.write_bytes(b"x" * 390_000)
        project_id = enroll(eager, story()).project_id

        def waiting() -> GenerationCandidate | None:
            tick()
            found = eager.db.run(lambda session: session.execute(select(GenerationCandidate)).scalar_one_or_none())
            return found if found is not None and found.waits >= 2 else None

        candidate = until(waiting, seconds=30, what="the candidate to wait for room")
        assert candidate is not None
        assert candidate.state == CandidateState.ANNOUNCED and candidate.tries == 0
        assert "No space left" in (candidate.last_error or "")
        assert not list((folder / "media").rglob("*.mp4")), "something half-written was left"

        filler.unlink()
        assert play(project_id).state == ProjectState.DONE
        takes = eager.db.run(lambda session: session.execute(select(GenerationCandidate)).scalars().all())
        assert len(takes) == 1
