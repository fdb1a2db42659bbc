"""What the films' rows name and what the store holds, compared, on both kinds of store."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from tests.factories import choose, make_candidate, make_cut, make_film, make_scene, make_take
from tests.object_store import ObjectStore
from tests.stories import story
from vidpipe.cli.main import main
from vidpipe.db import media
from vidpipe.db.models import Asset, GenerationCandidate, Project, Take
from vidpipe.domain import keys
from vidpipe.domain.states import CandidateState, ProjectState, TakeState
from vidpipe.domain.storyboard.model import FrameSpec
from vidpipe.errors import SetupError
from vidpipe.pipeline import restored
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.pipeline.orphans import StoreCheck, check
from vidpipe.settings import Settings
from vidpipe.storage.base import Stored
from vidpipe.storage.s3 import S3Storage


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Media in a folder, and then in an object store."""
    if request.param == "s3":
        server: ObjectStore = request.getfixturevalue("object_server")
        request.getfixturevalue("bucket")  # emptied afterwards
        return server.settings(settings)
    return settings


@dataclass(frozen=True)
class Film:
    """A finished film of one scene, as the pipeline leaves it: rows, and what they name in the store."""

    id: UUID
    candidate: GenerationCandidate
    clip: Stored
    given: str
    cut_id: UUID
    cut: str


@pytest.fixture
def film(deps: Deps) -> Film:
    project_id, scene_id, take_id = uuid4(), uuid4(), uuid4()
    picture = hashlib.sha256(b"a picture").hexdigest()
    clip = put(deps, keys.candidate(project_id, scene_id, take_id, 1), b"a clip of a lighthouse")
    given = put(deps, keys.given(project_id, picture, ".png"), b"a picture").key
    cut = put(deps, keys.film(project_id, uuid4()), b"the film").key
    stills = {which: keys.frame(project_id, scene_id, take_id, 1, which) for which in ("first", "last", "poster")}
    for which, key in stills.items():
        put(deps, key, which.encode())

    def write(session: Session) -> tuple[GenerationCandidate, UUID]:
        project = make_film(session, id=project_id, state=str(ProjectState.DONE))
        spec = {"cast": [], "first_frame": {"source": "image", "key": given, "previous": None}}
        scene = make_scene(session, project, id=scene_id, spec=spec)
        take = make_take(session, scene, id=take_id, request={"first_frame": given})
        candidate = make_candidate(
            session, take, key=clip.key, size=clip.size, sha256=clip.sha256, first_frame_key=stills["first"],
            last_frame_key=stills["last"], poster_key=stills["poster"],
        )  # fmt: skip
        choose(session, candidate)
        return candidate, make_cut(session, project, key=cut).id

    candidate, cut_id = deps.db.run(write)
    restored.look(deps)
    return Film(project_id, candidate, clip, given, cut_id, cut)


def put(deps: Deps, key: str, content: bytes = b"nobody's") -> Stored:
    path = deps.folder("test") / uuid4().hex
    path.write_bytes(content)
    return deps.storage.put(key, path)


def now(deps: Deps, **how: bool) -> StoreCheck:
    """A check to which nothing is too young."""
    return check(deps, grace=-1.0, **how)  # type: ignore[arg-type]


def change(deps: Deps, key: str, content: bytes) -> None:
    """As somebody does who reaches past vidpipe."""
    if isinstance(deps.storage, S3Storage):
        client = deps.storage._client
        client._put_object(client.bucket, key, content, {})
    else:
        (deps.settings.storage_root / key).write_bytes(content)


def test_everything_of_a_film_that_was_made_is_named_and_whole(
    eager: Deps, play: Callable[[UUID], Project], tmp_path: Path
) -> None:
    picture = tmp_path / "first.png"
    Image.new("RGB", (160, 90), (90, 120, 150)).save(picture)
    board = story(candidates=2)
    (sequence,) = board.sequences
    scenes = tuple(replace(scene, first_frame=FrameSpec("image", path=picture)) for scene in sequence.scenes)
    project = play(enroll(eager, replace(board, sequences=(replace(sequence, scenes=scenes),))).project_id)
    assert project.state == ProjectState.DONE, (project.note, project.last_error)
    found = now(eager, deep=True)
    assert found.clean and found.faults == (), found
    assert found.objects == found.named == 2 * 4 + 1 + 1, "two candidates with three stills, the picture, and the film"


