"""What adapters of the Gemini API share: a client of Google's own SDK (google-genai 3.4.0), and what its errors mean.

Two families of errors come from one API: `interactions` has its own (google.genai._interactions, `.status_code`, codes
in small letters), all else raises google.genai.errors.APIError (`.code`, statuses in capitals). The codes are the same
words, so that one table places both. Sources: [I] Google's page "Interactions API error codes"
(ai.google.dev/gemini-api/docs/api-errors), [G] its sister for generateContent (docs/generate-content/api-errors), both
read in stored copies on 2026-11-21; [R] RFC 9110.

    400 to 499 with a code of BLOCKED         Refused      policy [I: "generation blocked" codes]
    400 failed_precondition, api_key_invalid  Unavailable  billing is off; the key is none [I, G]: the account's
    401, 402, 403                             Unavailable  key, credit, permission [I, G]: the account's
    429                                       Unavailable  rate or quota [I, G]: the account's
    400, 404, 405, 413, 415, 416, 422, 501    Refused      invalid: malformed, unknown, no such model, out of range,
                                                           not implemented [I, G; R 15.5, 15.6.2]
    503 with a time to come back              Transient    not handled now; the server says when it will be [R 15.6.4]
    anything else                             Uncertain    409 aborted, 499 cancelled, 500, bare 503, 504: none of
                                                           their descriptions says that nothing was begun [I, G]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from google import genai
from google.genai import errors
from google.genai.types import HttpOptions, HttpRetryOptions

from vidpipe.domain.side_requests import Usage
from vidpipe.errors import Refused, ServiceError, Unavailable, Uncertain
from vidpipe.services.wire import calling
from vidpipe.services.wire.answers import ANSWER_LIMIT, retry_after, unsold

HOST = "https://generativelanguage.googleapis.com"  # google/genai/_api_client.py
VERSION = "v1"  # GOOGLE_AI_API_DEFAULT_VERSION there; given, or else the SDK reads one from the environment
# [I]; in capitals they are members of FinishReason and BlockedReason (google/genai/types.py).
BLOCKED = frozenset(
    (
        "safety", "recitation", "language", "prohibited_content", "spii", "blocklist", "content_blocked",
        "image_safety", "image_prohibited_content", "image_recitation", "image_other",
    )
)  # fmt: skip
ACCOUNT = (401, 402, 403, 429)
INVALID = (400, 404, 405, 413, 415, 416, 422, 501)
KEY_INVALID = "api_key_invalid"  # [G]: the reason of the ErrorInfo that comes with 400 INVALID_ARGUMENT
NOT_SENT = calling.not_sent(httpx2)
# What an SDK that was given something else than it expects raises.
ANSWERED_BADLY = (
    httpx2.HTTPError, ValueError, RecursionError, TypeError, AttributeError, LookupError,
    OverflowError,  # of a Retry-After that is infinite (_gaos/utils/retries.py)
)  # fmt: skip
_DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")


def client(url: str, key: str, *, timeout: float, tries: int, limit: int = ANSWER_LIMIT) -> genai.Client:
    """The SDK's client. `tries` is how often a call is sent at most; without it the SDK sends one up to five times.

    `timeout` in seconds, `limit` the most bytes of an answer.
    """
    return genai.Client(
        vertexai=False,  # else the SDK reads it from the environment
        api_key=key,
        http_options=HttpOptions(
            base_url=url, api_version=VERSION, timeout=int(timeout * 1000),
            retry_options=HttpRetryOptions(attempts=tries), httpx_client=calling.client(httpx2, timeout, most=limit),
        ),
    )  # fmt: skip


def placed(name: str, status: int, code: str, words: str, pause: float | None) -> ServiceError:
    """What an answer other than 200 means for a purchase; see the module's table. `pause` in seconds."""
    message = f"{name}: {words} (status {status})"
    if code in BLOCKED and 400 <= status < 500:
        return Refused(message, kind="policy")
    if code in ("failed_precondition", KEY_INVALID):
        return Unavailable(message, retry_after=pause)
    return unsold(message, status, pause, invalid=INVALID, account=ACCOUNT)


