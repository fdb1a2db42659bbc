"""Places that can't be used: a disk that is full, a port that is taken, a database of another version."""

from __future__ import annotations

import socket
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.acceptance.stage import Stage, cluster, write_story
from tests.small_disk import small_disk
from vidpipe.cluster.status import status
from vidpipe.db import migrate
from vidpipe.media.probe import probe


def test_a_full_disk_leaves_nothing_half_written_and_the_film_is_written_once_there_is_room(stage: Stage) -> None:
    story = write_story(stage.home.parent / "story.json", [{"prompt": "a harbour at dawn"}])
    with small_disk(stage.out, 60) as folder:
        done = stage.film(story)
        assert done.returncode == 2, done.stderr
        assert "full" in done.stderr and "Traceback" not in done.stderr
        left = [
            path for path in folder.rglob("*") if path.suffix in (".mp4", ".html") and not path.name.startswith(".")
        ]
        assert all(probe(path).duration > 0 for path in left if path.suffix == ".mp4")
        assert not (folder / "report.html").exists()
    written = stage.film(story)
    assert written.returncode == 0, written.stderr
    assert probe(stage.out / "film.mp4").duration > 0.9 and len(stage.operations()) == 1


def test_a_port_that_is_taken_is_said_to_be(stage: Stage) -> None:
    with cluster(stage), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = stage.run("flower", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2 and "taken" in done.stderr and "--port" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(stage: Stage) -> None:
    story = write_story(stage.home.parent / "story.json", [{"prompt": "a harbour at dawn"}])
    with cluster(stage):
        _stamp(stage.home, "9999")
        enqueued = stage.run("enqueue", str(story))
        assert enqueued.returncode == 2 and "newer version" in enqueued.stderr, enqueued.stderr
    started = stage.film(story)
    assert started.returncode == 2 and "newer version" in started.stderr, started.stderr
    assert "Traceback" not in started.stderr


def test_a_database_without_a_schema_says_how_it_gets_one(stage: Stage) -> None:
    with cluster(stage):
        url = status(stage.home).settings["database_url"]
        _stamp(stage.home, None)
        refused = stage.run("status")
        assert refused.returncode == 2 and "db upgrade" in refused.stderr, refused.stderr
        _stamp(stage.home, migrate.head())
        assert stage.run("status").returncode == 0, url


def _stamp(home: Path, revision: str | None) -> None:
    """Make the database say that it has this schema (None: none yet)."""
    engine = create_engine(status(home).settings["database_url"])
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        if revision is not None:
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    engine.dispose()