def test_what_nobody_names_is_found_and_deleted_and_nothing_else_is(deps: Deps, film: Film) -> None:
    assert now(deps, deep=True).clean
    kept = {entry.key for entry in deps.storage.entries("")}
    strays = {put(deps, key).key for key in (keys.film(film.id, uuid4()), f"{film.id}/elsewhere", "no/film.mp4")}
    found = now(deps)
    assert {orphan.key for orphan in found.orphans} == strays and not found.clean
    assert {orphan.size for orphan in found.orphans} == {8} and found.faults == ()
    assert strays < {entry.key for entry in deps.storage.entries("")}, "nothing is deleted unasked"
    deleted = now(deps, delete_orphans=True)
    assert deleted.clean and deleted.deleted == 3
    assert {entry.key for entry in deps.storage.entries("")} == kept, "with their descriptions, and nothing else"


def test_what_is_missing_or_changed_is_told_with_the_row_that_names_it(deps: Deps, film: Film) -> None:
    change(deps, film.clip.key, b"?" * film.clip.size)
    change(deps, film.given, b"no picture")
    deps.storage.delete(film.cut)
    change(deps, film.cut + ".json", b"{}")
    found = now(deps, delete_orphans=True)
    faults = {fault.key: fault for fault in found.faults}
    assert set(faults) == {film.clip.key, film.given, film.cut}
    wanted = f"its sha256 is {hashlib.sha256(b'?' * film.clip.size).hexdigest()}, and should be {film.clip.sha256}"
    assert faults[film.clip.key].what == wanted
    assert faults[film.clip.key].where == f"generation_candidates.key {film.candidate.id}"
    assert "and should be" in faults[film.given].what and faults[film.given].where.startswith("scenes.spec ")
    assert (faults[film.cut].what, faults[film.cut].where) == ("it is missing", f"cuts.key {film.cut_id}")
    assert found.orphans == () and found.deleted == 0, "what a row names is never deleted, nor its description"


def test_a_file_of_another_length_is_told_so(deps: Deps, film: Film) -> None:
    change(deps, film.clip.key, b"short")
    (fault,) = now(deps).faults
    assert fault.what == f"it has 5 bytes, and should have {film.clip.size}"


def test_a_deep_check_reads_what_is_said_to_be_unchanged(deps: Deps, film: Film) -> None:
    """A rotten disk changes neither length nor time nor what was noted."""
    noted = hashlib.sha256(b"the film").hexdigest()
    if isinstance(deps.storage, S3Storage):
        client = deps.storage._client
        client._put_object(client.bucket, film.cut, b"THE FILM", {"x-amz-meta-sha256": noted})
    else:
        path = deps.settings.storage_root / film.cut
        before = path.stat()
        path.write_bytes(b"THE FILM")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert now(deps).clean
    (fault,) = now(deps, deep=True).faults
    assert fault.key == film.cut and noted in fault.what and hashlib.sha256(b"THE FILM").hexdigest() in fault.what


def test_what_is_young_is_left_alone(deps: Deps, film: Film) -> None:
    stray = put(deps, keys.film(film.id, uuid4()))
    found = check(deps, delete_orphans=True)
    assert found.clean and found.young == 1 and found.deleted == 0
    assert deps.storage.stat(stray.key) == stray


def test_the_journal_of_orders_and_what_an_unended_take_brought_are_nobodys_orphans(deps: Deps, film: Film) -> None:
    one = film.candidate
    note = put(deps, keys.journal(film.id, uuid4()), b"{}")
    other = put(deps, f"{film.id}/{one.scene_id}/{one.take_id}/half_known.bin")
    assert [orphan.key for orphan in now(deps).orphans] == [other.key], "its take has ended"
    with deps.db.transaction() as session:
        session.execute(update(Take).where(Take.id == one.take_id).values({"state": str(TakeState.DELIVERED)}))
    assert now(deps, delete_orphans=True).clean
    assert deps.storage.stat(other.key) == other and deps.storage.stat(note.key) == note


