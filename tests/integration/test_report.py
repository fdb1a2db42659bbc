"""The report against real rows, and the folder it becomes."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.factories import at, make_film, make_scene, trail
from tests.reported_film import BLACK, done_film, media_keys, shot, stitched, store_media, troubled_film
from vidpipe.db import money
from vidpipe.db.engine import Database
from vidpipe.db.models import GenerationCandidate, Project
from vidpipe.domain.states import STATES, CandidateState, Entity, ProjectState, SceneState
from vidpipe.errors import SetupError, TransactionOpen, UserError
from vidpipe.pipeline.deps import Deps
from vidpipe.report import collect, document, page, write
from vidpipe.report.facts import SceneFacts
from vidpipe.settings import config_file
from vidpipe.storage.base import Storage

SCHEMA = json.loads(config_file("report.schema.json").read_text(encoding="utf-8"))
Make = Callable[[Session], Project]


def empty_film(session: Session) -> Project:
    """Enqueued a moment ago; nothing has happened."""
    project = make_film(session, title="Just now")
    scene = make_scene(session, project, round=0)
    trail(session, scene, SceneState.WAITING, -0.5)
    trail(session, project, ProjectState.DRAFT, -1, (0, "enqueued"))
    return project


def stored(deps: Deps, make: Make, work: Path) -> UUID:
    """The film with its media in the store."""

    def build(session: Session) -> tuple[UUID, list[tuple[str, str]]]:
        project = make(session)
        return project.id, media_keys(session, project)

    project_id, rows = deps.db.run(build)
    store_media(rows, deps.storage, work)
    return project_id


def made(db: Database, make: Make) -> UUID:
    """The film's id."""
    return db.run(lambda session: make(session).id)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under `folder` with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def by_label(db: Database, make: Make) -> dict[str, SceneFacts]:
    """The report's scenes by label."""
    return {scene.label: scene for scene in collect(db, made(db, make)).scenes}


@pytest.mark.parametrize("make", [done_film, troubled_film, empty_film])
def test_the_document_keeps_to_its_schema(database: Database, make: Make) -> None:
    said = document(collect(database, made(database, make)))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(said)
    assert json.loads(json.dumps(said, allow_nan=False)) == said


def test_the_schema_knows_every_state_and_every_property() -> None:
    defs = SCHEMA["$defs"]
    told = {"film": ("state", Entity.PROJECT), "scene": ("status", Entity.SCENE), "take": ("state", Entity.TAKE)}
    for name, (key, entity) in {**told, "candidate": ("state", Entity.CANDIDATE)}.items():
        assert set(defs[name]["properties"][key]["enum"]) == {str(state) for state in STATES[entity]}
    for one in (SCHEMA, *defs.values()):
        if one.get("type") == "object":
            assert set(one["required"]) == set(one["properties"])
            assert one["additionalProperties"] is False


def test_totals_count_what_became_of_every_shot(database: Database) -> None:
    totals = collect(database, made(database, troubled_film)).totals
    assert (totals.scenes, totals.completed, totals.failed, totals.skipped, totals.open) == (6, 3, 1, 1, 1)
    assert (totals.candidates, totals.unusable) == (7, 1)
    assert totals.mean_quality == pytest.approx((0.78 + 0.66 + 0.63) / 3)
    assert totals.technical_only


def test_money_is_what_the_ledger_says_film_by_film_and_shot_by_shot(database: Database) -> None:
    project_id = made(database, troubled_film)
    report = collect(database, project_id)
    spent = database.run(lambda session: money.spent(session, project_id))
    settled, reserved = spent.settled, spent.open
    assert (report.totals.money.settled, report.totals.money.reserved) == (settled, reserved)
    assert sum(scene.money.settled for scene in report.scenes) == settled
    assert sum(scene.money.reserved for scene in report.scenes) == reserved
    assert sum(line.money.settled for line in report.totals.by_service) == settled
    assert reserved > 0


