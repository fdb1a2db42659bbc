"""The doctor on rows, services and servers that are really in trouble: it names the cause and the remedy."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from tests.integration.findings import by_code, only
from tests.integration.test_restored import backed_up
from tests.small_disk import small_disk
from tests.stories import story
from tests.waiting import until
from vidpipe import presence
from vidpipe.broker import open_broker
from vidpipe.cluster.processes import python_environment
from vidpipe.db import projects
from vidpipe.db.models import Attempt, GenerationCandidate, Project, Take
from vidpipe.doctor import Diagnosis, Severity, examine
from vidpipe.domain import keys
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.heartbeat import Heartbeat
from vidpipe.pipeline import control, poll
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.download import DOWNLOAD
from vidpipe.pipeline.enroll import Consent, enroll
from vidpipe.pipeline.plan import PLAN
from vidpipe.pipeline.step import run
from vidpipe.pipeline.submit import SUBMIT
from vidpipe.pipeline.sweep import sweep
from vidpipe.settings import child_environment, merge

Play = Callable[[UUID], Project]
Tick = Callable[[], None]
YES = Consent(confirmed=True, no_budget=True)
# What the tests' own thread does, for whom no worker signs.
ROLES = ("io", "gpu", "tick", "beat")


@pytest.fixture
def staff(settings: object, deps: Deps) -> Iterator[None]:
    """The tests' own thread does every worker's work, and signs for them all."""
    client = open_broker(deps.settings.broker_url, seconds=5)
    for role in ROLES:
        presence.sign(client, role, f"{role}@test", Heartbeat(at=0.0, threads=4))
    yield
    client.delete(presence.KEY)
    client.close()


@pytest.fixture
def tick(eager: Deps, staff: None) -> Tick:
    """A sweep as the tick makes it, by the broker that there is, and a wave for every service."""
    from tasks.route import send  # noqa: PLC0415 - reads the environment, which `eager` has set by now

    client = open_broker(eager.settings.broker_url, seconds=5)
    epoch = f"{client.info('server')['run_id']}:1"
    client.close()

    def once() -> None:
        send(eager, sweep(eager, epoch))
        for service in eager.settings.services:
            send(eager, poll.wave(eager, service))

    return once


def diagnosis(deps: Deps) -> Diagnosis:
    """What the doctor says of the test's own cluster, whose workers sign first: a test may have taken long."""
    client = open_broker(deps.settings.broker_url, seconds=5)
    for role in ROLES:
        presence.sign(client, role, f"{role}@test", Heartbeat(at=0.0, threads=4))
    client.close()
    return examine(deps.settings)


def employ(deps: Deps, **entry: object) -> None:
    """Let the procedural service have these settings."""
    deps.settings = replace(deps.settings, services=merge(deps.settings.services, {"procedural": entry}))
    deps._catalogue = None


def paid(deps: Deps) -> None:
    employ(deps, models={"procedural-1": {"price_per_second": "0.40"}})


def take_of(deps: Deps, project_id: UUID) -> Take:
    return deps.db.run(lambda session: projects.takes(session, project_id)[0])


def until_told(tick: Tick, deps: Deps, code: str) -> Diagnosis:
    """Tick until the doctor finds it."""

    def look() -> Diagnosis | None:
        tick()
        found = diagnosis(deps)
        return found if code in by_code(found) else None

    return until(look, seconds=30, what=code) or diagnosis(deps)


def test_a_cluster_in_which_all_is_well_gets_one_line(eager: Deps, tick: Tick, play: Play) -> None:
    assert play(enroll(eager, story()).project_id).state == ProjectState.DONE
    found = diagnosis(eager)
    assert found.healthy and not found.findings, found.findings
    assert found.figures["films"]["films"] == {"done": 1} and found.figures["record"]["buying"]


def test_a_service_out_of_quota_is_named_with_the_takes_that_wait_for_it(eager: Deps, tick: Tick) -> None:
    eager.settings = replace(eager.settings, timing=replace(eager.settings.timing, backoff=60.0, backoff_most=60.0))
    enroll(eager, story(title="Lighthouse", scenes=2, prompt="a boat [fault: quota x9]"))
    one = only(until_told(tick, eager, "service.paused"))
    assert one.severity == Severity.STUCK and "procedural takes nothing now, and 2 takes wait" in one.what
    assert "quota" in one.why and "tried again in" in one.why and "larger quota" in one.remedy
    assert {place.film for place in one.places} == {"Lighthouse"} and one.total == 2 and one.age is not None


def test_an_order_of_unknown_fate_at_a_service_that_cannot_be_asked_waits_for_a_person(eager: Deps, tick: Tick) -> None:
    paid(eager)
    employ(eager, options={"askable": False})
    enroll(eager, story(title="Lighthouse", prompt="a boat [fault: lost-answer]"), consent=YES)
    found = by_code(until_told(tick, eager, "film.waits"))
    assert set(found) == {"orders.uncertain", "film.waits"}
    order, film = found["orders.uncertain"], found["film.waits"]
    assert "1 order to procedural" in order.what and "$0.40" in order.what and "uncertain show" in order.remedy
    assert order.figures["may_cost"] == Decimal("0.40") and "uncertain list" in film.remedy
    assert [place.what for place in order.places] == ["Shot 1A, take 1.1"]


