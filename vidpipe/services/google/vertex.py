"""Vertex AI through the SDK (google-genai 3.4.0): the client that buys, and what an answer means for a purchase.

    cannot connect, no token      Unavailable  nothing was sent (httpx2: no connection, or none free; google.auth)
    200 with an operation         Accepted     models.py: generate_videos returns a GenerateVideosOperation
    400 of a safety filter        Refused      policy (Google Cloud, Responsible AI and usage guidelines for Veo)
    400 FAILED_PRECONDITION       Unavailable  google/rpc/code.proto: the state of the system (billing, a service agent)
    400, 404, 405, 413, 501       Refused      INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, UNIMPLEMENTED (code.proto)
    401, 403                      Unavailable  UNAUTHENTICATED, PERMISSION_DENIED
    429                           Unavailable  RESOURCE_EXHAUSTED: quota is the project's
    503 with Retry-After          Transient    RFC 9110, 15.6.4: not handled now, and the server says when it will be
    anything else                 Uncertain    code.proto: UNAVAILABLE (503) "not always safe to retry non-idempotent
                                               operations"; DEADLINE_EXCEEDED (504) "even if the operation has completed
                                               successfully"; 499, 500, 408, 409; a timeout or a reset after the
                                               connection stood; an answer without a name

google/rpc/code.proto names the codes behind the statuses, and says of each what it promises.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx2
from google import genai
from google.genai.client import DebugConfig
from google.genai.errors import APIError
from google.genai.types import HttpOptions, HttpRetryOptions

from vidpipe.errors import Refused, ServiceError, Unavailable
from vidpipe.services.google import gemini_api, veo_answers
from vidpipe.services.google.gcloud import Login
from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import retry_after, unsold

VERSION = "v1beta1"
INVALID = (400, 404, 405, 413, 501)


def client(url: str, who: Login, project: str, location: str, *, timeout: float) -> genai.Client:
    """The SDK's client, which sends a call once. `timeout` in seconds.

    All that the SDK would read in the environment is given: address and version, project and place, credentials, and
    whether calls are recorded or replayed.
    """
    base = urlsplit(url)

    def stays(request: httpx2.Request) -> None:
        """Nothing goes to another host than the configured one, whatever GOOGLE_API_USE_MTLS_ENDPOINT says."""
        if (request.url.scheme, request.url.netloc.decode()) != (base.scheme, base.netloc):
            raise httpx2.ConnectError(f"the SDK would ask {request.url.host}, which is not configured", request=request)

    http = calling.client(httpx2, timeout)
    http.event_hooks["request"].append(stays)
    return genai.Client(
        vertexai=True, project=project, location=location, credentials=who,
        debug_config=DebugConfig(client_mode="", replays_directory="", replay_id=""),
        http_options=HttpOptions(
            base_url=url, api_version=VERSION, timeout=int(timeout * 1000), httpx_client=http,
            client_args={"verify": calling.trusted()}, async_client_args={"verify": calling.trusted()},
            retry_options=HttpRetryOptions(attempts=1),
        ),
    )  # fmt: skip


def failure(name: str, error: APIError) -> ServiceError:
    """What an answer other than 200 means; see the module's table."""
    code, words, asked = gemini_api.told(error.details)
    headers = getattr(error.response, "headers", None) or {}
    told = retry_after(headers)
    status, pause = error.code, asked if told is None else told
    message = f"{name}: {veo_answers.in_words(words)} (status {status})"
    if status == 400 and veo_answers.is_policy(words):
        return Refused(message, kind="policy")
    if status == 400 and code == "failed_precondition":
        return Unavailable(message, retry_after=pause)
    return unsold(message, status, pause, invalid=INVALID)