def test_a_shot_done_by_its_fallback_says_so_with_its_tries_and_what_was_sent(database: Database) -> None:
    scene = by_label(database, troubled_film)["Shot 1B"]
    assert scene.fallback_used
    assert scene.tries == 2
    assert [take.attempts for take in scene.takes] == [3, 1]
    assert scene.takes[0].error == "the service is overloaded (after 3 tries)"
    assert scene.chosen is not None
    assert (scene.chosen.service, scene.chosen.prompt_sent) == ("procedural", "A lighthouse, calm.")
    assert not scene.troubled


def test_a_retaken_shot_keeps_its_earlier_version_apart(database: Database) -> None:
    scene = by_label(database, troubled_film)["Shot 2A"]
    assert scene.version == 2
    assert [one.composite for one in scene.earlier] == [0.42]
    assert [one.state for one in scene.current] == [
        CandidateState.UNUSABLE, CandidateState.PASSED, CandidateState.SELECTED,
    ]  # fmt: skip
    assert scene.chosen is scene.current[2]
    assert scene.why == "chosen by a person"
    assert scene.current[0].faults[0].reason == BLACK
    assert {part.reason for part in scene.current[0].dimensions} == {"the clip is unusable"}


def test_failed_unclear_and_unwanted_shots_are_told_apart(database: Database) -> None:
    report = collect(database, made(database, troubled_film))
    assert [scene.label for scene in report.troubled] == ["Shot 2B", "Gulls"]
    scenes = {scene.label: scene for scene in report.scenes}
    assert scenes["Shot 2B"].reason == "policy: the words were refused"
    assert scenes["Harbour at dawn"].reason == "left out by a person"
    assert scenes["Gulls"].unclear


def test_every_dimension_is_told_and_the_unmeasured_ones_say_why(database: Database) -> None:
    chosen = by_label(database, done_film)["Shot 1A"].chosen
    assert chosen is not None
    told = {part.name: (part.status, part.reason) for part in chosen.dimensions}
    assert told.pop("visual_quality") == ("measured", "")
    assert set(told.values()) == {("unmeasured", "nothing here measures it")}
    assert len(told) == 3
    units = {measure.unit for part in chosen.dimensions for measure in part.measures}
    assert {"LUFS", "share of time", "levels of 255 a frame"} <= units


def test_the_lanes_add_up_to_the_time_of_the_shot(database: Database) -> None:
    report = collect(database, made(database, done_film))
    for scene in report.scenes:
        assert sum(span.seconds for span in scene.lane if span.step != "waiting") == pytest.approx(4.0)
    assert [span.step for span in report.film_lane] == ["stitch"]
    assert report.film.wall_seconds == pytest.approx(7.0)


def test_a_film_that_runs_is_told_as_of_the_last_thing_that_happened(database: Database) -> None:
    film = collect(database, made(database, troubled_film)).film
    assert film.finished_at is None
    assert film.as_of == at(40)
    assert film.wall_seconds == 40


def test_the_number_of_queries_does_not_grow_with_the_film(database: Database) -> None:
    def asked(shots: int) -> int:
        project_id = made(database, lambda session: done_film(session, [f"Shot {n}" for n in range(shots)]))
        seen: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            seen.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        collect(database, project_id)
        event.remove(database.engine, "before_cursor_execute", note)
        return len(seen)

    assert asked(2) == asked(12)