def test_a_clip_whose_row_does_not_name_it_yet_is_kept(deps: Deps, film: Film) -> None:
    """Its worker died between storing it and saying so."""

    def forget(session: Session) -> None:
        values = {"state": str(CandidateState.ANNOUNCED), "key": None, "poster_key": None}
        session.execute(update(GenerationCandidate).values(values))
        session.execute(text("DELETE FROM video_clips"))

    deps.db.run(forget)
    assert now(deps, delete_orphans=True).clean
    assert deps.storage.stat(film.clip.key) == film.clip


def test_nothing_is_deleted_for_a_database_that_may_have_forgotten_orders(deps: Deps, film: Film) -> None:
    stray = put(deps, keys.film(film.id, uuid4()))
    unknown = uuid4()
    put(deps, keys.journal(unknown, uuid4()), b"{}")
    bought = put(deps, keys.candidate(unknown, uuid4(), uuid4(), 1))
    found = now(deps, delete_orphans=True)
    assert [(orphan.key, bool(orphan.kept)) for orphan in found.orphans] == [(bought.key, True)]
    assert found.deleted == 1 and deps.storage.stat(stray.key) is None and deps.storage.stat(bought.key) == bought
    with deps.db.transaction() as session:
        session.execute(text("DELETE FROM cluster_signs"))
    with pytest.raises(SetupError, match="journal of orders"):
        now(deps, delete_orphans=True)


def test_uploads_that_broke_off_are_found_and_given_up(deps: Deps, film: Film) -> None:
    if isinstance(deps.storage, S3Storage):
        key = keys.film(film.id, uuid4())
        deps.storage._client.begin(key, {})
    else:
        key = ".part/abandoned"
        (deps.settings.storage_root / key).write_bytes(b"half")
    assert check(deps).clean, "it may be under way"
    found = now(deps)
    assert [broken.key for broken in found.broken_uploads] == [key] and not found.clean
    assert now(deps, delete_orphans=True).deleted == 1 and now(deps).clean


def test_the_command_tells_people_and_programs_and_ends_with_1_where_something_is_wrong(
    deps: Deps, film: Film, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = deps.settings
    for name, value in {
        "VIDPIPE_HOME": settings.home, "VIDPIPE_DATABASE_URL": settings.database_url,
        "VIDPIPE_STORAGE": settings.storage_kind, "VIDPIPE_STORAGE_ROOT": settings.storage_root,
        "VIDPIPE_S3_ENDPOINT": settings.s3_endpoint, "VIDPIPE_S3_ACCESS_KEY": settings.s3_access_key,
        "VIDPIPE_S3_SECRET_KEY": settings.s3_secret_key, "VIDPIPE_S3_SECURE": "no",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    assert main(["storage", "prepare"]) == 0
    assert main(["storage", "check"]) == 0
    assert "Everything is as it should be." in capsys.readouterr().out
    deps.storage.delete(film.cut)
    assert main(["storage", "check", "--deep"]) == 1
    said = capsys.readouterr().out
    assert film.cut in said and "it is missing" in said and f"cuts.key {film.cut_id}" in said
    assert main(["storage", "check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["clean"] is False and found["faults"][0]["key"] == film.cut and found["objects"] == 5


def test_a_key_is_found_wherever_it_stands_in_the_rows(deps: Deps) -> None:
    project_id = uuid4()
    places = {name: f"{project_id}/{name}.bin" for name in ("asset", "found", "reference", "cut")}

    def write(session: Session) -> None:
        project = make_film(session, id=project_id)
        make_scene(session, project, spec={"reference_images": [{"tag": "CHAR_01", "key": places["reference"]}]})
        session.add(
            Asset(
                tag="CHAR_01", kind="character", name="", description="", source="UPLOAD", project_id=project_id,
                image_keys=[places["asset"]], found={"deep": [{"in": places["found"]}], "prompt": "a/b"},
            )
        )  # fmt: skip
        make_cut(session, project, key=places["cut"])

    deps.db.run(write)
    named = {name.key: name.where.split()[0] for name in deps.db.run(lambda session: list(media.named(session)))}
    assert named == {
        places["asset"]: "assets.image_keys", places["found"]: "assets.found",
        places["reference"]: "scenes.spec", places["cut"]: "cuts.key",
    }  # fmt: skip
