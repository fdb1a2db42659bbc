"""`vidpipe enqueue` of a film whose services have no key here: refused on this machine's own cluster, told
elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidpipe.cli import codes, enqueue
from vidpipe.cli.main import main
from vidpipe.db import projects
from vidpipe.pipeline.deps import Deps
from vidpipe.reach import Connection
from vidpipe.settings import Settings, load

STORY = "title: The Quay\nbudget: 9\nscenes:\n  - {prompt: a harbour at dawn, duration: 5, service: pika}\n"
UNSET = "Shot 1A is to be made by pika, which can't be used from here: FAL_KEY is not set."


@pytest.fixture
def desk(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a film, and settings that name a cluster elsewhere; no key is set."""
    for name, value in {
        "VIDPIPE_HOME": tmp_path / "home", "VIDPIPE_DATABASE_URL": settings.database_url,
        "VIDPIPE_BROKER_URL": settings.broker_url, "VIDPIPE_STORAGE_ROOT": settings.storage_root,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("FAL_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quay.yaml").write_text(STORY, encoding="utf-8")


@pytest.fixture
def own_cluster(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same servers, as the home folder's own cluster."""

    @contextmanager
    def connect(*, home: Path | None = None) -> Iterator[Connection]:
        connection = Connection(load(home=home), embedded=True)
        yield connection
        connection.close()

    monkeypatch.setattr(enqueue, "connect", connect)


def films(deps: Deps) -> int:
    return len(deps.db.run(projects.all_of))


def test_of_workers_elsewhere_it_is_told_and_the_film_is_enqueued(
    desk: None, deps: Deps, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enqueue", "quay.yaml", "--yes", "--json"]) == codes.DONE
    out, err = capsys.readouterr()
    assert json.loads(out)["fresh"] and UNSET in err and "--workers-have-keys" in err
    assert main(["enqueue", "quay.yaml", "--yes", "--again", "--workers-have-keys"]) == codes.DONE
    assert "FAL_KEY" not in capsys.readouterr().err


def test_on_this_machines_own_cluster_it_is_refused_as_run_refuses_it(
    own_cluster: None, deps: Deps, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enqueue", "quay.yaml", "--yes"]) == codes.BAD_INPUT
    err = capsys.readouterr().err
    assert UNSET in err and "start the cluster again" in err and "--workers-have-keys" in err
    assert films(deps) == 0


def test_there_it_is_enqueued_where_the_key_is_set_or_somebody_answers_for_it(
    own_cluster: None, deps: Deps, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["enqueue", "quay.yaml", "--yes", "--workers-have-keys"]) == codes.DONE
    monkeypatch.setenv("FAL_KEY", "a-key")
    assert main(["enqueue", "quay.yaml", "--yes", "--again"]) == codes.DONE
    assert "FAL_KEY" not in capsys.readouterr().err and films(deps) == 2
