"""The journal of orders: beside the media, outside the database, one small file for every order that costs money.

It is written after the intent was committed and before the call is made. A database that is restored from a backup
does not know what was bought since; the journal does (`pipeline/restored.py` reads it then). Nothing else reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from vidpipe.db.models import Attempt, Drawing, Take
from vidpipe.domain import keys
from vidpipe.errors import StorageError
from vidpipe.pipeline.deps import Deps


@dataclass(frozen=True)
class Entry:
    """One order of a take, with everything that the take and the attempt are made of."""

    project_id: str
    scene_id: str
    take_id: str
    version: int
    round: int
    slot: int
    service: str
    model: str
    count: int
    seed: int | None
    prompt: str
    policy_level: int
    request: dict[str, Any]
    token: str  # of the attempt
    price: str  # US dollars


@dataclass(frozen=True)
class DrawingEntry:
    """One order of a picture, likewise."""

    project_id: str
    scene_id: str
    drawing_id: str
    version: int
    which: str
    round: int
    number: int
    service: str
    model: str
    seed: int
    prompt: str
    policy_level: int
    request: dict[str, Any]
    token: str
    price: str


def write(deps: Deps, row: Take | Drawing, attempt: Attempt, price: Decimal) -> None:
    """Keep one order; raises StorageError where the store cannot take it: then the order must not be given."""
    token, dollars = str(attempt.token), str(price)
    entry = _of_take(row, token, dollars) if isinstance(row, Take) else _of_drawing(row, token, dollars)
    path = deps.folder("journal") / f"{uuid4().hex}.json"
    try:
        path.write_text(json.dumps(asdict(entry)), encoding="utf-8")
        deps.storage.put(keys.journal(row.project_id, attempt.token), path)
    finally:
        path.unlink(missing_ok=True)


def _of_take(take: Take, token: str, price: str) -> Entry:
    return Entry(
        project_id=str(take.project_id), scene_id=str(take.scene_id), take_id=str(take.id), version=take.version,
        round=take.round, slot=take.slot, service=take.service, model=take.model, count=take.count, seed=take.seed,
        prompt=take.prompt, policy_level=take.policy_level or 0, request=take.request, token=token, price=price,
    )  # fmt: skip


def _of_drawing(drawing: Drawing, token: str, price: str) -> DrawingEntry:
    return DrawingEntry(
        project_id=str(drawing.project_id), scene_id=str(drawing.scene_id), drawing_id=str(drawing.id),
        version=drawing.version, which=drawing.which, round=drawing.round, number=drawing.number,
        service=drawing.service, model=drawing.model, seed=drawing.seed, prompt=drawing.prompt,
        policy_level=drawing.policy_level, request=drawing.request, token=token, price=price,
    )  # fmt: skip


def tokens(deps: Deps) -> Iterator[tuple[UUID, str]]:
    """The token and the key of every order ever given."""
    for key in deps.storage.list(keys.journal_of(None)):
        name = key.rpartition("/")[2].removesuffix(".json")
        try:
            yield UUID(name), key
        except ValueError as error:
            raise StorageError(f"{key} is no order's note; nothing else may stand there") from error


def read(deps: Deps, key: str) -> Entry | DrawingEntry:
    """One order; raises StorageError where it cannot be read."""
    with deps.storage.open_local(key) as path:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return DrawingEntry(**found) if "drawing_id" in found else Entry(**found)
        except (ValueError, TypeError) as error:
            raise StorageError(f"the journal's file {key} cannot be read: {error}") from error