def test_a_service_that_was_removed_from_the_settings_is_missed(eager: Deps, tick: Tick) -> None:
    other = {**eager.settings.services["procedural"], "adapter": "procedural"}
    both = {**eager.settings.services, "other": other}
    # The lane takes nothing, so that the takes stay in line.
    eager.settings = replace(
        eager.settings, services=both, service_urls={"other": eager.settings.procedural_url},
        timing=replace(eager.settings.timing, backoff=60.0, backoff_most=60.0),
    )  # fmt: skip
    board = story(title="Lighthouse", scenes=2, prompt="a boat [fault: quota x9]")
    sequence = replace(
        board.sequences[0], scenes=tuple(replace(one, service="other") for one in board.sequences[0].scenes)
    )
    enroll(eager, replace(board, sequences=(sequence,)))
    until_told(tick, eager, "service.paused")
    left = {name: one for name, one in both.items() if name != "other"}
    eager.settings = replace(eager.settings, services=left)
    tick()
    one = only(diagnosis(eager))
    assert one.code == "service.unknown" and one.severity == Severity.STUCK and one.total == 2
    assert "no service other" in one.what and "2 takes" in one.what and "Put other back" in one.remedy


def test_a_service_that_does_not_answer_is_told_from_one_that_does(eager: Deps, tick: Tick, tmp_path: Path) -> None:
    eager.settings = replace(eager.settings, procedural_url=f"http+unix://{str(tmp_path / 'none').replace('/', '%2F')}")
    enroll(eager, story(title="Lighthouse"))
    one = only(until_told(tick, eager, "service.silent"))
    assert one.severity == Severity.BROKEN and "procedural does not answer, and" in one.what and one.places
    assert "No such file" in one.why and "url" in one.remedy


_WORKER = """
import os, signal, sys
from dataclasses import replace
from uuid import UUID
from vidpipe.pipeline.deps import open_deps
from vidpipe.pipeline.score import SCORE
from vidpipe.pipeline.step import run
from vidpipe.settings import load

class Killer:
    dimension = "visual_quality"

    def measure(self, clip, subject):
        os.kill(os.getpid(), signal.SIGKILL)

settings = load()
deps = open_deps(replace(settings, timing=replace(settings.timing, lease=0.5)), "gpu@mortal")
deps.measurers = lambda settings: (Killer(),)
run(deps, SCORE, UUID(sys.argv[1]))
"""


def stored_clip(deps: Deps, project_id: UUID) -> GenerationCandidate:
    """Walk the film's only scene until its clip is to be scored."""
    (scene,) = deps.db.run(lambda session: projects.scenes(session, project_id))
    run(deps, PLAN, scene.id)
    take = take_of(deps, project_id)
    run(deps, SUBMIT, take.id)

    def asked() -> bool:
        poll.poll(deps, take.id)
        return take_of(deps, project_id).state == TakeState.DELIVERED

    until(asked, seconds=30, what="the clip")
    (clip,) = deps.db.run(lambda session: session.query(GenerationCandidate).all())
    run(deps, DOWNLOAD, clip.id)
    return clip


def test_a_clip_that_killed_three_workers_is_told_of(deps: Deps, staff: None, tick: Tick) -> None:
    clip = stored_clip(deps, enroll(deps, story(title="Lighthouse")).project_id)
    settings = deps.settings
    env = child_environment(
        {
            **python_environment(), "VIDPIPE_HOME": str(settings.home), "VIDPIPE_DATABASE_URL": settings.database_url,
            "VIDPIPE_BROKER_URL": settings.broker_url, "VIDPIPE_STORAGE_ROOT": str(settings.storage_root),
        }
    )  # fmt: skip

    def deaths(wanted: int) -> Callable[[], bool]:
        def swept() -> bool:
            sweep(deps, "one broker")
            return deps.db.run(lambda session: session.get_one(GenerationCandidate, clip.id)).deaths == wanted

        return swept

    for number in (1, 2, 3):
        died = subprocess.run([sys.executable, "-c", _WORKER, str(clip.id)], env=env, timeout=60, check=False)
        assert died.returncode == -signal.SIGKILL
        until(deaths(number), what=f"death {number} to be swept")
    tick()
    found = by_code(diagnosis(deps))
    assert "rows.poison" in found, list(found)
    poison = found["rows.poison"]
    assert "killed 3 workers" in poison.what and "3 workers died at the step score" in poison.why
    assert poison.severity == Severity.STUCK and "memory" in poison.remedy
    assert [(place.film, place.what) for place in poison.places] == [("Lighthouse", "Shot 1A, take 1.1, candidate 1")]


