"""Commits that are written while the answer to them is lost: the film is made, and bought once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.stories import story
from vidpipe.db import projects
from vidpipe.db.engine import Database
from vidpipe.db.models import Attempt, Project
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

Play = Callable[[UUID], Project]


class Forgetful:
    """A database that writes every commit and leaves a third of them, drawn by `seed`, without an answer."""

    def __init__(self, db: Database, seed: int) -> None:
        self._transaction = db.transaction
        self._dice = random.Random(seed)
        self.lost = 0

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """As Database's own, save for the answer."""
        with self._transaction() as session:
            yield session
        if self._dice.random() < 1 / 3:
            self.lost += 1
            cut = ConnectionError("the line was cut")
            raise OperationalError("COMMIT", {}, cut, connection_invalidated=True)


@pytest.mark.parametrize("seed", range(3))
def test_a_commit_without_an_answer_is_neither_lost_nor_made_twice(
    eager: Deps, play: Play, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    forgetful = Forgetful(eager.db, seed)
    monkeypatch.setattr(eager.db, "transaction", forgetful.transaction)
    project = play(enroll(eager, story(scenes=2, candidates=2), again=True).project_id)
    monkeypatch.undo()
    assert project.state == ProjectState.DONE, (project.note, project.last_error)
    assert forgetful.lost >= 20
    with eager.db.transaction() as session:
        assert len(projects.all_of(session)) == 1
        takes = projects.takes(session, project.id)
        assert [take.state for take in takes] == [TakeState.SETTLED] * 2
        # One attempt a take: an intent that its own worker could not read the answer to is no stranger's.
        assert session.execute(select(func.count()).select_from(Attempt)).scalar_one() == 2
