"""A database that was restored from a backup buys nothing before it knows again what was bought since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import create_engine, make_url, select, text

from tests.paid import YES, Askable, Service, employ
from tests.scripted import film_of
from tests.stories import story
from tests.waiting import until
from vidpipe.db import money, projects
from vidpipe.db.engine import Database
from vidpipe.db.models import ClusterSign, Project, Take
from vidpipe.domain.requests import VideoRequest
from vidpipe.domain.states import ProjectState, SceneState, TakeState
from vidpipe.errors import Unavailable
from vidpipe.pipeline import restored, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

Play = Callable[[UUID], Project]
Tick = Callable[[], None]


class Backup:
    """A copy of the database as it was, to which `deps` can be turned: the one it worked with is then destroyed."""

    def __init__(self, deps: Deps, url: str) -> None:
        self._deps, self._url = deps, make_url(url)
        deps.db.close()
        self._run(f"CREATE DATABASE {self._name} TEMPLATE {self._url.database}")

    @property
    def _name(self) -> str:
        return f"{self._url.database}_copy"

    def restore(self) -> None:
        self._deps.db.close()
        self._deps.db = Database(self._url.set(database=self._name).render_as_string(hide_password=False))

    def drop(self) -> None:
        self._deps.db.close()
        self._run(f"DROP DATABASE {self._name} WITH (FORCE)")

    def _run(self, words: str) -> None:
        admin = create_engine(self._url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(words))
        admin.dispose()


@contextmanager
def backed_up(deps: Deps, url: str) -> Iterator[Backup]:
    backup = Backup(deps, url)
    original = deps.db
    try:
        yield backup
    finally:
        backup.drop()
        deps.db = original


def wait(tick: Tick, condition: Callable[[], object], what: str) -> None:
    def once() -> object:
        tick()
        return condition()

    until(once, seconds=30, what=what)


def take_only_one_order(service: Service) -> None:
    """What comes after the first order is not bought before the backup is made."""

    def closed(request: VideoRequest) -> None:
        if service.bill:
            service.orders.pop()
            raise Unavailable("closed for now")

    service.on_submit = closed


def open_again(service: Service) -> None:
    service.on_submit = lambda request: None


def done(deps: Deps, project_id: UUID) -> int:
    scenes = deps.db.run(lambda session: projects.scenes(session, project_id))
    return sum(scene.state == SceneState.DONE for scene in scenes)


def test_what_was_bought_after_the_backup_is_found_again_and_not_bought_twice(
    eager: Deps, tick: Tick, play: Play, database_url: str
) -> None:
    service = Askable()
    employ(eager, service)
    project_id = enroll(eager, story(scenes=3, chained=True), consent=YES).project_id
    take_only_one_order(service)
    wait(tick, lambda: done(eager, project_id) == 1, "the first scene")
    with backed_up(eager, database_url) as backup:
        open_again(service)
        assert play(project_id).state == ProjectState.DONE
        ordered, billed = len(service.orders), service.billed
        backup.restore()
        assert film_of(eager, project_id).state == ProjectState.ACTIVE
        assert play(project_id).state == ProjectState.DONE
        assert len(service.orders) == ordered == 3
        spent = eager.db.run(lambda session: money.spent(session, project_id))
        assert spent == money.Balance(billed, Decimal(0)) and service.billed == billed


def test_where_the_service_cannot_be_asked_a_person_is(eager: Deps, tick: Tick, play: Play, database_url: str) -> None:
    service = Service()
    employ(eager, service)
    project_id = enroll(eager, story(scenes=2, chained=True), consent=YES).project_id
    take_only_one_order(service)
    wait(tick, lambda: done(eager, project_id) == 1, "the first scene")
    with backed_up(eager, database_url) as backup:
        open_again(service)
        assert play(project_id).state == ProjectState.DONE
        backup.restore()
        wait(tick, lambda: uncertain.listed(eager), "the forgotten order")
        (unknown,) = uncertain.listed(eager)
        assert unknown.scene == "Shot 1B" and "restored from a backup" in unknown.detail
        assert film_of(eager, project_id).state in (ProjectState.ACTIVE, ProjectState.WAITING)
        uncertain.found(eager, str(unknown.token), f"procedural-{unknown.token}")
        assert play(project_id).state == ProjectState.DONE
        assert len(service.orders) == 2


def test_nothing_is_bought_before_the_journal_was_looked_at(
    eager: Deps, tick: Tick, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Askable()
    employ(eager, service)
    project_id = enroll(eager, story(), consent=YES).project_id
    with backed_up(eager, database_url) as backup:
        backup.restore()
        with monkeypatch.context() as blind:
            blind.setattr(restored, "look", lambda deps: 0)
            for _ in range(5):
                tick()
        assert not service.orders
        (take,) = eager.db.run(lambda session: projects.takes(session, project_id))
        assert take.state == TakeState.QUEUED and take.last_error == restored.WAITS
        wait(tick, lambda: service.orders, "the order")


def test_a_film_that_the_backup_does_not_know_is_counted_and_told(
    eager: Deps, tick: Tick, play: Play, database_url: str
) -> None:
    service = Askable()
    employ(eager, service)
    with backed_up(eager, database_url) as backup:
        project_id = enroll(eager, story(), consent=YES).project_id
        assert play(project_id).state == ProjectState.DONE
        backup.restore()
        tick()
        sign = select(ClusterSign.value).where(ClusterSign.name == restored.FORGOTTEN)
        assert eager.db.run(lambda session: session.execute(sign).scalar_one()) == "1"
        assert eager.db.run(lambda session: session.execute(select(Take.id)).all()) == []
