"""What Veo says of an operation, and of a filter, in our words.

Shapes: google-genai 3.4.0, models.py (_GenerateVideosOperation_from_vertex, _GenerateVideosResponse_from_vertex) and
Vertex AI's GenerateVideoResponse (raiErrorMessage, raiMediaFilteredCount, raiMediaFilteredReasons). An operation's
`error` is a google.rpc.Status: code, message (google/longrunning/operations.proto: "the error result of the operation
in case of failure or cancellation": it has ended, and brings nothing).
"""

from __future__ import annotations

import re
from typing import Any

from vidpipe.domain.requests import Delivered, Pending, RemoteClip
from vidpipe.errors import Broken, Refused, ServiceError, Transient
from vidpipe.services.wire.answers import number

MOST_CLIPS = 16
# Google Cloud, "Responsible AI and usage guidelines for Veo" (and for Imagen, whose filters look at pictures).
CATEGORIES = {
    "child": ("58061214", "17301594"),
    "celebrity": ("29310472", "15236754"),
    "video safety": ("64151117", "42237218"),
    "dangerous content": ("62263041",),
    "hate": ("57734940", "22137204"),
    "people or faces": ("39322892",),
    "personal information": ("92201652",),
    "prohibited content": ("89371032", "49114662", "63429089", "72817394", "60599140"),
    "third-party content": ("35561574", "35561575"),
    "sexual": ("90789179", "43188360"),
    "toxic": ("78610348",),
    "violence": ("61493863", "56562880"),
    "vulgar": ("32635315",),
    "other safety": ("74803281", "29578790", "42876398"),
}
_CATEGORY = {code: words for words, codes in CATEGORIES.items() for code in codes}
_CODE = re.compile(r"\b\d{8}\b")
# The same page, of a request that is answered with an error: "The prompt couldn't be submitted" or "it might violate
# our policies", and the example "violates Vertex AI's usage guidelines".
_POLICY = re.compile(r"support codes?:|usage guidelines|violate our policies|prompt could(n't| not) be submitted", re.I)


def is_policy(message: str) -> bool:
    """Whether an error's message is that of a safety filter."""
    return _POLICY.search(message) is not None


def in_words(message: str) -> str:
    """A filter's message with the categories that its support codes stand for: `... (celebrity)`."""
    found = list(dict.fromkeys(_CATEGORY[code] for code in _CODE.findall(message) if code in _CATEGORY))
    plain = "".join(letter if letter.isprintable() else " " for letter in message[:400])
    return plain + (f" ({', '.join(found)})" if found else "")


def told(service: str, operation: str, found: dict[str, Any]) -> Pending | Delivered:
    """What an answer says of `operation`; raises Refused, Broken, or Transient where it says nothing of it."""
    if str(found.get("name")).rpartition("/")[2] != operation.rpartition("/")[2]:
        raise Transient(f"{service} answered a poll of {operation[-60:]} about something else")
    done, error, response = found.get("done", False), found.get("error"), found.get("response")
    if not isinstance(done, bool):
        raise Transient(f"{service} told a state of {operation[-60:]} that is not known: {str(done)[:40]!r}")
    if not done:
        return Pending()  # Veo tells no progress
    if isinstance(error, dict):
        raise _failed(service, error)
    if not isinstance(response, dict):
        raise Transient(f"{service} says that {operation[-60:]} is done, and nothing more")
    return _delivered(service, operation, response)


def _failed(service: str, error: dict[str, Any]) -> ServiceError:
    """google/rpc/code.proto: 3 INVALID_ARGUMENT, "problematic regardless of the state of the system"; any other code
    (4 DEADLINE_EXCEEDED, 8 RESOURCE_EXHAUSTED, 13 INTERNAL, 14 UNAVAILABLE, ...) says nothing against asking anew."""
    code, reason = in_words(str(error.get("code"))[:20]), in_words(str(error.get("message") or "no reason told"))
    message = f"{service}: {reason} (code {code})"
    if is_policy(str(error.get("message"))):
        return Refused(message, kind="policy")
    return Refused(message) if error.get("code") == 3 else Broken(message)


def _delivered(service: str, operation: str, response: dict[str, Any]) -> Delivered:
    videos, reasons = response.get("videos") or [], response.get("raiMediaFilteredReasons") or []
    if not isinstance(videos, list) or not isinstance(reasons, list) or len(videos) > MOST_CLIPS:
        raise Transient(f"{service} told the clips of {operation[-60:]} in a shape that is not known")
    clips = tuple(RemoteClip(place, _handle(video)) for place, video in enumerate(videos, start=1))
    words = tuple(in_words(str(reason)) for reason in (*reasons[:MOST_CLIPS], *_said(response)))
    filtered = int(number(response.get("raiMediaFilteredCount")) or 0)
    if not clips and (filtered or words):
        raise Refused(f"{service}: every clip was filtered: {'; '.join(words) or 'no reason told'}", kind="policy")
    if not clips:
        raise Broken(f"{service}: {operation[-60:]} is done without a clip")
    return Delivered(clips, min(filtered, MOST_CLIPS), words, model_version=model_of(operation))


def _said(response: dict[str, Any]) -> list[str]:
    message = response.get("raiErrorMessage")
    return [str(message)] if message else []


def _handle(video: Any) -> dict[str, Any]:
    """Where a clip is: in a bucket, or the how many-eth file within the answer (inline.Cut)."""
    found = video if isinstance(video, dict) else {}
    uri = found.get("gcsUri")
    if isinstance(uri, str) and uri.isprintable():
        return {"uri": uri[:1024]}
    inside = found.get("bytesBase64Encoded")
    if isinstance(inside, str) and re.fullmatch(r"#\d{1,3}", inside):
        return {"inline": int(inside[1:])}
    return {}


def model_of(operation: str) -> str:
    """The model that an operation's name tells."""
    return operation.partition("/models/")[2].partition("/")[0][:200]
