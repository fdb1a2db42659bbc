"""Who vidpipe is at Google, and where that is: what the settings say, and nothing else of the environment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.contract.video_services.cases import Stage
from tests.contract.video_services.stage import bring, order, shelf
from tests.emulated import SERVICES
from tests.hostile import Hostile, as_json
from vidpipe.errors import SetupError, Unavailable
from vidpipe.services.google.gcloud import login
from vidpipe.services.registry import open_service


def test_nothing_in_the_environment_leads_anywhere_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = "http://127.0.0.1:9"  # discard: nobody listens
    for name, value in {
        "GOOGLE_VERTEX_BASE_URL": away, "GOOGLE_GEMINI_BASE_URL": away, "GOOGLE_GENAI_API_VERSION": "v9",
        "GOOGLE_GENAI_USE_VERTEXAI": "false", "GOOGLE_GENAI_USE_ENTERPRISE": "false", "GOOGLE_API_KEY": "real",
        "GEMINI_API_KEY": "real", "GOOGLE_CLOUD_PROJECT": "other", "GOOGLE_CLOUD_LOCATION": "mars",
        "GOOGLE_GENAI_CLIENT_MODE": "replay", "GOOGLE_API_USE_MTLS_ENDPOINT": "always", "HTTP_PROXY": away,
        "HTTPS_PROXY": away, "ALL_PROXY": away, "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json",
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    bring(stage.opened("veo"), order(), tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size > 1000


def test_the_sdk_is_kept_from_another_host_of_its_own_choice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_USE_MTLS_ENDPOINT", "always")
    service = stage.opened("veo", "https://us-central1-aiplatform.googleapis.com")
    with pytest.raises(Unavailable, match=r"mtls.googleapis.com, which is not configured"):
        service.submit(order())


@pytest.mark.parametrize(
    ("changes", "options", "what"),
    [
        ({"keys": {}}, {}, "has no key"),
        ({"keys": {"GOOGLE_CLOUD_PROJECT": "rehearsal"}}, {}, "not Google's, and no token"),
        ({"keys": {"GOOGLE_CLOUD_PROJECT": "../x", "GOOGLE_OAUTH_ACCESS_TOKEN": "t"}}, {}, "cannot be one"),
        ({}, {"location": "a/b"}, "cannot be one"),
        ({}, {"bucket": "gs://a b/c"}, "bucket cannot be used"),
        ({}, {"bucket": "gs://films/../x"}, "bucket cannot be used"),
        ({}, {"storage_url": "http://example.com"}, "sent in the open"),
        (
            {"keys": {"GOOGLE_CLOUD_PROJECT": "rehearsal"}},
            {"url": "https://us-central1-aiplatform.googleapis.com", "storage_url": "https://example.com"},
            "not Google's, and no token",
        ),
        ({"service_urls": {"veo": "http://example.com"}}, {}, "sent in the open"),
        ({}, {"buckets": "x"}, "nothing reads"),
    ],
)
def test_what_is_missing_or_unsafe_is_told_before_anything_is_sent(
    stage: Stage, changes: Mapping[str, Any], options: dict[str, str], what: str
) -> None:
    entry = {**SERVICES["veo"], "options": {**SERVICES["veo"]["options"], **options}}
    settings = replace(stage.emulator.settings(), services={"veo": entry}, **changes)
    with pytest.raises(SetupError, match=what):
        open_service("veo", settings, shelf())


def account_file(folder: Path, token_url: str) -> Path:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    found = {
        "type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "token_uri": token_url,
        "private_key": key.decode(), "private_key_id": "1", "project_id": "rehearsal",
    }  # fmt: skip
    (folder / "account.json").write_text(json.dumps(found))
    return folder / "account.json"


def test_a_service_accounts_file_gives_a_token_that_is_kept_until_it_runs_out(hostile: Hostile, tmp_path: Path) -> None:
    path = account_file(tmp_path, f"{hostile.url}/token")
    who = login("veo", token=None, service_account_file=str(path), abroad=False)
    hostile.answer = as_json({"access_token": "one", "expires_in": 3600, "token_type": "Bearer"})
    assert [who.headers() for _ in range(2)] == [{"Authorization": "Bearer one"}] * 2
    assert hostile.requests == [("POST", "/token")]
    hostile.answer = as_json({"access_token": "two", "expires_in": 60})
    who.expiry = datetime(2020, 1, 1)
    assert asyncio.run(who.headers_async()) == {"Authorization": "Bearer two"}


def test_a_token_that_cannot_be_had_is_no_fault_of_the_order(hostile: Hostile, tmp_path: Path) -> None:
    path = account_file(tmp_path, f"{hostile.url}/token")
    who = login("veo", token=None, service_account_file=str(path), abroad=False)
    hostile.answer = as_json({"error": "invalid_grant"}, 400)
    with pytest.raises(Unavailable, match="Google gives no token"):
        who.headers()


@pytest.mark.parametrize("file", ["/nowhere.json", ""])
def test_credentials_that_cannot_be_used_are_told(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    with pytest.raises(SetupError, match="no credentials of Google Cloud"):
        login("veo", token=None, service_account_file=file, abroad=False)


def test_a_token_goes_before_everything_and_is_never_told(tmp_path: Path) -> None:
    who = login("veo", token="secret-token", service_account_file="/nowhere.json", abroad=True)
    assert who.headers() == {"Authorization": "Bearer secret-token"} and "secret-token" not in repr(who)
