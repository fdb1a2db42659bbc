"""What Runway tells of a task, and what it means (runwayml 5.24.0, types/task_retrieve_response.py).

PENDING, THROTTLED   Pending    accepted; one that is throttled waits until others of the account have ended
RUNNING              Pending    with its progress, 0 to 1
SUCCEEDED            Delivered  with what was charged; its outputs' addresses expire within 24 to 48 hours
FAILED, CANCELLED    Refused or Broken by its failureCode; where it was charged all the same, what tells so: an
                     empty Delivered (refused by policy), or Expired (spent on what nobody can have)
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from vidpipe.domain.requests import Delivered, Pending, RemoteClip
from vidpipe.errors import Broken, Expired, Refused, Transient, shown
from vidpipe.services.wire.answers import number

CREDIT = Decimal("0.01")  # US dollars; API reference, `Pricing`
# What a task's failureCode means, the first that it begins with; API reference, `Handle Task Failures`, as stored.
FAILURES: tuple[tuple[str, Literal["policy", "invalid"] | None], ...] = (
    ("SAFETY.", "policy"),  # moderation rejected an input or the output; not to be tried again
    ("INPUT_PREPROCESSING.SAFETY.", "policy"),  # moderation rejected the prompt; not to be tried again
    ("ASSET.INVALID", "invalid"),  # a picture that the model does not take; not to be tried again as it is
    ("INPUT_PREPROCESSING.INTERNAL", None),  # moderation itself failed; may be tried again
    ("INTERNAL.BAD_OUTPUT.", None),  # rejected for its quality; may be tried again
    ("THIRD_PARTY.UNAVAILABLE", None),  # another vendor's model is overloaded; may be tried again later
    ("INTERNAL", None),  # may be tried again
)


def meaning(service: str, operation: str, found: dict[str, Any]) -> Pending | Delivered:
    """What the answer to a poll of `operation` says; raises Transient, Refused, Broken or Expired."""
    if found.get("id") != operation:
        raise Transient(f"{service} answered a poll of {operation} about something else")
    match found.get("status"):
        case "PENDING" | "THROTTLED":
            return Pending()
        case "RUNNING":
            done = number(found.get("progress"))
            return Pending(None if done is None else min(1.0, done))
        case "SUCCEEDED":
            output_of(found.get("output"))
            return Delivered((RemoteClip(1),), cost=_cost(found))
        case "FAILED" | "CANCELLED" as state:
            return _failed(f"{service}: {operation}: {state}", found)
        case other:
            raise Transient(f"{service} told a state of {operation} that is not known: {str(other)[:40]!r}")


def _failed(what: str, found: dict[str, Any]) -> Delivered:
    code, cost = str(found.get("failureCode") or "")[:100], _cost(found)
    reason = f"{what} {code} {str(found.get('failure') or '')[:400]}".strip()
    kind = next((kind for prefix, kind in FAILURES if code.startswith(prefix)), None)
    if kind == "policy" and cost:
        return Delivered((), filtered=1, filter_reasons=(shown(reason),), cost=cost)
    if cost:
        raise Expired(f"{reason} (${cost:.2f} were charged)")
    raise Refused(reason, kind=kind) if kind else Broken(reason)


def output_of(found: object) -> str:
    """The address of a task's clip; Transient where there is none."""
    if not isinstance(found, list) or not found or not isinstance(found[0], str):
        raise Transient("a task tells no address of its clip")
    return found[0]


def _cost(found: dict[str, Any]) -> Decimal | None:
    """US dollars as charged, where a task says so: its final `cost` is in credits."""
    told = found.get("cost")
    credits = number(told.get("credits")) if isinstance(told, dict) else None
    return None if credits is None else Decimal(str(credits)) * CREDIT


def error_of(body: object) -> str:
    """The words of {"error": "...", "issues": [{"message", "path"}]}; empty where it is something else."""
    if not isinstance(body, dict) or not isinstance(body.get("error"), str):
        return ""
    issues = body.get("issues")
    first = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else {}
    path = ".".join(str(one) for one in first["path"]) if isinstance(first.get("path"), list) else ""
    return ": ".join(str(part)[:200] for part in (body["error"], path, first.get("message")) if part)
