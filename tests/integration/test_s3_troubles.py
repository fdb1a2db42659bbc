"""An object store that is away, full, or says no; the rules of the bucket, and what its user may do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from minio import Minio
from minio.commonconfig import ENABLED, CopySource, Filter
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

from tests.meddler import Answer, Asked, Meddler
from tests.object_store import ObjectStore, as_minio
from vidpipe.errors import NotStored, StorageError
from vidpipe.storage.s3 import S3Storage

KEY = "project/scene/take/candidate_1.mp4"


# A store that is away, full, or says no


def test_a_store_that_is_away_is_said_to_be_soon(object_server: ObjectStore, tmp_path: Path, clip: Path) -> None:
    nobody = S3Storage(replace(object_server.address, endpoint="127.0.0.1:9"), tmp_path, seconds=5)
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9 cannot be reached \(Connection refused\)") as caught:
        nobody.put(KEY, clip)
    assert not isinstance(caught.value, NotStored), "what waits for it waits"
    assert time.monotonic() - began < 3


def test_a_store_that_hangs_is_not_waited_for_long(
    between: Meddler, object_server: ObjectStore, tmp_path: Path
) -> None:
    going_on = threading.Event()

    def hang(asked: Asked, go: Callable[[], Answer]) -> None:
        going_on.wait(20)

    between.hand = hang
    hanging = S3Storage(replace(object_server.address, endpoint=between.address), tmp_path, seconds=0.2)
    began = time.monotonic()
    try:
        with pytest.raises(StorageError, match="does not answer in time"):
            hanging.stat(KEY)
        assert time.monotonic() - began < 5
    finally:
        going_on.set()


TROUBLES = [
    ("SlowDown", 503, "cannot do it now"),
    ("InternalError", 500, "cannot do it now"),
    ("XMinioStorageFull", 507, "is full"),
    ("QuotaExceeded", 403, "raise the quota"),
    ("AuthorizationHeaderMalformed", 400, "VIDPIPE_S3_REGION"),
    ("RequestTimeTooSkewed", 403, "set the clock"),
    ("InvalidObjectState", 403, "archive"),
]


@pytest.mark.parametrize(("code", "status", "words"), TROUBLES)
def test_what_the_store_cannot_do_now_waits_with_the_reason_and_the_remedy(
    between: Meddler, meddled: S3Storage, clip: Path, code: str, status: int, words: str
) -> None:
    body = f"<Error><Code>{code}</Code><Message>as the server says</Message></Error>".encode()
    answer = Answer(status, {"Content-Type": "application/xml", "Retry-After": "3600"}, body)
    between.hand = lambda asked, go: answer if asked.method == "PUT" else go()
    with pytest.raises(StorageError, match=words) as caught:
        meddled.put(KEY, clip)
    assert not isinstance(caught.value, NotStored)
    assert code in caught.value.message and KEY in caught.value.message and "as the server says" in caught.value.message


@pytest.mark.parametrize(
    ("status", "words"), [(200, "is no object store"), (404, "is no object store"), (503, "is in trouble")]
)
def test_what_answers_and_is_no_object_store_is_said_to_be_none(
    between: Meddler, meddled: S3Storage, status: int, words: str
) -> None:
    between.hand = lambda asked, go: Answer(status, {"Content-Type": "text/html"}, b"<html>a door<br>")
    with pytest.raises(StorageError, match=words):
        list(meddled.list(""))


def test_wrong_keys_are_refused_with_what_to_do(object_server: ObjectStore, tmp_path: Path, clip: Path) -> None:
    for change, words in (
        ({"secret_key": "not this one"}, "does not take the secret key"),
        ({"access_key": "nobody"}, "does not know the access key"),
    ):
        store = S3Storage(replace(object_server.address, **change), tmp_path)  # type: ignore[arg-type]
        with pytest.raises(StorageError, match=rf"{words}.*VIDPIPE_S3_ACCESS_KEY and VIDPIPE_S3_SECRET_KEY"):
            list(store.list(""))
        with pytest.raises(StorageError, match="does not allow it"):
            store.put(KEY, clip)  # a HEAD request is answered without a reason


def test_a_bucket_that_is_not_there_waits_with_what_makes_it(
    object_server: ObjectStore, tmp_path: Path, clip: Path
) -> None:
    store = S3Storage(replace(object_server.admin, bucket="nowhere"), tmp_path)
    with pytest.raises(StorageError, match=r"has no such bucket .*`vidpipe storage prepare` makes it") as caught:
        store.put(KEY, clip)
    assert not isinstance(caught.value, NotStored)


# The bucket, and what its user may do


def test_the_rules_of_the_bucket_clear_what_was_meant_for_a_while(
    object_server: ObjectStore, bucket: S3Storage, tmp_path: Path
) -> None:
    address = object_server.admin
    other = replace(address, bucket="with-rules")
    admin = as_minio(other)
    admin.make_bucket(other.bucket)
    theirs = Rule(ENABLED, rule_filter=Filter(prefix="old/"), rule_id="theirs", expiration=Expiration(days=30))
    admin.set_bucket_lifecycle(other.bucket, LifecycleConfig([theirs]))
    S3Storage(other, tmp_path).prepare()
    for name in (address.bucket, other.bucket):
        found = admin.get_bucket_lifecycle(name)
        assert found is not None
        rules = {rule.rule_id: rule for rule in found.rules}
        temporary, unfinished = rules["vidpipe-temporary"], rules["vidpipe-unfinished-uploads"]
        assert temporary.rule_filter and temporary.rule_filter.prefix == "tmp/"
        assert temporary.expiration and temporary.expiration.days == 1
        assert unfinished.abort_incomplete_multipart_upload
        assert unfinished.abort_incomplete_multipart_upload.days_after_initiation == 1
        assert ("theirs" in rules) == (name == other.bucket), "what others have set stays"


def test_the_shipped_policy_is_enough_for_everything(
    object_server: ObjectStore, bucket: S3Storage, clip: Path, large: Path
) -> None:
    """The other tests run with it as well; here it is all in one place, from a bucket that is not there."""
    admin = as_minio(object_server.admin)
    admin.remove_bucket(object_server.admin.bucket)
    bucket.prepare()
    assert bucket.put(KEY, clip, {"label": "Shot 1A"}) == bucket.stat(KEY)
    bucket.put("project/large.mp4", large)
    upload = bucket._client.begin("project/broken.mp4", {})
    assert [leftover.upload for leftover in bucket.leftovers()] == [upload]
    bucket.drop(next(bucket.leftovers()))
    with bucket.open_local(KEY) as path:
        assert path.read_bytes() == clip.read_bytes()
    assert httpx.get(bucket.signed_url(KEY, seconds=60)).status_code == 200
    assert sorted(bucket.list("")) == ["project/large.mp4", KEY]
    bucket.delete(KEY)
    assert bucket.stat(KEY) is None


FORBIDDEN: dict[str, Callable[[Minio, str], object]] = {
    "delete the bucket": lambda user, own: user.remove_bucket(own),
    "make another": lambda user, own: user.make_bucket("a-third"),
    "read another": lambda user, own: user.get_object("another", "secret").read(),
    "look into another": lambda user, own: list(user.list_objects("another")),
    "write to another": lambda user, own: user.copy_object("another", "copy", CopySource(own, "mine")),
    "delete from another": lambda user, own: user.remove_object("another", "secret"),
    "copy out of another": lambda user, own: user.copy_object(own, "stolen", CopySource("another", "secret")),
    "open its own to everybody": lambda user, own: user.set_bucket_policy(own, '{"Version": "2012-10-17"}'),
    "read its policy": lambda user, own: user.get_bucket_policy(own),
    "read its versioning": lambda user, own: user.get_bucket_versioning(own),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_shipped_policy_allows_nothing_else(
    object_server: ObjectStore, bucket: S3Storage, clip: Path, what: str
) -> None:
    admin = as_minio(object_server.admin)
    if not admin.bucket_exists("another"):
        admin.make_bucket("another")
        admin.fput_object("another", "secret", str(clip))
    bucket.put("mine", clip)
    with pytest.raises(S3Error) as caught:
        FORBIDDEN[what](as_minio(object_server.address), object_server.address.bucket)
    assert caught.value.code == "AccessDenied"


def test_the_keys_are_in_no_log_and_no_representation(
    between: Meddler, meddled: S3Storage, object_server: ObjectStore, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    between.hand = lambda asked, go: None if asked.method == "PUT" else go()
    with pytest.raises(StorageError) as caught:
        meddled.put(KEY, clip)
    address = object_server.address
    shown = [caplog.text, repr(address), repr(meddled), repr(meddled._client), caught.value.message]
    assert "Retrying" in caplog.text
    for text in shown:
        assert address.secret_key not in text and address.access_key not in text