def test_an_unknown_film_leaves_no_folder(deps: Deps, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no film"):
        write(deps, uuid4(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bundle_holds_what_its_report_names_and_nothing_else(deps: Deps, tmp_path: Path) -> None:
    out = tmp_path / "a folder" / "out"
    bundle = write(deps, stored(deps, done_film, tmp_path), out)
    said = json.loads((out / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(said)
    assert set(tree(out)) == {*said["files"], "report.json", "report.html"} == set(bundle.files)
    assert {
        "film.mp4", "clips/01_shot-1a.mp4", "clips/01_shot-1a.json", "candidates/02_shot-1b_v1_take1-1_candidate2.mp4",
        "posters/01_shot-1a_v1_take1-1_candidate1.jpg",
    } <= set(said["files"])  # fmt: skip
    assert bundle.film == out / "film.mp4"
    assert bundle.missing == ()
    for link in re.findall(r'(?:src|href|poster)="([^"#]+)"', (out / "report.html").read_text(encoding="utf-8")):
        assert link.startswith("data:") or (out / link).is_file()
    beside = json.loads((out / "clips/01_shot-1a.json").read_text(encoding="utf-8"))
    assert (beside["scene"]["label"], beside["clip"]["composite"]) == ("Shot 1A", 0.74)


def test_writing_twice_gives_the_same_to_the_byte(deps: Deps, tmp_path: Path) -> None:
    project_id = stored(deps, troubled_film, tmp_path)
    write(deps, project_id, tmp_path / "out")
    first = tree(tmp_path / "out")
    write(deps, project_id, tmp_path / "out")
    assert tree(tmp_path / "out") == first
    write(deps, project_id, tmp_path / "elsewhere")
    assert tree(tmp_path / "elsewhere") == first


def test_an_unfinished_film_gets_its_clips_and_a_report_of_what_is_missing(deps: Deps, tmp_path: Path) -> None:
    bundle = write(deps, stored(deps, troubled_film, tmp_path), tmp_path / "out")
    assert bundle.film is None
    assert sorted(path.name for path in (tmp_path / "out/clips").glob("*.mp4")) == [
        "01_shot-1a.mp4", "02_shot-1b.mp4", "03_shot-2a.mp4",
    ]  # fmt: skip
    assert "There is no film yet." in bundle.page.read_text(encoding="utf-8")


def test_media_that_the_store_lost_is_named_and_the_rest_is_written(deps: Deps, tmp_path: Path) -> None:
    project_id = stored(deps, done_film, tmp_path)
    lost = next(key for key in deps.storage.list(str(project_id)) if "/film/" in key)
    deps.storage.delete(lost)
    bundle = write(deps, project_id, tmp_path / "out")
    assert [one.path for one in bundle.missing] == ["film.mp4"]
    assert bundle.film is None
    assert "Not in this folder" in bundle.page.read_text(encoding="utf-8")
    assert json.loads(bundle.json.read_text(encoding="utf-8"))["film"]["cut"]["path"] is None


def test_a_clip_that_the_store_holds_in_another_size_is_not_passed_on(deps: Deps, tmp_path: Path) -> None:
    project_id = stored(deps, done_film, tmp_path)

    def resize(session: Session) -> None:
        candidates = session.query(GenerationCandidate).filter_by(project_id=project_id, number=2)
        candidates.update({"size": 7})

    deps.db.run(resize)
    bundle = write(deps, project_id, tmp_path / "out")
    assert len(bundle.missing) == 2
    assert all("there should be 7" in one.reason for one in bundle.missing)


@pytest.mark.parametrize("link", [False, True])
def test_clips_are_copies_unless_links_are_asked_for(deps: Deps, tmp_path: Path, link: bool) -> None:
    project_id = stored(deps, done_film, tmp_path)
    write(deps, project_id, tmp_path / "out", link=link)
    key = next(key for key in deps.storage.list(str(project_id)) if "/film/" in key)
    with deps.storage.open_local(key) as path:
        assert path.samefile(tmp_path / "out/film.mp4") is link
        assert path.read_bytes() == (tmp_path / "out/film.mp4").read_bytes()


def test_losing_clips_can_be_left_out(deps: Deps, tmp_path: Path) -> None:
    write(deps, stored(deps, done_film, tmp_path), tmp_path / "out", candidates=False)
    assert not (tmp_path / "out/candidates").exists()


def test_hostile_labels_stay_in_the_folder(deps: Deps, tmp_path: Path) -> None:
    labels = ["../../../escape", "/etc/passwd", "a\nb", "<img src=x onerror=alert(1)>", "شاطئ 🌊", "x" * 500]
    write(deps, stored(deps, lambda session: done_film(session, labels), tmp_path), tmp_path / "o" / "out")
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["out"]
    assert all(re.fullmatch(r"[a-z0-9_.-]+", path.name) for path in (tmp_path / "o/out").rglob("*"))


class FullDisk:
    """A store whose files can be read until `room` of them were, when the disk that they go to is full."""

    def __init__(self, store: Storage, room: int) -> None:
        self.store, self.room = store, room

    @contextmanager
    def _open(self, key: str) -> Iterator[Path]:
        with self.store.open_local(key) as path:
            yield path
        self.room -= 1
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_local(self, key: str) -> AbstractContextManager[Path]:
        """As the store does, while there is room."""
        return self._open(key)


@pytest.mark.parametrize("room", [1, 4])
def test_a_full_disk_leaves_no_trace_of_a_first_bundle(deps: Deps, tmp_path: Path, room: int) -> None:
    project_id = stored(deps, done_film, tmp_path)
    deps.storage = FullDisk(deps.storage, room)  # type: ignore[assignment]
    with pytest.raises(SetupError, match="the disk is full") as told:
        write(deps, project_id, tmp_path / "new" / "out")
    assert "--out" in told.value.remedy
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_an_earlier_bundle_as_it_was(deps: Deps, tmp_path: Path) -> None:
    project_id = stored(deps, done_film, tmp_path)
    write(deps, project_id, tmp_path / "out")
    before = tree(tmp_path / "out")
    deps.storage = FullDisk(deps.storage, 3)  # type: ignore[assignment]
    with pytest.raises(SetupError):
        write(deps, project_id, tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert not list((tmp_path / "out").glob(".*"))


def test_an_out_that_is_a_file_or_lies_under_one_is_named(deps: Deps, tmp_path: Path) -> None:
    project_id = made(deps.db, troubled_film)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(SetupError, match="cannot be written"):
            write(deps, project_id, out)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_what_a_killed_writer_left_is_cleared_away(deps: Deps, tmp_path: Path) -> None:
    project_id = made(deps.db, empty_film)
    (tmp_path / "out/.vidpipe-part-dead/clips").mkdir(parents=True)
    write(deps, project_id, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))


def test_what_the_film_has_no_more_goes_and_what_others_put_there_stays(deps: Deps, tmp_path: Path) -> None:
    project_id = stored(deps, done_film, tmp_path)
    out = tmp_path / "out"
    write(deps, project_id, out)
    (out / "clips/mine.mp4").write_bytes(b"mine")
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    write(deps, project_id, out, candidates=False)
    assert not list((out / "candidates").iterdir())
    assert (out / "clips/mine.mp4").read_bytes() == b"mine"
    assert (out / "notes.txt").exists()


def test_another_film_in_the_folder_takes_the_place_of_the_first(deps: Deps, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(deps, stored(deps, done_film, tmp_path), out)
    (out / "clips/mine.mp4").write_bytes(b"mine")
    assert len(list((out / "candidates").iterdir())) > 1
    write(deps, made(deps.db, empty_film), out)  # as after the storyboard was changed
    assert [path.name for path in (out / "clips").iterdir()] == ["mine.mp4"]
    assert not list((out / "candidates").iterdir())
    assert not list((out / "posters").iterdir())
    assert (out / "film.mp4").exists(), "the new film has none yet: the finished one stays"


def test_a_report_is_not_written_inside_a_transaction(deps: Deps, tmp_path: Path) -> None:
    project_id = made(deps.db, empty_film)
    with pytest.raises(TransactionOpen), deps.db.transaction():
        write(deps, project_id, tmp_path / "out")


def test_the_page_of_a_long_film_stays_small(deps: Deps, tmp_path: Path) -> None:
    def long(session: Session) -> Project:
        project = make_film(session, state=str(ProjectState.DONE), finished_at=at(60))
        for number in range(45):
            shot(session, project, f"Shot {number}", number, (0.7, 0.6, 0.5, 0.4))
        stitched(session, project, 60)
        trail(session, project, ProjectState.DRAFT, -1, (0, "enqueued"), (59, "all_scenes_ended"), (60, "stitched"))
        return project

    bundle = write(deps, stored(deps, long, tmp_path), tmp_path / "out")
    assert bundle.page.stat().st_size < 3_000_000
    assert bundle.page.read_text(encoding="utf-8").count('src="data:image/jpeg') >= 45


def test_a_page_can_be_made_without_a_bundle(database: Database) -> None:
    assert "The Keeper&#39;s Light" in page(collect(database, made(database, troubled_film)))
