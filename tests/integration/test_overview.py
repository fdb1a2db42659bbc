"""How a film stands, from real rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.factories import buy, choose, make_candidate, make_cut, make_film, make_scene, make_take
from vidpipe.db.engine import Database
from vidpipe.db.models import ClusterSign, Project, SceneDependency
from vidpipe.errors import UserError
from vidpipe.pipeline.overview import FilmStatus, films, overview, tick_seen

Fill = Callable[[Session, Project], object]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def seen(database: Database, fill: Fill, **values: Any) -> FilmStatus:
    """The overview of a film that `fill` has given its rows."""
    with database.transaction() as session:
        project = make_film(session, **{"started_at": ago(20), "moved_at": ago(20), **values})
        fill(session, project)
    return overview(database, project.id)


def test_every_scene_says_what_it_is_doing(database: Database) -> None:
    def fill(session: Session, project: Project) -> None:
        first = make_scene(session, project, "Shot 1A", state="generating", started_at=ago(10), candidates=4)
        make_take(session, first, state="submitted", progress=0.4)
        second = make_scene(session, project, "Shot 1B", state="generating", started_at=ago(10), candidates=4)
        take = make_take(session, second, state="delivered", count=4)
        for number, state in enumerate(("scored", "stored", "announced", "unusable"), start=1):
            make_candidate(session, take, number=number, state=state)
        third = make_scene(session, project, "Shot 1C")
        session.add(SceneDependency(scene_id=third.id, needs_id=second.id))
        make_scene(session, project, "Shot 1D", state="blocked", note="it is black")

    film = seen(database, fill)
    assert [scene.doing for scene in film.scenes] == [
        "at procedural, 40 %", "scoring 3 of 4", "waits for Shot 1B", "blocked: it is black"
    ]  # fmt: skip
    second = film.scenes[1]
    assert (second.takes, second.usable, second.candidates, second.wanted, second.live) == (1, 1, 4, 4, 1)
    assert second.seconds == pytest.approx(10, abs=3)
    assert (film.done, film.total, film.live) == (0, 4, 2) and 0 < film.progress < 1


def test_only_the_present_version_of_a_scene_counts(database: Database) -> None:
    def fill(session: Session, project: Project) -> None:
        scene = make_scene(session, project, state="generating", version=2, started_at=ago(1))
        old = make_take(session, scene, version=1)
        choose(session, make_candidate(session, old))
        make_take(session, scene, state="queued")

    (scene,) = seen(database, fill).scenes
    assert (scene.takes, scene.candidates, scene.quality, scene.doing) == (1, 0, None, "in line for procedural")


def test_a_done_film_has_its_cut_its_cost_and_no_eta(database: Database) -> None:
    def fill(session: Session, project: Project) -> None:
        scene = make_scene(session, project, state="done", started_at=ago(15), finished_at=ago(5))
        take = make_take(session, scene)
        buy(session, take, "0.40", entries=["settle"])
        choose(session, make_candidate(session, take, composite=0.83))
        make_cut(session, project, duration=4.0)

    film = seen(database, fill, state="done", finished_at=ago(4))
    assert film.progress == 1.0 and film.eta is None and film.ended
    assert film.cut is not None and (film.cut.number, film.cut.state, film.cut.duration) == (1, "ready", 4.0)
    assert (film.settled, film.reserved) == (Decimal("0.40"), Decimal(0))
    assert film.seconds == pytest.approx(16, abs=1) and film.scenes[0].seconds == pytest.approx(10, abs=0.5)
    assert film.scenes[0].doing == "done, 0.83"


def half_done(session: Session, project: Project) -> None:
    make_scene(session, project, "A", state="done", started_at=ago(20), finished_at=ago(10))
    make_scene(session, project, "B", state="waiting")


def test_the_eta_comes_from_the_scenes_that_were_finished(database: Database) -> None:
    assert seen(database, half_done).eta == pytest.approx(20, abs=3)


def test_there_is_no_eta_before_a_scene_was_finished(database: Database) -> None:
    assert seen(database, lambda session, project: make_scene(session, project)).eta is None


def test_the_night_between_two_runs_is_no_work(database: Database) -> None:
    """A film was interrupted, and its cluster started again ten seconds ago."""

    def fill(session: Session, project: Project) -> None:
        sign = {"changed_at": ago(10), "seen_at": ago(0)}
        session.merge(ClusterSign(name="broker", value="new", **sign))
        make_scene(session, project, "A", state="done", started_at=ago(40_000), finished_at=ago(5))
        make_scene(session, project, "B", state="waiting")

    film = seen(database, fill, started_at=ago(40_000), moved_at=ago(40_000))
    assert film.eta is not None and film.eta < 20


def test_a_film_that_is_held_promises_nothing(database: Database) -> None:
    for state in ("paused", "waiting", "failed", "cancelled"):
        assert seen(database, half_done, state=state).eta is None


def test_a_paused_film_is_at_its_end_only_when_nothing_is_at_a_service(database: Database) -> None:
    def fill(session: Session, project: Project) -> None:
        make_take(session, make_scene(session, project, state="generating"), state="submitted")

    assert not seen(database, fill, state="paused").ended
    assert seen(database, half_done, state="paused").ended


def test_the_tick_is_there_while_its_sign_is_young(database: Database) -> None:
    assert tick_seen(database) is None and not seen(database, half_done).ticking
    for age, ticking in ((1.0, True), (60.0, False)):
        with database.transaction() as session:
            session.merge(ClusterSign(name="tick", value=None, changed_at=ago(99), seen_at=ago(age)))
        film = seen(database, half_done)
        assert film.ticking is ticking and film.tick_seen == pytest.approx(age, abs=0.9)


def test_other_films_that_are_being_made_are_counted(database: Database) -> None:
    seen(database, half_done)
    seen(database, half_done, state="done")
    assert seen(database, half_done).others == 1


def test_there_is_no_overview_of_a_film_that_is_not_there(database: Database) -> None:
    with pytest.raises(UserError, match="there is no film"):
        overview(database, uuid4())


def test_films_are_listed_newest_first(database: Database) -> None:
    for title, created in (("old", ago(100)), ("new", ago(10))):
        with database.transaction() as session:
            half_done(session, make_film(session, title=title, created_at=created))
    assert [(film.title, film.done, film.total) for film in films(database)] == [("new", 1, 2), ("old", 1, 2)]


def test_it_takes_the_same_few_queries_however_many_scenes_there_are(database: Database) -> None:
    def count(scenes: int) -> int:
        def fill(session: Session, project: Project) -> None:
            for number in range(scenes):
                make_take(
                    session, make_scene(session, project, f"Shot {number}", state="generating"), state="submitted"
                )

        with database.transaction() as session:
            project = make_film(session)
            fill(session, project)
        asked: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        overview(database, project.id)
        return len(asked)

    few, many = count(1), count(40)
    assert many <= 2 * few and few <= 8, "the second count hears both listeners"
