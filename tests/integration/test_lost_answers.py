"""Every commit of a film, one after the other, is written while its answer is lost: one film, one bill."""

from __future__ import annotations

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
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

Play = Callable[[UUID], Project]


class Forgetful:
    """A database whose `number`-th commit (from 1) is not answered: it is written, and the caller sees a lost line."""

    def __init__(self, db: Database, number: int) -> None:
        self._transaction = db.transaction
        self._number = number
        self.commits = 0

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._transaction() as session:
            yield session
            wrote = bool(session.info.get("wrote"))
        self.commits += 1
        if self.commits == self._number:
            raise OperationalError("COMMIT", {}, ConnectionError("the line was cut"), connection_invalidated=True)


def test_it(eager: Deps, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    lo, hi = int(os.environ["LO"]), int(os.environ["HI"])
    for number in range(lo, hi):
        t = time.time()
        lost = Forgetful(eager.db, number)
        with monkeypatch.context() as m:
            m.setattr(eager.db, "transaction", lost.transaction)
            try:
                p = play(enroll(eager, story(scenes=1, candidates=2, title=f"t{number}"), again=True).project_id)
            except Exception as e:
                print(number, "RAISED", type(e), str(e)[:300])
                continue
        with eager.db.transaction() as session:
            takes = projects.takes(session, p.id)
            attempts = session.execute(select(func.count()).select_from(Attempt)).scalar_one()
            print(
                number,
                p.state,
                p.note or "",
                [t.state for t in takes],
                f"{time.time() - t:.1f}",
                "attempts so far",
                attempts,
                "OVER" if lost.commits < number else "",
                flush=True,
            )
