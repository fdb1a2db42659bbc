"""Media in an object store: links, whole objects or nothing over broken lines and dying stores, reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from minio.error import S3Error

from tests.meddler import Answer, Asked, Meddler, meddler
from tests.object_store import ObjectStore, as_minio, object_store
from tests.waiting import until
from vidpipe.errors import NotStored, StorageError
from vidpipe.storage.s3 import PART_SIZE, S3Storage
from vidpipe.storage.s3_client import Address

KEY = "project/scene/take/candidate_1.mp4"


def stored(address: Address) -> list[str]:
    return sorted(str(found.object_name) for found in as_minio(address).list_objects(address.bucket, recursive=True))


# Signed links


def test_a_signed_link_gives_the_file_its_type_and_any_stretch_of_it(bucket: S3Storage, clip: Path) -> None:
    bucket.put(KEY, clip)
    link = bucket.signed_url(KEY, seconds=60)
    whole = httpx.get(link)
    assert whole.content == clip.read_bytes() and whole.headers["content-type"] == "video/mp4"
    part = httpx.get(link, headers={"Range": "bytes=250-259"})
    assert (part.status_code, part.content) == (206, bytes(range(10)))
    assert part.headers["content-range"] == "bytes 250-259/10000"


def test_a_link_that_ran_out_or_was_tampered_with_is_refused(bucket: S3Storage, clip: Path) -> None:
    bucket.put(KEY, clip)
    bucket.put("project/other.mp4", clip)
    link = bucket.signed_url(KEY, seconds=1)
    longer = link.replace("X-Amz-Expires=1&", "X-Amz-Expires=900&")
    assert longer != link
    assert httpx.get(link.replace(KEY, "project/other.mp4")).status_code == 403
    assert httpx.put(link, content=b"mine").status_code == 403
    until(lambda: httpx.get(link).status_code == 403, seconds=10, what="the link to run out")
    assert httpx.get(longer).status_code == 403
    assert httpx.get(link.partition("?")[0]).status_code == 403, "nobody is let in without a signature"


def test_a_link_leads_where_browsers_reach_the_store(
    object_server: ObjectStore, bucket: S3Storage, clip: Path, tmp_path: Path
) -> None:
    bucket.put(KEY, clip)
    inside = object_server.address
    public = replace(inside, endpoint=inside.endpoint.replace("127.0.0.1", "localhost"))
    link = S3Storage(inside, tmp_path / "work", public=public).signed_url(KEY, seconds=60)
    assert link.startswith("http://localhost:") and httpx.get(link).content == clip.read_bytes()


@pytest.mark.parametrize("seconds", [0, 7 * 86400 + 1])
def test_a_link_lasts_from_a_second_to_a_week(bucket: S3Storage, seconds: int) -> None:
    with pytest.raises(NotStored, match="are possible"):
        bucket.signed_url(KEY, seconds=seconds)


# Whole objects or nothing


def test_a_store_killed_in_mid_upload_holds_nothing_that_looks_whole(tmp_path: Path, large: Path) -> None:
    with object_store(tmp_path / "objects") as server, meddler(server.address.endpoint) as line:
        store = S3Storage(replace(server.address, endpoint=line.address), tmp_path / "work", seconds=5)

        def kill_at_the_second_part(asked: Asked, go: Callable[[], Answer]) -> Answer | None:
            if "partNumber=2" in asked.path:
                server.kill()
                return None
            return go()

        line.hand = kill_at_the_second_part
        with pytest.raises(StorageError, match=f"{KEY} could not be stored: the object store"):
            store.put(KEY, large)
        server.start()
        direct = S3Storage(server.address, tmp_path / "work", seconds=5)
        assert direct.stat(KEY) is None and KEY not in stored(server.address)
        assert [leftover.key for leftover in direct.leftovers()] == [KEY]
        whole = direct.put(KEY, large)
        assert direct.stat(KEY) == whole
        for leftover in direct.leftovers():
            direct.drop(leftover)
            direct.drop(leftover)  # gone already
        assert list(direct.leftovers()) == [] and direct.stat(KEY) == whole


def test_an_upload_that_breaks_off_is_taken_back(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, large: Path
) -> None:
    between.hand = lambda asked, go: None if "partNumber=3" in asked.path else go()
    with pytest.raises(StorageError, match="could not be stored"):
        meddled.put(KEY, large)
    assert bucket.stat(KEY) is None and list(bucket.leftovers()) == []


def test_an_answer_that_was_lost_is_no_second_object_and_no_error(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, clip: Path
) -> None:
    lost = []

    def lose_the_first(asked: Asked, go: Callable[[], Answer]) -> Answer | None:
        answer = go()
        if asked.method == "PUT" and asked.path.endswith(".mp4") and not lost:
            lost.append(answer.status)
            return None
        return answer

    between.hand = lose_the_first
    assert meddled.put(KEY, clip) == bucket.stat(KEY)
    assert lost == [200], "it was stored, and nobody heard so"


def test_a_file_that_changes_while_it_is_stored_is_not_stored(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, large: Path
) -> None:
    def change_it(asked: Asked, go: Callable[[], Answer]) -> Answer:
        if "partNumber=1" in asked.path:
            with large.open("r+b") as file:
                file.seek(2 * PART_SIZE)
                file.write(b"changed")
        return go()

    between.hand = change_it
    with pytest.raises(StorageError, match="changed meanwhile"):
        meddled.put(KEY, large)
    assert bucket.stat(KEY) is None and list(bucket.leftovers()) == []


def test_what_arrives_damaged_is_not_taken(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, large: Path, object_server: ObjectStore
) -> None:
    """The server checks the sum of what it gets: one that is named wrongly stands for bytes that changed."""
    client = meddled._client
    upload = client.begin(KEY, {})
    part = client.send_part(KEY, upload, 1, b"as it was")
    with pytest.raises(S3Error, match=r"InvalidPart|BadDigest|checksum"):
        client.finish(KEY, upload, [replace(part, sha256="RPg1RJSlugO6F5Ko0+nFNMR6kYGYD956P0SwbvKufH8=")])
    client.give_up(KEY, upload)
    assert bucket.stat(KEY) is None


def test_a_store_that_confirms_no_checksum_is_read_back(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, clip: Path, large: Path
) -> None:
    def tell_nothing(asked: Asked, go: Callable[[], Answer]) -> Answer:
        answer = go()
        kept = {name: value for name, value in answer.headers.items() if "checksum" not in name.lower()}
        return replace(answer, headers=kept)

    between.hand = tell_nothing
    assert meddled.put(KEY, clip) == bucket.stat(KEY)
    assert meddled.put("project/large.mp4", large) == bucket.stat("project/large.mp4")
    read = [asked.path for asked in between.seen if asked.method == "GET"]
    assert len(read) == 2, read


def test_a_store_that_keeps_something_else_is_found_out_and_it_is_removed(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, clip: Path
) -> None:
    def lie(asked: Asked, go: Callable[[], Answer]) -> Answer:
        answer = go()
        headers = {name: value for name, value in answer.headers.items() if "checksum" not in name.lower()}
        body = b"?" + answer.body[1:] if asked.method == "GET" else answer.body
        return replace(answer, headers=headers, body=body)

    between.hand = lie
    with pytest.raises(StorageError, match="kept something else"):
        meddled.put(KEY, clip)
    assert bucket.stat(KEY) is None


def test_keys_are_written_once_on_a_store_that_knows_no_conditions(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, clip: Path, large: Path
) -> None:
    unknown = b"<Error><Code>NotImplemented</Code><Message>A header you provided is not known</Message></Error>"

    def older(asked: Asked, go: Callable[[], Answer]) -> Answer:
        return Answer(501, {"Content-Type": "application/xml"}, unknown) if "if-none-match" in asked.headers else go()

    between.hand = older
    first = meddled.put(KEY, clip)
    assert meddled.put(KEY, clip) == first == bucket.stat(KEY)
    with pytest.raises(NotStored, match="other content"):
        meddled.put(KEY, large)
    assert meddled.put("project/large.mp4", large) == bucket.stat("project/large.mp4")


# Reading


def test_a_copy_is_removed_after_use_and_after_an_error(bucket: S3Storage, clip: Path, tmp_path: Path) -> None:
    bucket.put(KEY, clip)
    with bucket.open_local(KEY) as path:
        assert path.parent == tmp_path / "work" and path.suffix == ".mp4"
    assert not path.exists()
    with pytest.raises(ZeroDivisionError), bucket.open_local(KEY) as path:
        raise ZeroDivisionError
    assert list((tmp_path / "work").iterdir()) == []


def test_a_download_that_breaks_off_or_comes_damaged_is_made_once_more(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, clip: Path
) -> None:
    bucket.put(KEY, clip)
    for fault in (lambda answer: replace(answer, cut=5000), lambda answer: replace(answer, body=b"?" * 10_000)):
        faults: list[Callable[[Answer], Answer]] = [fault]
        between.hand = lambda asked, go, faults=faults: faults.pop()(go()) if faults else go()  # type: ignore[misc]
        with meddled.open_local(KEY) as path:
            assert path.read_bytes() == clip.read_bytes()
        assert not faults


def test_an_object_that_is_damaged_is_a_definite_no(
    between: Meddler, meddled: S3Storage, bucket: S3Storage, clip: Path, tmp_path: Path
) -> None:
    bucket.put(KEY, clip)
    between.hand = lambda asked, go: replace(go(), body=b"?" * 10_000) if asked.method == "GET" else go()
    with pytest.raises(NotStored, match="is damaged in the media store"), meddled.open_local(KEY):
        raise AssertionError("it should not be handed out")
    assert list((tmp_path / "work").iterdir()) == []


def test_an_object_that_somebody_else_put_there_is_read_to_be_known(
    object_server: ObjectStore, bucket: S3Storage, clip: Path
) -> None:
    mine = bucket.put(KEY, clip)
    address = object_server.admin
    as_minio(address).fput_object(address.bucket, "project/foreign.mp4", str(clip))
    found = bucket.stat("project/foreign.mp4")
    assert found is not None and (found.size, found.sha256) == (mine.size, mine.sha256)
    with bucket.open_local("project/foreign.mp4") as path:
        assert path.read_bytes() == clip.read_bytes()
