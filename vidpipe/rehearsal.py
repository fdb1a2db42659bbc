"""A rehearsal: the whole film on the emulator, with the real adapters and the vendors' own SDKs, for nothing.

It has a home of its own inside the usual one, so that nothing of it mixes with real films. `begin` shuts the door
behind this process and all it starts: keys become dummies (settings), and nothing but this machine can be dialled
(fence). `settle` is its last word: what the emulator has billed for the film, what the ledger says, and what the
film would cost and take for real by the registry's figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from vidpipe.db import money
from vidpipe.db.models import Attempt, Purchase
from vidpipe.domain.forecast import forecast
from vidpipe.domain.pricing import estimate
from vidpipe.domain.storyboard.model import Storyboard
from vidpipe.errors import SetupError
from vidpipe.pipeline.deps import Deps
from vidpipe.settings import Settings, emulator_note, enter_rehearsal, load

_PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Rehearsed:
    """US dollars and seconds."""

    bill: Decimal  # the emulator's, for this film
    ledger: Decimal  # settled, at the services that were emulated
    reserved: Decimal  # and what is still open there
    cost: Decimal  # of the real film if all goes well
    worst: Decimal
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether bill and ledger are the same to the cent."""
        return self.bill.quantize(_CENT) == self.ledger.quantize(_CENT)


_CENT = Decimal("0.01")


def begin(home: Path | None) -> Path:
    """From now on this process rehearses; the rehearsal's home. It can't be left again."""
    usual = load(home=home).home
    enter_rehearsal()
    return usual / "rehearsal"


def settle(deps: Deps, project_id: UUID, storyboard: Storyboard) -> Rehearsed:
    """The figures of a film that was rehearsed; raises SetupError where the emulator does not tell its bill."""
    base, services = _emulator(deps.settings)
    tokens, lines = deps.db.run(lambda session: _orders(session, project_id))
    mine = [line for line in lines if line.service in services]
    try:
        answer = httpx.get(f"{base}/emulator/bill", timeout=_PATIENCE, trust_env=False)
        rows = answer.raise_for_status().json()["rows"]
        charged = [row for row in rows if row["token"] in tokens and row["given_back"] is None]
        bill = sum((Decimal(row["amount"]) for row in charged), Decimal(0))
    except (httpx.HTTPError, ValueError, KeyError, ArithmeticError) as error:
        raise SetupError(f"the emulator does not tell its bill: {error}", remedy="See logs/emulator.log.") from error
    costs = estimate(storyboard, deps.settings.services)
    return Rehearsed(
        bill=bill, ledger=sum((line.balance.settled for line in mine), Decimal(0)),
        reserved=sum((line.balance.open for line in mine), Decimal(0)), cost=costs.total, worst=costs.worst,
        seconds=forecast(storyboard, deps.settings.services).seconds,
    )  # fmt: skip


def _emulator(settings: Settings) -> tuple[str, Mapping[str, str]]:
    noted = emulator_note(settings.home)
    if not noted:
        raise SetupError("no emulator runs for this rehearsal", remedy="See logs/emulator.log in its home.")
    return noted["url"], noted["services"]


def _orders(session: Session, project_id: UUID) -> tuple[set[str], list[money.Line]]:
    given = select(Attempt.token).join(Purchase, Purchase.id == Attempt.purchase_id)
    tokens = session.execute(given.where(Purchase.project_id == project_id)).scalars()
    return {str(token) for token in tokens}, list(money.lines(session, Purchase.project_id == project_id))
