"""The emulated Vertex AI is as strict as the real one, writes to a bucket as it does, and its SDK understands it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from PIL import Image

from tests.emulated import KEY, Emulated
from tests.waiting import until

MODEL = f"projects/{KEY}/locations/us-central1/publishers/google/models/tiny"
GOOD: dict[str, Any] = {"durationSeconds": 1, "resolution": "108p", "aspectRatio": "16:9", "seed": 7}
AUTH = {"Authorization": f"Bearer {KEY}"}
BUCKET = "films"


@pytest.fixture
def base(emulator: Emulated) -> str:
    return emulator.bases["veo"]


@pytest.fixture
def sdk(base: str) -> Iterator[genai.Client]:
    with genai.Client(
        vertexai=True, project=KEY, location="us-central1", credentials=Credentials(KEY),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=base),
    ) as client:  # fmt: skip
        yield client


def picture(kind: str = "PNG", side: int = 64) -> dict[str, str]:
    out = io.BytesIO()
    Image.new("RGB", (side, side), (9, 99, 199)).save(out, kind)
    return {"bytesBase64Encoded": base64.b64encode(out.getvalue()).decode(), "mimeType": f"image/{kind.lower()}"}


def reference(**changes: Any) -> dict[str, Any]:
    return {"image": picture(), "referenceType": "ASSET", **changes}


def create(
    base: str, *, model: str = MODEL, headers: dict[str, str] | None = None, parameters: dict[str, Any] | None = None,
    top: dict[str, Any] | None = None, **instance: Any,
) -> httpx.Response:  # fmt: skip
    found = {"prompt": "a sea", **instance}
    body = {
        "instances": [{key: value for key, value in found.items() if value is not None}],
        "parameters": {**GOOD, **(parameters or {})}, **(top or {}),
    }  # fmt: skip
    return httpx.post(
        f"{base}/v1beta1/{model}:predictLongRunning", json=body, headers=AUTH if headers is None else headers
    )


@pytest.mark.parametrize(
    ("wrong", "status", "word", "says"),
    [
        ({"prompt": None}, 400, "INVALID_ARGUMENT", "instances[0].prompt"),
        ({"prompt": "  "}, 400, "INVALID_ARGUMENT", "prompt"),
        ({"prompt": 3}, 400, "INVALID_ARGUMENT", "instances[0].prompt"),
        ({"style": "x"}, 400, "INVALID_ARGUMENT", "instances[0].style"),
        ({"top": {"input": 1}}, 400, "INVALID_ARGUMENT", "input"),
        ({"top": {"instances": []}}, 400, "INVALID_ARGUMENT", "instances"),
        ({"top": {"instances": [{"prompt": "a"}, {"prompt": "b"}]}}, 400, "INVALID_ARGUMENT", "instances"),
        ({"top": {"labels": {"vidpipe": "Not This"}}}, 400, "INVALID_ARGUMENT", "label"),
        ({"parameters": {"fps": 24}}, 400, "INVALID_ARGUMENT", "parameters.fps"),
        ({"parameters": {"durationSeconds": 5}}, 400, "INVALID_ARGUMENT", "durationSeconds"),
        ({"parameters": {"durationSeconds": "1"}}, 400, "INVALID_ARGUMENT", "durationSeconds"),
        ({"parameters": {"sampleCount": 5}}, 400, "INVALID_ARGUMENT", "sampleCount"),
        ({"parameters": {"sampleCount": 0}}, 400, "INVALID_ARGUMENT", "sampleCount"),
        ({"parameters": {"seed": -1}}, 400, "INVALID_ARGUMENT", "seed"),
        ({"parameters": {"resolution": "720p"}}, 400, "INVALID_ARGUMENT", "resolution"),
        ({"parameters": {"aspectRatio": "4:3"}}, 400, "INVALID_ARGUMENT", "aspectRatio"),
        ({"parameters": {"generateAudio": "yes"}}, 400, "INVALID_ARGUMENT", "generateAudio"),
        ({"parameters": {"personGeneration": "all"}}, 400, "INVALID_ARGUMENT", "personGeneration"),
        ({"parameters": {"storageUri": "s3://films/x"}}, 400, "INVALID_ARGUMENT", "storageUri"),
        ({"parameters": {"storageUri": "gs://UPPER/x"}}, 400, "INVALID_ARGUMENT", "storageUri"),
        ({"referenceImages": [reference()] * 2}, 400, "INVALID_ARGUMENT", "should be 2 with reference"),
        (
            {"referenceImages": [reference()] * 4, "parameters": {"durationSeconds": 2}},
            400,
            "INVALID_ARGUMENT",
            "4 are",
        ),
        ({"referenceImages": [reference(referenceType="STYLE")]}, 400, "INVALID_ARGUMENT", "referenceType"),
        ({"referenceImages": [reference()], "image": picture()}, 400, "INVALID_ARGUMENT", "together"),
        ({"lastFrame": picture()}, 400, "INVALID_ARGUMENT", "lastFrame"),
        ({"image": {"bytesBase64Encoded": "%%%", "mimeType": "image/png"}}, 400, "INVALID_ARGUMENT", "Base64"),
        ({"image": {**picture(), "mimeType": "image/jpeg"}}, 400, "INVALID_ARGUMENT", "image/jpeg"),
        ({"image": {**picture(), "mimeType": "image/webp"}}, 400, "INVALID_ARGUMENT", "mimeType"),
        ({"image": {"mimeType": "image/png"}}, 400, "INVALID_ARGUMENT", "bytesBase64Encoded"),
        ({"model": MODEL.replace("tiny", "veo-1")}, 404, "NOT_FOUND", "veo-1"),
        ({"model": MODEL.replace(KEY, "other", 1)}, 403, "PERMISSION_DENIED", "denied"),
        ({"model": MODEL.replace("us-central1", "mars")}, 400, "INVALID_ARGUMENT", "mars"),
        ({"headers": {}}, 401, "UNAUTHENTICATED", ""),
        ({"headers": {"Authorization": "Bearer ya29.real"}}, 401, "UNAUTHENTICATED", ""),
        ({"headers": {"x-goog-api-key": KEY}}, 401, "UNAUTHENTICATED", ""),
    ],
)
def test_what_is_wrong_is_refused_in_googles_shape(
    emulator: Emulated, base: str, wrong: dict[str, Any], status: int, word: str, says: str
) -> None:
    before = emulator.ask("bill")["total"]
    answer = create(base, **wrong)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (status, status, word)
    assert says in error["message"]
    assert emulator.ask("bill")["total"] == before


def test_a_picture_that_is_too_large_is_refused(base: str) -> None:
    large = {"bytesBase64Encoded": base64.b64encode(b"x" * (21 * 1024 * 1024)).decode(), "mimeType": "image/png"}
    answer = create(base, image=large)
    assert answer.status_code == 400 and "is the most" in answer.json()["error"]["message"]


def test_an_unknown_method_path_or_operation_is_not_found(base: str) -> None:
    for method, path in (
        ("POST", f"{MODEL}:predict"), ("GET", f"{MODEL}:predictLongRunning"), ("GET", "models"),
    ):  # fmt: skip
        answer = httpx.request(method, f"{base}/v1beta1/{path}", headers=AUTH)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
    for name in (f"{MODEL}/operations/0", "x", f"{MODEL}/operations/../y"):
        answer = httpx.post(f"{base}/v1beta1/{MODEL}:fetchPredictOperation", json={"operationName": name}, headers=AUTH)
        assert answer.status_code == 404


def made(sdk: genai.Client, **config: Any) -> types.GenerateVideosOperation:
    return sdk.models.generate_videos(
        model="tiny", source=types.GenerateVideosSource(prompt="a sea"),
        config=types.GenerateVideosConfig(duration_seconds=1, resolution="108p", aspect_ratio="16:9", **config),
    )  # fmt: skip


def done(sdk: genai.Client, operation: types.GenerateVideosOperation) -> types.GenerateVideosResponse:
    found = until(lambda: one if (one := sdk.operations.get(operation)).done else None, what="it", seconds=20)
    assert found is not None and found.response is not None and found.error is None
    return found.response


def objects(base: str, **query: str) -> dict[str, Any]:
    return dict(httpx.get(f"{base}/storage/v1/b/{BUCKET}/o", params=query, headers=AUTH).raise_for_status().json())


def test_the_sdk_makes_several_videos_of_which_some_are_filtered(emulator: Emulated, sdk: genai.Client) -> None:
    emulator.play("rules: [{fault: filtered, count: 1}]")
    response = done(sdk, made(sdk, number_of_videos=3, output_gcs_uri="gs://films/some"))
    assert response.rai_media_filtered_count == 1 and "Support codes" in str(response.rai_media_filtered_reasons)
    uris = [str(one.video.uri) for one in response.generated_videos or [] if one.video]
    assert len(uris) == 2 and all(uri.startswith("gs://films/some/") for uri in uris)
    assert [uri.rpartition("/")[2] for uri in uris] == ["sample_0.mp4", "sample_1.mp4"]


def test_without_a_bucket_the_sdk_gets_the_bytes(sdk: genai.Client) -> None:
    response = done(sdk, made(sdk))
    video = (response.generated_videos or [])[0].video
    assert video is not None and (video.video_bytes or b"")[4:8] == b"ftyp" and video.mime_type == "video/mp4"


def test_the_sdk_understands_every_no(emulator: Emulated, sdk: genai.Client) -> None:
    for fault, status, word in (
        ("'429', retry_after: 2", 429, "RESOURCE_EXHAUSTED"), ("'500'", 500, "INTERNAL"),
        ("policy", 400, "INVALID_ARGUMENT"), ("'503'", 503, "UNAVAILABLE"), ("retired", 404, "NOT_FOUND"),
    ):  # fmt: skip
        emulator.play(f"rules: [{{fault: {fault}}}]")
        with pytest.raises(errors.APIError) as caught:
            made(sdk)
        assert (caught.value.code, caught.value.status) == (status, word)


def test_an_operation_that_fails_tells_a_code(emulator: Emulated, sdk: genai.Client) -> None:
    emulator.play("rules: [{fault: fail}]")
    operation = made(sdk)
    found = until(lambda: one if (one := sdk.operations.get(operation)).done else None, what="it", seconds=20)
    assert found is not None and found.error is not None and found.error["code"] == 13


def test_a_bucket_lists_what_was_written_by_prefix_and_in_pages(base: str, sdk: genai.Client) -> None:
    done(sdk, made(sdk, number_of_videos=3, output_gcs_uri="gs://films/pages/a"))
    done(sdk, made(sdk, output_gcs_uri="gs://films/pages/b"))
    whole = objects(base, prefix="pages/")["items"]
    assert len(whole) == 4 and all(item["contentType"] == "video/mp4" and int(item["size"]) > 1000 for item in whole)
    names, token = list[str](), ""
    while True:
        page = objects(base, prefix="pages/", maxResults="3", **({"pageToken": token} if token else {}))
        names += [item["name"] for item in page["items"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert names == [item["name"] for item in whole] == sorted(names)
    assert objects(base, prefix="pages/none") == {"kind": "storage#objects"}


def test_an_object_is_fetched_by_its_encoded_name_alone(base: str, sdk: genai.Client) -> None:
    done(sdk, made(sdk, output_gcs_uri="gs://films/one"))
    name = str(objects(base, prefix="one/")["items"][0]["name"])
    url = f"{base}/storage/v1/b/{BUCKET}/o/{name.replace('/', '%2F')}"
    media = httpx.get(url, params={"alt": "media"}, headers=AUTH)
    assert media.content[4:8] == b"ftyp" and media.headers["content-type"] == "video/mp4"
    assert httpx.get(url, headers=AUTH).json()["size"] == str(len(media.content))
    assert httpx.get(f"{base}/storage/v1/b/{BUCKET}/o/{name}", headers=AUTH).status_code == 404
    assert httpx.get(url.replace("films", "other"), headers=AUTH).status_code == 404


@pytest.mark.parametrize(
    ("path", "query", "headers", "status", "reason"),
    [
        ("films/o", {}, {}, 401, "authError"),
        ("films/o", {}, {"Authorization": "Bearer other"}, 401, "authError"),
        ("films/o", {"maxResults": "0"}, AUTH, 400, "invalid"),
        ("films/o", {"pageToken": "%"}, AUTH, 400, "invalid"),
        ("films/o", {"fields": "x"}, AUTH, 400, "invalid"),
        ("Films/o", {}, AUTH, 400, "invalid"),
        ("films/o/none", {"alt": "media"}, AUTH, 404, "notFound"),
        ("films/o/none", {"alt": "xml"}, AUTH, 400, "invalid"),
    ],
)
def test_a_bucket_refuses_in_cloud_storages_shape(
    base: str, path: str, query: dict[str, str], headers: dict[str, str], status: int, reason: str
) -> None:
    answer = httpx.get(f"{base}/storage/v1/b/{path}", params=query, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["errors"][0]["reason"]) == (status, status, reason)
