"""Which store the settings ask for, and what they must say of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from vidpipe.errors import SetupError
from vidpipe.settings import Settings, load
from vidpipe.storage.folder import FolderStorage
from vidpipe.storage.registry import open_storage


@pytest.fixture
def s3(tmp_path: Path) -> Settings:
    return load(
        {
            "VIDPIPE_HOME": str(tmp_path), "VIDPIPE_STORAGE": "s3", "VIDPIPE_S3_ENDPOINT": "store:9000",
            "VIDPIPE_S3_ACCESS_KEY": "who", "VIDPIPE_S3_SECRET_KEY": "hush hush",
        }
    )  # fmt: skip


def test_a_folder_is_the_default(tmp_path: Path) -> None:
    assert isinstance(open_storage(load({"VIDPIPE_HOME": str(tmp_path)})), FolderStorage)


def test_an_unknown_kind_is_refused_with_those_there_are(s3: Settings) -> None:
    with pytest.raises(SetupError) as caught:
        open_storage(replace(s3, storage_kind="tape"))
    assert "'tape'" in caught.value.message and "`folder` or `s3`" in caught.value.remedy


def test_what_is_not_said_of_an_object_store_is_asked_for_by_name(s3: Settings) -> None:
    with pytest.raises(SetupError) as caught:
        open_storage(replace(s3, s3_endpoint="", s3_secret_key=""))
    assert caught.value.remedy == "Set VIDPIPE_S3_ENDPOINT, VIDPIPE_S3_SECRET_KEY."


@pytest.mark.parametrize(
    ("endpoint", "secure", "begins"),
    [
        ("store:9000", True, "https://store:9000/vidpipe/a.mp4?"),
        ("store:9000", False, "http://store:9000/vidpipe/a.mp4?"),
        ("http://store:9000", True, "http://store:9000/vidpipe/a.mp4?"),
        ("https://store", False, "https://store/vidpipe/a.mp4?"),
    ],
)
def test_the_endpoint_may_say_by_itself_whether_tls_is_used(
    s3: Settings, endpoint: str, secure: bool, begins: str
) -> None:
    store = open_storage(replace(s3, s3_endpoint=endpoint, s3_secure=secure))
    assert store.signed_url("a.mp4", seconds=60).startswith(begins)


def test_links_lead_to_the_address_that_browsers_use(s3: Settings) -> None:
    store = open_storage(replace(s3, s3_public_endpoint="https://films.example.org"))
    link = urlsplit(store.signed_url("a.mp4", seconds=60))
    assert (link.scheme, link.netloc) == ("https", "films.example.org") and "X-Amz-Expires=60" in link.query


@pytest.mark.parametrize(
    "change",
    [
        {"s3_endpoint": "ftp://store"}, {"s3_endpoint": "https://store/path"}, {"s3_endpoint": "a b"},
        {"s3_endpoint": "store:port"}, {"s3_endpoint": "https://who:hush@store"},
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_with_what_it_should_look_like(s3: Settings, change: dict[str, str]) -> None:
    with pytest.raises(SetupError) as caught:
        open_storage(replace(s3, **change))  # type: ignore[arg-type]
    assert "VIDPIPE_S3_ENDPOINT" in caught.value.remedy and "hush" not in caught.value.message


def test_a_bucket_that_can_be_none_is_refused(s3: Settings) -> None:
    with pytest.raises(SetupError) as caught:
        open_storage(replace(s3, s3_bucket="Not A Bucket"))
    assert "VIDPIPE_S3_BUCKET" in caught.value.remedy
