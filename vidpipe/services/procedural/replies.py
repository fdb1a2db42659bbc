"""What the service says of an operation, how it says no, and how it says nothing at all."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from vidpipe.services.procedural.bill import ClipRow, Operation

TOLD_AHEAD = 3600.0  # seconds; what takes longer is not announced


class Dropped(Response):
    """Closes the connection, after `sent` bytes of an answer or without any."""

    def __init__(self, sent: bytes = b"", length: int = 0) -> None:
        super().__init__(sent)
        self.sent, self.length = sent, length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the answer where there is one, then hang up."""
        if self.sent:
            head = [(b"content-length", str(self.length).encode()), (b"content-type", b"video/mp4")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": self.sent, "more_body": True})
            await asyncio.sleep(0)
        scope["state"]["transport"].close()


async def given_up(request: Request) -> None:
    """Wait until the client hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def error(status: int, message: str, *, code: str = "", retry_after: float | None = None) -> Response:
    """{"error": {"message", "code"}}, with Retry-After where it is told (seconds)."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    told = {"message": message, **({"code": code} if code else {})}
    return JSONResponse({"error": told}, status_code=status, headers=headers)


def status_of(operation: Operation, now: float) -> dict[str, Any]:
    """What a poll tells of an operation at the time `now` (seconds since 1970)."""
    clips = operation.clips
    ended = [clip for clip in clips if clip.state in ("done", "failed", "filtered")]
    state = operation.state
    if state == "working":
        begun = any(clip.tries for clip in clips)
        rendered = len(ended) == len(clips)
        state = "done" if rendered and now >= operation.ready_at else "running" if begun else "queued"
    promised = operation.ready_at - operation.faults.get("late", 0.0)
    whole = max(promised - operation.accepted, 1e-6)
    passed = min(1.0, (now - operation.accepted) / whole)
    answer: dict[str, Any] = {
        "name": operation.name,
        "state": state,
        "reason": operation.reason,
        "model": operation.order.model,
    }
    answer["progress"] = 1.0 if state == "done" else round(min(passed, len(ended) / len(clips)) * 0.99, 3)
    if state == "done":
        answer["clips"] = [_clip(clip) for clip in clips if clip.state in ("done", "failed")]
        answer["filtered"] = sum(clip.state == "filtered" for clip in clips)
    elif state in ("queued", "running") and promised - now < TOLD_AHEAD:
        answer["ready_in"] = round(max(0.0, promised - now), 2)
    return answer


def _clip(clip: ClipRow) -> dict[str, Any]:
    return {"number": clip.number, "seed": clip.seed, "state": clip.state, "reason": clip.reason}
