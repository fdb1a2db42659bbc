"""What only a folder has: files that somebody may change by hand."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from vidpipe.errors import StorageError
from vidpipe.storage.folder import FolderStorage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def store(root: Path, tmp_path: Path) -> FolderStorage:
    found = FolderStorage(root, "key")
    found.prepare()
    (tmp_path / "clip").write_bytes(b"as stored")
    found.put("film/clip.mp4", tmp_path / "clip")
    return found


@pytest.mark.parametrize("content", [b"AS STORED", b"longer than it was"])
def test_a_file_that_was_changed_is_known_by_what_it_is_now(store: FolderStorage, root: Path, content: bytes) -> None:
    path = root / "film/clip.mp4"
    path.write_bytes(content)
    later = (root / "film/clip.mp4.json").stat().st_mtime_ns + 1
    os.utime(path, ns=(later, later))
    found = store.stat("film/clip.mp4")
    assert found is not None and (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"size": "many", "sha256": "x"}'])
def test_a_description_that_cannot_be_read_is_not_trusted(store: FolderStorage, root: Path, text: str) -> None:
    noted = json.loads((root / "film/clip.mp4.json").read_text())["sha256"]
    (root / "film/clip.mp4.json").write_text(text)
    found = store.stat("film/clip.mp4")
    assert found is not None and (found.size, found.sha256) == (9, noted)


def test_what_is_hidden_is_not_the_stores(store: FolderStorage, root: Path) -> None:
    (root / ".DS_Store").write_bytes(b"x")
    (root / ".part" / "half").write_bytes(b"x")
    assert list(store.list("")) == ["film/clip.mp4"]
    (leftover,) = store.leftovers()
    store.drop(leftover)
    assert list(store.leftovers()) == []


def test_a_store_that_holds_nothing_yet_lists_nothing(tmp_path: Path) -> None:
    store = FolderStorage(tmp_path / "nothing", "key")
    store.prepare()
    assert list(store.list("")) == [] and list(store.leftovers()) == []


def test_a_folder_that_is_away_is_not_one_that_holds_nothing(store: FolderStorage, root: Path, tmp_path: Path) -> None:
    root.rename(tmp_path / "elsewhere")
    for mounted in (False, True):  # the second time there is the empty folder that it should be mounted on
        if mounted:
            root.mkdir()
        with pytest.raises(StorageError, match="mount it"), store.open_local("film/clip.mp4"):
            pass
        for ask in (lambda: store.stat("film/clip.mp4"), lambda: list(store.list(""))):
            with pytest.raises(StorageError, match="mount it"):
                ask()
        with pytest.raises(StorageError, match="mount it"):
            store.put("film/other.mp4", tmp_path / "clip")
    assert list(root.iterdir()) == []
    root.rmdir()
    (tmp_path / "elsewhere").rename(root)
    assert list(store.list("")) == ["film/clip.mp4"]