@pytest.mark.parametrize(
    ("revision", "says", "does"), [("9999", "newer version", "Install that"), ("0001", "older", "db upgrade")]
)
def test_a_schema_of_another_version_is_told_and_its_rows_are_let_alone(
    deps: Deps, staff: None, revision: str, says: str, does: str
) -> None:
    deps.db.run(lambda session: session.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'")))
    one = only(diagnosis(deps))
    assert one.code == "database.schema" and says in one.what and does in one.remedy and revision in one.why


def test_a_database_that_can_only_be_read_is_told(deps: Deps, tick: Tick) -> None:
    tick()
    name = deps.db.engine.url.database
    admin = create_engine(deps.db.engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    admin.dispose()
    one = only(diagnosis(deps))
    assert one.code == "database.read_only" and "default_transaction_read_only" in one.why


def test_a_restored_database_whose_journal_cannot_be_read_buys_nothing_and_the_file_is_named(
    eager: Deps, tick: Tick, play: Play, database_url: str
) -> None:
    paid(eager)
    project_id = enroll(eager, story(title="Lighthouse"), consent=YES).project_id
    with backed_up(eager, database_url) as backup:
        assert play(project_id).state == ProjectState.DONE
        token = eager.db.run(lambda session: session.query(Attempt.token).scalar())
        note = eager.settings.storage_root / keys.journal(project_id, token)
        backup.restore()
        eager.settings = replace(
            eager.settings, database_url=eager.db.engine.url.render_as_string(hide_password=False)
        )  # fmt: skip
        whole = note.read_text(encoding="utf-8")
        note.write_text("half of a no", encoding="utf-8")
        found = by_code(until_told(tick, eager, "restored.stopped"))
        stopped = found["restored.stopped"]
        assert "Nothing that costs money is bought" in stopped.what and note.name in stopped.why
        assert stopped.severity == Severity.BROKEN and "only note" in stopped.remedy
        note.write_text(whole, encoding="utf-8")
        assert play(project_id).state == ProjectState.DONE
        assert diagnosis(eager).healthy


def test_a_film_whose_budget_is_reached_says_what_it_has_and_how_to_give_it_more(eager: Deps, play: Play) -> None:
    paid(eager)
    board = replace(story(title="Lighthouse"), budget=Decimal("0.30"))
    project_id = enroll(eager, board, consent=Consent(confirmed=True)).project_id
    assert play(project_id).state == ProjectState.WAITING
    one = only(diagnosis(eager))
    assert one.code == "film.budget" and one.severity == Severity.STUCK and "Lighthouse" in one.what
    assert "$0.30" in one.why and f"vidpipe budget {str(project_id)[:8]} DOLLARS" in one.remedy
    assert [place.what for place in one.places] == ["Shot 1A"]


def test_a_paused_film_is_worth_knowing_and_no_illness(eager: Deps, tick: Tick) -> None:
    project_id = enroll(eager, story(title="Lighthouse")).project_id
    control.pause(eager, project_id)
    tick()
    found = diagnosis(eager)
    one = only(found)
    assert found.healthy and one.severity == Severity.NOTE and "Lighthouse is paused" in one.what
    assert "vidpipe resume" in one.remedy


def test_a_media_folder_that_is_not_mounted_is_told_and_not_made_anew(eager: Deps, tick: Tick) -> None:
    tick()
    eager.settings.storage_root.rename(eager.settings.home.parent / "elsewhere")
    found = diagnosis(eager)
    one = by_code(found)["store.missing"]
    assert one.severity == Severity.BROKEN and str(eager.settings.storage_root) in one.what and "Mount it" in one.remedy
    assert not eager.settings.storage_root.exists()


def test_a_full_media_store_is_told(eager: Deps, tick: Tick) -> None:
    tick()
    with small_disk(eager.settings.storage_root, 16) as folder:
        (folder / ".vidpipe-media").touch()
        with (folder / "filler").open("wb") as filler, pytest.raises(OSError, match="No space"):
            filler.write(b"x" * 100_000)
            filler.flush()
        found = by_code(diagnosis(eager))
    assert "store.full" in found and "No space left" in found["store.full"].why


def test_a_broker_that_takes_nothing_or_throws_messages_away_is_told(eager: Deps, tick: Tick) -> None:
    tick()
    client = open_broker(eager.settings.broker_url, seconds=5)
    try:
        client.config_set("maxmemory", "1")
        full = only(examine(eager.settings))
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "100mb")
        evicts = only(diagnosis(eager))
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        client.replicaof("127.0.0.1", 1)
        replica = only(examine(eager.settings))
    finally:
        client.replicaof("NO", "ONE")
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        client.close()
    assert full.code == "broker.full" and "used memory" in full.why and "maxmemory" in full.remedy
    assert replica.code == "broker.read_only" and "replica" in replica.what and "primary" in replica.remedy
    assert evicts.code == "broker.evicts" and "allkeys-lru" in evicts.what and "noeviction" in evicts.remedy
