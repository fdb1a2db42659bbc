"""What came of a run: one table for people, the same for programs, and the evidence for whoever must understand it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scripts.chaos_runs.books import SHORTLY, played
from scripts.chaos_runs.check import Found, check, unfinished
from scripts.chaos_runs.run import Run
from vidpipe.db.models import GenerationCandidate, Project, Scene, Take, Transition, Workable
from vidpipe.errors import StorageError

_SHOWN = 8  # accusations of one kind that the table shows
_TRAILS = 4  # scenes whose moves are kept as evidence

ROWS = {
    "lost": "scenes lost",
    "twice": "slots bought twice, or for nobody",
    "money": "orders on which ledger and bill disagree",
    "waits": "orders and scenes that waited for a person without a reason",
    "wasted": "clips that were paid for and thrown away without a reason",
    "nobody's": "rows that nobody will move",
    "trail": "moves that cannot be",
    "files": "files that were begun and not ended",
    "missing": "objects that rows name, missing or changed",
    "orphans": "objects in the store that nothing names",
    "left": "processes left",
    "away": "processes that did not come back",
    "run": "why the run was broken off",
}


@dataclass(frozen=True)
class Result:
    """A run that is over and whose cluster was stopped."""

    good: bool
    told: dict[str, Any]
    evidence: str


def look(run: Run) -> Found | None:
    """Look at everything; None where the database or the store cannot be reached any more."""
    try:
        return check(run)
    except (DBAPIError, StorageError) as error:
        run.problems.append(f"it could not be looked at: {error}")
        return None


def figures(run: Run, found: Found | None, evidence: str, folder: Path) -> Result:
    """Everything that can be said, the cluster being stopped."""
    wrong: dict[str, list[str]] = {name: list(found.wrong.get(name, ())) if found else [] for name in ROWS}
    wrong["run"] = list(run.problems)
    wrong["left"] += list(run.house.belonging().values())
    wrong["files"] += unfinished(run.house.home, run.house.cast.names)
    told = {
        "seed": run.shape.seed,
        "seconds": round(run.seconds, 1),
        "blows": len(run.diary.entries),
        "struck": dict(sorted(run.struck.items())),
        "weighings": run.scales.count,
        "pauses": run.pauses,
        "scenes": found.scenes if found else sum(run.films.values()),
        "done": found.done if found else 0,
        "orders": found.orders if found else 0,
        "settled": str(found.settled) if found else "",
        "billed": str(found.billed) if found else "",
        "difference": str(found.settled - found.billed) if found else "",
        "unknown": dict(found.unknown) if found else {},
        "askable": [name for name in run.house.cast.processes if name not in run.house.cast.blind],
        "played": _played(run),
        "waited": [
            {"scene": one.scene, "what": one.what, "reason": one.reason, "answer": one.answer}
            for one in run.person.waited
        ],
        "wrong": wrong,
    }
    text = "\n\n".join([*(f"{ROWS[name]}:\n" + "\n".join(some) for name, some in wrong.items() if some), evidence])
    return Result(not any(wrong.values()), told, text)


def _played(run: Run) -> dict[str, int]:
    """How often orders met each trouble that a scenario can script; empty of a run without one."""
    if run.house.cast.scenario is None:
        return {}
    from vidpipe.emulator.troubles import TROUBLES  # noqa: PLC0415 - its libraries are an extra's

    met = played(run.house.home)
    return {name: met[name] + (met[SHORTLY] if name == "503" else 0) for name in TROUBLES}


def table(result: Result) -> Iterator[str]:
    """The one table."""
    told = result.told
    yield (
        f"Seed {told['seed']}: {told['blows']} blows in {told['seconds']:.0f} s; bill and ledger were held against each"
        f" other {told['weighings']} times."
    )
    yield ""
    yield _row("scenes asked for", told["scenes"])
    yield _row("scenes done", told["done"])
    yield _row("orders on the services' bills", told["orders"])
    asked = sum(count for name, count in told["unknown"].items() if name in told["askable"])
    yield _row("takes of unknown fate, at services that can be asked", asked)
    yield _row("the same, at services that cannot", sum(told["unknown"].values()) - asked)
    yield _row("waited for a person", len(told["waited"]))
    for reason, count in Counter(one["reason"] or "without a reason" for one in told["waited"]).most_common():
        yield f"      {count} x {reason}"
    if told["difference"]:
        yield _row("ledger minus bill, US dollars", f"{float(told['difference']):.2f}")
    if told["played"]:
        met = [name for name, times in told["played"].items() if times]
        yield _row(
            "kinds of trouble that orders met, of all that a scenario knows", f"{len(met)} of {len(told['played'])}"
        )
        idle = ", ".join(name for name, times in told["played"].items() if not times)
        yield from ([f"      and not {idle}"] if idle else [])
    if told["pauses"]:
        kind = max(told["pauses"], key=told["pauses"].__getitem__)
        yield _row(f"longest standstill in the minute after a blow ({kind}), s", f"{told['pauses'][kind]:.1f}")
    for name, words in ROWS.items():
        some = told["wrong"][name]
        yield _row(words, len(some))
        yield from (f"      {one}" for one in some[:_SHOWN])
        if len(some) > _SHOWN:
            yield f"      and {len(some) - _SHOWN} more"


def _row(words: str, figure: Any) -> str:
    return f"  {words:<62} {figure!s:>10}"


def evidence(run: Run, found: Found | None) -> str:
    """What is needed to understand a finding: the diary, the rows that stand, the moves of scenes, ends of logs."""
    parts = ["What was done:\n" + run.diary.words()]
    try:
        parts += run.house.deps.db.run(lambda session: list(_rows(session)), patience=1.0)
    except DBAPIError as error:
        parts.append(f"the database cannot be asked: {error.orig}")
    return "\n\n".join([*parts, run.house.tails()])


def _rows(session: Session) -> Iterator[str]:
    at_rest = ("done", "settled", "selected", "passed", "scored")
    models: tuple[type[Workable], ...] = (Project, Scene, Take, GenerationCandidate)
    for model in models:
        rows = session.execute(select(model)).scalars().all()
        yield "\n".join(
            [
                f"{model.__tablename__}: {dict(Counter(row.state for row in rows))}",
                *(f"  {row.id} {row.state} {_lease(row)}" for row in rows if row.state not in at_rest),
            ]
        )
    stuck = select(Scene.id).where(Scene.state.not_in(("done", "skipped"))).limit(_TRAILS)
    for scene_id in session.execute(stuck).scalars():
        yield trail(session, scene_id)


def _lease(row: Workable) -> str:
    return (
        f"moved {row.moved_at:%H:%M:%S} sent {row.sent_at and row.sent_at.strftime('%H:%M:%S')} x{row.sends} due"
        f" {row.due_at and row.due_at.strftime('%H:%M:%S')} tries {row.tries} deaths {row.deaths} lease"
        f" {row.lease_until and row.lease_until.strftime('%H:%M:%S')} by {row.lease_by} {row.last_error or ''}"
    )


def trail(session: Session, scene_id: UUID) -> str:
    """The moves of one scene and of what belongs to it, one a line."""
    wanted = select(Transition).where(Transition.scene_id == scene_id).order_by(Transition.at, Transition.id)
    lines = [
        f"{move.at:%H:%M:%S.%f} {move.entity:<9} {str(move.entity_id)[:8]} {move.from_state or '-'} > {move.to_state}"
        f" by {move.event} (task {(move.task_id or '-')[:8]}) {move.reason or ''}"
        for move in session.execute(wanted).scalars()
    ]
    return "\n".join([f"scene {scene_id} ({time.strftime('%H:%M:%S')})", *lines])
