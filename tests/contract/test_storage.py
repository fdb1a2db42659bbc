"""One suite over every media store."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from vidpipe.boundary import transaction_open
from vidpipe.domain import keys
from vidpipe.errors import StorageError, TransactionOpen
from vidpipe.storage.base import Storage, Stored
from vidpipe.storage.folder import FolderStorage


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        found: Storage = request.getfixturevalue("bucket")
        return found
    return folder(tmp_path)


def folder(tmp_path: Path) -> FolderStorage:
    found = FolderStorage(tmp_path / "media", "a key to sign with")
    found.prepare()
    return found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"frames" * 1000)
    return path


KEY = keys.candidate(uuid4(), uuid4(), uuid4(), 1)


def test_what_was_put_is_there_whole_with_its_metadata_beside_it(store: Storage, clip: Path) -> None:
    stored = store.put(KEY, clip, {"label": "Shot 1A"})
    assert stored.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest() and stored.size == 6000
    assert store.stat(KEY) == stored
    with store.open_local(KEY) as path:
        assert path.read_bytes() == clip.read_bytes()
    with store.open_local(KEY + ".json") as path:
        assert json.loads(path.read_text())["label"] == "Shot 1A"


def test_the_same_bytes_may_be_put_twice_other_bytes_may_not(store: Storage, clip: Path) -> None:
    first = store.put(KEY, clip, {"label": "Shot 1A"})
    assert store.put(KEY, clip, {"label": "Shot 1A"}) == first
    clip.write_bytes(b"other")
    with pytest.raises(StorageError, match="other content"):
        store.put(KEY, clip)
    assert store.stat(KEY) == first


def test_a_file_that_is_not_there_is_an_error_and_no_stat(store: Storage) -> None:
    assert store.stat(KEY) is None
    with pytest.raises(StorageError, match="holds no"), store.open_local(KEY):
        pass


def test_listing_gives_the_keys_of_a_prefix_without_the_metadata(store: Storage, clip: Path) -> None:
    other = keys.candidate(uuid4(), uuid4(), uuid4(), 2)
    store.put(KEY, clip)
    store.put(other, clip)
    assert list(store.list(KEY.split("/", maxsplit=1)[0])) == [KEY]
    assert sorted(store.list("")) == sorted([KEY, other])


def test_metadata_are_told_from_media_whatever_lies_between_them(store: Storage, clip: Path) -> None:
    names = ["a/b.mp4", "a/b.mp4-x/c.mp4", "a/b.mp4-y", "a/note.json", "a-b/c.mp4", "b.mp4"]
    for name in names:
        store.put(name, clip)
    assert sorted(store.list("")) == sorted(names)
    assert sorted(store.list("a/")) == sorted(name for name in names if name.startswith("a/"))
    assert sorted(store.list("a/b.mp4-")) == ["a/b.mp4-x/c.mp4", "a/b.mp4-y"]


def test_entries_tell_size_and_age_of_every_file_with_its_metadata_after_it(store: Storage, clip: Path) -> None:
    store.put(KEY, clip, {"label": "Shot 1A"})
    media, metadata = store.entries(KEY)
    assert (media.key, media.size, metadata.key) == (KEY, 6000, KEY + ".json")
    assert abs((datetime.now(UTC) - media.modified).total_seconds()) < 60


def test_what_is_larger_than_a_part_is_stored_as_one(store: Storage, clip: Path) -> None:
    with clip.open("wb") as file:
        for number in range(20):
            file.write(bytes([number]) * 1_000_000)
    stored = store.put(KEY, clip)
    assert store.stat(KEY) == stored and stored.size == 20_000_000
    assert stored.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    with store.open_local(KEY) as path:
        assert path.read_bytes() == clip.read_bytes()
    assert list(store.leftovers()) == []


def test_of_many_who_store_other_bytes_under_one_key_just_one_succeeds(store: Storage, tmp_path: Path) -> None:
    def put(number: int) -> Stored | None:
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(bytes([number]) * 1000)
        try:
            return store.put(KEY, path)
        except StorageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        done = [stored for stored in pool.map(put, range(8)) if stored]
    assert len(done) == 1 and [store.stat(KEY)] == done
    with store.open_local(KEY) as path:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == done[0].sha256


def test_of_many_who_store_the_same_bytes_all_succeed(store: Storage, clip: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: store.put(KEY, clip), range(4)))
    assert done == [store.stat(KEY)] * 4


def test_preparing_a_store_again_changes_nothing_in_it(store: Storage, clip: Path) -> None:
    store.prepare()
    stored = store.put(KEY, clip)
    store.prepare()
    assert store.stat(KEY) == stored


def test_deleting_twice_is_fine(store: Storage, clip: Path) -> None:
    store.put(KEY, clip)
    store.delete(KEY)
    store.delete(KEY)
    assert store.stat(KEY) is None and list(store.list("")) == []


@pytest.mark.parametrize("key", ["../etc/passwd", "/etc/passwd", "a//b", "a/../b", "", "a/.hidden", "a b", "x" * 600])
def test_a_key_that_is_no_key_is_refused(store: Storage, clip: Path, key: str) -> None:
    with pytest.raises(StorageError, match="no key"):
        store.put(key, clip)


def test_a_file_that_cannot_be_read_leaves_nothing_behind(store: Storage, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be stored"):
        store.put(KEY, tmp_path / "missing.mp4")
    assert store.stat(KEY) is None and list(store.list("")) == []


def test_storing_inside_a_transaction_is_a_defect(store: Storage, clip: Path) -> None:
    with transaction_open(), pytest.raises(TransactionOpen):
        store.put(KEY, clip)


def test_a_signed_link_ends_and_cannot_be_tampered_with(tmp_path: Path, clip: Path) -> None:
    store = folder(tmp_path)
    store.put(KEY, clip)
    link = store.signed_url(KEY, seconds=60)
    now = time.time()
    assert store.verify(link, now=now) == KEY
    with pytest.raises(StorageError, match="run out"):
        store.verify(link, now=now + 120)
    with pytest.raises(StorageError, match="signature is wrong"):
        store.verify(link.replace("candidate_1", "candidate_2"), now=now)
    with pytest.raises(StorageError, match="no signature"):
        store.verify(f"/media/{KEY}", now=now)