def told(body: Any) -> tuple[str, str, float | None]:
    """An error's code in small letters, its words, and the pause it asks for in seconds; from either family's body."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", short(body), None
    code = error.get("status") or error.get("code")
    pause, found = None, code.lower() if isinstance(code, str) else ""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and str(detail.get("reason")).lower() == KEY_INVALID:
            found = KEY_INVALID
        if isinstance(detail, Mapping) and str(detail.get("@type")).endswith("google.rpc.RetryInfo"):
            delay = _DELAY.fullmatch(str(detail.get("retryDelay")))
            pause = float(delay[1]) if delay else pause
    return found[:100], short(error.get("message")), pause


def failure(name: str, error: Any, status: int, body: Any) -> ServiceError:
    """What an SDK's error with a status means; both families keep the answer in `.response`."""
    code, words, pause = told(body)
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    asked = retry_after(headers)
    return placed(name, status, code, words, pause if asked is None else asked)


def short(text: Any) -> str:
    """Words of a service for a message."""
    return json.dumps(text if isinstance(text, str) else repr(text), ensure_ascii=True)[:400]


def not_sent(error: BaseException) -> bool:
    """Whether nothing was sent: no connection was made, or none was free (the SDK may have wrapped it)."""
    return isinstance(error, NOT_SENT) or isinstance(error.__cause__, NOT_SENT)


def video_of(found: dict[str, Any]) -> dict[str, Any] | None:
    """The handle of the last video of an interaction's steps; None where there is none."""
    for step in reversed(dicts(found.get("steps"))):
        for part in reversed(dicts(step.get("content")) if step.get("type") == "model_output" else []):
            if part.get("type") == "video" and (part.get("uri") or part.get("data")):
                return {"uri": str(part["uri"])[:2000]} if part.get("uri") else {"inline": True}
    return None


def errors_of(found: dict[str, Any]) -> tuple[set[str], str]:
    """Codes and words of what went wrong: of the interaction (error.py) and of its steps (modeloutputstep.py)."""
    steps = [step.get("error") for step in dicts(found.get("steps"))]
    every = dicts(found.get("errors")) + dicts(steps)
    codes = {str(one.get("code")).rpartition("/")[2].lower() for one in every}  # `code` may be a URI
    words = "; ".join(f"{short(one.get('code'))} {short(one.get('message'))}" for one in every)
    return codes, words[:400] or "it says no more"


def dicts(found: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is something else."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


@dataclass(frozen=True)
class Answer:
    """What a model generated."""

    parts: tuple[Any, ...]  # google.genai.types.Part, of the first candidate
    finish: str  # in small letters
    blocked: bool  # the policy kept it back, before or after it was generated
    reason: str  # why there is no more, in words
    model_version: str
    usage: Usage | None


def generated(buyer: Any, name: str, **asked: Any) -> Answer:
    """One call of `models.generate_content`; raises what an answer other than 200 means, and Uncertain for a 200 that
    holds neither a candidate nor the reason why there is none."""
    try:
        found = buyer.models.generate_content(**asked)
        answer = _read(found)
    except errors.APIError as error:
        raise failure(name, error, int(error.code or 0), error.details) from error
    except ANSWERED_BADLY as error:
        if not_sent(error):
            raise Unavailable(f"{name} cannot be reached: {error}") from error
        raise Uncertain(f"{name} gave no usable answer: {type(error).__name__} {short(str(error))}") from error
    if answer is None:
        raise Uncertain(f"{name} answered with nothing that was generated")
    return answer


def _read(found: Any) -> Answer | None:
    feedback, counted = found.prompt_feedback, found.usage_metadata
    usage = None
    if counted is not None and counted.prompt_token_count is not None:
        output = (counted.candidates_token_count or 0) + (counted.thoughts_token_count or 0)
        usage = Usage(max(0, int(counted.prompt_token_count)), max(0, int(output)))
    version = str(found.model_version or "")[:200]
    if feedback is not None and feedback.block_reason is not None:
        why = f"the prompt was blocked: {_name(feedback.block_reason)}"
        return Answer((), "blocked", True, why, version, usage)
    if not found.candidates:
        return None
    first = found.candidates[0]
    finish = _name(first.finish_reason)
    parts = tuple(first.content.parts or ()) if first.content is not None else ()
    said = " ".join(part.text for part in parts if isinstance(part.text, str) and not part.thought)
    why = f"it ended with {finish or 'no reason'}, {short(first.finish_message or said[:200])}"
    return Answer(parts, finish, finish in BLOCKED, why, version, usage)


def _name(reason: Any) -> str:
    return str(getattr(reason, "value", reason) or "").lower()[:60]
