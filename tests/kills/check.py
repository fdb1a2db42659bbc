"""What must be true of a film that has come to its end, whoever died on the way. The bill is the services' own."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.kills.house import Billed
from tests.kills.play import Play
from vidpipe.db import money, projects
from vidpipe.db.models import Attempt, LedgerEntry, Project, Purchase
from vidpipe.domain.states import ProjectState
from vidpipe.media.probe import probe
from vidpipe.pipeline import journal, orphans

_SLACK = 0.15  # seconds: two frames at 12 a second


def violations(play: Play) -> list[str]:
    """Everything that is not as it should be, in words."""
    bill = play.bill()

    def read(session: Session) -> list[str]:
        film = play.film(session)
        if film is None:
            return ["there is no film"]
        return [*_state(play, film), *_money(play, session, film, bill), *_orders(session, bill), *_trail(session)]

    return [*play.deps.db.run(read), *_files(play), *_journal(play)]


def _state(play: Play, film: Project) -> Iterator[str]:
    if film.state != play.scenario.end:
        yield f"the film is {film.state} ({film.note}) instead of {play.scenario.end}"


def _money(play: Play, session: Session, film: Project, bill: list[Billed]) -> Iterator[str]:
    """The film cost what it should, the ledger says what the bill says, and nothing stays reserved."""
    billed = sum((line.amount for line in bill), Decimal(0))
    balance = money.spent(session, film.id)
    if billed != play.scenario.cost:
        yield f"${billed} was charged instead of ${play.scenario.cost}"
    if balance.settled != billed or balance.open:
        yield f"the ledger has settled ${balance.settled} and keeps ${balance.open}; ${billed} was charged"


def _orders(session: Session, bill: list[Billed]) -> Iterator[str]:
    """Every operation on the bill is known by its order, which settled what it cost; every slot was charged once."""
    orders = select(Attempt, Purchase.take_id).join(Purchase, Purchase.id == Attempt.purchase_id)
    known = {str(attempt.token): (attempt, take_id) for attempt, take_id in session.execute(orders)}
    charged: dict[str, Decimal] = defaultdict(Decimal)
    slots: dict[UUID | None, set[str]] = defaultdict(set)
    for line in bill:
        if line.token not in known:
            yield f"{line.operation} is charged for an order that nobody knows"
            continue
        attempt, take_id = known[line.token]
        charged[line.token] += line.amount
        if line.amount:
            slots[take_id].add(line.operation)
        if attempt.operation not in (None, line.operation):
            yield f"an order was accepted as {line.operation} and is known as {attempt.operation}"
    yield from (f"the take {take_id} was charged as {names}" for take_id, names in slots.items() if len(names) > 1)
    settled = select(LedgerEntry.attempt_id, LedgerEntry.amount).where(LedgerEntry.kind.in_(("settle", "adjust")))
    sums: dict[UUID, Decimal] = defaultdict(Decimal)
    for attempt_id, amount in session.execute(settled):
        sums[attempt_id] += amount
    for token, (attempt, _) in known.items():
        if sums[attempt.id] != charged[token]:
            yield f"the order {token} ({attempt.outcome}) is settled as ${sums[attempt.id]}, and cost ${charged[token]}"


def _trail(session: Session) -> Iterator[str]:
    """Every row's transitions follow one another, the last to the state that the row is in."""
    broken = text(
        "SELECT entity, entity_id, from_state, to_state, event FROM (SELECT *, lag(to_state) OVER trail AS before"
        " FROM transitions WINDOW trail AS (PARTITION BY entity, entity_id ORDER BY id)) AS one"
        " WHERE coalesce(before, '') <> from_state"
    )
    yield from (f"a transition does not follow from the one before it: {tuple(row)}" for row in session.execute(broken))


def _files(play: Play) -> Iterator[str]:
    """Every file that a row names is there, whole, as it was written; and the film can be seen."""
    found = orphans.check(play.deps, deep=True)
    yield from (f"{fault.key} ({fault.where}): {fault.what}" for fault in found.faults)
    if play.scenario.end != ProjectState.DONE:
        return

    def cut(session: Session) -> str | None:
        film = play.film(session)
        latest = projects.latest_cut(session, film.id) if film else None
        return latest.key if latest else None

    key = play.deps.db.run(cut)
    if key is None:
        yield "the film is done, and there is no film"
        return
    with play.deps.storage.open_local(key) as path:
        yield from _seconds(path, 0.5 * play.scenario.clips)


def _seconds(path: Path, wanted: float) -> Iterator[str]:
    info = probe(path)
    if info.video is None or abs(info.duration - wanted) > _SLACK:
        yield f"the film lasts {info.duration:.2f} s instead of {wanted:.2f} s"


def _journal(play: Play) -> Iterator[str]:
    """Every order that was given stands in the journal, for a database that is restored."""
    noted = {str(token) for token, _ in journal.tokens(play.deps)}
    yield from (f"the order {line.token} is not in the journal" for line in play.bill() if line.token not in noted)


def left_in_work(play: Play) -> list[str]:
    """Files that the dead left in the working folder."""
    work = play.deps.settings.work
    return [os.path.relpath(path, work) for path in work.rglob("*") if path.is_file()]
